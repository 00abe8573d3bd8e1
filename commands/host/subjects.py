"""The subjects of an update: which names of the host it checks, and what each can be updated from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from commands.host.history import is_kept, repository_of, tag_of
from commands.host.origin import holders_of, is_made_here
from commands.host.selection import Found, familiar, is_askable, is_name_of_tool
from commands.model.images import Digest, ImageId, ListedImage, LocalImage, Mark
from commands.model.references import Reference
from commands.recipe.labels import REF_NAME
from commands.recipe.tags import build_number
from commands.text import quote


@dataclass(frozen=True, slots=True)
class MadeHere:
    """The bot built it and can rebuild it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registry may have its name.

    `otherwise` is empty if the image is known to come from that registry. Otherwise it may come from a mirror, which
    only the registry's answer shows; `otherwise` is the reason to show if it does not.
    """

    reference: Reference
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Sourceless:
    """It cannot be updated, for this reason."""

    reason: str


Kind = MadeHere | Registered | Sourceless
"""What a name of an image can be updated from."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """The names of a host to check, and the number of images without a name, which are not checked."""

    names: tuple[Found, ...]
    nameless: int


def kind_of(subject: Found, holders: Mapping[str, ImageId]) -> Kind:
    """Return what a name of an image can be updated from; `holders` maps all names on the host to their images."""
    image, name = subject.image, subject.name
    if name not in image.repo_tags:
        return Sourceless("it has no name and tag, so nothing says what a newer one would be")
    if not is_askable(name):
        return Sourceless("no registry can have its name")
    if is_kept(tag_of(name)):
        return Sourceless("it is an earlier image, kept to roll back to")
    if is_made_here(image, holders):
        own = shown_name(image)
        same = repository_of(own) == repository_of(name)
        return MadeHere() if same else Sourceless(f"it is a second name of {quote(own)}")
    return registry_kind(Reference.parse(name), image)


def registry_kind(reference: Reference, image: ListedImage | LocalImage) -> Registered | Sourceless:
    """Return whether a registry can be asked for a name that an image has on this host."""
    if digests_of(image, reference.repository):
        return Registered(reference)
    reason = _why_not_registered(reference, image)
    # A mirror has the same path on another host, perhaps with a prefix. Other names of the image do not matter.
    paths = (Reference(digest.partition("@")[0]).path for digest in image.repo_digests)
    if any(f"/{path}".endswith(f"/{reference.path}") for path in paths):
        return Registered(reference, otherwise=reason)
    return Sourceless(reason)


def _why_not_registered(reference: Reference, image: ListedImage | LocalImage) -> str:
    known = [digest.partition("@")[0] for digest in image.repo_digests]
    if not known:
        return "it was built or loaded on this host and never was in a registry"
    others = (name for name in image.repo_tags if repository_of(name) in known and name != familiar(reference))
    first = next(others, None)
    if first is None:
        return f"its name was given on this host: it came from {quote(known[0])}"
    return f"it is a second name of {quote(first)}"


def shown_name(image: ListedImage) -> str:
    """Return the name to show for an image that the bot made: `latest` if it has it, else its unique tag."""
    own = image.labels[REF_NAME]
    latest = f"{repository_of(own)}:latest"
    return next((name for name in (latest, own) if name in image.repo_tags), own)


def subjects_of(listing: Sequence[ListedImage]) -> Subjects:
    """List every name to check in an update of all images.

    It leaves out the bot's own tools, kept tags, and all but the newest of the bot's builds for one repository.
    """
    holders = holders_of(listing)
    newest = _newest_builds(listing, holders)
    named = {
        subject.name: subject
        for image in reversed(listing)
        for subject in _subjects_of(image, holders, newest)
        if not is_name_of_tool(subject.name)
    }
    return Subjects(tuple(named.values()), nameless=sum(not image.repo_tags for image in listing))


def _subjects_of(
    image: ListedImage, holders: Mapping[str, ImageId], newest: Mapping[str, ListedImage]
) -> Iterator[Found]:
    names = [name for name in image.repo_tags if not is_kept(tag_of(name))]
    if is_made_here(image, holders):
        repository = repository_of(image.labels[REF_NAME])
        if newest[repository].id != image.id:
            return
        yield Found(image, shown_name(image))
        names = [name for name in names if repository_of(name) != repository]
    yield from (Found(image, name) for name in names)


def _newest_builds(listing: Sequence[ListedImage], holders: Mapping[str, ImageId]) -> Mapping[str, ListedImage]:
    made = [image for image in listing if is_made_here(image, holders)]
    made.sort(key=lambda image: (build_number(tag_of(image.labels[REF_NAME])) or -1, image.created))
    return {repository_of(image.labels[REF_NAME]): image for image in made}


def digests_of(image: ListedImage | LocalImage, repository: str) -> tuple[Digest, ...]:
    """List the digests of an image in a repository's registry."""
    prefix = f"{familiar(Reference(repository))}@"
    return tuple(
        Digest(digest.removeprefix(prefix)) for digest in image.repo_digests if digest.startswith(f"{prefix}sha256:")
    )


def mark_of(subject: Found) -> Mark:
    """Return an image's mark with its registry digest, preferably of the name's own repository."""
    image = subject.image
    repository = repository_of(subject.name.partition("@")[0])
    own = digests_of(image, repository) if repository and is_askable(repository) else ()
    any_digest = [Digest(digest.partition("@")[2]) for digest in image.repo_digests]
    return Mark(image.id, next(iter((*own, *any_digest)), None), image.created, image.size)
