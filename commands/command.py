"""The answers of commands: proposals to confirm, refusals, and things to look at; and the ends of confirmed jobs.

A proposal's `needs_slot` says whether its job waits for a build slot. An answer's `is_news` says whether its requester
is notified of it. `commands.actions` lists the kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

from commands.errors import EngineUnavailable
from commands.model.images import Digest, ImageId, ImageSpec, Layer, LocalImage, Mark
from commands.model.outcomes import Created, Removed, RolledBack, Undecided, Updated
from commands.model.packages import Inventory
from commands.model.references import Reference
from commands.model.requests import CreateImage, Query


class Severity(StrEnum):
    """The severity of a finding."""

    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule noticed: plain text, with typed text in back-ticks."""

    rule: str
    severity: Severity
    message: str


# ── A new image ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ExistingImage:
    """An image on the daemon with the same specification. `reference` is a full `name:tag`."""

    reference: str
    image: LocalImage


@dataclass(frozen=True, slots=True)
class Creation:
    """The exact image that would be built.

    `dockerfile` is the exact text of the Dockerfile; `steps` are the titles of its instructions, FROM first.
    """

    needs_slot: ClassVar[bool] = True
    title: str
    spec: ImageSpec
    dockerfile: str
    steps: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    existing: ExistingImage | None = None


# ── Newer images ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Users:
    """The users of an image: names of containers, and of images that are built on it.

    `more_images` says that there may be more: not every image of the host was read.
    """

    running: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    more_images: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """Pull `source` by its digest, then move the tag to it. `source` is the tag's own repository, or a mirror's."""

    source: Reference
    digest: Digest
    kind: Literal["pull"] = "pull"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Rebuild from the original request. `changes` says in plain words what differs from the present image."""

    creation: Creation
    changes: tuple[str, ...]
    kind: Literal["rebuild"] = "rebuild"


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep the image, since there is no newer one; `reason` says how that is known."""

    reason: str
    kind: Literal["keep"] = "keep"


@dataclass(frozen=True, slots=True)
class NoSource:
    """The image has no update source; `reason` says why."""

    reason: str
    kind: Literal["no source"] = "no source"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """The bot could not check whether there is a newer image."""

    reason: str
    hint: str
    kind: Literal["unchecked"] = "unchecked"


Plan = Pull | Rebuild | Keep | NoSource | Unchecked
"""The plan of an update for one image. `kind` distinguishes the classes of stored plans."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that may be updated. `name` is `repository:tag`, or a short ID for an image without a tag."""

    name: str
    present: Mark
    remote: Digest | None
    plan: Plan
    users: Users = field(default_factory=Users)

    @property
    def is_changed(self) -> bool:
        """Whether the update would change the image."""
        return isinstance(self.plan, Pull | Rebuild)


@dataclass(frozen=True, slots=True)
class Update:
    """The images of an update, each with its plan; at least one would change."""

    needs_slot: ClassVar[bool] = True
    title: str
    images: tuple[Candidate, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def changing(self) -> tuple[Candidate, ...]:
        """The images that would change."""
        return tuple(image for image in self.images if image.is_changed)


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The answer that an update would change nothing: every image with the reason."""

    is_news: ClassVar[bool] = True
    title: str
    images: tuple[Candidate, ...]
    findings: tuple[Finding, ...] = ()


# ── A way back, and away ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Move:
    """A tag that would move back: from the `present` image (None: it is gone) to an earlier one.

    `earlier_tag` is the full kept tag of the earlier image.
    """

    name: str
    present: Mark | None
    earlier: Mark
    earlier_tag: str
    users: Users = field(default_factory=Users)


@dataclass(frozen=True, slots=True)
class RollBack:
    """The tags that would move back, each with its image. `others` are further earlier images to choose from."""

    # It takes only a moment, so it does not wait for a build slot.
    needs_slot: ClassVar[bool] = False
    title: str
    moves: tuple[Move, ...]
    others: tuple[Move, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """An image that would be removed, with all its tags."""

    # It takes only a moment, so it does not wait for a build slot.
    needs_slot: ClassVar[bool] = False
    title: str
    image: Mark
    names: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


# ── What is only shown ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """One name of one image; `repository` and `tag` are None if the image has none."""

    image: ImageId
    repository: str | None
    tag: str | None
    size: int
    created: datetime
    made_here: bool

    @property
    def name(self) -> str:
        """The name to type for the image, or its short ID if it has no name."""
        if self.repository is None or self.tag is None:
            return self.image.removeprefix("sha256:")[:12]
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list. `images` and `names` count all on the host, `matching` the rows that match the query.

    `disk` is the total size of all images in bytes; None until it is known, and `disk_note` says why it is unknown.
    """

    query: Query
    rows: tuple[Row, ...]
    pages: int
    matching: int
    images: int
    names: int
    disk: int | None = None
    disk_note: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of an image that the bot made, as its labels say."""

    requester: str | None
    channel: str | None
    at: datetime | None
    job: str
    line: str | None
    """The command that requests the same image again."""
    base: str | None
    request: CreateImage | None = None
    """The request of that command."""


@dataclass(frozen=True, slots=True)
class Card:
    """The card of one image."""

    is_news: ClassVar[bool] = False
    name: str
    image: LocalImage
    mark: Mark
    origin: Origin | None
    users: Users
    earlier: tuple[Move, ...]
    layers: tuple[Layer, ...]
    packages: Inventory
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why nothing is offered. It holds no specification, so it cannot be carried out."""

    is_news: ClassVar[bool] = True
    title: str
    message: str
    hint: str
    details: tuple[str, ...] = ()


# ── What a job ends in ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ImageCreated:
    """The image is ready."""

    proposal: Creation
    outcome: Created
    kind: Literal["created"] = "created"


@dataclass(frozen=True, slots=True)
class ImageUndecided:
    """Everything is installed but some modules do not import: a person keeps or discards the image. Not an end."""

    proposal: Creation
    outcome: Undecided


@dataclass(frozen=True, slots=True)
class ImageReused:
    """Nothing was built: the existing image is reused."""

    proposal: Creation
    outcome: ExistingImage
    kind: Literal["reused"] = "reused"


@dataclass(frozen=True, slots=True)
class ImagesUpdated:
    """The update is over; each image has a result."""

    proposal: Update
    outcome: Updated
    kind: Literal["updated"] = "updated"


@dataclass(frozen=True, slots=True)
class TagsRolledBack:
    """The roll back is over; each tag has a result."""

    proposal: RollBack
    outcome: RolledBack
    kind: Literal["rolled back"] = "rolled back"


@dataclass(frozen=True, slots=True)
class ImageRemoved:
    """The image was removed."""

    proposal: Removal
    outcome: Removed
    kind: Literal["removed"] = "removed"


class WorkInterrupted(EngineUnavailable):
    """The daemon went away after a part of the work; `end` is the end if the work is not tried again."""

    def __init__(self, end: ImagesUpdated, lost: EngineUnavailable) -> None:
        super().__init__(lost.message, hint=lost.hint, details=lost.details)
        self.end = end
