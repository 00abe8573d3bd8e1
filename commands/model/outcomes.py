"""How carrying out a proposal ended, when it did not end with a `Problem`."""

from dataclasses import dataclass
from enum import StrEnum

from commands.model.images import ImageId, LocalImage, Mark
from commands.model.packages import Difference


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A module of a requested distribution that is installed but does not import; `error` is its last line."""

    distribution: str
    module: str
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of a built image found; everything else it checks raises `VerificationFailed`."""

    import_failures: tuple[ImportFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """The image is ready. `reference` is its unique name; `added_bytes` is what it has more than its base."""

    reference: str
    image: LocalImage
    added_bytes: int
    import_failures: tuple[ImportFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """All is installed but some modules do not import: the image has no name yet, a person decides."""

    image_id: ImageId
    import_failures: tuple[ImportFailure, ...]


class Ending(StrEnum):
    """How the update of one image ended."""

    UPDATED = "updated"
    """Pulled, verified by digest, and the name moved to it."""
    REBUILT = "rebuilt"
    """Built anew and checked; it has a tag of its own, and `latest` where that is ours."""
    UNCHANGED = "unchanged"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one image.

    `name` is as in the review; `reference` is the name of the new image, for a rebuilt one its unique tag. `kept_as`
    is the full name by which the image before can be had back. `reason`, `hint` and `details` are those of a problem,
    or say why nothing was done. `still_used_by` are containers that go on with the image before.
    """

    name: str
    ending: Ending
    before: Mark | None = None
    after: Mark | None = None
    reference: str = ""
    kept_as: str = ""
    difference: Difference | None = None
    reason: str = ""
    hint: str = ""
    details: tuple[str, ...] = ()
    still_used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """What became of every image of an update, in the order of the review. `notes` are things worth knowing."""

    results: tuple[ImageResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def can_be_undone(self) -> bool:
        """Whether any name was moved that can go back."""
        return any(result.kept_as for result in self.results)


@dataclass(frozen=True, slots=True)
class MoveResult:
    """What became of one name that was to go back: `problem` is empty where it did.

    `kept_as` is the name by which the image that it left can be had again.
    """

    name: str
    now: Mark | None
    kept_as: str = ""
    problem: str = ""
    still_used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What became of every name of a roll back."""

    results: tuple[MoveResult, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """The image is gone, with these names."""

    names: tuple[str, ...]
    image_id: ImageId
