"""How carrying out a proposal ended, when it did not end with a `Problem`."""

from dataclasses import dataclass

from commands.model.images import ImageId, LocalImage


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


Outcome = Created | Undecided
"""What `carry_out` returns."""
