"""What a proposal is about, in words: its name, and the verbs that go with it in every stage."""

from dataclasses import dataclass
from typing import Final, assert_never

from bot.slack.views.parts import NAME
from bot.slack.views.text import Markup, code, escaped, middle
from commands.command import Creation, Proposal, Removal, RollBack, Update


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
    """The words for a line without a proposal.

    `nothing` follows a colon: `nothing was built`. `again` says how to ask once more.
    """

    not_done: str
    nothing: str
    again: str = "type the command again"

    @property
    def nothing_done(self) -> str:
        """Start a sentence: `Nothing was built`."""
        return f"{self.nothing[:1].upper()}{self.nothing[1:]}"


_ASK: Final = "ask for it again"
_BY_COMMAND: Final = {
    "/docker_image_create": Fallback("The image was not created", "nothing was built"),
    "/docker_image_update": Fallback("Nothing was updated", "nothing was updated"),
    "/docker_images": Fallback("The images were not listed", "nothing was listed"),
    "details": Fallback("The image was not shown", "nothing was shown", _ASK),
    "roll_back": Fallback("Nothing was rolled back", "nothing was rolled back", _ASK),
    "remove": Fallback("Nothing was removed", "nothing was removed", _ASK),
}
_UNKNOWN: Final = Fallback("That did not work", "nothing was done")


def subject(proposal: Proposal) -> Subject:
    """Find the words for a proposal."""
    match proposal:
        case Creation():
            return Subject(proposal.spec.name[:NAME], "Creating", "created")
        case Update():
            names = [image.name for image in proposal.changing]
            return _one_or_several(names, "images", Subject("", "Updating", "updated", "update"))
        case RollBack():
            names = [move.name for move in proposal.moves]
            return _one_or_several(names, "names", Subject("", "Rolling back", "rolled back", "roll back"))
        case Removal():
            name = proposal.names[0] if proposal.names else proposal.image.short
            return Subject(middle(name, NAME), "Removing", "removed", "removal")
        case _:
            assert_never(proposal)


def of_line(line: str) -> Fallback:
    """Find the words for a line of which there is no proposal."""
    return _BY_COMMAND.get(line.partition(" ")[0], _UNKNOWN)


def _one_or_several(names: list[str], plural: str, verbs: Subject) -> Subject:
    if len(names) == 1:
        return Subject(middle(names[0], NAME), verbs.doing, verbs.done, verbs.noun)
    return Subject(f"{len(names):,} {plural}", verbs.doing, verbs.done, verbs.noun, is_plural=True)
