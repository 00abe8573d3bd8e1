"""The buttons of all dialogs. A button's value is always the opaque id of its dialog, never data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Action(StrEnum):
    """The `action_id` of every button."""

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
        "Discard the image?", "It is removed from the Docker host. Building it again takes as long.", "Discard", "Back"
    ),
)
