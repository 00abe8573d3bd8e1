"""Checks the package index with a small resolution, in the same way as a command."""

import platform
import sys
from collections.abc import Callable

from bot.doctor.report import Good, Verdict
from commands.model.images import BaseImage, ImageId, Platform, PythonRuntime
from commands.model.packages import PythonRequirement
from commands.model.references import Reference
from commands.packages.interface import Resolver

_WANTED = PythonRequirement("uv", (), "")
"""A small package that every build needs from the index."""
_STAND_IN = BaseImage(
    reference=Reference("check"),
    image_id=ImageId(""),
    digest=None,
    python=PythonRuntime(platform.python_version(), sys.executable, "glibc", "2.28"),
    package_manager=None,
    user="",
    platform=Platform("linux", "amd64"),
    layers=(),
)
"""A placeholder, so that the check needs neither a base nor a daemon."""


def index_answers(resolver: Resolver, *, configured: str, clock: Callable[[], float]) -> Verdict:
    """Resolve one requirement; `configured` names the setting of the index. `resolver` must not use a cache."""
    start = clock()
    (*_, found) = resolver.resolve((_WANTED,), _STAND_IN, labels={})
    return Good(f"{configured}; answered in {clock() - start:.1f} s, has {found.name} {found.version}")
