"""The files behind the buttons of an update: every image, and what changed in each."""

from collections.abc import Sequence

from bot.dialogs.stages import Answered, Attachment, Dialog, Finished, UnderReview
from bot.slack.views.files import text_file
from bot.slack.views.text import visible
from bot.slack.views.update.plans import by_weight, mark_line, remote, users_text, what_happens
from commands.command import Candidate, ImagesUpdated, NothingToDo, Unchecked, Update
from commands.inventory.difference import as_text
from commands.model.outcomes import ImageResult, Updated


def images(dialog: Dialog) -> Attachment | None:
    """Return every checked image as a file."""
    match dialog:
        case Answered(answer=NothingToDo(images=found)) | UnderReview(proposal=Update(images=found)):
            return Attachment("images", "images.txt", "All images", images_file(found))
        case _:
            return None


def changes(dialog: Dialog) -> Attachment | None:
    """Return the changes of every updated image as a file; None if none was compared."""
    match dialog:
        case Finished(end=ImagesUpdated(outcome=outcome)) if has_changes(outcome):
            return Attachment("changes", "changes.txt", "What changed", changes_file(outcome.results))
        case _:
            return None


def has_changes(outcome: Updated) -> bool:
    """Return whether the file of changes has any content."""
    return any(result.difference is not None for result in outcome.results)


def images_file(images: Sequence[Candidate]) -> str:
    """Return the text about every image of an update, changed or not."""
    return text_file([[f"{len(images)} images, changes first"], *map(_image, by_weight(images))])


def changes_file(results: Sequence[ImageResult]) -> str:
    """Return the text about the package changes of every updated image."""
    return "\n\n".join(filter(None, map(_changes, results)))


def _image(image: Candidate) -> list[str]:
    hint = [f"  what to do: {image.plan.hint}"] if isinstance(image.plan, Unchecked) else []
    return [
        image.name,
        f"  local: {mark_line(image.present)}, registry: {remote(image)}",
        f"  {what_happens(image)}",
        *hint,
        f"  used by: {users_text(image.users)}",
    ]


def _changes(result: ImageResult) -> str:
    if result.difference is None:
        return ""
    before, after = (
        f"{result.name} ({mark_line(mark)})" if mark else result.name for mark in (result.before, result.after)
    )
    return visible(as_text(result.difference, before, after))
