"""Dialogs shown before and after a build: preparing, queued, paused, settling."""

from bot.dialogs.stages import Paused, Preparing, Queued, Settling
from bot.slack.views import actions
from bot.slack.views.amounts import ordinal
from bot.slack.views.parts import FIELD, NAME, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.specs import REFERENCE
from bot.slack.views.subject import subject
from bot.slack.views.text import Markup, code, escaped, markup, mention
from commands.command import Proposal


def preparing(dialog: Preparing) -> Message:
    """Show which fact is being gathered."""
    body = section("summary", markup("{} …", escaped(dialog.doing.rstrip(" .…"), FIELD)))
    return message("Preparing", (body,), context(dialog.asked), summary=dialog.doing)


def queued(dialog: Queued) -> Message:
    """Show the place in the row of builds."""
    place = "next in line" if dialog.position <= 1 else f"{ordinal(dialog.position)} in line"
    return message(
        f"{subject(dialog.proposal).job_first} is queued",
        (section("summary", markup("In the queue: *{}*.", escaped(place, FIELD))),),
        context(dialog.asked, confirmed_by=dialog.by),
        buttons(dialog.asked.dialog, actions.STOP),
        summary=place,
    )


def paused(dialog: Paused) -> Message:
    """Say that the bot goes away and what happens to the job."""
    body = section(
        "summary",
        markup(
            "The bot is restarting. {} then continues in this message. No action is needed.",
            escaped(_job(dialog.proposal), FIELD),
        ),
    )
    title = f"{subject(dialog.proposal).job_first} is paused"
    return message(title, (body,), context(dialog.asked, confirmed_by=dialog.by))


def settling(dialog: Settling) -> Message:
    """Say that the undecided image is being kept or removed."""
    name, reference = dialog.proposal.spec.name[:NAME], code(dialog.proposal.spec.reference, REFERENCE)
    if dialog.keep:
        title, said = f"Keeping {name}", markup("{} The image is being tagged {}.", _decision(dialog), reference)
    else:
        title, said = f"Discarding {name}", markup("{} The image is being removed.", _decision(dialog))
    return message(title, (section("summary", said),), context(dialog.asked))


def _job(proposal: Proposal) -> str:
    noun = subject(proposal).noun
    return f"The {noun or 'build'}"


def _decision(dialog: Settling) -> Markup:
    if dialog.by is None:
        return markup("No decision was made in time.")
    return markup("{} decided.", mention(dialog.by))
