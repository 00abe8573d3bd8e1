"""The card of one image: its contents, its origin, its users, and earlier images."""

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
from commands.text import quote

NAME = "details"


def request_for(row: Row) -> LookAtImage:
    """Return the request for the card of a row."""
    return LookAtImage(parse_wanted(_askable(row.name, row.image)))


def line_of(wanted: LookAtImage) -> str:
    """Return the request as a line."""
    return f"{NAME} {render({'image': typed(wanted.image)})}"


def _askable(name: str, image: ImageId) -> str:
    # A host may hold names that are invalid when typed.
    return name if is_askable(name) else image.removeprefix("sha256:")[:12]


def answer(request: LookAtImage, sources: Sources, report: Callable[[str], None]) -> Card | Refusal:
    """Return the card of an image; raise `Problem` if the daemon fails.

    Call `report` with each thing being done, in a few words. The card says which packages cannot be read.
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
    return Refusal(f"{quote(name)} no longer exists", "It was just removed.", "`/docker_images` lists the images.")


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
        # The image's own name first; a build's unique tag has no earlier image, but `latest` may have one.
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
    wanted = wanted_again(made.request) if made.request else None
    line = line_again(wanted) if wanted else None
    return Origin(
        requester=made.requester,
        channel=made.channel,
        at=made.created,
        job=made.job,
        line=line,
        base=made.base_name,
        request=wanted if line else None,
    )


def _earlier(name: str, present: Mark, users: Users, listing: Sequence[ListedImage]) -> tuple[Move, ...]:
    # A kept image that is the present one after a roll back is not an earlier image.
    kept = (each for each in kept_for(name, listing) if each.image.id != present.id)
    return tuple(Move(name, present, mark_of(Found(each.image, each.name)), each.name, users) for each in kept)


def _packages(image: ImageId, sources: Sources) -> Inventory:
    try:
        return sources.inventories.of(image, sources.labels)
    except Problem as problem:
        return Inventory({}, None, gap=f"The packages could not be read: {problem.message}")
