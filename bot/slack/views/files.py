"""Files behind the buttons that show more than fits into a dialog: whole, however long; all of them plain text."""

from collections.abc import Iterable, Sequence

from bot.dialogs.stages import (
    Attachment,
    Cancelled,
    Described,
    Dialog,
    Expired,
    ImagesUpdated,
    Listed,
    Preparing,
    Refused,
    UnderReview,
    UpToDate,
)
from bot.slack.views.actions import Action
from bot.slack.views.card import is_worth_a_file
from bot.slack.views.plans import by_weight, mark_line, remote, used_by, what_happens
from bot.slack.views.specs import base_name
from bot.slack.views.text import visible
from bot.slack.views.updated import has_changes
from commands.command import Candidate, Creation, Unchecked, Update
from commands.inventory.difference import as_text, as_text_inventory
from commands.model.outcomes import ImageResult


def attachment(action: str, dialog: Dialog) -> Attachment | None:
    """Make the file behind a button; None where the dialog or the button has none."""
    match dialog:
        case UpToDate(answer=answer) if action == Action.IMAGES:
            return Attachment("images", "images.txt", "All images", images_file(answer.images))
        case UnderReview(proposal=Update() as update) if action == Action.IMAGES:
            return Attachment("images", "images.txt", "All images", images_file(update.images))
        case ImagesUpdated() if action == Action.CHANGES and has_changes(dialog):
            return Attachment("changes", "changes.txt", "What changed", changes_file(dialog.outcome.results))
        case Described(card=card) if action == Action.IMAGE_PACKAGES and is_worth_a_file(card.packages):
            content = visible(as_text_inventory(card.packages, card.name))
            return Attachment("image_packages", "packages.txt", f"Packages of {visible(card.name)}", content)
        case _:
            proposal = _creation(dialog)
            return None if proposal is None else _of_creation(action, proposal)


def packages_file(proposal: Creation) -> str:
    """List every package of the image: asked for, coming along, of the OS."""
    spec = proposal.spec
    parts = [
        [spec.reference, f"on {base_name(spec.base)} ({spec.base.short_digest}), Python {spec.base.python.version}"],
        _list("Requested Python packages", (f"{package.name} {package.version}" for package in spec.requested)),
        _list("Dependencies", (f"{package.name} {package.version}" for package in spec.transitive)),
        _list("OS packages", (str(package) for package in spec.os_packages)),
    ]
    return _file(parts)


def dockerfile_file(proposal: Creation) -> str:
    """Give the Dockerfile as it is built."""
    return proposal.dockerfile.rstrip("\n") + "\n"


def images_file(images: Sequence[Candidate]) -> str:
    """Tell of every image of an update, changed or not."""
    return _file([[f"{len(images)} images, changes first"], *map(_image, by_weight(images))])


def changes_file(results: Sequence[ImageResult]) -> str:
    """Tell for every image that was updated how its packages differ."""
    return "\n\n".join(filter(None, map(_changes, results)))


def _of_creation(action: str, proposal: Creation) -> Attachment | None:
    title = visible(proposal.spec.reference)
    match action:
        case Action.SHOW_PACKAGES | Action.PACKAGES:
            return Attachment("packages", "packages.txt", f"Packages of {title}", packages_file(proposal))
        case Action.SHOW_DOCKERFILE:
            return Attachment("dockerfile", "Dockerfile", f"Dockerfile of {title}", dockerfile_file(proposal))
        case _:
            return None


def _creation(dialog: Dialog) -> Creation | None:
    match dialog:
        case Preparing() | Refused() | Cancelled() | Expired() | UpToDate() | Listed() | Described():
            return None
        case _:
            return dialog.proposal if isinstance(dialog.proposal, Creation) else None


def _image(image: Candidate) -> list[str]:
    hint = [f"  what to do: {image.plan.hint}"] if isinstance(image.plan, Unchecked) else []
    return [
        image.name,
        f"  local: {mark_line(image.present)}, registry: {remote(image)}",
        f"  {what_happens(image)}",
        *hint,
        f"  used by: {used_by(image.users)}",
    ]


def _changes(result: ImageResult) -> str:
    if result.difference is None:
        return ""
    before, after = (
        f"{result.name} ({mark_line(mark)})" if mark else result.name for mark in (result.before, result.after)
    )
    return visible(as_text(result.difference, before, after))


def _list(title: str, names: Iterable[str]) -> list[str]:
    listed = [f"  {name}" for name in names]
    return [f"{title}: {len(listed)}" if listed else f"{title}: none", *listed]


def _file(parts: Sequence[Sequence[str]]) -> str:
    return "\n\n".join(visible("\n".join(lines)) for lines in parts) + "\n"
