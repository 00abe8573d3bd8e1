"""Removes an image."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from commands.carry_out.dependencies import Dependencies
from commands.carry_out.naming import give
from commands.command import Removal
from commands.engine.interface import Engine
from commands.errors import ImageInUse, Problem, ReviewVoid
from commands.host.history import repository_of
from commands.model.images import Container, ImageId, LocalImage
from commands.model.outcomes import Removed
from commands.text import plural


def remove(proposal: Removal, dependencies: Dependencies) -> Removed:
    """Remove an image with all its tags, or leave it unchanged.

    May be called again after an interruption. Raise `ReviewVoid` or `ImageInUse`.
    """
    engine = dependencies.engine
    with dependencies.turns.at_once(proposal.names):
        image = engine.find_image(proposal.image.id)
        _check(proposal, image, engine)
        if image is not None:
            _remove(image, engine)
    return Removed(proposal.names, proposal.image.id)


def _check(proposal: Removal, image: LocalImage | None, engine: Engine) -> None:
    names = image.repo_tags if image else ()
    if new := sorted(set(names) - set(proposal.names)):
        raise _void(f"The image has another name since the review: `{new[0]}`.")
    for name in proposal.names:
        # A missing tag was to be removed anyway; a moved one points to an image that is not part of the proposal.
        if name not in names and engine.find_image(name) is not None:
            raise _void(f"`{name}` has changed since the review: it is another image now.")
    refuse_if_used(engine.containers(), proposal.image.id)


def _void(message: str) -> ReviewVoid:
    return ReviewVoid(message, hint="Look at the new review.")


def refuse_if_used(containers: Iterable[Container], image: ImageId) -> None:
    """Raise `ImageInUse` if a container, running or not, uses the image."""
    users = [container for container in containers if container.image == image]
    if users:
        told = ", ".join(f"`{user.name}` ({user.state})" for user in users)
        raise ImageInUse(
            f"{plural(len(users), 'A container uses', 'Containers use')} the image: {told}.",
            hint=f"Remove {plural(len(users), 'it', 'them')} first: `docker rm`.",
        )


def _remove(image: LocalImage, engine: Engine) -> None:
    taken: list[str] = []
    try:
        for name in _names_before_the_last(image):
            engine.remove_image(name)
            taken.append(name)
        _remove_rest(image.id, engine)
    except Problem:
        _put_back(image.id, taken, engine)
        raise


def _names_before_the_last(image: LocalImage) -> list[str]:
    """Return all names but one, which is of a repository with a digest if there is one.

    With the last tag of a repository Docker also removes its digests, which only a pull brings back.
    """
    known = {_repository(digest) for digest in image.repo_digests}
    return sorted(image.repo_tags, key=lambda name: repository_of(name) in known)[:-1]


def _remove_rest(image: ImageId, engine: Engine) -> None:
    # By its ID: then Docker checks whether the image is in use before it removes the last tag, not afterwards.
    # It refuses if more than one tag is left, or digests of more than one repository.
    left = engine.find_image(image)
    for digest in _digests_elsewhere(left) if left else ():
        engine.remove_image(digest)
    engine.remove_image(image)


def _digests_elsewhere(image: LocalImage) -> list[str]:
    """Return the digests of all repositories but one: that of the tag, or of the first digest."""
    repositories = [*map(repository_of, image.repo_tags), *map(_repository, image.repo_digests)]
    return [digest for digest in image.repo_digests if _repository(digest) != repositories[0]]


def _repository(digest: str) -> str:
    return digest.partition("@")[0]


def _put_back(image: ImageId, names: Sequence[str], engine: Engine) -> None:
    for name in names:
        # The earlier problem is reported even if this fails too.
        with suppress(Problem):
            give(engine, image, name)
