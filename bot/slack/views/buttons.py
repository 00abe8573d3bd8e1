"""The buttons and menus of all dialogs, and what each means to a program.

A button's value is always the opaque id of its dialog, never data; a menu's adds the number of the choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Action(StrEnum):
    """The `action_id` of every button and menu."""

    CREATE = "create"
    CANCEL = "cancel"
    EDIT = "edit"
    REUSE = "reuse"
    BUILD_ANYWAY = "build_anyway"
    SHOW_PACKAGES = "show_packages"
    SHOW_DOCKERFILE = "show_dockerfile"
    STOP = "stop"
    LOG = "log"
    PACKAGES = "packages"
    KEEP = "keep"
    DISCARD = "discard"
    UPDATE = "update"
    ROLL_BACK = "roll_back"
    ROLL_BACK_TO = "roll_back_to"
    REMOVE = "remove"
    IMAGES = "images"
    CHANGES = "changes"
    UNDO_UPDATE = "undo_update"
    IMAGE_DETAILS = "image_details"
    IMAGE_UPDATE = "image_update"
    IMAGE_ROLL_BACK = "image_roll_back"
    IMAGE_RUN_AGAIN = "image_run_again"
    IMAGE_REMOVE = "image_remove"
    IMAGE_PACKAGES = "image_packages"
    PREVIOUS_PAGE = "previous_page"
    NEXT_PAGE = "next_page"
    FILTER = "filter"
    REFRESH = "refresh"


class Meaning(StrEnum):
    """What a click does, for programs that know no action ids."""

    YES = "yes"
    """Confirms a review."""
    LEAVE = "leave"
    """Ends the dialog: cancel, stop, discard."""
    KEEP = "keep"
    """Keeps an image that failed the check."""
    FILE = "file"
    """Puts a file in the thread and changes nothing else."""
    BEGIN = "begin"
    """Begins another dialog."""
    TURN = "turn"
    """Changes what a list shows."""
    FORM = "form"
    """Opens a form."""


MEANINGS: Final[Mapping[Action, Meaning]] = {
    Action.CREATE: Meaning.YES,
    Action.REUSE: Meaning.YES,
    Action.BUILD_ANYWAY: Meaning.YES,
    Action.UPDATE: Meaning.YES,
    Action.ROLL_BACK: Meaning.YES,
    Action.REMOVE: Meaning.YES,
    Action.CANCEL: Meaning.LEAVE,
    Action.STOP: Meaning.LEAVE,
    Action.DISCARD: Meaning.LEAVE,
    Action.KEEP: Meaning.KEEP,
    Action.SHOW_PACKAGES: Meaning.FILE,
    Action.SHOW_DOCKERFILE: Meaning.FILE,
    Action.LOG: Meaning.FILE,
    Action.PACKAGES: Meaning.FILE,
    Action.IMAGES: Meaning.FILE,
    Action.CHANGES: Meaning.FILE,
    Action.IMAGE_PACKAGES: Meaning.FILE,
    Action.ROLL_BACK_TO: Meaning.BEGIN,
    Action.UNDO_UPDATE: Meaning.BEGIN,
    Action.IMAGE_DETAILS: Meaning.BEGIN,
    Action.IMAGE_UPDATE: Meaning.BEGIN,
    Action.IMAGE_ROLL_BACK: Meaning.BEGIN,
    Action.IMAGE_RUN_AGAIN: Meaning.BEGIN,
    Action.IMAGE_REMOVE: Meaning.BEGIN,
    Action.PREVIOUS_PAGE: Meaning.TURN,
    Action.NEXT_PAGE: Meaning.TURN,
    Action.REFRESH: Meaning.TURN,
    Action.EDIT: Meaning.FORM,
    Action.FILTER: Meaning.FORM,
}
"""The meaning of every action. Where a review shows several that confirm it, the first is the one to take."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a pop-up asks before a click counts."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Button:
    """One button; `question` makes Slack ask before it sends the click."""

    action: Action
    label: str
    style: Literal["primary", "danger"] | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu: each label with the choice that it stands for."""

    action: Action
    placeholder: str
    choices: tuple[tuple[str, str], ...]


CREATE: Final = Button(Action.CREATE, "Create image", "primary")
CANCEL: Final = Button(Action.CANCEL, "Cancel")
EDIT: Final = Button(Action.EDIT, "Edit")
REUSE: Final = Button(Action.REUSE, "Use existing", "primary")
BUILD_ANYWAY: Final = Button(Action.BUILD_ANYWAY, "Build anyway")
SHOW_PACKAGES: Final = Button(Action.SHOW_PACKAGES, "Packages")
SHOW_DOCKERFILE: Final = Button(Action.SHOW_DOCKERFILE, "Dockerfile")
# No question: what runs wild must end at the first click.
STOP: Final = Button(Action.STOP, "Stop", "danger")
LOG: Final = Button(Action.LOG, "Log")
PACKAGES: Final = Button(Action.PACKAGES, "Packages")
# Not primary: an image that does not import should not be kept by reflex.
KEEP: Final = Button(Action.KEEP, "Keep anyway")
DISCARD: Final = Button(
    Action.DISCARD,
    "Discard",
    "danger",
    Question(
        "Discard the image?",
        "The image is removed from the Docker host. A new build takes as long as this one.",
        "Discard",
        "Back",
    ),
)
ROLL_BACK: Final = Button(Action.ROLL_BACK, "Roll back", "primary")
# No question: the review is the question.
REMOVE: Final = Button(Action.REMOVE, "Remove", "danger")
IMAGES: Final = Button(Action.IMAGES, "All images")
CHANGES: Final = Button(Action.CHANGES, "Changes")
UNDO_UPDATE: Final = Button(Action.UNDO_UPDATE, "Roll back")
IMAGE_UPDATE: Final = Button(Action.IMAGE_UPDATE, "Update")
IMAGE_ROLL_BACK: Final = Button(Action.IMAGE_ROLL_BACK, "Roll back")
IMAGE_RUN_AGAIN: Final = Button(Action.IMAGE_RUN_AGAIN, "Run again")
IMAGE_REMOVE: Final = Button(Action.IMAGE_REMOVE, "Remove", "danger")
IMAGE_PACKAGES: Final = Button(Action.IMAGE_PACKAGES, "Packages")
PREVIOUS_PAGE: Final = Button(Action.PREVIOUS_PAGE, "Previous")
NEXT_PAGE: Final = Button(Action.NEXT_PAGE, "Next")
FILTER: Final = Button(Action.FILTER, "Filter")
REFRESH: Final = Button(Action.REFRESH, "Refresh")


def update(count: int) -> Button:
    """Make the button that says yes to an update of so many images."""
    return Button(Action.UPDATE, "Update" if count == 1 else f"Update {count:,} images", "primary")
