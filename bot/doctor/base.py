"""Checks the default base: whether it is on the daemon or can be pulled, and what it contains."""

from collections.abc import Callable, Mapping

from bot.doctor.report import Good, Verdict
from commands.engine.interface import Engine
from commands.model.images import BaseImage, Digest
from commands.model.references import Reference
from commands.recipe.base import look_at, refuse_default_made_here


def base_is_usable(
    engine: Engine,
    reference: Reference,
    *,
    registry_digest: Callable[[Reference], Digest],
    made_here: bool,
    labels: Mapping[str, str],
    seconds: float,
) -> Verdict:
    """Inspect the base, or look it up in its registry if the daemon does not have it.

    The inspecting container gets `labels`. Raises `UnusableBase`, also for a base that the bot made unless `made_here`.
    """
    image = engine.find_image(str(reference))
    if image is None:
        digest = registry_digest(reference)
        return Good(f"{reference} is not on the daemon yet; the first command pulls it ({_short(digest)})")
    base = look_at(engine, image, reference, labels=labels, seconds=seconds)
    if not made_here:
        refuse_default_made_here(base)
    return _verdict(base, reference)


def _verdict(base: BaseImage, reference: Reference) -> Verdict:
    installer = base.package_manager.value if base.package_manager else "no installer of OS packages"
    runtime = f"Python {base.python.version} ({base.python.libc} {base.python.libc_version})"
    return Good(f"{reference} ({base.short_digest}), {runtime}, {installer}, {base.platform}")


def _short(digest: Digest) -> str:
    return digest.removeprefix("sha256:")[:12]
