"""The words about a specification and an image, shared by review, result and decision."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.slack.views.amounts import age, moment, size
from bot.slack.views.parts import FIELD, Block, fields
from bot.slack.views.text import Markup, code, escape, markup, several
from commands.model.images import BaseImage, ImageSpec, LocalImage
from commands.model.references import DaemonName

REFERENCE: Final = 250
"""The most characters of an image's name and tag; Docker allows 255 for a name, people use 40."""

_PACKAGE: Final = 80
_PACKAGES: Final = 700
"""The most characters of one list of packages; the rest is counted, and shown by the button Packages."""

_SHORT_ID: Final = 12
_FEW: Final = 60


def base_line(base: BaseImage) -> Markup:
    """Return the base: reference, short digest, Python and platform."""
    return markup(
        "*Base:* {} · {} · Python {} · {}",
        code(base_name(base), REFERENCE),
        code(base.short_digest, _FEW),
        escape(base.python.version, _FEW),
        escape(str(base.platform), _FEW),
    )


def base_name(base: BaseImage) -> str:
    """Return the name of a base without its digest of 64 digits."""
    tag = f":{base.reference.tag}" if base.reference.tag else ""
    return f"{base.reference.repository}{tag}"


def package_lines(spec: ImageSpec) -> list[Markup]:
    """Return the added packages, one line for each kind, or a line that nothing is added."""
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
    """Return whether the specification adds nothing to its base."""
    return not spec.locked and not spec.os_packages


def image_fields(reference: str, image: LocalImage, now: datetime) -> Block:
    """Return the fields of an image: the columns of `/docker_images`."""
    repository, tag = split_reference(reference)
    return fields(
        "image",
        ("ID", code(image.id.removeprefix("sha256:")[:_SHORT_ID], _FEW)),
        ("Repository", code(repository, FIELD)),
        ("Size", escape(size(image.size), _FEW)),
        ("Tag", code(tag, FIELD)),
        ("Created Time", escape(moment(image.created), _FEW)),
        ("Created Since", escape(age(image.created, now), _FEW)),
    )


def split_reference(reference: str) -> tuple[str, str]:
    """Split `name:tag` as `DaemonName` does."""
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
            return markup(" + {} dependencies", escape(f"{count:,}", _FEW))


def _empty_line(spec: ImageSpec) -> Markup:
    return markup(
        "*Nothing added:* without `dependencies` and `packages` the image equals {} under a new name.",
        code(base_name(spec.base), REFERENCE),
    )


def bullets(lines: Sequence[Markup]) -> list[Markup]:
    """Return the lines with bullets."""
    return [markup("• {}", line) for line in lines]
