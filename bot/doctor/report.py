"""The report of `warroom check`: a verdict for each check, and whether the bot can work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from bot.redaction import redacted
from commands.errors import Problem


@dataclass(frozen=True, slots=True)
class Good:
    """The check passed."""

    says: str


@dataclass(frozen=True, slots=True)
class Caution:
    """The bot works, but an operator should know; `todo` says what to do."""

    says: str
    todo: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The bot does not work like this; `todo` says what to do."""

    says: str
    todo: str


Verdict = Good | Caution | Fault


@dataclass(frozen=True, slots=True)
class Line:
    """One check with its verdict."""

    name: str
    verdict: Verdict

    def as_json(self) -> dict[str, str]:
        """Write it for a program."""
        verdict = self.verdict
        todo = "" if isinstance(verdict, Good) else verdict.todo
        return {"name": self.name, "mark": type(verdict).__name__.lower(), "says": verdict.says, "todo": todo}


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts, in the order of the checks."""

    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not any(isinstance(line.verdict, Fault) for line in self.lines)

    def clean(self, redact: Callable[[str], str]) -> Self:
        """Redact the verdicts, because an error of a daemon or database may contain secrets."""
        return redacted(self, redact)

    def as_json(self) -> dict[str, Any]:
        """Write it for a program."""
        return {"ok": self.ok, "lines": [line.as_json() for line in self.lines]}


def fault_of(problem: Problem) -> Fault:
    """Turn a problem into a fault."""
    return Fault("\n".join((problem.message, *problem.details)), problem.hint)
