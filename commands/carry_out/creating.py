"""Creates an image: build, verify, tag."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import structlog

from commands.cancellation import Cancellation, CancelReason
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.guard import build_guard, raise_if_stopped, step
from commands.command import Creation
from commands.engine.interface import BuildOrder, Engine
from commands.errors import BuildFailed, BuildStopped, BuildTimedOut, EngineUnavailable, Problem
from commands.host.history import LATEST, is_kept, kept_tag, repository_of, tag_of
from commands.model.events import PLANNED, Event, ImageBuilt, StepFailed, StepKey, StepNoted, StepsPlanned
from commands.model.images import ImageId, ImageSpec, LocalImage
from commands.model.outcomes import Created, Undecided, Verdict
from commands.model.packages import PackageFile
from commands.recipe.advice import explain
from commands.recipe.context import context_for, files_for
from commands.recipe.dockerfile import Recipe
from commands.recipe.labels import JOB, REF_NAME, container_labels, make_labels
from commands.recipe.steps import StepKind, kinds_of, triggers_of
from commands.recipe.tags import BuildNumbers, build_number
from commands.recipe.verification import verify

log = structlog.get_logger()

CHECK_STEP = "Check the result"
_TWO_MINUTES = 120
_NAMINGS = 5
"""How many tags are tried if other programs take tags at the same time."""


def create(
    proposal: Creation,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> Created | Undecided:
    """Build, verify and tag the proposed image; leave nothing else behind.

    May be called again for the same job: an image that the job has already tagged is returned unchanged.
    Raise `BuildStopped` after a cancellation, or another `Problem`.
    """
    engine = dependencies.engine
    if made := _find_own_image(proposal.spec, engine, job_context):
        return _created_outcome(proposal.spec, made, engine, _tag_to_keep(job_context))
    kept: tuple[ImageId, ...] = ()
    try:
        with build_guard(engine, job_context, cancellation, dependencies.build_seconds):
            outcome = _make(proposal, job_context, dependencies, emit, cancellation)
        if isinstance(outcome, Undecided):
            # It has no tag: the guard removed it if the cancellation came at the last moment.
            raise_if_stopped(cancellation)
        kept = (outcome.image.id if isinstance(outcome, Created) else outcome.image_id,)
    except Problem as problem:
        why = _why(problem, cancellation, dependencies)
        if why is problem:
            raise
        raise why from problem
    else:
        return outcome
    finally:
        _tidy(engine, job_context, kept)


def keep_undecided(proposal: Creation, undecided: Undecided, engine: Engine) -> Created:
    """Tag an image although some of its modules do not import."""
    return _name(proposal.spec, undecided.image_id, engine, Verdict(undecided.import_failures))


def _tag_to_keep(job_context: JobContext) -> str:
    return kept_tag(job_context.job, LATEST) if job_context.anew else ""


def _make(
    proposal: Creation,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> Created | Undecided:
    spec, engine = proposal.spec, dependencies.engine
    _check_base(spec, engine)
    emit(StepsPlanned((*proposal.steps, CHECK_STEP)))
    dependencies.ensure_installer(spec.base.platform)
    files = _fetch_files(proposal, dependencies, emit, cancellation)
    image_id = _build(spec, _order(proposal, files, job_context, dependencies), engine, emit, cancellation)
    with step(len(proposal.steps) + 1, emit):
        raise_if_stopped(cancellation)
        verdict = verify(engine, spec, image_id, labels=container_labels(job_context.job), redact=dependencies.redact)
    if verdict.import_failures:
        return Undecided(image_id, verdict.import_failures)
    raise_if_stopped(cancellation)
    return _name(spec, image_id, engine, verdict, _tag_to_keep(job_context))


def _fetch_files(
    proposal: Creation, dependencies: Dependencies, emit: Callable[[Event], None], cancellation: Cancellation
) -> Mapping[PackageFile, Path]:
    """Fetch the packages on this host: code of a base or a package must not see the logins of an index."""
    files = proposal.spec.files
    if not files:
        return {}
    number = _first_with_files(proposal.spec)
    numbers = count(1)

    def report(name: str) -> None:
        emit(StepNoted(number, f"fetched {next(numbers)} of {len(files)}: {name.partition('-')[0]}"))

    try:
        paths = dependencies.files.gather(files, raise_if_stopped=lambda: raise_if_stopped(cancellation), report=report)
    except Problem:
        # The daemon never starts the step that needs the files, so the failure is reported here.
        with step(number, emit):
            raise
    emit(StepNoted(number, ""))
    log.info("packages_fetched", files=len(paths))
    return paths


def _first_with_files(spec: ImageSpec) -> int:
    kinds = kinds_of(spec)
    return next(place for place, kind in enumerate(kinds, 1) if kind in (StepKind.WHEELS, StepKind.SOURCES))


def _order(
    proposal: Creation, files: Mapping[PackageFile, Path], job_context: JobContext, dependencies: Dependencies
) -> BuildOrder:
    spec, recipe = proposal.spec, Recipe(proposal.dockerfile, proposal.steps)
    return BuildOrder(
        build_id=job_context.build_id,
        context=context_for(spec, recipe, ca_bundle=dependencies.ca_bundle),
        files=files_for(files),
        labels=make_labels(
            spec,
            job=job_context.job,
            requester=job_context.requester,
            channel=job_context.channel,
            created=dependencies.clock(),
        ),
        idle_seconds=dependencies.idle_seconds,
        network=dependencies.network,
        # A cached step would bring the OS packages of an earlier day.
        no_cache=job_context.anew,
    )


def _build(
    spec: ImageSpec, order: BuildOrder, engine: Engine, emit: Callable[[Event], None], cancellation: Cancellation
) -> ImageId:
    raise_if_stopped(cancellation)
    image_id: ImageId | None = None
    failed: StepKey | None = None
    try:
        for event in engine.build(order):
            emit(event)
            if isinstance(event, ImageBuilt):
                image_id = event.image_id
            elif isinstance(event, StepFailed) and not event.interrupted:
                failed = failed or event.key
    except BuildFailed as problem:
        explained = _with_advice(problem, spec, failed)
        if explained is problem:
            raise
        raise explained from problem
    if image_id is None:
        raise BuildFailed("The daemon ended the build without an image.", hint="Try again.")
    _check_layers(spec, engine, image_id)
    return image_id


def _check_base(spec: ImageSpec, engine: Engine) -> None:
    now = engine.find_image(spec.base.pinned)
    if now is None or now.id != spec.base.image_id:
        raise _base_moved(spec)


def _check_layers(spec: ImageSpec, engine: Engine, image_id: ImageId) -> None:
    # A tag can move between the check and the build; the layers show which base was used.
    image = engine.find_image(image_id)
    if image is None or image.layers[: len(spec.base.layers)] != spec.base.layers:
        raise _base_moved(spec)


def _base_moved(spec: ImageSpec) -> Problem:
    return BuildFailed(
        f"The base `{spec.base.reference}` is no longer the image that was reviewed.",
        hint="Type the command again to review it on the present base.",
    )


def _name(spec: ImageSpec, image_id: ImageId, engine: Engine, verdict: Verdict, kept: str = "") -> Created:
    for _ in range(_NAMINGS):
        tag = _free_tag(spec, image_id, engine)
        engine.tag(image_id, spec.name, tag)
        _move_latest(spec.name, image_id, engine, kept)
        image = engine.find_image(f"{spec.name}:{tag}")
        if image is not None and image.id == image_id:
            log.info("image_named", reference=f"{spec.name}:{tag}", image_id=image_id)
            return Created(f"{spec.name}:{tag}", image, _added_bytes(spec, image, engine), verdict.import_failures)
        # A daemon moves a tag without an error: another program took it at the same time.
        log.warning("tag_lost", reference=f"{spec.name}:{tag}", image_id=image_id)
    raise EngineUnavailable(
        f"The image is built, but another program keeps taking its tags of `{spec.name}`.",
        hint="Create it again under another name.",
    )


def _free_tag(spec: ImageSpec, image_id: ImageId, engine: Engine) -> str:
    # Another process may have taken the tag since it was proposed.
    numbers, tag = BuildNumbers(), spec.tag
    while (other := engine.find_image(f"{spec.name}:{tag}")) and other.id != image_id:
        tag = numbers.next_tag(0, taken=(tag,))
    return tag


def _move_latest(name: str, image_id: ImageId, engine: Engine, kept: str) -> None:
    # `latest` follows the bot's newest image, but never moves away from an image that another program tagged.
    present = engine.find_image(f"{name}:{LATEST}")
    if present is not None and JOB not in present.labels:
        return
    # A job that makes two images of one name keeps the image from before the first.
    if kept and present and present.id != image_id and engine.find_image(f"{name}:{kept}") is None:
        engine.tag(present.id, name, kept)
    engine.tag(image_id, name, LATEST)


def _find_own_image(spec: ImageSpec, engine: Engine, job_context: JobContext) -> LocalImage | None:
    # By its name too: images that people build on the bot's image inherit its labels.
    made = engine.images({JOB: job_context.job})
    return next((image for image in made if _own_tags(spec, image) and _is_of(spec, image)), None)


def _is_of(spec: ImageSpec, image: LocalImage) -> bool:
    # A job may make two images of one name; each has its own proposed tag.
    return image.labels.get(REF_NAME, spec.reference) == spec.reference


def _own_tags(spec: ImageSpec, image: LocalImage) -> list[str]:
    own = [name for name in image.repo_tags if repository_of(name) == spec.name]
    return [name for name in own if tag_of(name) != LATEST and not is_kept(tag_of(name))]


def _created_outcome(spec: ImageSpec, image: LocalImage, engine: Engine, kept: str) -> Created:
    present = engine.find_image(f"{spec.name}:{LATEST}")
    if present is None or _number(spec, present) < _number(spec, image):
        # The process was killed between the two tags.
        _move_latest(spec.name, image.id, engine, kept)
    return Created(_own_tags(spec, image)[0], image, _added_bytes(spec, image, engine))


def _number(spec: ImageSpec, image: LocalImage) -> int:
    # Not the creation time: an image from the cache has that of the cache.
    return max((build_number(tag) or 0 for tag in _own_tags(spec, image)), default=0)


def _added_bytes(spec: ImageSpec, image: LocalImage, engine: Engine) -> int:
    base = engine.find_image(spec.base.image_id)
    return max(0, image.size - base.size) if base else 0


def _why(problem: Problem, cancellation: Cancellation, dependencies: Dependencies) -> Problem:
    """Return the true reason: a build that is cancelled can fail in many ways."""
    match cancellation.reason:
        case None:
            return problem
        case CancelReason.TOO_LONG:
            return BuildTimedOut(
                f"The build took longer than {_in_words(dependencies.build_seconds)} and was ended.",
                hint="Ask for less at once, or raise `WARROOM_BUILD_SECONDS`.",
                details=problem.details,
            )
        case CancelReason.STOPPED | CancelReason.SHUTDOWN:
            return BuildStopped("The build was stopped.", hint="Type the command again to start over.")


def _with_advice(problem: BuildFailed, spec: ImageSpec, failed: StepKey | None) -> BuildFailed:
    """Return the problem in plain words, if the decisive lines of the failed step are known."""
    kinds, triggers = kinds_of(spec), triggers_of(spec.base)
    if failed is None or failed.stage != PLANNED or not 1 <= failed.number <= len(kinds):
        return problem
    kind, sources = kinds[failed.number - 1], [package.name for package in spec.from_source]
    # The base is step 1, and its triggers follow.
    trigger = triggers[failed.number - 2] if kind is StepKind.TRIGGER else ""
    advice = explain(problem.details, kind, sources=sources, trigger=trigger)
    if advice is None:
        return problem
    return BuildFailed(advice.message, hint=advice.hint, details=problem.details)


def _in_words(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < _TWO_MINUTES else f"{seconds / 60:.3g} minutes"


def _tidy(engine: Engine, job_context: JobContext, kept: tuple[ImageId, ...]) -> None:
    try:
        engine.sweep(JOB, job_context.job, keep=kept)
    except Problem as problem:
        # The caller cleans again once the daemon answers; the earlier problem matters more.
        log.warning("sweep_failed", job=job_context.job, reason=problem.message)
