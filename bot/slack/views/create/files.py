"""The complete files behind the buttons of a new image: its packages and its Dockerfile."""

from collections.abc import Iterable

from bot.dialogs.stages import Attachment, Dialog, proposal_of
from bot.slack.views.files import text_file
from bot.slack.views.specs import base_name
from bot.slack.views.text import visible
from commands.command import Creation


def packages(dialog: Dialog) -> Attachment | None:
    """Return the packages of the dialog's image as a file."""
    match proposal_of(dialog):
        case Creation() as proposal:
            title = f"Packages of {visible(proposal.spec.reference)}"
            return Attachment("packages", "packages.txt", title, packages_file(proposal))
        case _:
            return None


def dockerfile(dialog: Dialog) -> Attachment | None:
    """Return the Dockerfile of the dialog's image as a file."""
    match proposal_of(dialog):
        case Creation() as proposal:
            title = f"Dockerfile of {visible(proposal.spec.reference)}"
            return Attachment("dockerfile", "Dockerfile", title, dockerfile_file(proposal))
        case _:
            return None


def packages_file(proposal: Creation) -> str:
    """Return every package of the image: the requested ones, their dependencies, the OS packages."""
    spec = proposal.spec
    parts = [
        [spec.reference, f"on {base_name(spec.base)} ({spec.base.short_digest}), Python {spec.base.python.version}"],
        _list("Requested Python packages", (f"{package.name} {package.version}" for package in spec.requested)),
        _list("Dependencies", (f"{package.name} {package.version}" for package in spec.transitive)),
        _list("OS packages", (str(package) for package in spec.os_packages)),
    ]
    return text_file(parts)


def dockerfile_file(proposal: Creation) -> str:
    """Return the Dockerfile of the build, unchanged."""
    return proposal.dockerfile.rstrip("\n") + "\n"


def _list(title: str, names: Iterable[str]) -> list[str]:
    listed = [f"  {name}" for name in names]
    return [f"{title}: {len(listed)}" if listed else f"{title}: none", *listed]
