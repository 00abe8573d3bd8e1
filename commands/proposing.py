"""From what is asked for to exactly one image: for a new one, and for one that is to be made again."""

from collections.abc import Callable

from commands.build.labels import JOB, REF_NAME, SPEC, TITLE, spec_hash
from commands.command import Creation, ExistingImage, Finding, Severity
from commands.engine.interface import Engine, PullProgress
from commands.errors import ImageNotFound, PackageNotFound, ResolutionFailed, UnusableBase
from commands.model.images import BaseImage, ImageSpec
from commands.model.packages import LockedPackage
from commands.model.references import Reference
from commands.model.requests import CreateImage
from commands.sources import Sources

SPEAKS_AGAINST = (ImageNotFound, UnusableBase, PackageNotFound, ResolutionFailed)
"""What is wrong with the request itself; every other problem is one of the bot's surroundings."""


def propose(
    request: CreateImage, sources: Sources, report: Callable[[str], None], *, base: BaseImage | None = None
) -> Creation:
    """Look the facts up and propose the image; `base` takes the place of the one that is asked for.

    `report` is told what is being done, in a few words. Raises one of `SPEAKS_AGAINST`, or another `Problem` where
    daemon or index fail.
    """
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


def _specify(
    request: CreateImage, sources: Sources, report: Callable[[str], None], given: BaseImage | None
) -> ImageSpec:
    base = given or _base(request.base or sources.default_base, sources, report)
    if request.packages and base.package_manager is None:
        raise UnusableBase(
            f"The base `{base.reference}` has neither apt-get nor apk, so no OS packages can be added.",
            hint="Leave `packages` out, or take a base made from Debian, Ubuntu or Alpine.",
        )
    locked: tuple[LockedPackage, ...] = ()
    if request.dependencies:
        count = len(request.dependencies)
        report(f"Resolving {count} Python package{'' if count == 1 else 's'}")
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
        image = sources.engine.pull(reference, lambda progress: report(told_of_pull(f"the base {reference}", progress)))
    return sources.bases.look_at(image, reference, sources.labels)


def told_of_pull(what: str, progress: PullProgress) -> str:
    """Say in a few words how far a pull is."""
    megabytes = f"{progress.bytes_done / 1e6:.0f} of {progress.bytes / 1e6:.0f} MB"
    return f"Pulling {what}: {progress.layers_done} of {progress.layers} layers, {megabytes}"


def _tag(name: str, sources: Sources) -> str:
    made = sources.engine.images({JOB: "", TITLE: name})
    tags = (name_and_tag.rpartition(":") for image in made for name_and_tag in image.repo_tags)
    return sources.numbers.next_tag(sources.now(), taken=[tag for repository, _, tag in tags if repository == name])


def _findings(spec: ImageSpec) -> tuple[Finding, ...]:
    if spec.requirements or spec.os_packages:
        return ()
    message = "Neither `dependencies` nor `packages` are given: the image will equal its base, under a name of its own."
    return (Finding("nothing-added", Severity.NOTE, message),)


def _existing(spec: ImageSpec, engine: Engine) -> ExistingImage | None:
    """Find an image made to the same specification, one of the same name first.

    By the name it was given when it was made: what somebody built by hand on top of it inherits all its labels.
    """
    same = [
        ExistingImage(reference, image)
        for image in engine.images({SPEC: spec_hash(spec)})
        for reference in image.repo_tags
        if reference == image.labels.get(REF_NAME)
    ]
    return min(same, key=lambda existing: existing.reference.rpartition(":")[0] != spec.name, default=None)
