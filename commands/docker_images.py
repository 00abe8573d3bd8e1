"""`/docker_images`: the images of the host, in pages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from commands.arguments import Grammar
from commands.command import Listing, Row
from commands.host.history import is_kept
from commands.host.origin import holders_of, is_made_here
from commands.model.images import ImageId, ListedImage
from commands.model.references import DaemonName
from commands.model.requests import ListImages, Query
from commands.sources import Sources
from commands.text import quote
from commands.typed_text import HELP

GRAMMAR = Grammar(command="/docker_images")

ROWS = 20
"""The rows of one page, which fit into one Slack message with a margin."""

NONE = "<none>"
"""Docker's word for a missing repository or tag."""


def parse(text: str) -> ListImages:
    """Parse the arguments of the command; the list is shown for any arguments."""
    given = text.strip()
    if not given or given.lower() in HELP:
        return ListImages()
    left_out = f"`{GRAMMAR.command}` takes no arguments: {quote(given)} was ignored."
    return ListImages(hint=f"{left_out} Filter… narrows the list.")


def answer(request: ListImages, sources: Sources, report: Callable[[str], None]) -> Listing:
    """Return the first page of the list; raise `EngineUnavailable`."""
    report("Listing the images")
    return page_of(sources.engine.listing(), request.query, request.hint)


def turn(query: Query, sources: Sources) -> Listing:
    """Return another part of the present list; raise `EngineUnavailable`."""
    return page_of(sources.engine.listing(), query)


def page_of(images: Sequence[ListedImage], query: Query, hint: str = "") -> Listing:
    """Return the rows that match a query: the newest image first, the names of one image together.

    A page that no longer exists becomes the last one.
    """
    holders = holders_of(images)
    named = [each for image in sorted(images, key=_order) for each in _names(image)]
    found = [each for each in named if _is_meant(each, query, holders)]
    pages = max(1, ceil(len(found) / ROWS))
    page = min(max(1, query.page), pages)
    return Listing(
        query=replace(query, page=page),
        rows=tuple(_row(each, holders) for each in found[(page - 1) * ROWS : page * ROWS]),
        pages=pages,
        matching=len(found),
        images=len(images),
        names=sum(each.tag is not None for each in named),
        hint=hint,
    )


class _NamedImage(NamedTuple):
    """One name of one image. There may be thousands, and creating these is several times faster than a `Row`."""

    image: ListedImage
    repository: str | None
    tag: str | None


def _order(image: ListedImage) -> tuple[float, str, ImageId]:
    # Reproducible builds have the same time: then the name decides, since the daemon's order is arbitrary.
    return -image.created.timestamp(), min(image.repo_tags, default=""), image.id


def _names(image: ListedImage) -> Iterator[_NamedImage]:
    """Yield the lines of `docker images`: every tag, and every repository with only a digest."""
    tagged = sorted(map(_split, image.repo_tags), key=_order_of_names)
    by_digest = {name.rpartition("@")[0] or None for name in image.repo_digests} - {each for each, _ in tagged}
    untagged = [(repository, None) for repository in sorted(filter(None, by_digest))]
    for repository, tag in tagged + untagged or [(None, None)]:
        yield _NamedImage(image, repository, tag)


def _order_of_names(name: tuple[str | None, str | None]) -> tuple[bool, str, bool, str]:
    repository, tag = name
    return tag is not None and is_kept(tag), repository or "", tag == "latest", tag or ""


def _split(name: str) -> tuple[str | None, str | None]:
    listed = DaemonName.parse(name)
    return (None if listed.repository == NONE else listed.repository), (
        None if listed.tag in ("", NONE) else listed.tag
    )


def _is_meant(each: _NamedImage, query: Query, holders: Mapping[str, ImageId]) -> bool:
    if query.made_here and not is_made_here(each.image, holders):
        return False
    if not query.text:
        return True
    name = f"{each.repository or NONE}:{each.tag or NONE}".casefold()
    digits = each.image.id.removeprefix("sha256:")
    return all(word in name or _is_in_id(word, digits) for word in query.text.casefold().split())


def _is_in_id(word: str, digits: str) -> bool:
    # Anywhere only in the shown digits: every fifth image has `be` somewhere in its 64 digits.
    return word in digits[:12] or digits.startswith(word.removeprefix("sha256:"))


def _row(each: _NamedImage, holders: Mapping[str, ImageId]) -> Row:
    image = each.image
    return Row(
        image=image.id,
        repository=each.repository,
        tag=each.tag,
        size=image.size,
        created=image.created,
        made_here=is_made_here(image, holders),
    )
