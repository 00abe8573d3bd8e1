"""The subject of a dialog in words: the name of a proposal's images, and the verbs for every stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.slack.views.parts import NAME
from bot.slack.views.text import Markup, code, escape, markup, middle


@dataclass(frozen=True, slots=True)
class Subject:
    """The images that are created, updated, rolled back or removed: one by its name, several by their number.

    `doing` and `done` are forms of the verb, `noun` is the job: empty for a build, which has the name of its image.
    `left_by_stop` and `left_before_start` are sentences about a job that was stopped after or before it began.
    """

    name: str
    doing: str
    done: str
    noun: str = ""
    is_plural: bool = False
    left_by_stop: str = "Completed steps are kept; see the log."
    left_before_start: str = "Nothing was changed."

    @property
    def under_way(self) -> str:
        """The job in progress: `Updating 3 images`."""
        return f"{self.doing} {self.name}"

    @property
    def job(self) -> str:
        """The job within a sentence: `the update of 3 images`; for a build, the name of its image."""
        return f"the {self.noun} of {self.name}" if self.noun else self.name

    @property
    def job_first(self) -> str:
        """The job at the beginning of a sentence."""
        return f"The {self.noun} of {self.name}" if self.noun else self.name

    @property
    def job_shown(self) -> Markup:
        """The job within a sentence, with its name as code."""
        return markup("the {} of {}", escape(self.noun, NAME), self.shown) if self.noun else self.shown

    @property
    def not_done(self) -> str:
        """The words for a job that was not done: `demisto/python3:latest was not updated`."""
        return f"{self.name} {self.were} not {self.done}"

    @property
    def were(self) -> str:
        """The verb in singular or plural."""
        return "were" if self.is_plural else "was"

    @property
    def shown(self) -> Markup:
        """The name in running text: a name as code, a count as words."""
        return escape(self.name, NAME) if self.is_plural else code(self.name, NAME)


@dataclass(frozen=True, slots=True)
class Fallback:
    """The words for a request without a proposal.

    `nothing` follows a colon: `nothing was built`. `again` says how to ask again. `refused` replaces
    `nothing` after a refusal, where other words fit better.
    """

    not_done: str
    nothing: str
    again: str = "type the command again"
    refused: str = ""

    @property
    def nothing_done(self) -> str:
        """The beginning of a sentence: `Nothing was built`."""
        return f"{self.nothing[:1].upper()}{self.nothing[1:]}"


ASK_AGAIN: Final = "ask for it again"
"""How to repeat a button's request."""


def one_or_several(names: Sequence[str], plural: str, *, doing: str, done: str, noun: str) -> Subject:
    """Return the subject of a job on images: a single one by its name, several by their number."""
    if len(names) == 1:
        return Subject(middle(names[0], NAME), doing, done, noun)
    return Subject(f"{len(names):,} {plural}", doing, done, noun, is_plural=True)
