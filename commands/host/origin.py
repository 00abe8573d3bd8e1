"""The origin of an image: whether the bot made it, and the command that builds it again."""

from collections.abc import Iterable, Mapping

from commands.arguments import render
from commands.host.history import repository_of
from commands.model.images import ImageId, ListedImage, LocalImage
from commands.model.references import DaemonName, Malformed, Reference
from commands.model.requests import CreateImage, parse_dependencies, parse_packages
from commands.recipe.labels import JOB, REF_NAME, Request
from commands.typed_text import LONGEST_TEXT

CREATE = "/docker_image_create"
"""The command that creates images."""


def holders_of(images: Iterable[ListedImage]) -> Mapping[str, ImageId]:
    """Map each name to the image that has it."""
    return {name: image.id for image in images for name in image.repo_tags}


def is_made_here(image: ListedImage | LocalImage, holders: Mapping[str, ImageId]) -> bool:
    """Return whether the bot made this image; `holders` maps all names on the host to their images.

    An image that people build on the bot's image inherits its labels. So labels count only if the image has a name in
    the repository that it was built for, and no other image has the name that it got when it was built.
    """
    own = image.labels.get(REF_NAME)
    if not own or not image.labels.get(JOB) or holders.get(own, image.id) != image.id:
        return False
    given = DaemonName.parse(own)
    return bool(given.tag) and any(repository_of(name) == given.repository for name in image.repo_tags)


def wanted_again(recorded: Request) -> CreateImage | None:
    """Parse the request that an image was built from; return None if malformed, since anybody can write a label."""
    try:
        name, base = Reference.parse(recorded.name), Reference.parse(recorded.base)
        dependencies = parse_dependencies(",".join(recorded.dependencies))
        packages = parse_packages(",".join(recorded.packages))
    except Malformed:
        return None
    return None if name.tag or name.digest else CreateImage(name.repository, base, dependencies, packages)


def line_again(wanted: CreateImage) -> str | None:
    """Return the command line that builds an image again, or None if it is too long to be typed."""
    text = arguments_of(wanted)
    return f"{CREATE} {text}" if len(text) <= LONGEST_TEXT else None


def arguments_of(wanted: CreateImage) -> str:
    """Write what is wanted as the arguments of the command that asks for it."""
    arguments = {
        "name": wanted.name,
        # Without spaces: the shortest there is, since a line has a limit.
        "dependencies": ",".join(map(str, wanted.dependencies)),
        "packages": ",".join(map(str, wanted.packages)),
        "base": str(wanted.base or ""),
    }
    return render({name: value for name, value in arguments.items() if value})
