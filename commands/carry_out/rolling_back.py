"""Moves tags back to earlier images."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.naming import forget_older, move, running_users
from commands.command import Move, RollBack
from commands.engine.interface import Engine
from commands.errors import Problem, ReviewVoid
from commands.host.history import kept_name
from commands.model.images import ImageId
from commands.model.outcomes import MoveResult, RolledBack

log = structlog.get_logger()


def roll_back(proposal: RollBack, job_context: JobContext, dependencies: Dependencies) -> RolledBack:
    """Move each tag back independently; never touch a container.

    The image that a tag leaves is kept as in an update, so that a roll back can be rolled back too. May be called again
    for the same `job_context`. Raise `ReviewVoid` only before any change.
    """
    engine, job = dependencies.engine, job_context.job
    if not any(_is_ours(one, job, engine) for one in proposal.moves):
        for one in proposal.moves:
            _check(one, job, engine)
    done = [_result(one, job, dependencies) for one in proposal.moves]
    moved = [result.name for result in done if not result.problem]
    forget_older(engine, moved, depth=dependencies.history_depth, job=job)
    return RolledBack(tuple(_with_users(proposal, done, running_users(engine, job))))


def _is_ours(one: Move, job: str, engine: Engine) -> bool:
    """Return whether this job has moved the tag, or was about to."""
    return one.present is not None and _stands_on(engine, kept_name(job, one.name), one.present.id)


def _check(one: Move, job: str, engine: Engine) -> None:
    """Raise `ReviewVoid` if the tag is neither as in the review nor as this job left it."""
    if _is_back(one, job, engine):
        return
    if not _stands_on(engine, one.name, one.present.id if one.present else None):
        raise ReviewVoid(
            f"`{one.name}` has changed since the review: it is another image now.", hint="Look at the new review."
        )
    if not _stands_on(engine, one.earlier_tag, one.earlier.id):
        raise ReviewVoid(
            f"The image before is no longer kept as `{one.earlier_tag}`.", hint="Look at what else is kept of it."
        )


def _is_back(one: Move, job: str, engine: Engine) -> bool:
    is_there = _stands_on(engine, one.name, one.earlier.id)
    return is_there and (one.present is None or _is_ours(one, job, engine))


def _stands_on(engine: Engine, name: str, image: ImageId | None) -> bool:
    now = engine.find_image(name)
    return (now.id if now else None) == image


def _result(one: Move, job: str, dependencies: Dependencies) -> MoveResult:
    try:
        with dependencies.turns.at_once((one.name,)):
            _check(one, job, dependencies.engine)
            return _move_back(one, job, dependencies.engine)
    except Problem as problem:
        return MoveResult(one.name, one.present, problem=problem.message)


def _move_back(one: Move, job: str, engine: Engine) -> MoveResult:
    leaving = one.present.id if one.present else None
    kept = move(engine, one.name, leaving=leaving, to=one.earlier.id, job=job)
    try:
        engine.remove_image(one.earlier_tag)
    except Problem as problem:
        # The tag is rolled back; the kept tag that remains does no harm.
        log.warning("kept_tag_left", name=one.earlier_tag, reason=problem.message)
    return MoveResult(one.name, one.earlier, kept_as=kept)


def _with_users(
    proposal: RollBack, done: list[MoveResult], users: Mapping[ImageId, tuple[str, ...]]
) -> list[MoveResult]:
    return [
        replace(result, still_used_by=users.get(one.present.id, ())) if one.present and not result.problem else result
        for one, result in zip(proposal.moves, done, strict=True)
    ]
