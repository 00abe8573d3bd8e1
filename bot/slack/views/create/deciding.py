"""The question whether to keep an image in which something does not import."""

from typing import Final

from bot.dialogs.stages import Deciding
from bot.slack.views import actions
from bot.slack.views.amounts import moment_beside
from bot.slack.views.parts import FIELD, NAME, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.specs import REFERENCE, bullets
from bot.slack.views.text import Markup, code, escaped, markup
from commands.model.outcomes import ImportFailure

_ERROR: Final = 250


def deciding(dialog: Deciding) -> Message:
    """Show what does not import and ask: keep or discard."""
    until = escaped(moment_beside(dialog.expires, dialog.asked.at), FIELD)
    return message(
        f"Keep {dialog.proposal.spec.name[:NAME]}?",
        (
            section(
                "failures",
                markup("All packages are installed, but some modules do not import:"),
                *failure_lines(dialog.failures),
            ),
            section(
                "meaning",
                markup("Some modules need a device, a display or a setting that the check does not provide."),
                markup("*Keep anyway* tags the image {}.", code(dialog.proposal.spec.reference, REFERENCE)),
                markup("*Discard* removes it. Without a decision it is removed at {}.", until),
            ),
        ),
        context(dialog.asked, confirmed_by=dialog.by),
        buttons(dialog.asked.dialog, actions.KEEP, actions.DISCARD, actions.LOG, actions.PACKAGES),
        summary=f"some modules do not import; expires at {moment_beside(dialog.expires, dialog.asked.at)}",
    )


def failure_lines(failures: tuple[ImportFailure, ...]) -> list[Markup]:
    """List modules with the error that each import ends in."""
    return bullets([_failure(failure) for failure in failures])


def _failure(failure: ImportFailure) -> Markup:
    module, error = code(failure.module, FIELD), code(failure.error, _ERROR)
    if failure.module == failure.distribution:
        return markup("{}: {}", module, error)
    return markup("{} of {}: {}", module, code(failure.distribution, FIELD), error)
