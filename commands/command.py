"""What every command answers with: a proposal to confirm, a refusal, or (later) a listing."""

from dataclasses import dataclass
from enum import StrEnum

from commands.model.images import ImageSpec, LocalImage


class Severity(StrEnum):
    """How much a finding weighs."""

    NOTE = "note"
    WARNING = "warning"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule noticed: plain text, back-ticks for what was typed."""

    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class ExistingImage:
    """An image on the daemon that was made to the same specification. `reference` is a full `name:tag`."""

    reference: str
    image: LocalImage


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be done, exactly. A person confirms it, then `carry_out` does it.

    `dockerfile` is what will be built, word for word; `steps` are the titles of its instructions, FROM first.
    """

    title: str
    spec: ImageSpec
    dockerfile: str
    steps: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    existing: ExistingImage | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is offered. It holds no specification, so it cannot be run."""

    title: str
    message: str
    hint: str
    details: tuple[str, ...] = ()


Answer = Proposal | Refusal
"""What a command says to a request."""
