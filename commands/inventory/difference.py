"""The difference between two images' inventories, as values and as text files. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from commands.model.packages import Change, Difference, Inventory, PackageChanges

_DATABASE = "package database (dpkg or apk)"


def difference(before: Inventory, after: Inventory, *, size: int) -> Difference:
    """Compare an older image with a newer one; `size` is the growth in bytes."""
    both = before.os_packages is not None and after.os_packages is not None
    return Difference(
        size=size,
        python=_changes(before.python, after.python),
        os_packages=_changes(before.os_packages or {}, after.os_packages or {}) if both else None,
        gaps=tuple(_gaps(before, after)),
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> PackageChanges:
    return PackageChanges(
        added=_with_versions(after, after.keys() - before.keys()),
        removed=_with_versions(before, before.keys() - after.keys()),
        changed=tuple(
            Change(name, before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ),
    )


def _with_versions(packages: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name} {packages[name]}" for name in sorted(names))


def _gaps(before: Inventory, after: Inventory) -> Iterator[str]:
    if before.gap and before.gap == after.gap:
        yield f"Both images: {before.gap}"
    else:
        sides = (("Older image", before.gap), ("Newer image", after.gap))
        yield from (f"{side}: {gap}" for side, gap in sides if gap)
    yield from _os_gaps(before, after)


def _os_gaps(before: Inventory, after: Inventory) -> Iterator[str]:
    lacking = [image for image in (before, after) if image.os_packages is None]
    if lacking:
        one = "The older image has no" if lacking[0] is before else "The newer image has no"
        who = "Neither image has a" if len(lacking) > 1 else one
        yield f"{who} {_DATABASE}{_doubt(*lacking)}, so OS packages cannot be compared."
    elif before.manager != after.manager:
        yield (
            f"The older image has packages of {before.manager}, the newer one of {after.manager}: it is another "
            "distribution, where the same name can mean another package."
        )


def _doubt(*images: Inventory) -> str:
    # An image that was read only in part may have a database.
    return " that could be read" if any(image.gap for image in images) else ""


def as_text(found: Difference, before_title: str, after_title: str) -> str:
    """Render the whole difference as a text file, without the sizes."""
    lines = [
        f"What changed from {before_title} to {after_title}",
        "",
        *_section("Python packages", found.python),
        "",
        *_section("OS packages", found.os_packages),
    ]
    return _file(lines, found.gaps)


def as_text_inventory(inventory: Inventory, title: str) -> str:
    """Render one image's inventory as a text file."""
    lines = [f"What is installed in {title}", "", *_list("Python packages", inventory.python), ""]
    if inventory.os_packages is None:
        lines.append(f"OS packages: the image has no {_DATABASE}{_doubt(inventory)}")
    else:
        lines.extend(_list(f"OS packages ({inventory.manager})", inventory.os_packages))
    return _file(lines, (inventory.gap,) if inventory.gap else ())


def _section(heading: str, changes: PackageChanges | None) -> Iterator[str]:
    if changes is None:
        yield f"{heading}: not compared"
        return
    if not changes:
        yield f"{heading}: no difference"
        return
    parts = {
        "changed": [f"{change.name} {change.before} → {change.after}" for change in changes.changed],
        "added": changes.added,
        "removed": changes.removed,
    }
    yield f"{heading}: {', '.join(f'{len(lines)} {part}' for part, lines in parts.items() if lines)}"
    for part, lines in parts.items():
        if lines:
            yield from ("", f"  {part}:", *(f"    {line}" for line in lines))


def _list(heading: str, packages: Mapping[str, str]) -> Iterator[str]:
    yield f"{heading}: {len(packages)}"
    yield from (f"  {name} {version}" for name, version in sorted(packages.items()))


def _file(lines: Iterable[str], notes: tuple[str, ...]) -> str:
    noted = ["", "Notes:", *(f"  {note}" for note in notes)] if notes else []
    return "\n".join([*lines, *noted, ""])
