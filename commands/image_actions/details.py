"""The card of one image: what is in it, where it came from, who uses it, what was before it."""

from collections.abc import Callable, Sequence

from commands.arguments import render
from commands.command import Card, Move, Origin, Refusal, Row, Users
from commands.errors import ImageNotFound, Problem
from commands.host.history import kept_for
from commands.host.meant import meant
from commands.host.origin import holders_of, is_made_here, line_again, wanted_again
from commands.host.selection import Found, is_askable, parse_wanted, typed
from commands.host.subjects import mark_of
from commands.model.images import ImageId, ListedImage, LocalImage, Mark
from commands.model.packages import Inventory
from commands.model.requests import LookAtImage
from commands.recipe.labels import read_labels
from commands.sources import Sources
from commands.text import quoted

NAME = "details"


def request_for(row: Row) -> LookAtImage:
    """Ask for the card of a row."""
    return LookAtImage(parse_wanted(_askable(row.name, row.image)))


def line_of(wanted: LookAtImage) -> str:
    """Write the request as a line."""
    return f"{NAME} {render({'image': typed(wanted.image)})}"


def _askable(name: str, image: ImageId) -> str:
    # A host may hold names that nobody could type.
    return name if is_askable(name) else image.removeprefix("sha256:")[:12]


def answer(request: LookAtImage, sources: Sources, report: Callable[[str], None]) -> Card | Refusal:
    """Gather all there is to know of an image; raises `Problem` where the daemon fails.

    `report` is told what is being done, in a few words. What cannot be read of the packages is told on the card.
    """
    report(f"Looking for {request.image}")
    listing = sources.engine.listing()
    found = meant(request.image, listing, allow_tools=True)
    if isinstance(found, Refusal):
        return found
    try:
        return _card(found, listing, sources, report) or _gone_refusal(found.name)
    except ImageNotFound:
        return _gone_refusal(found.name)


def _gone_refusal(name: str) -> Refusal:
    return Refusal(f"{quoted(name)} no longer exists", "It was just removed.", "`/docker_images` lists the images.")


def _card(found: Found, listing: Sequence[ListedImage], sources: Sources, report: Callable[[str], None]) -> Card | None:
    image = sources.engine.find_image(found.image.id)
    if image is None:
        return None
    name, mark = _askable(found.name, image.id), mark_of(found)
    users = sources.lineage.users([image.id], listing).get(image.id, Users())
    layers = sources.engine.history(image.id)
    report(f"Reading the packages of {name}")
    return Card(
        name=name,
        image=image,
        mark=mark,
        origin=_origin(image) if is_made_here(found.image, holders_of(listing)) else None,
        users=users,
        # Its own name first; a build's unique tag has nothing before it, but `latest` beside it may.
        earlier=tuple(
            move
            for own in dict.fromkeys((found.name, *sorted(image.repo_tags)))
            for move in _earlier(own, mark, users, listing)
        ),
        layers=layers,
        packages=_packages(image.id, sources),
        labels=image.labels,
    )


def _origin(image: LocalImage) -> Origin | None:
    made = read_labels(image.labels)
    if made is None:
        return None
    line = line_again(made.request) if made.request else None
    return Origin(
        requester=made.requester,
        channel=made.channel,
        at=made.created,
        job=made.job,
        line=line,
        base=made.base_name,
        request=wanted_again(made.request) if made.request and line else None,
    )


def _earlier(name: str, present: Mark, users: Users, listing: Sequence[ListedImage]) -> tuple[Move, ...]:
    # What was kept and then rolled back to is no earlier image any more.
    kept = (each for each in kept_for(name, listing) if each.image.id != present.id)
    return tuple(Move(name, present, mark_of(Found(each.image, each.name)), each.name, users) for each in kept)


def _packages(image: ImageId, sources: Sources) -> Inventory:
    try:
        return sources.inventories.of(image, sources.labels)
    except Problem as problem:
        return Inventory({}, None, gap=f"The packages could not be read: {problem.message}")
