"""The views of a new image: its proposal and its ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Finished, UnderReview
from bot.slack.views import standing
from bot.slack.views.create.result import created_message, reused_message
from bot.slack.views.create.review import review
from bot.slack.views.parts import NAME, Message
from bot.slack.views.specs import REFERENCE
from bot.slack.views.standing import Standing
from bot.slack.views.steps import seconds_taken
from bot.slack.views.subject import Fallback, Subject
from bot.slack.views.text import Markup, code, markup
from commands.command import Creation, ImageCreated, ImageReused

WORDS: Final = Fallback("The image was not created", "nothing was built", refused="nothing was created")


@dataclass(frozen=True, slots=True)
class CreationView:
    """The view of a proposed image."""

    creation: Creation

    @property
    def subject(self) -> Subject:
        """The name of the image."""
        name, left = self.creation.spec.name[:NAME], "No image was created."
        return Subject(name, "Creating", "created", left_by_stop=left, left_before_start=left)

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Ask whether to build it."""
        return review(dialog, self.creation, now)


@dataclass(frozen=True, slots=True)
class CreatedView:
    """The view of a created image."""

    end: ImageCreated

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message with the image, its packages and the duration."""
        return created_message(dialog, self.end, now)

    def announcement(self, dialog: Finished) -> Markup:
        """Return a line that the image is ready."""
        del dialog
        return markup("{} is ready.", code(self.end.outcome.reference, REFERENCE))

    def standing(self, dialog: Finished) -> Standing:
        """Return the name of the image, and the duration of each step, for programs."""
        made = self.end.outcome
        took = {} if dialog.progress is None else standing.seconds(dialog.progress)
        whole = {"build": round(seconds_taken(dialog), 3)}
        known = standing.image(made.reference, made.image.id, made.image.repo_digests)
        return Standing("done", succeeded=True, known={**known, "seconds": {**took, **whole}})


@dataclass(frozen=True, slots=True)
class ReusedView:
    """The view of a reused image."""

    end: ImageReused

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message with the image."""
        return reused_message(dialog, self.end, now)

    def announcement(self, dialog: Finished) -> Markup:
        """Return a line that the image already existed."""
        del dialog
        return markup("{} is ready: it already existed.", code(self.end.outcome.reference, REFERENCE))

    def standing(self, dialog: Finished) -> Standing:
        """Return the name of the image for programs."""
        del dialog
        image = self.end.outcome.image
        known = standing.image(self.end.outcome.reference, image.id, image.repo_digests)
        return Standing("reused", succeeded=True, known=known)
