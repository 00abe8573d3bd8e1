"""The package changes of an update, in words."""

from typing import Final

from bot.slack.views.amounts import size
from bot.slack.views.text import Markup, code, escape, join, markup, prose, several
from commands.model.outcomes import ImageResult
from commands.model.packages import Change, Difference, PackageChanges

_PACKAGE: Final = 100
_NAME: Final = 120
_GAP: Final = 300
_GAPS: Final = 3
_FEW: Final = 60


def size_change(before: int, after: int) -> str:
    """Return a size with its change: `241MB (+1.2MB)`."""
    if before == after:
        return size(after)
    sign = "+" if after > before else "−"
    return f"{size(after)} ({sign}{size(abs(after - before))})"


def counts(found: Difference | None) -> str:
    """Return the counts of changed packages: `3 changed, 1 added`."""
    if found is None:
        return "not compared"
    kinds = [found.python, *([found.os_packages] if found.os_packages is not None else [])]
    numbers = (
        (sum(len(kind.changed) for kind in kinds), "changed"),
        (sum(len(kind.added) for kind in kinds), "added"),
        (sum(len(kind.removed) for kind in kinds), "removed"),
    )
    said = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    return said or ("see below" if found.gaps else "the same")


def difference_lines(result: ImageResult, most: int, *, is_only: bool) -> list[Markup]:
    """Return the changed packages, in lists of at most `most` characters; a single image is not named."""
    found = result.difference
    if found is None:
        return []
    parts = [*_kind("Python packages", found.python, most), *_kind("OS packages", found.os_packages, most)]
    if not parts and not found.gaps:
        parts = [markup("Packages: the same as before")]
    gaps = [prose(gap, _GAP) for gap in found.gaps[:_GAPS]]
    title = [] if is_only else [markup("*{}*", escape(result.name, _NAME))]
    return [*title, *parts, *gaps]


def _kind(title: str, changes: PackageChanges | None, most: int) -> list[Markup]:
    if not changes:
        return []
    parts = (
        (len(changes.changed), "changed", several(changes.changed, most, _change)),
        (len(changes.added), "added", several(changes.added, most, _package)),
        (len(changes.removed), "removed", several(changes.removed, most, _package)),
    )
    said = [markup("{}: {}", escape(f"{count:,} {word}", _FEW), names) for count, word, names in parts if count]
    return [markup("*{}:* {}", escape(title, _FEW), join(" · ", said))]


def _change(change: Change) -> Markup:
    return code(f"{change.name} {change.before} → {change.after}", _PACKAGE)


def _package(package: str) -> Markup:
    return code(package, _PACKAGE)
