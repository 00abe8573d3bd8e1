"""The previous images of a tag: each is kept under a tag that names the job that moved the tag.

When a job moves `latest`, the previous image is kept as `before-<job>`; for any other tag as `before-<job>-<tag>`,
because a job may move several tags of one repository. Job ids increase with time, so the tags sort by age.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commands.model.images import ListedImage
from commands.model.references import DaemonName

LATEST = "latest"
LONGEST_TAG = 128
"""Maximum characters of a tag; from `TagRegexp` in Docker's reference package."""

_PREFIX = "before-"
# A job's id: 11 hex digits of milliseconds since 1970, and 8 random ones.
_JOB = re.compile(r"[0-9a-f]{19}")
# A tag's hash follows `--`: no tag begins with a dash, so a hash cannot be mistaken for a tag.
_KEPT = re.compile(
    rf"{_PREFIX}(?P<job>{_JOB.pattern})(?:--(?P<hash>[0-9a-f]{{64}})|-(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A previous image of a tag. `name` is the full name under which `job` kept it when it moved the tag."""

    name: str
    job: str
    image: ListedImage

    @property
    def tag(self) -> str:
        """The tag under which it is kept."""
        return tag_of(self.name)


def tag_of(name: str) -> str:
    """Return the tag of a name, as `DaemonName` does."""
    return DaemonName.parse(name).tag


def repository_of(name: str) -> str:
    """Return the repository of a name, as `DaemonName` does."""
    return DaemonName.parse(name).repository


def kept_tag(job: str, tag: str) -> str:
    """Return the tag under which a job keeps a tag's previous image."""
    if not _JOB.fullmatch(job):
        raise ValueError(f"{job!r} is not the id of a job")
    if tag == LATEST:
        return f"{_PREFIX}{job}"
    plain = f"{_PREFIX}{job}-{tag}"
    return plain if len(plain) <= LONGEST_TAG else f"{_PREFIX}{job}--{hashlib.sha256(tag.encode()).hexdigest()}"


def kept_name(job: str, name: str) -> str:
    """Return the full name under which a job keeps a name's previous image."""
    return f"{repository_of(name)}:{kept_tag(job, tag_of(name))}"


def is_kept(tag: str) -> bool:
    """Return whether a tag is a kept tag of a previous image."""
    return _KEPT.fullmatch(tag) is not None


def kept_for(name: str, listing: Sequence[ListedImage]) -> tuple[Kept, ...]:
    """List the previous images of a name, latest first."""
    repository, wanted = repository_of(name), tag_of(name)
    found = (kept for kept in _kept_images(listing) if repository_of(kept.name) == repository)
    same = (kept for kept in found if kept.tag == kept_tag(kept.job, wanted))
    return tuple(sorted(same, key=lambda kept: kept.job, reverse=True))


def kept_by(job: str, listing: Sequence[ListedImage]) -> tuple[tuple[str, Kept], ...]:
    """List the names that a job moved, each with its previous image, sorted by name.

    A name that was kept as a hash, because its tag is too long, is found only while it still exists.
    """
    own = (kept for kept in _kept_images(listing) if kept.job == job)
    return tuple(
        sorted(((name, kept) for kept in own if (name := _moved_name(kept, listing))), key=lambda pair: pair[0])
    )


def too_old(name: str, listing: Sequence[ListedImage], depth: int) -> tuple[Kept, ...]:
    """List the previous images of a name beyond the latest `depth` ones, oldest first."""
    return kept_for(name, listing)[max(depth, 0) :][::-1]


def _kept_images(listing: Sequence[ListedImage]) -> Iterator[Kept]:
    for image in listing:
        for name in image.repo_tags:
            if found := _KEPT.fullmatch(tag_of(name)):
                yield Kept(name, found["job"], image)


def _moved_name(kept: Kept, listing: Sequence[ListedImage]) -> str | None:
    """Return the name whose previous image this is, or None if it cannot be determined."""
    repository, found = repository_of(kept.name), _KEPT.fullmatch(kept.tag)
    if found and found["hash"]:
        names: Iterator[str] = (name for image in listing for name in image.repo_tags)
    else:
        names = iter((f"{repository}:{found['tag'] or LATEST}",) if found else ())
    return next((name for name in names if kept_name(kept.job, name) == kept.name), None)
