"""Turns a request into the proposal of exactly one image, for a new image and for a rebuild."""

from collections.abc import Callable

from commands.command import Creation, ExistingImage, Finding, Severity
from commands.engine.interface import Engine, PullProgress
from commands.errors import (
    ImageNotFound,
    NameReserved,
    PackageNotFound,
    RegistryNotAllowed,
    ResolutionFailed,
    UnusableBase,
)
from commands.model.images import BaseImage, ImageSpec, Maker
from commands.model.packages import LockedPackage
from commands.model.references import DaemonName, Malformed, Reference, refuse_name_of_tools
from commands.model.requests import CreateImage
from commands.recipe.base import made_by, refuse_default_made_here
from commands.recipe.labels import JOB, REF_NAME, SPEC, TITLE, spec_hash
from commands.sources import Sources
from commands.text import count_of, quote

REQUEST_FAULTS = (
    ImageNotFound,
    UnusableBase,
    NameReserved,
    RegistryNotAllowed,
    PackageNotFound,
    ResolutionFailed,
)
"""Problems of the request itself; all others are problems of the bot's environment."""


def propose(
    request: CreateImage, sources: Sources, report: Callable[[str], None], *, base: BaseImage | None = None
) -> Creation:
    """Look up the facts and propose the image; `base` overrides the requested base.

    `report` is called with a short text for each action. Raises one of `REQUEST_FAULTS`, or another `Problem` if the
    daemon or an index fails.
    """
    _refuse_reserved(request, sources)
    spec = _specify(request, sources, report, base)
    recipe = sources.recipe(spec)
    return Creation(
        title=f"Create `{request.name}`?",
        spec=spec,
        dockerfile=recipe.text,
        steps=recipe.steps,
        findings=_findings(spec),
        existing=_existing(spec, sources.engine),
    )


def _refuse_reserved(request: CreateImage, sources: Sources) -> None:
    # Checked again here: a rebuild's request comes from labels, not from the parser.
    name, default = Reference(request.name), sources.default_base
    try:
        for reference in (name, request.base or default):
            refuse_name_of_tools(reference)
    except Malformed as error:
        raise NameReserved(f"{error.message}.", hint=error.advice) from None
    if name.is_same_repository(default):
        raise NameReserved(
            f"{quote(request.name)} is the name of the default base, on which everybody builds.",
            hint=f"Give the new image another name, for example {quote(f'{request.name}-own')}.",
        )


def _specify(
    request: CreateImage, sources: Sources, report: Callable[[str], None], given: BaseImage | None
) -> ImageSpec:
    reference = request.base or sources.default_base
    base = given or _base(reference, sources, report)
    if reference.is_same_image(sources.default_base) and not sources.default_base_made_here:
        refuse_default_made_here(base)
    if request.packages and base.package_manager is None:
        raise UnusableBase(
            f"The base `{base.reference}` has neither apt-get nor apk, so no OS packages can be added.",
            hint="Leave `packages` out, or take a base made from Debian, Ubuntu or Alpine.",
        )
    locked: tuple[LockedPackage, ...] = ()
    if request.dependencies:
        report(f"Resolving {count_of(len(request.dependencies), 'Python package')}")
        locked = sources.resolver.resolve(request.dependencies, base, labels=sources.labels)
    return ImageSpec(
        name=request.name,
        tag=_tag(request.name, sources),
        base=base,
        requirements=request.dependencies,
        locked=locked,
        os_packages=request.packages,
    )


def _base(reference: Reference, sources: Sources, report: Callable[[str], None]) -> BaseImage:
    report(f"Looking at the base {reference}")
    image = sources.engine.find_image(str(reference))
    if image is None:
        report(f"Pulling the base {reference}")
        sources.registry.require(reference)
        image = sources.engine.pull(reference, lambda progress: report(pull_status(f"the base {reference}", progress)))
    return sources.bases.look_at(image, reference, sources.labels)


def pull_status(what: str, progress: PullProgress) -> str:
    """Return a short text with the progress of a pull."""
    megabytes = f"{progress.bytes_done / 1e6:.0f} of {progress.bytes / 1e6:.0f} MB"
    return f"Pulling {what}: {progress.layers_done} of {progress.layers} layers, {megabytes}"


def _tag(name: str, sources: Sources) -> str:
    made = sources.engine.images({JOB: "", TITLE: name})
    names = (DaemonName.parse(listed) for image in made for listed in image.repo_tags)
    return sources.numbers.next_tag(sources.now(), taken=[each.tag for each in names if each.repository == name])


def _findings(spec: ImageSpec) -> tuple[Finding, ...]:
    made = _made_here(spec.base, spec.base.maker) if spec.base.maker else ()
    return (*made, *_nothing_added(spec))


def _made_here(base: BaseImage, maker: Maker) -> tuple[Finding, ...]:
    # The name may be that of a registry's image.
    message = (
        f"The base {quote(str(base.reference))} is an image that the bot made, or stands on one: made{made_by(maker)}."
    )
    return (Finding("base-made-here", Severity.WARNING, message),)


def _nothing_added(spec: ImageSpec) -> tuple[Finding, ...]:
    if spec.requirements or spec.os_packages:
        return ()
    message = "Neither `dependencies` nor `packages` are given: the image will equal its base, under a name of its own."
    return (Finding("nothing-added", Severity.NOTE, message),)


def _existing(spec: ImageSpec, engine: Engine) -> ExistingImage | None:
    """Find an image of the same specification, preferably of the same name.

    It must have the name from its label: an image that somebody built on it inherits all its labels.
    """
    same = [
        ExistingImage(reference, image)
        for image in engine.images({SPEC: spec_hash(spec)})
        for reference in image.repo_tags
        if reference == image.labels.get(REF_NAME)
    ]
    return min(same, key=lambda existing: DaemonName.parse(existing.reference).repository != spec.name, default=None)
