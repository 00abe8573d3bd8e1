"""Plain-text files behind the buttons Packages and Dockerfile: whole, however long."""

from collections.abc import Iterable

from bot.dialogs import Attachment, Cancelled, Dialog, Expired, Preparing, Refused
from bot.slack.views.actions import Action
from bot.slack.views.specs import base_name
from bot.slack.views.text import visible
from commands.command import Proposal


def attachment(action: str, dialog: Dialog) -> Attachment | None:
    """Make the file behind a button; None where the dialog or the button has none."""
    proposal = _proposal(dialog)
    if proposal is None:
        return None
    title = visible(proposal.spec.reference)
    match action:
        case Action.SHOW_PACKAGES | Action.PACKAGES:
            return Attachment("packages", "packages.txt", f"Packages of {title}", packages_file(proposal))
        case Action.SHOW_DOCKERFILE:
            return Attachment("dockerfile", "Dockerfile", f"Dockerfile of {title}", dockerfile_file(proposal))
        case _:
            return None


def packages_file(proposal: Proposal) -> str:
    """List every package of the image: asked for, coming along, of the OS."""
    spec = proposal.spec
    parts = [
        [spec.reference, f"on {base_name(spec.base)} ({spec.base.short_digest}), Python {spec.base.python.version}"],
        _list("Python packages asked for", (f"{package.name} {package.version}" for package in spec.requested)),
        _list("Python packages that come along", (f"{package.name} {package.version}" for package in spec.transitive)),
        _list("OS packages", (str(package) for package in spec.os_packages)),
    ]
    return "\n\n".join(visible("\n".join(lines)) for lines in parts) + "\n"


def dockerfile_file(proposal: Proposal) -> str:
    """Give the Dockerfile as it is built."""
    return proposal.dockerfile.rstrip("\n") + "\n"


def _proposal(dialog: Dialog) -> Proposal | None:
    match dialog:
        case Preparing() | Refused() | Cancelled() | Expired():
            return None
        case _:
            return dialog.proposal


def _list(title: str, names: Iterable[str]) -> list[str]:
    listed = [f"  {name}" for name in names]
    return [f"{title}: {len(listed)}" if listed else f"{title}: none", *listed]
