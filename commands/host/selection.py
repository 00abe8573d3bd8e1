"""Which image somebody means: what they typed, looked for among the images of the host. Pure: no daemon is asked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from commands.host.history import is_kept, repository_of, tag_of
from commands.model.images import ListedImage
from commands.model.references import DaemonName, Malformed, Reference
from commands.model.requests import ShortId, Wanted

MOST_CANDIDATES = 5
"""How many names are offered where the one that was typed is not there."""

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")
_ID_IN_CAPITALS = re.compile(r"sha256:[0-9A-Fa-f]{4,64}")
# Of what has little in common nothing is offered; difflib's own default.
_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """The image that is meant. `name` is its full `repository:tag`, or a short ID where it has none."""

    image: ListedImage
    name: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several images may be meant; `candidates` are names or IDs that each mean one."""

    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No image has this name or ID; `nearest` are names that are much like it, the likeliest first."""

    nearest: tuple[str, ...]


Selection = Found | Ambiguous | Unknown
"""What came of looking for an image."""


def parse_wanted(text: str) -> Wanted:
    """Read which image is meant, by name or by the beginning of its ID; raises `Malformed`.

    A text that may be both is taken for an ID here: `find` looks for it as a name first.
    """
    if found := _ID.fullmatch(text):
        return ShortId(found[1])
    if _ID_IN_CAPITALS.fullmatch(text):
        raise Malformed(f"`{text}` is not an image ID", advice="IDs are in lower case.", correction=text.lower())
    try:
        return Reference.parse(text)
    except Malformed as error:
        # The bot cannot tell what `-x` or `../x` is short for, only that it is no image.
        is_no_name = text.startswith("-") or ".." in text or re.search(r"[$`();|&\\]", text)
        raise Malformed(
            error.message, advice=error.advice, correction=None if is_no_name else error.correction
        ) from None


def find(wanted: Wanted, listing: Sequence[ListedImage]) -> Selection:
    """Look for an image among all of the host."""
    match wanted:
        case ShortId(digits):
            named = _by_name(Reference(digits), listing)
            return named or _by_id(digits, listing) or Unknown(nearest(digits, _names(listing)))
        case Reference(digest=None):
            return _by_name(wanted, listing) or Unknown(nearest(familiar(wanted), _names(listing)))
        case Reference():
            return _by_digest(wanted, listing) or Unknown(nearest(familiar(wanted), _names(listing)))


def familiar(reference: Reference) -> str:
    """Write a name as the daemon lists it: without what people may leave out of the hub's names, and no digest."""
    repository = reference.familiar_repository
    return f"{repository}:{reference.tag}" if reference.tag else repository


def preferred_name(image: ListedImage) -> str:
    """Choose the name by which an image is told of: one that its registry knows, else its first, else its short ID."""
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
    # What is kept for a roll back is not what somebody means who gives no tag.
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
            return Ambiguous(_told_apart([image.id.removeprefix("sha256:") for image in found]))


def _told_apart(ids: Sequence[str]) -> tuple[str, ...]:
    enough = next((length for length in range(12, 64) if len({each[:length] for each in ids}) == len(ids)), 64)
    return tuple(each[:enough] for each in ids)


def _by_digest(wanted: Reference, listing: Sequence[ListedImage]) -> Found | None:
    name = familiar(Reference(wanted.repository))
    digest = f"{name}@{wanted.digest}"
    return next((Found(image, digest) for image in listing if digest in image.repo_digests), None)


def _names(listing: Iterable[ListedImage]) -> list[str]:
    return [name for image in listing for name in image.repo_tags if not is_kept(tag_of(name))]


def nearest(typed: str, names: Sequence[str]) -> tuple[str, ...]:
    """Choose the names that are most like what was typed, each of which can be asked for."""
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
    """Choose one name of a repository: with the tag that was typed, or `latest`, or the newest one."""
    repository = repository_of(names[0])
    wished = (f"{repository}:{tag}", f"{repository}:latest")
    return next((name for name in wished if name in names), names[0])


def _last(repository: str) -> str:
    return repository.rpartition("/")[2]


def _askable(names: Iterable[str]) -> tuple[str, ...]:
    offered = (name for name in dict.fromkeys(names) if is_askable(name) and not is_name_of_tool(name))
    return tuple(offered)[:MOST_CANDIDATES]


def is_askable(name: str) -> bool:
    """Whether a listed name is one that somebody could type: a host may have others."""
    try:
        Reference.parse(name)
    except Malformed:
        return False
    return True


def is_name_of_tool(name: str) -> bool:
    """Whether a listed name, which need not be one that somebody could type, is kept for the bot's own tools."""
    return Reference(repository_of(name)).is_kept_for_tools


def is_tool(image: ListedImage) -> bool:
    """Whether an image has a name that is kept for the bot's own tools, whatever else it is called."""
    return any(map(is_name_of_tool, image.repo_tags))
