"""Rebuilds one image."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from commands.carry_out.creating import create
from commands.carry_out.guard import PartCancellation
from commands.carry_out.part import ANOTHER_JOB, BROUGHT_MEANWHILE, Part
from commands.command import Rebuild
from commands.errors import Problem, VerificationFailed
from commands.host.history import LATEST, kept_name
from commands.host.origin import line_again, wanted_again
from commands.model.events import (
    PLANNED,
    Event,
    ImageBuilt,
    LogLine,
    PullAdvanced,
    StepDone,
    StepFailed,
    StepNoted,
    StepsPlanned,
    StepStarted,
)
from commands.model.images import ImageSpec, Mark
from commands.model.outcomes import Created, Ending, ImageResult, Undecided
from commands.recipe.labels import SPEC, request_of, spec_hash

log = structlog.get_logger()


def rebuild(part: Part, plan: Rebuild) -> ImageResult:
    """Build the confirmed image under a new unique tag; on an error, tag nothing and raise `Problem`."""
    spec = plan.creation.spec
    latest = f"{spec.name}:{LATEST}"
    with part.dependencies.turns.on(
        latest, waits=lambda: part.note(ANOTHER_JOB), raise_if_stopped=part.raise_if_stopped
    ) as waited:
        if waited and _is_there(part, spec, latest):
            return part.result(Ending.UNCHANGED, BROUGHT_MEANWHILE)
        job_context = replace(part.job_context, anew=True)
        # A separate cancellation: the time limit holds for each build, and ends no other.
        cancellation = PartCancellation(part.cancellation)
        made = create(plan.creation, job_context, part.dependencies, _as_one_step(part.step, part.emit), cancellation)
    match made:
        case Created():
            return _rebuilt_result(part, made, kept_name(part.job_context.job, latest))
        case Undecided():
            _discard(part, made)
            raise _import_problem(spec, made)


def _is_there(part: Part, spec: ImageSpec, latest: str) -> bool:
    now = part.engine.find_image(latest)
    return now is not None and now.id != part.candidate.present.id and now.labels.get(SPEC) == spec_hash(spec)


def _rebuilt_result(part: Part, made: Created, kept: str) -> ImageResult:
    image = made.image
    return replace(
        part.result(Ending.REBUILT),
        after=Mark(image.id, None, image.created, image.size),
        reference=made.reference,
        # If the bot does not own `latest`, it did not move.
        kept_as=kept if part.engine.find_image(kept) else "",
    )


def _discard(part: Part, undecided: Undecided) -> None:
    try:
        part.engine.remove_image(undecided.image_id)
    except Problem as problem:
        # The caller cleans again once the daemon answers.
        log.warning("undecided_image_left", image_id=undecided.image_id, reason=problem.message)


def _import_problem(spec: ImageSpec, undecided: Undecided) -> Problem:
    modules = ", ".join(f"`{failure.module}`" for failure in undecided.import_failures)
    wanted = wanted_again(request_of(spec))
    line = line_again(wanted) if wanted else None
    return VerificationFailed(
        f"All is installed, but {modules} cannot be imported.",
        hint=f"To decide by hand whether to keep such an image: `{line}`",
        details=tuple(f"{failure.module}: {failure.error}" for failure in undecided.import_failures),
    )


def _as_one_step(step: int, emit: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return an `emit` that turns the steps of a build into notes on one step of the update."""
    titles: list[str] = []

    def emit_as_note(event: Event) -> None:
        match event:
            case StepsPlanned(planned):
                titles[:] = planned
            case StepStarted(number) if event.stage == PLANNED:
                title = titles[number - 1] if 0 < number <= len(titles) else ""
                emit(StepNoted(step, f"Step {number} of {len(titles)}: {title}".rstrip(": ")))
            case StepStarted(stage=stage, title=title):
                emit(StepNoted(step, f"{stage}: {title}"))
            case LogLine(_, text):
                emit(LogLine(step, text))
            case StepNoted(_, note) if note:
                emit(StepNoted(step, note))
            case StepDone() | StepFailed() | StepNoted() | PullAdvanced() | ImageBuilt():
                pass

    return emit_as_note
