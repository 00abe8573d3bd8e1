"""Updates images: pulls in parallel, rebuilds one after the other, each image independently."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import assert_never

from commands.cancellation import Cancellation, CancelReason
from commands.carry_out.comparing import compare
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.fetching import fetch
from commands.carry_out.guard import step
from commands.carry_out.naming import forget_older, running_users
from commands.carry_out.part import Part
from commands.carry_out.rebuilding import rebuild
from commands.command import Candidate, Keep, NoSource, Pull, Rebuild, Unchecked, Update
from commands.engine.interface import Engine
from commands.errors import BuildStopped, EngineUnavailable, ImageNotFound, Problem, ReviewVoid
from commands.host.asking import CachedRegistry, ask_all
from commands.host.history import LATEST, kept_by, repository_of, tag_of
from commands.model.events import Event, StepsPlanned
from commands.model.images import ImageId
from commands.model.outcomes import Ending, ImageResult, Updated
from commands.model.references import Reference
from commands.recipe.labels import JOB

COMPARE_STEP = "Compare packages"


class DaemonLost(EngineUnavailable):
    """The daemon went away during an update; `so_far` is what became of each image."""

    def __init__(self, so_far: Updated) -> None:
        super().__init__(
            "The Docker daemon went away during the update.", hint="Update the images again once the daemon runs."
        )
        self.so_far = so_far


def update(
    proposal: Update,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> Updated:
    """Pull and rebuild the confirmed images; a failure of one image does not stop the others.

    May be called again for the same job, and then reports finished images as done. A person's stop ends it with the
    results so far. Raise `ReviewVoid` only before any change, `BuildStopped` if the bot shuts down, and `DaemonLost`,
    which has the results so far, if the daemon went away.
    """
    if cancellation.reason is None and not _has_begun(job_context.job, dependencies.engine):
        _check_review(proposal, dependencies)
    emit = _one_at_a_time(emit)
    emit(StepsPlanned((*(image.name for image in proposal.changing), COMPARE_STEP)))
    lost = threading.Event()
    parts = [
        Part(candidate, replace(job_context, part=number), dependencies, emit, cancellation, lost)
        for number, candidate in enumerate(proposal.changing, start=1)
    ]
    results = _each(parts)
    moved = [_moved_name(result) for result in results if result.kept_as]
    notes = forget_older(dependencies.engine, moved, depth=dependencies.history_depth, job=job_context.job)
    if not lost.is_set():
        results = compare(results, replace(job_context, part=len(parts) + 1), dependencies, emit, cancellation)
    _unless_ending(cancellation)
    told = _with_users(results, running_users(dependencies.engine, job_context.job))
    updated = Updated(tuple(_in_order(proposal, told)), (*notes, *_stop_note(results)))
    if lost.is_set() and cancellation.reason is None:
        raise DaemonLost(updated)
    return updated


# ── Whether the facts are still those of the review ─────────────────────────────────────────────────────────────────


def _has_begun(job: str, engine: Engine) -> bool:
    return bool(kept_by(job, engine.listing())) or any(image.repo_tags for image in engine.images({JOB: job}))


def _check_review(proposal: Update, dependencies: Dependencies) -> None:
    for candidate in proposal.changing:
        # An image without a tag is found by its ID, which never changes.
        now = dependencies.engine.find_image(candidate.name if tag_of(candidate.name) else candidate.present.id)
        if now is None or now.id != candidate.present.id:
            raise _void(candidate.name, "is gone" if now is None else "is another image now")
    pulls = {Reference.parse(image.name): image.plan for image in proposal.changing if isinstance(image.plan, Pull)}
    for reference, answer in ask_all(CachedRegistry(dependencies.registry), tuple(pulls), lambda _: None).items():
        match answer:
            case ImageNotFound():
                raise _void(str(reference), "is not in its registry any more")
            case Problem():
                # No reason to void the review: the pull will report the problem.
                continue
            case remote if remote.digest != pulls[reference].digest:
                raise _void(str(reference), "is another image in its registry now")


def _void(name: str, became: str) -> ReviewVoid:
    return ReviewVoid(f"`{name}` has changed since the review: it {became}.", hint="Look at the new review.")


# ── The images ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _each(parts: list[Part]) -> tuple[ImageResult, ...]:
    if not parts:
        return ()
    with ThreadPoolExecutor(
        max(1, parts[0].dependencies.pulls_at_once), thread_name_prefix="warroom-update"
    ) as threads:
        pulls = {
            part.step: threads.submit(copy_context().run, _result, part)
            for part in parts
            if isinstance(part.candidate.plan, Pull)
        }
        done = {part.step: _result(part) for part in parts if part.step not in pulls}
        done |= {number: pull.result() for number, pull in pulls.items()}
    return tuple(done[part.step] for part in parts)


def _result(part: Part) -> ImageResult:
    try:
        part.raise_if_stopped()
        with step(part.step, part.emit):
            part.reach()
            return _carry_out(part)
    except Problem as problem:
        if isinstance(problem, EngineUnavailable):
            part.is_lost.set()
        if part.cancellation.reason is not None:
            return part.result(Ending.STOPPED, "It was stopped before it was brought up to date.")
        failed = part.result(Ending.FAILED, problem.message)
        return replace(failed, hint=problem.hint, details=problem.details)


def _carry_out(part: Part) -> ImageResult:
    match part.candidate.plan:
        case Pull() as plan:
            return fetch(part, plan)
        case Rebuild() as plan:
            return rebuild(part, plan)
        case Keep() | NoSource() | Unchecked() as plan:
            return _untouched_result(part.candidate, plan)
        case _:
            assert_never(part.candidate.plan)


def _untouched_result(candidate: Candidate, plan: Keep | NoSource | Unchecked) -> ImageResult:
    """Return the result of an image that needed no change."""
    if isinstance(plan, Unchecked):
        return ImageResult(candidate.name, Ending.FAILED, before=candidate.present, reason=plan.reason, hint=plan.hint)
    return ImageResult(candidate.name, Ending.UNCHANGED, before=candidate.present, reason=plan.reason)


# ── The results ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _one_at_a_time(emit: Callable[[Event], None]) -> Callable[[Event], None]:
    lock = threading.Lock()

    def emit_locked(event: Event) -> None:
        with lock:
            emit(event)

    return emit_locked


def _unless_ending(cancellation: Cancellation) -> None:
    if cancellation.reason is CancelReason.SHUTDOWN:
        raise BuildStopped("The update was interrupted.", hint="The bot goes on with it when it is back.")


def _moved_name(result: ImageResult) -> str:
    """Return the tag that moved away from the kept image; for a rebuilt image that is `latest`."""
    return result.name if result.ending is Ending.UPDATED else f"{repository_of(result.kept_as)}:{LATEST}"


def _stop_note(results: Sequence[ImageResult]) -> tuple[str, ...]:
    endings = {result.ending for result in results}
    if Ending.STOPPED in endings and endings & {Ending.UPDATED, Ending.REBUILT}:
        return ("What was brought up to date before the stop stays so.",)
    return ()


def _with_users(results: Sequence[ImageResult], users: Mapping[ImageId, tuple[str, ...]]) -> Iterator[ImageResult]:
    for result in results:
        left = result.before if result.after else None
        yield replace(result, still_used_by=users.get(left.id, ())) if left else result


def _in_order(proposal: Update, results: Iterator[ImageResult]) -> Iterator[ImageResult]:
    for candidate in proposal.images:
        match candidate.plan:
            case Pull() | Rebuild():
                yield next(results)
            case plan:
                yield _untouched_result(candidate, plan)
