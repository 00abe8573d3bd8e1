"""What dialogs say about a specification and about an image: the same words in review, result and decision."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.slack.views.amounts import age, moment, size
from bot.slack.views.parts import FIELD, Block, fields
from bot.slack.views.text import Markup, code, escaped, markup, several
from commands.model.images import BaseImage, ImageSpec, LocalImage
from commands.model.references import DaemonName

REFERENCE: Final = 250
"""Characters of an image's name and tag; Docker allows 255 for a name, people use 40."""

_PACKAGE: Final = 80
_PACKAGES: Final = 700
"""Characters of one list of packages; the rest is counted, and behind the button Packages."""

_SHORT_ID: Final = 12
_FEW: Final = 60


def base_line(base: BaseImage) -> Markup:
    """Say what the image stands on: reference, short digest, Python and platform."""
    return markup(
        "*Base:* {} · {} · Python {} · {}",
        code(base_name(base), REFERENCE),
        code(base.short_digest, _FEW),
        escaped(base.python.version, _FEW),
        escaped(str(base.platform), _FEW),
    )


def base_name(base: BaseImage) -> str:
    """Name a base without its digest, which has 64 digits that nobody reads."""
    tag = f":{base.reference.tag}" if base.reference.tag else ""
    return f"{base.reference.repository}{tag}"


def package_lines(spec: ImageSpec) -> list[Markup]:
    """Say what is added to the base, one line for each kind of package, or that nothing is."""
    if is_empty(spec):
        return [_empty_line(spec)]
    lines = []
    if spec.locked:
        lines.append(markup("*Python packages:* {}{}", _requested_packages(spec), _dependencies(len(spec.transitive))))
    if spec.os_packages:
        names = several(spec.os_packages, _PACKAGES, lambda package: code(str(package), _PACKAGE))
        lines.append(markup("*OS packages:* {}", names))
    return lines


def is_empty(spec: ImageSpec) -> bool:
    """Tell whether nothing is asked for beyond the base."""
    return not spec.locked and not spec.os_packages


def image_fields(reference: str, image: LocalImage, now: datetime) -> Block:
    """Show an image with the columns of `/docker_images`."""
    repository, tag = split_reference(reference)
    return fields(
        "image",
        ("ID", code(image.id.removeprefix("sha256:")[:_SHORT_ID], _FEW)),
        ("Repository", code(repository, FIELD)),
        ("Size", escaped(size(image.size), _FEW)),
        ("Tag", code(tag, FIELD)),
        ("Created Time", escaped(moment(image.created), _FEW)),
        ("Created Since", escaped(age(image.created, now), _FEW)),
    )


def split_reference(reference: str) -> tuple[str, str]:
    """Split `name:tag`, as `DaemonName`."""
    name = DaemonName.parse(reference)
    return name.repository, name.tag


def _requested_packages(spec: ImageSpec) -> Markup:
    return several(spec.requested, _PACKAGES, lambda package: code(f"{package.name} {package.version}", _PACKAGE))


def _dependencies(count: int) -> Markup:
    match count:
        case 0:
            return markup("")
        case 1:
            return markup(" + 1 dependency")
        case _:
            return markup(" + {} dependencies", escaped(f"{count:,}", _FEW))


def _empty_line(spec: ImageSpec) -> Markup:
    return markup(
        "*Nothing added:* without `dependencies` and `packages` the image equals {} under a new name.",
        code(base_name(spec.base), REFERENCE),
    )


def bullets(lines: Sequence[Markup]) -> list[Markup]:
    """Put a bullet before each line."""
    return [markup("• {}", line) for line in lines]
