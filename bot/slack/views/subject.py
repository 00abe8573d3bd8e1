"""What a dialog is about, in words: the name of a proposal's images, and the verbs that go with it in every stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.slack.views.parts import NAME
from bot.slack.views.text import Markup, code, escaped, markup, middle


@dataclass(frozen=True, slots=True)
class Subject:
    """What is made, updated, rolled back or removed: one image by its name, or several counted.

    `doing` and `done` are the verb, `noun` is the job: empty for a build, which goes by the name of its image.
    """

    name: str
    doing: str
    done: str
    noun: str = ""
    is_plural: bool = False

    @property
    def under_way(self) -> str:
        """Say what is being done: `Updating 3 images`."""
        return f"{self.doing} {self.name}"

    @property
    def job(self) -> str:
        """Name the job in mid-sentence: `the update of 3 images`, but the image itself that is being built."""
        return f"the {self.noun} of {self.name}" if self.noun else self.name

    @property
    def job_first(self) -> str:
        """Name the job at the beginning of a sentence."""
        return f"The {self.noun} of {self.name}" if self.noun else self.name

    @property
    def job_shown(self) -> Markup:
        """Show the job in mid-sentence, with its name as code."""
        return markup("the {} of {}", escaped(self.noun, NAME), self.shown) if self.noun else self.shown

    @property
    def not_done(self) -> str:
        """Say that it was not done: `demisto/python3:latest was not updated`."""
        return f"{self.name} {self.were} not {self.done}"

    @property
    def were(self) -> str:
        """Be singular or plural."""
        return "were" if self.is_plural else "was"

    @property
    def shown(self) -> Markup:
        """Show the name in running text: a name as code, a count as words."""
        return escaped(self.name, NAME) if self.is_plural else code(self.name, NAME)


@dataclass(frozen=True, slots=True)
class Fallback:
    """The words for a request that has no proposal.

    `nothing` follows a colon: `nothing was built`. `again` says how to ask once more.
    """

    not_done: str
    nothing: str
    again: str = "type the command again"

    @property
    def nothing_done(self) -> str:
        """Start a sentence: `Nothing was built`."""
        return f"{self.nothing[:1].upper()}{self.nothing[1:]}"


ASK_AGAIN: Final = "ask for it again"
"""How to repeat what a button began."""


def one_or_several(names: Sequence[str], plural: str, *, doing: str, done: str, noun: str) -> Subject:
    """Make the subject of a job on some images: the only one by its name, several by their number."""
    if len(names) == 1:
        return Subject(middle(names[0], NAME), doing, done, noun)
    return Subject(f"{len(names):,} {plural}", doing, done, noun, is_plural=True)
