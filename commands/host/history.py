"""The images that a name stood on before: each is kept under a tag that tells which job moved the name.

A name of a repository's tag `latest` leaves its image under `before-<job>`, one of any other tag under
`before-<job>-<tag>`, because a job may move several tags of one repository. Jobs are numbered by time, so the tags
alone tell the order.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commands.model.images import ListedImage
from commands.model.references import DaemonName

LATEST = "latest"
LONGEST_TAG = 128
"""Characters of a tag; Docker's reference package, `TagRegexp`."""

_PREFIX = "before-"
# A job's id: 11 digits of milliseconds since 1970, 8 of chance.
_JOB = re.compile(r"[0-9a-f]{19}")
# The hash of a tag stands behind `--`: no tag begins with a dash, so it is never taken for one.
_KEPT = re.compile(
    rf"{_PREFIX}(?P<job>{_JOB.pattern})(?:--(?P<hash>[0-9a-f]{{64}})|-(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An image that a name stood on before. `name` is the full name by which `job` kept it when it moved the name."""

    name: str
    job: str
    image: ListedImage

    @property
    def tag(self) -> str:
        """The tag by which it was kept."""
        return tag_of(self.name)


def tag_of(name: str) -> str:
    """Give the tag of a name, as `DaemonName`."""
    return DaemonName.parse(name).tag


def repository_of(name: str) -> str:
    """Give the repository of a name, as `DaemonName`."""
    return DaemonName.parse(name).repository


def kept_tag(job: str, tag: str) -> str:
    """Say under which tag a job keeps the image that a tag leaves."""
    if not _JOB.fullmatch(job):
        raise ValueError(f"{job!r} is not the id of a job")
    if tag == LATEST:
        return f"{_PREFIX}{job}"
    plain = f"{_PREFIX}{job}-{tag}"
    return plain if len(plain) <= LONGEST_TAG else f"{_PREFIX}{job}--{hashlib.sha256(tag.encode()).hexdigest()}"


def kept_name(job: str, name: str) -> str:
    """Say under which full name a job keeps the image that a name leaves."""
    return f"{repository_of(name)}:{kept_tag(job, tag_of(name))}"


def is_kept(tag: str) -> bool:
    """Say whether a tag is one by which an earlier image is kept."""
    return _KEPT.fullmatch(tag) is not None


def kept_for(name: str, listing: Sequence[ListedImage]) -> tuple[Kept, ...]:
    """List the images that a name stood on before, the latest first."""
    repository, wanted = repository_of(name), tag_of(name)
    found = (kept for kept in _kept(listing) if repository_of(kept.name) == repository)
    same = (kept for kept in found if kept.tag == kept_tag(kept.job, wanted))
    return tuple(sorted(same, key=lambda kept: kept.job, reverse=True))


def kept_by(job: str, listing: Sequence[ListedImage]) -> tuple[tuple[str, Kept], ...]:
    """List the names that a job moved, each with the image that it left, sorted.

    A name whose tag was too long to be kept as it is can only be told while it is there.
    """
    own = (kept for kept in _kept(listing) if kept.job == job)
    return tuple(sorted(((name, kept) for kept in own if (name := _moved(kept, listing))), key=lambda pair: pair[0]))


def too_old(name: str, listing: Sequence[ListedImage], depth: int) -> tuple[Kept, ...]:
    """List those of a name's earlier images that are more than `depth`, the oldest first."""
    return kept_for(name, listing)[max(depth, 0) :][::-1]


def _kept(listing: Sequence[ListedImage]) -> Iterator[Kept]:
    for image in listing:
        for name in image.repo_tags:
            if found := _KEPT.fullmatch(tag_of(name)):
                yield Kept(name, found["job"], image)


def _moved(kept: Kept, listing: Sequence[ListedImage]) -> str | None:
    """Give the name that left an image behind; None where nobody can tell."""
    repository, found = repository_of(kept.name), _KEPT.fullmatch(kept.tag)
    if found and found["hash"]:
        names: Iterator[str] = (name for image in listing for name in image.repo_tags)
    else:
        names = iter((f"{repository}:{found['tag'] or LATEST}",) if found else ())
    return next((name for name in names if kept_name(kept.job, name) == kept.name), None)
