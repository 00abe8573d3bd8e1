"""The outcomes of carried-out proposals that raised no `Problem`."""

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
    """The import failures found by the verification of an image; every other fault raises `VerificationFailed`."""

    import_failures: tuple[ImportFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """The image is ready. `reference` has its unique tag; `added_bytes` is its size beyond that of its base."""

    reference: str
    image: LocalImage
    added_bytes: int
    import_failures: tuple[ImportFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """Everything is installed but some modules do not import: the image has no tag yet, a person decides."""

    image_id: ImageId
    import_failures: tuple[ImportFailure, ...]


class Ending(StrEnum):
    """The ending of the update of one image."""

    UPDATED = "updated"
    """Pulled, verified by digest, and tagged."""
    REBUILT = "rebuilt"
    """Rebuilt and verified; it has a new unique tag, and `latest` if the bot owns that."""
    UNCHANGED = "unchanged"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The result of updating one image.

    `name` is as in the review; `reference` is the name of the new image, with its unique tag if it was rebuilt.
    `kept_as` is the full kept tag of the image before. `reason`, `hint` and `details` are those of a problem, or say
    why nothing was done. `still_used_by` are containers that still use the image before.
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
    """The results of every image of an update, in the order of the review. `notes` are further remarks."""

    results: tuple[ImageResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def can_be_undone(self) -> bool:
        """Whether any tag was moved that can be rolled back."""
        return any(result.kept_as for result in self.results)


@dataclass(frozen=True, slots=True)
class MoveResult:
    """The result of rolling one tag back: `problem` is empty on success.

    `kept_as` is the full kept tag of the image that the tag left.
    """

    name: str
    now: Mark | None
    kept_as: str = ""
    problem: str = ""
    still_used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The results of every tag of a roll back."""

    results: tuple[MoveResult, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """The image was removed, with these names."""

    names: tuple[str, ...]
    image_id: ImageId
