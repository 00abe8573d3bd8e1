"""The dialogs of an undecided image: the question whether to keep it, and the decision."""

from typing import Final

from bot.dialogs.stages import Deciding, Discarded, Settling
from bot.slack.views.amounts import moment_beside
from bot.slack.views.buttons import LOG
from bot.slack.views.create.controls import DISCARD, KEEP, PACKAGES
from bot.slack.views.parts import FIELD, NAME, Message, actions, context, message, section
from bot.slack.views.specs import REFERENCE, bullets
from bot.slack.views.text import Markup, code, escape, markup, mention
from commands.model.outcomes import ImportFailure

_ERROR: Final = 250


def deciding_message(dialog: Deciding) -> Message:
    """Return the message with the modules that do not import, and the question: keep or discard."""
    spec = dialog.undecided.proposal.spec
    until = escape(moment_beside(dialog.expires, dialog.asked.at), FIELD)
    return message(
        f"Keep {spec.name[:NAME]}?",
        (
            section(
                "failures",
                markup("All packages are installed, but some modules do not import:"),
                *failure_lines(dialog.undecided.outcome.import_failures),
            ),
            section(
                "meaning",
                markup("Some modules need a device, a display or a setting that the check does not provide."),
                markup("*Keep anyway* tags the image {}.", code(spec.reference, REFERENCE)),
                markup("*Discard* removes it. Without a decision it is removed at {}.", until),
            ),
        ),
        context(dialog.asked, confirmed_by=dialog.by),
        actions(dialog.asked.dialog, KEEP, DISCARD, LOG, PACKAGES),
        summary=f"some modules do not import; expires at {moment_beside(dialog.expires, dialog.asked.at)}",
    )


def settling_message(dialog: Settling) -> Message:
    """Return the message that the undecided image is being kept or removed."""
    spec = dialog.undecided.proposal.spec
    name, reference = spec.name[:NAME], code(spec.reference, REFERENCE)
    if dialog.keep:
        title, said = f"Keeping {name}", markup("{} The image is being tagged {}.", _decision(dialog), reference)
    else:
        title, said = f"Discarding {name}", markup("{} The image is being removed.", _decision(dialog))
    return message(title, (section("summary", said),), context(dialog.asked))


def _decision(dialog: Settling) -> Markup:
    if dialog.by is None:
        return markup("No decision was made in time.")
    return markup("{} decided.", mention(dialog.by))


def discarded_message(dialog: Discarded) -> Message:
    """Return the message that the undecided image was removed."""
    if dialog.by is None:
        why = markup("No decision was made in time, so the image was removed.")
    else:
        why = markup("Discarded by {}. The image was removed.", mention(dialog.by))
    said = markup("{} To try other versions, change `dependencies` and type the command again.", why)
    name = dialog.proposal.spec.name[:NAME]
    return message(f"{name} was discarded", (section("summary", said),), context(dialog.asked))


def failure_lines(failures: tuple[ImportFailure, ...]) -> list[Markup]:
    """Return the modules, each with the error of its import."""
    return bullets([_failure(failure) for failure in failures])


def _failure(failure: ImportFailure) -> Markup:
    module, error = code(failure.module, FIELD), code(failure.error, _ERROR)
    if failure.module == failure.distribution:
        return markup("{}: {}", module, error)
    return markup("{} of {}: {}", module, code(failure.distribution, FIELD), error)
