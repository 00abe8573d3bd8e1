"""The kinds of build steps: the programs that run in a step decide whose output counts."""

import re
from enum import StrEnum
from posixpath import normpath

from commands.model.images import BaseImage, ImageSpec

_COUNTED = re.compile(r"\s*(?P<instruction>RUN|COPY|WORKDIR)\s+(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


class StepKind(StrEnum):
    """The kind of a build step."""

    BASE = "base"
    TRIGGER = "trigger"
    """An `ONBUILD` instruction of the base: the base's own programs, whose output is arbitrary."""
    OS_PACKAGES = "OS packages"
    """The base's installer, and the scripts of the distribution's packages."""
    WHEELS = "wheels"
    """The bot's installer; no code of any Python package."""
    SOURCES = "sources"
    """Code of Python packages, whose output is arbitrary."""


def kinds_of(spec: ImageSpec) -> tuple[StepKind, ...]:
    """Return the kinds of a build's steps, in order; the first is step 1."""
    present = (
        (StepKind.BASE, True),
        *((StepKind.TRIGGER, True) for _ in triggers_of(spec.base)),
        (StepKind.OS_PACKAGES, spec.os_packages),
        (StepKind.WHEELS, spec.from_wheels),
        (StepKind.SOURCES, spec.from_source),
    )
    return tuple(kind for kind, is_there in present if is_there)


def triggers_of(base: BaseImage) -> tuple[str, ...]:
    """Return the `ONBUILD` instructions of a base that are steps: BuildKit runs and counts them directly after FROM."""
    return tuple(trigger for trigger in base.on_build if _is_step(trigger))


def _is_step(trigger: str) -> bool:
    counted = _COUNTED.fullmatch(trigger)
    if counted is None:
        return False
    # BuildKit makes no step for `WORKDIR /`, which needs no folder.
    return counted["instruction"].upper() != "WORKDIR" or normpath(counted["rest"].strip()) not in ("/", "//")
