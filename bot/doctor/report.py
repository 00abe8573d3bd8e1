"""What a check-up says: a verdict for each thing, and whether the bot can work with them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from bot.redaction import redacted
from commands.errors import Problem


@dataclass(frozen=True, slots=True)
class Good:
    """It is as it should be."""

    says: str


@dataclass(frozen=True, slots=True)
class Caution:
    """The bot works with it, but somebody should know; `todo` says what could be done."""

    says: str
    todo: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The bot does not work with it; `todo` says what to do."""

    says: str
    todo: str


Verdict = Good | Caution | Fault


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    name: str
    verdict: Verdict

    def as_json(self) -> dict[str, str]:
        """Write it for a program."""
        verdict = self.verdict
        todo = "" if isinstance(verdict, Good) else verdict.todo
        return {"name": self.name, "mark": type(verdict).__name__.lower(), "says": verdict.says, "todo": todo}


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at, in the order of the checks."""

    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is at fault."""
        return not any(isinstance(line.verdict, Fault) for line in self.lines)

    def clean(self, redact: Callable[[str], str]) -> Self:
        """Mask what must not be shown: a daemon's or a database's own words may hold anything."""
        return redacted(self, redact)

    def as_json(self) -> dict[str, Any]:
        """Write it for a program."""
        return {"ok": self.ok, "lines": [line.as_json() for line in self.lines]}


def fault_of(problem: Problem) -> Fault:
    """Tell a problem as a fault."""
    return Fault("\n".join((problem.message, *problem.details)), problem.hint)
