"""Asks the package index something small, in the way in which a command asks it."""

import platform
import sys
from collections.abc import Callable

from bot.doctor.report import Good, Verdict
from commands.model.images import BaseImage, ImageId, Platform, PythonRuntime
from commands.model.packages import PythonRequirement
from commands.model.references import Reference
from commands.packages.interface import Resolver

_WANTED = PythonRequirement("uv", (), "")
"""What every build needs from the index, and small."""
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
"""So that the index is asked also while there is no base, nor a daemon."""


def index_answers(resolver: Resolver, *, configured: str, clock: Callable[[], float]) -> Verdict:
    """Resolve one requirement; `configured` says where the index was named. `resolver` must not answer from a cache."""
    start = clock()
    (*_, found) = resolver.resolve((_WANTED,), _STAND_IN, labels={})
    return Good(f"{configured}; answered in {clock() - start:.1f} s, has {found.name} {found.version}")
