"""Dialogs in which nobody builds yet or any more: looking into it, waiting, paused, settling."""

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
    return message("Looking into it", (body,), context(dialog.asked), summary=dialog.doing)


def queued(dialog: Queued) -> Message:
    """Show the place in the row of builds."""
    place = "next in line" if dialog.position <= 1 else f"{ordinal(dialog.position)} in line"
    return message(
        f"{subject(dialog.proposal).job_first} waits for its turn",
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
            "The bot is being restarted. {} goes on by itself afterwards, in this message. You need not do anything.",
            escaped(_job(dialog.proposal), FIELD),
        ),
    )
    title = f"{subject(dialog.proposal).job_first} is paused"
    return message(title, (body,), context(dialog.asked, confirmed_by=dialog.by))


def settling(dialog: Settling) -> Message:
    """Say that the undecided image is being kept or removed."""
    name, reference = dialog.proposal.spec.name[:NAME], code(dialog.proposal.spec.reference, REFERENCE)
    if dialog.keep:
        title, said = f"Keeping {name}", markup("{} The image gets its name, {}.", _decision(dialog), reference)
    else:
        title, said = f"Discarding {name}", markup("{} The image is being removed.", _decision(dialog))
    return message(title, (section("summary", said),), context(dialog.asked))


def _job(proposal: Proposal) -> str:
    noun = subject(proposal).noun
    return f"The {noun or 'build'}"


def _decision(dialog: Settling) -> Markup:
    if dialog.by is None:
        return markup("Nobody decided in time.")
    return markup("{} decided.", mention(dialog.by))
