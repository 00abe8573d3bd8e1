"""Where an image came from: whether the bot made it, and by which command it can be had again."""

from collections.abc import Iterable, Mapping

from commands.arguments import LONGEST_TEXT, render
from commands.host.history import repository_of
from commands.model.images import ImageId, ListedImage, LocalImage
from commands.model.references import DaemonName, Malformed, Reference
from commands.model.requests import CreateImage, parse_dependencies, parse_packages
from commands.recipe.labels import JOB, REF_NAME, Request

CREATE = "/docker_image_create"
"""The command that makes images."""


def holders_of(images: Iterable[ListedImage]) -> Mapping[str, ImageId]:
    """Say which image has which name."""
    return {name: image.id for image in images for name in image.repo_tags}


def is_made_here(image: ListedImage | LocalImage, holders: Mapping[str, ImageId]) -> bool:
    """Say whether the bot made this very image; `holders` are all names of the host, with the images that have them.

    What people build on an image of the bot inherits its labels. So an image is the bot's only under a name in the
    repository that it was made for, and not while another image has the name that it was given when it was made.
    """
    own = image.labels.get(REF_NAME)
    if not own or not image.labels.get(JOB) or holders.get(own, image.id) != image.id:
        return False
    given = DaemonName.parse(own)
    return bool(given.tag) and any(repository_of(name) == given.repository for name in image.repo_tags)


def wanted_again(recorded: Request) -> CreateImage | None:
    """Read what an image was once made from; None where that is no request, since anybody can write a label."""
    try:
        name, base = Reference.parse(recorded.name), Reference.parse(recorded.base)
        dependencies = parse_dependencies(",".join(recorded.dependencies))
        packages = parse_packages(",".join(recorded.packages))
    except Malformed:
        return None
    return None if name.tag or name.digest else CreateImage(name.repository, base, dependencies, packages)


def line_again(recorded: Request) -> str | None:
    """Write what an image was once made from as the line that asks for it again; None where that is no request."""
    wanted = wanted_again(recorded)
    if wanted is None:
        return None
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
