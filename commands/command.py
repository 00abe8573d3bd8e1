"""What commands answer with: proposals to confirm, refusals, and what is only shown; and what a confirmed job ends in.

A proposal's `needs_slot` says whether its job waits for a build slot. An answer's `is_news` says whether its requester
is called for it. `commands.actions` lists the kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

from commands.model.images import Digest, ImageId, ImageSpec, Layer, LocalImage, Mark
from commands.model.outcomes import Created, Removed, RolledBack, Undecided, Updated
from commands.model.packages import Inventory
from commands.model.references import Reference
from commands.model.requests import CreateImage, Query


class Severity(StrEnum):
    """How much a finding weighs."""

    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule noticed: plain text, back-ticks for what was typed."""

    rule: str
    severity: Severity
    message: str


# ── A new image ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ExistingImage:
    """An image on the daemon that was made to the same specification. `reference` is a full `name:tag`."""

    reference: str
    image: LocalImage


@dataclass(frozen=True, slots=True)
class Creation:
    """What would be built, exactly.

    `dockerfile` is what will be built, word for word; `steps` are the titles of its instructions, FROM first.
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
    """Who else uses an image: names of containers, and of images that are built on it.

    `more_images` says that there may be further ones: not every image of the host was looked at.
    """

    running: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    more_images: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch `source` by its digest, then move the name to it. `source` is the name's own repository, or a mirror's."""

    source: Reference
    digest: Digest
    kind: Literal["pull"] = "pull"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Build anew from what was once asked for. `changes` say in plain words what differs from the present image."""

    creation: Creation
    changes: tuple[str, ...]
    kind: Literal["rebuild"] = "rebuild"


@dataclass(frozen=True, slots=True)
class Keep:
    """There is nothing newer; `reason` says how that is known."""

    reason: str
    kind: Literal["keep"] = "keep"


@dataclass(frozen=True, slots=True)
class NoSource:
    """There is nothing to update it from, and why."""

    reason: str
    kind: Literal["no source"] = "no source"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """It could not be found out whether there is a newer one."""

    reason: str
    hint: str
    kind: Literal["unchecked"] = "unchecked"


Plan = Pull | Rebuild | Keep | NoSource | Unchecked
"""What an update would do with one image. `kind` tells the classes apart where a plan is stored."""


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
        """Whether the update would do something."""
        return isinstance(self.plan, Pull | Rebuild)


@dataclass(frozen=True, slots=True)
class Update:
    """Which images would be brought up to date, and how; at least one of them would change."""

    needs_slot: ClassVar[bool] = True
    title: str
    images: tuple[Candidate, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def changing(self) -> tuple[Candidate, ...]:
        """Those that something would be done with."""
        return tuple(image for image in self.images if image.is_changed)


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """An update was asked for, and nothing is to be done: every image with the reason."""

    is_news: ClassVar[bool] = True
    title: str
    images: tuple[Candidate, ...]
    findings: tuple[Finding, ...] = ()


# ── A way back, and away ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Move:
    """A name that would go back: from the `present` image (None: it is gone) to an earlier one.

    `earlier_tag` is the full name by which the earlier one was kept.
    """

    name: str
    present: Mark | None
    earlier: Mark
    earlier_tag: str
    users: Users = field(default_factory=Users)


@dataclass(frozen=True, slots=True)
class RollBack:
    """Which names would go back to which images. `others` are further earlier images to choose from."""

    # Done in a moment: it need not wait behind builds.
    needs_slot: ClassVar[bool] = False
    title: str
    moves: tuple[Move, ...]
    others: tuple[Move, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """An image that would be removed, with all its names."""

    # Done in a moment: it need not wait behind builds.
    needs_slot: ClassVar[bool] = False
    title: str
    image: Mark
    names: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


# ── What is only shown ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """One name of one image; `repository` and `tag` are None where the image has none."""

    image: ImageId
    repository: str | None
    tag: str | None
    size: int
    created: datetime
    made_here: bool

    @property
    def name(self) -> str:
        """What to ask for it by: its name, or the short ID where it has none."""
        if self.repository is None or self.tag is None:
            return self.image.removeprefix("sha256:")[:12]
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list. `images` and `names` count all on the host, `matching` the rows that the query finds.

    `disk` is what all images take together, in bytes; None until it is known, and `disk_note` says why it is not.
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
    """What the labels of an image that the bot made tell of it."""

    requester: str | None
    channel: str | None
    at: datetime | None
    job: str
    line: str | None
    """The command that would ask for it again."""
    base: str | None
    request: CreateImage | None = None
    """What that command asks for."""


@dataclass(frozen=True, slots=True)
class Card:
    """All there is to know of one image."""

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
    """Why nothing is offered. It holds no specification, so it cannot be run."""

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
    """Everything is installed but some modules do not import: a person keeps or discards the image. This is no end."""

    proposal: Creation
    outcome: Undecided


@dataclass(frozen=True, slots=True)
class ImageReused:
    """Nothing was built: the image that exists already is taken."""

    proposal: Creation
    outcome: ExistingImage
    kind: Literal["reused"] = "reused"


@dataclass(frozen=True, slots=True)
class ImagesUpdated:
    """The update is over, as each image's result says."""

    proposal: Update
    outcome: Updated
    kind: Literal["updated"] = "updated"


@dataclass(frozen=True, slots=True)
class TagsRolledBack:
    """The roll back is over, as each name's result says."""

    proposal: RollBack
    outcome: RolledBack
    kind: Literal["rolled back"] = "rolled back"


@dataclass(frozen=True, slots=True)
class ImageRemoved:
    """The image is gone."""

    proposal: Removal
    outcome: Removed
    kind: Literal["removed"] = "removed"
