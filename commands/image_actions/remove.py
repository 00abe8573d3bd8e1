"""Proposes to remove an image with all its tags."""

from collections.abc import Callable, Sequence

from commands.arguments import render
from commands.command import Finding, Refusal, Removal, Severity, Users
from commands.host.history import is_kept, tag_of
from commands.host.meant import meant
from commands.host.selection import Found, typed
from commands.host.subjects import mark_of
from commands.model.images import Container, ImageId, ListedImage
from commands.model.requests import RemoveImage, ShortId
from commands.sources import Sources
from commands.text import and_more, plural

NAME = "remove"
_MOST_NAMED = 5
"""The most images that a sentence names."""


def request_for(image: ImageId) -> RemoveImage:
    """Return the request to remove an image."""
    return RemoveImage(ShortId(image.removeprefix("sha256:")))


def line_of(wanted: RemoveImage) -> str:
    """Return the request as a line."""
    return f"{NAME} {render({'image': typed(wanted.image)})}"


def answer(request: RemoveImage, sources: Sources, report: Callable[[str], None]) -> Removal | Refusal:
    """Propose to remove an image with all its tags; raise `Problem` if the daemon fails.

    Call `report` with each thing being done, in a few words.
    """
    report(f"Looking for {request.image}")
    listing = sources.engine.listing()
    found = meant(request.image, listing)
    return found if isinstance(found, Refusal) else _of(found, listing, sources)


def _of(found: Found, listing: Sequence[ListedImage], sources: Sources) -> Removal | Refusal:
    image = found.image
    containers = [one for one in sources.engine.containers() if one.image == image.id]
    if containers:
        return _in_use(found.name, containers)
    users = sources.lineage.users([image.id], listing).get(image.id, Users())
    findings = (*_findings_on_names(image.repo_tags), *_findings_on_users(users))
    return Removal(f"Remove `{found.name}`?", mark_of(found), image.repo_tags, findings)


def _in_use(name: str, containers: Sequence[Container]) -> Refusal:
    count = len(containers)
    told = and_more([f"`{container.name}` ({container.state})" for container in containers], _MOST_NAMED)
    return Refusal(
        f"`{name}` is in use",
        f"{plural(count, 'A container uses', 'Containers use')} it: {told}.",
        f"Remove {plural(count, 'the container')} first; the bot never removes containers.",
    )


def _findings_on_names(names: Sequence[str]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    if kept := [name for name in names if is_kept(tag_of(name))]:
        message = f"This is the earlier image `{kept[0]}`: after its removal you cannot roll back to it."
        findings.append(Finding("kept-image", Severity.WARNING, message))
    return tuple(findings)


def _findings_on_users(users: Users) -> tuple[Finding, ...]:
    if not users.images:
        return ()
    told = and_more([f"`{name}`" for name in users.images], _MOST_NAMED)
    message = f"Built on it: {told}. They keep the shared layers."
    return (Finding("built-on-it", Severity.NOTE, message),)
