"""Parses uv's explanation of a failure: headline, reason, hints, and the facts in the reason. Pure.

error: No solution found when resolving dependencies
  cause: Because requests==2.31.0 depends on urllib3>=1.21.1,<3 and you require requests==2.31.0, we can conclude …
         And because you require urllib3==1.20, we can conclude that your requirements are unsatisfiable.

hint: …
"""

import re
from dataclasses import dataclass

from commands.text import without_controls

_MARKER = re.compile(r"\{[^{}]*\}")
_NO_SOLUTION = "error: No solution found when resolving dependencies"
_LINES = 20
_LINE_LENGTH = 200
_TEXT_LIMIT = 64 << 10
# Each clause begins like one of these; a plain " and " also occurs inside clauses ("you require a and b").
_CLAUSE = re.compile(
    r" and (?=you require |only |there (?:is|are) no |the (?:requested|current) Python |all (?:of|versions of)\b"
    r"|\S+ (?:depends? on|was not found|ha(?:s|ve) (?:no|an) ))"
)


@dataclass(frozen=True, slots=True)
class Need:
    """`who` (a package, often with its versions) depends on `what`."""

    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A parsed failure. `text` is the reason on one line, `raw` the whole text, `lines` the lines to show.

    `own_words` is uv's own text, without the quoted output of a build.
    """

    headline: str
    text: str
    hints: str
    raw: str
    own_words: str
    lines: tuple[str, ...]
    needs: tuple[Need, ...]
    asked: tuple[str, ...]

    @property
    def all(self) -> str:
        """Headline and reason on one line."""
        return f"{self.headline} {self.text}"


def read_reason(errors: str) -> Reason:
    """Parse the text that `uv` wrote to stderr; accepts any text."""
    raw = without_controls(errors[:_TEXT_LIMIT])
    body, _, hints = raw.partition("\nhint: ")
    headline, _, rest = body.strip().partition("\n")
    text = " ".join(_MARKER.sub("", rest).replace("cause: ", " ").split())
    clauses = _premises(text)
    return Reason(
        headline=headline.removeprefix("error: ").strip(),
        text=text,
        hints=hints,
        raw=raw,
        own_words=re.split(r"\n\s*\[std(?:out|err)\]", body, maxsplit=1)[0] + "\n" + hints,
        lines=_evidence(body),
        needs=tuple(need for clause in clauses for need in _needs(clause)),
        asked=tuple(each for clause in clauses for each in _required_versions(clause)),
    )


def _evidence(body: str) -> tuple[str, ...]:
    """Return the lines to show: the first ones of a reason, or the last ones of a build's output."""
    own, output = (*re.split(r"\n\s*\[stderr\]\n", body, maxsplit=1), "")[:2]
    lines = output.splitlines()[-_LINES:] if output.strip() else own.strip().removeprefix(_NO_SOLUTION).splitlines()
    shown = (re.sub(r"^(?:error|cause): ", "", line.strip())[:_LINE_LENGTH] for line in lines)
    return tuple(line for line in shown if line)[:_LINES]


def _premises(text: str) -> list[str]:
    """List the clauses that are facts, without uv's conclusions."""
    sentences = re.split(r"(?:^|\.? )(?:And because|Because) ", text)
    premises = [re.split(r",? we can conclude|, which are incompatible", sentence)[0] for sentence in sentences]
    return [clause for premise in premises for clause in _CLAUSE.split(premise) if clause]


def _needs(clause: str) -> list[Need]:
    found = re.fullmatch(
        r"(?:all versions of |all of: )?(?P<who>\S.*?) depends? on (?:one of: )?(?P<what>\S.*)", clause
    )
    if found is None or found["what"].startswith("Python"):
        return []
    return [Need(_span(found["who"].split()), _span(found["what"].split()))]


def _span(items: list[str]) -> str:
    """Join several version ranges as first … last."""
    return items[0] if len(items) == 1 else f"{items[0]} … {items[-1]}"


def _required_versions(clause: str) -> list[str]:
    found = re.match(r"you require (?:one of: )?(?P<asked>\S.*)", clause)
    return found["asked"].split(" and ") if found else []
