"""Pulls one image by its digest and moves its tag to it."""

from contextlib import AbstractContextManager
from dataclasses import replace

import structlog

from commands.carry_out.guard import ending_guard
from commands.carry_out.naming import move
from commands.carry_out.part import ANOTHER_JOB, BROUGHT_MEANWHILE, Part
from commands.command import Pull
from commands.engine.interface import Engine, PullProgress
from commands.errors import Problem, PullFailed, ReviewVoid
from commands.host.history import kept_name
from commands.model.events import PullAdvanced
from commands.model.images import Digest, LocalImage, Mark
from commands.model.outcomes import Ending, ImageResult
from commands.model.references import Reference

log = structlog.get_logger()


def fetch(part: Part, plan: Pull) -> ImageResult:
    """Pull the confirmed image and move the tag to it; on an error, leave the tag in place and raise `Problem`."""
    # Several names may have the same digest: a failed pull of one must not remove the image that another will tag.
    with _turn(part, part.name), _turn(part, plan.digest):
        return _result_if_moved(part, plan) or _fetch_and_move(part, plan)


def _turn(part: Part, name: str) -> AbstractContextManager[bool]:
    return part.dependencies.turns.on(
        name, waits=lambda: part.note(ANOTHER_JOB), raise_if_stopped=part.raise_if_stopped
    )


def _fetch_and_move(part: Part, plan: Pull) -> ImageResult:
    pinned = Reference(plan.source.repository, digest=plan.digest)
    was_there = part.engine.find_image(str(pinned)) is not None
    try:
        image = _pull(part, pinned, plan.digest)
        part.raise_if_stopped()
        # A pull takes long: other programs may have moved the tag meanwhile.
        return _result_if_moved(part, plan) or _move_name(part, plan, image)
    except Problem:
        if not was_there:
            _discard(part.engine, pinned)
        raise


def _pull(part: Part, pinned: Reference, digest: Digest) -> LocalImage:
    dependencies, pull_id = part.dependencies, part.job_context.pull_id
    # Checked again: the operator may have removed the registry from the settings since the review.
    dependencies.registry.require(pinned)

    def report(at: PullProgress) -> None:
        part.emit(PullAdvanced(part.step, at.layers_done, at.layers, at.bytes_done, at.bytes, at.all_sized))

    def waits() -> None:
        part.note("Waiting: other pulls are under way")

    with dependencies.turns.to_pull(dependencies.pulls_at_once, waits=waits, raise_if_stopped=part.raise_if_stopped):
        part.raise_if_stopped()
        with ending_guard(part.cancellation, lambda: part.engine.cancel_pull(pull_id), job=part.job_context.job):
            image = part.engine.pull(pinned, report, pull_id=pull_id)
    if not _holds(image, digest):
        raise PullFailed(
            f"`{part.name}` was pulled, but the daemon does not hold the digest that was asked for.", hint="Try again."
        )
    return image


def _result_if_moved(part: Part, plan: Pull) -> ImageResult | None:
    """Return the result if the tag has moved already; None if it still points to the image of the review."""
    now, present = part.engine.find_image(part.name), part.candidate.present
    if now is not None and _holds(now, plan.digest):
        return _done_before(part, plan, now)
    if now is None or now.id != present.id:
        became = "is gone" if now is None else "is another image now"
        raise ReviewVoid(
            f"`{part.name}` has changed since the review: it {became}.", hint="Update it again to review it anew."
        )
    return None


def _done_before(part: Part, plan: Pull, now: LocalImage) -> ImageResult:
    if now.id == part.candidate.present.id:
        return part.result(Ending.UNCHANGED, "Its registry describes it anew, but it is the same image.")
    # Moved by this job before an interruption: no other job uses this kept tag.
    kept = kept_name(part.job_context.job, part.name)
    if part.engine.find_image(kept) is None:
        # `before` is the present image: another job replaced the one of the review.
        return replace(part.result(Ending.UNCHANGED, BROUGHT_MEANWHILE), before=_mark(now, plan))
    return _updated_result(part, plan, now, kept)


def _move_name(part: Part, plan: Pull, image: LocalImage) -> ImageResult:
    present = part.candidate.present
    kept = move(part.engine, part.name, leaving=present.id, to=image.id, job=part.job_context.job)
    return _updated_result(part, plan, image, kept)


def _updated_result(part: Part, plan: Pull, image: LocalImage, kept: str) -> ImageResult:
    return replace(part.result(Ending.UPDATED), after=_mark(image, plan), reference=part.name, kept_as=kept)


def _mark(image: LocalImage, plan: Pull) -> Mark:
    return Mark(image.id, plan.digest, image.created, image.size)


def _holds(image: LocalImage, digest: Digest) -> bool:
    return any(known.endswith(f"@{digest}") for known in image.repo_digests)


def _discard(engine: Engine, pinned: Reference) -> None:
    """Remove a pulled image that got no tag."""
    try:
        image = engine.find_image(str(pinned))
        if image is not None and not image.repo_tags:
            engine.remove_image(str(pinned))
    except Problem as problem:
        log.warning("pulled_image_left", image=str(pinned), reason=problem.message)
