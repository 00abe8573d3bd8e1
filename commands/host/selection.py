"""Finds the image that somebody typed among the images of the host. Pure: no request to the daemon."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from commands.host.history import is_kept, repository_of, tag_of
from commands.model.images import ListedImage
from commands.model.references import DaemonName, Malformed, Reference
from commands.model.requests import ShortId, Wanted

MOST_CANDIDATES = 5
"""Maximum number of suggestions for a name that does not exist."""

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")
_WHOLE_ID = 64
_ID_IN_CAPITALS = re.compile(r"sha256:[0-9A-Fa-f]{4,64}")
# Minimum similarity of a suggestion; difflib's default.
_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """The image found. `name` is its full `repository:tag`, or a short ID if it has no name."""

    image: ListedImage
    name: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several images match; each of `candidates` is a name or ID of exactly one."""

    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No image has this name or ID; `nearest` are similar names, most similar first."""

    nearest: tuple[str, ...]


Selection = Found | Ambiguous | Unknown
"""The result of a search for an image."""


def parse_wanted(text: str) -> Wanted:
    """Parse an image's name or the start of its ID; raises `Malformed`.

    A text that may be both is parsed as an ID; `find` then tries it as a name first.
    """
    if found := _ID.fullmatch(text):
        return ShortId(found[1])
    if _ID_IN_CAPITALS.fullmatch(text):
        raise Malformed(f"`{text}` is not an image ID", advice="IDs are in lower case.", correction=text.lower())
    try:
        return Reference.parse(text)
    except Malformed as error:
        # For `-x` or `../x` there is no sensible correction.
        is_no_name = text.startswith("-") or ".." in text or re.search(r"[$`();|&\\]", text)
        raise Malformed(
            error.message, advice=error.advice, correction=None if is_no_name else error.correction
        ) from None


def typed(wanted: Wanted) -> str:
    """Write which image is meant, so that `parse_wanted` reads the same."""
    match wanted:
        case ShortId(digits) if len(digits) == _WHOLE_ID:
            return f"sha256:{digits}"
        case ShortId(digits):
            return digits
        case Reference():
            return str(wanted)


def find(wanted: Wanted, listing: Sequence[ListedImage]) -> Selection:
    """Find an image in the host's list."""
    match wanted:
        case ShortId(digits):
            named = _by_name(Reference(digits), listing)
            return named or _by_id(digits, listing) or Unknown(nearest(digits, _names(listing)))
        case Reference(digest=None):
            return _by_name(wanted, listing) or Unknown(nearest(familiar(wanted), _names(listing)))
        case Reference():
            return _by_digest(wanted, listing) or Unknown(nearest(familiar(wanted), _names(listing)))


def familiar(reference: Reference) -> str:
    """Return a name as the daemon lists it: without the default registry and `library/`, and without a digest."""
    repository = reference.familiar_repository
    return f"{repository}:{reference.tag}" if reference.tag else repository


def preferred_name(image: ListedImage) -> str:
    """Return the name to show for an image: one that its registry has, else the first one, else its short ID."""
    names = [name for name in image.repo_tags if not is_kept(tag_of(name))] or list(image.repo_tags)
    known = {digest.partition("@")[0] for digest in image.repo_digests}
    pulled = (name for name in names if repository_of(name) in known)
    return next(pulled, names[0] if names else image.id.removeprefix("sha256:")[:12])


def _by_name(wanted: Reference, listing: Sequence[ListedImage]) -> Found | Ambiguous | None:
    name = familiar(wanted)
    if wanted.tag is not None:
        return next((Found(image, name) for image in listing if name in image.repo_tags), None)
    holders = {own: image for image in listing for own in image.repo_tags if repository_of(own) == name}
    latest = f"{name}:latest"
    # A name without a tag does not mean an image that is kept for a roll back.
    present = [own for own in holders if not is_kept(tag_of(own))] or list(holders)
    if latest in holders or len(present) == 1:
        only = latest if latest in holders else present[0]
        return Found(holders[only], only)
    return Ambiguous(tuple(present)) if present else None


def _by_id(digits: str, listing: Sequence[ListedImage]) -> Found | Ambiguous | None:
    found = [image for image in listing if image.id.removeprefix("sha256:").startswith(digits)]
    match found:
        case []:
            return None
        case [only]:
            return Found(only, preferred_name(only))
        case _:
            return Ambiguous(_distinct_prefixes([image.id.removeprefix("sha256:") for image in found]))


def _distinct_prefixes(ids: Sequence[str]) -> tuple[str, ...]:
    enough = next((length for length in range(12, 64) if len({each[:length] for each in ids}) == len(ids)), 64)
    return tuple(each[:enough] for each in ids)


def _by_digest(wanted: Reference, listing: Sequence[ListedImage]) -> Found | None:
    name = familiar(Reference(wanted.repository))
    digest = f"{name}@{wanted.digest}"
    return next((Found(image, digest) for image in listing if digest in image.repo_digests), None)


def _names(listing: Iterable[ListedImage]) -> list[str]:
    return [name for image in listing for name in image.repo_tags if not is_kept(tag_of(name))]


def nearest(typed: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that are most similar to the typed one and that can be typed."""
    wanted = DaemonName.parse(typed)
    repository, tag = wanted.repository, wanted.tag
    by_repository: dict[str, list[str]] = {}
    for name in names:
        by_repository.setdefault(repository_of(name), []).append(name)
    if tag and repository in by_repository:
        siblings = get_close_matches(typed, by_repository[repository], n=MOST_CANDIDATES, cutoff=0)
        return _askable(siblings)
    same_end = [known for known in by_repository if _last(known) == _last(repository)]
    alike = get_close_matches(repository, by_repository, n=MOST_CANDIDATES, cutoff=_LIKENESS)
    ends = {_last(known): known for known in reversed(by_repository)}
    alike_end = get_close_matches(_last(repository), ends, n=MOST_CANDIDATES, cutoff=_LIKENESS + 0.2)
    close = dict.fromkeys([*same_end, *alike, *(ends[end] for end in alike_end)])
    return _askable(_best_name(by_repository[known], tag) for known in close)


def _best_name(names: Sequence[str], tag: str) -> str:
    """Return one name of a repository: with the typed tag, or `latest`, or the newest one."""
    repository = repository_of(names[0])
    wished = (f"{repository}:{tag}", f"{repository}:latest")
    return next((name for name in wished if name in names), names[0])


def _last(repository: str) -> str:
    return repository.rpartition("/")[2]


def _askable(names: Iterable[str]) -> tuple[str, ...]:
    offered = (name for name in dict.fromkeys(names) if is_askable(name) and not is_name_of_tool(name))
    return tuple(offered)[:MOST_CANDIDATES]


def is_askable(name: str) -> bool:
    """Return whether a listed name can be typed; a host may have others."""
    try:
        Reference.parse(name)
    except Malformed:
        return False
    return True


def is_name_of_tool(name: str) -> bool:
    """Return whether a listed name, even one that cannot be typed, is reserved for the bot's own tools."""
    return Reference(repository_of(name)).is_kept_for_tools


def is_tool(image: ListedImage) -> bool:
    """Return whether any name of an image is reserved for the bot's own tools."""
    return any(map(is_name_of_tool, image.repo_tags))
