"""The views of an update: its proposal, its end, and the answer that nothing is to be done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.dialogs.stages import Answered, Finished, UnderReview
from bot.slack.views import standing
from bot.slack.views.parts import NAME, Message
from bot.slack.views.standing import Standing
from bot.slack.views.steps import seconds_taken
from bot.slack.views.subject import Fallback, Subject, one_or_several
from bot.slack.views.text import Markup, escape, markup
from bot.slack.views.update.result import CHANGED, result, title_of
from bot.slack.views.update.review import nothing_to_do, nothing_to_do_text, review
from commands.command import Candidate, ImagesUpdated, Keep, NoSource, NothingToDo, Unchecked, Update
from commands.model.images import Mark
from commands.model.outcomes import Ending, ImageResult

WORDS: Final = Fallback("Nothing was updated", "nothing was updated")


@dataclass(frozen=True, slots=True)
class UpdateView:
    """The view of a proposed update."""

    update: Update

    @property
    def subject(self) -> Subject:
        """The image that would change, or the number of images."""
        names = [image.name for image in self.update.changing]
        return one_or_several(names, "images", doing="Updating", done="updated", noun="update")

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Ask whether to update them."""
        del now
        return review(dialog, self.update)


@dataclass(frozen=True, slots=True)
class UpdatedView:
    """The view of a finished update."""

    end: ImagesUpdated

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message with the result of every image."""
        del now
        return result(dialog, self.end)

    def announcement(self, dialog: Finished) -> Markup:
        """Return the counts of results in one line."""
        del dialog
        return markup("{}.", escape(title_of(self.end.outcome), 2 * NAME))

    def standing(self, dialog: Finished) -> Standing:
        """Return the images with their results for programs; a single image has the facts of a new one."""
        results = self.end.outcome.results
        took = {} if dialog.progress is None else standing.seconds(dialog.progress)
        whole = {"update": round(seconds_taken(dialog), 3)}
        state, trouble = self._state(dialog)
        known = {
            **trouble,
            **standing.several([_result(result) for result in results]),
            "seconds": standing.fitting_seconds({**took, **whole}),
        }
        match results:
            case [ImageResult(ending=ending, after=Mark() as after) as only] if ending in CHANGED:
                name, _, tag = (only.reference or only.name)[: standing.FIELD].rpartition(":")
                image = {"image": name, "tag": tag, "id": after.id[: standing.FIELD], "digest": after.digest}
                return Standing(state, succeeded=state == "updated", known=known | image)
            case _:
                return Standing(state, succeeded=state == "updated", known=known)

    def _state(self, dialog: Finished) -> tuple[str, dict[str, str]]:
        outcome = self.end.outcome
        endings = {result.ending for result in outcome.results}
        if Ending.FAILED not in endings and Ending.STOPPED not in endings:
            return "updated", {}
        failed = [result for result in outcome.results if result.ending is Ending.FAILED]
        # A stop takes precedence over a failure: the person who stopped the job expects an incomplete update.
        state = "stopped" if dialog.stopped_by is not None or not failed else "failed"
        title = title_of(outcome)
        reason, hint = (f"{title}: {failed[0].reason}", failed[0].hint) if failed else (title, "")
        return state, standing.problem(reason, hint)


@dataclass(frozen=True, slots=True)
class NothingToDoView:
    """The view of an update without changes."""

    answer: NothingToDo

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Return the message with the reason for each image."""
        del now
        return nothing_to_do(dialog, self.answer)

    def announcement(self, dialog: Answered) -> Markup:
        """Return the reason in one line."""
        del dialog
        return markup("{}", escape(nothing_to_do_text(self.answer.images), 2 * NAME))

    def standing(self) -> Standing:
        """Return the images with the reasons for programs; `unchecked` if one could not be checked."""
        unchecked = any(isinstance(image.plan, Unchecked) for image in self.answer.images)
        known = standing.several([_candidate(image) for image in self.answer.images])
        return Standing("unchecked" if unchecked else "unchanged", succeeded=not unchecked, known=known)


def _result(one: ImageResult) -> dict[str, Any]:
    return standing.short(
        name=one.name,
        ending=one.ending.value,
        before=one.before.short if one.before else None,
        after=one.after.short if one.after else None,
        reference=one.reference,
        kept_as=one.kept_as,
        reason=one.reason,
    )


def _candidate(image: Candidate) -> dict[str, Any]:
    plan = image.plan
    reason = plan.reason if isinstance(plan, Keep | NoSource | Unchecked) else ""
    ending = "unchecked" if isinstance(plan, Unchecked) else "unchanged"
    return standing.short(name=image.name, ending=ending, before=image.present.short, reason=reason)
