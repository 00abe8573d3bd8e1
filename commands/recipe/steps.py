"""What kind of work each step of a build is: whose programs run in it decides whose words count."""

from enum import StrEnum

from commands.model.images import ImageSpec


class StepKind(StrEnum):
    """A step of a Dockerfile that we wrote."""

    BASE = "base"
    OS_PACKAGES = "OS packages"
    """The base's installer, and the scripts of the distribution's packages."""
    WHEELS = "wheels"
    """Our installer; no code of any Python package."""
    SOURCES = "sources"
    """Code of Python packages: it prints what it likes, wherever it likes."""


def kinds_of(spec: ImageSpec) -> tuple[StepKind, ...]:
    """List the kinds of a build's steps, in their order; the first is step 1."""
    present = (
        (StepKind.BASE, True),
        (StepKind.OS_PACKAGES, spec.os_packages),
        (StepKind.WHEELS, spec.from_wheels),
        (StepKind.SOURCES, spec.from_source),
    )
    return tuple(kind for kind, is_there in present if is_there)
