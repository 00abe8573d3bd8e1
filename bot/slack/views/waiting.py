"""The dialogs of commands that wait: preparing, queued, paused, or until the bot can store their state."""

from bot.dialogs.stages import Dialog, Paused, Preparing, Queued, StorageTrouble, proposal_of
from bot.slack.views.amounts import ordinal
from bot.slack.views.buttons import STOP
from bot.slack.views.evidence import SENTENCES
from bot.slack.views.kinds import subject
from bot.slack.views.parts import FIELD, Message, actions, context, message, section
from bot.slack.views.text import escape, markup, prose
from commands.actions import Proposal


def preparing_message(dialog: Preparing) -> Message:
    """Return the message with the fact that is being gathered."""
    body = section("summary", markup("{} …", escape(dialog.doing.rstrip(" .…"), FIELD)))
    return message("Preparing", (body,), context(dialog.asked), summary=dialog.doing)


def queue_message(dialog: Queued) -> Message:
    """Return the message with the position in the queue."""
    place = "next in line" if dialog.position <= 1 else f"{ordinal(dialog.position)} in line"
    return message(
        f"{subject(dialog.proposal).job_first} is queued",
        (section("summary", markup("In the queue: *{}*.", escape(place, FIELD))),),
        context(dialog.asked, confirmed_by=dialog.by),
        actions(dialog.asked.dialog, STOP),
        summary=place,
    )


def pause_message(dialog: Paused) -> Message:
    """Return the message that the bot is shutting down, and what happens to the job."""
    body = section(
        "summary",
        markup(
            "The bot is restarting. {} then continues in this message. No action is needed.",
            escape(_job(dialog.proposal), FIELD),
        ),
    )
    title = f"{subject(dialog.proposal).job_first} is paused"
    return message(title, (body,), context(dialog.asked, confirmed_by=dialog.by))


def _job(proposal: Proposal) -> str:
    noun = subject(proposal).noun
    return f"The {noun or 'build'}"


def trouble_message(dialog: Dialog, trouble: StorageTrouble) -> Message:
    """Return the message that the state cannot be stored at the moment; the job is neither ended nor given up."""
    proposal = proposal_of(dialog)
    job = "The command" if proposal is None else subject(proposal).job_first
    return message(
        f"⚠ {job} has to wait",
        (
            section("problem", prose(trouble.message, SENTENCES), prose(trouble.hint, SENTENCES)),
            section(
                "summary",
                markup(
                    "The bot cannot store the state of this dialog at the moment. It tries again until it can, also "
                    "after a restart, and the dialog then continues in this message."
                ),
            ),
        ),
        context(dialog.asked),
        summary="the bot cannot store its state at the moment and tries again",
    )
