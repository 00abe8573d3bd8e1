"""Which image a person means: the one answer for updates, cards and removals."""

from collections.abc import Callable, Sequence
from typing import assert_never

from commands.command import Refusal
from commands.host.plans import join_names, refusal_of_tool
from commands.host.selection import Ambiguous, Found, Unknown, find, is_tool
from commands.model.images import ListedImage
from commands.model.requests import ShortId, Wanted
from commands.text import quote

_MOST_IN_A_SENTENCE = 60
"""Characters of a name; longer ones are listed whole below the sentence."""
_LIST = "`/docker_images` lists the images."


def meant(
    wanted: Wanted,
    listing: Sequence[ListedImage],
    *,
    allow_tools: bool = False,
    line: Callable[[str], str] | None = None,
) -> Found | Refusal:
    """Return the image that is meant, or why there is not exactly one.

    The bot's own tool images are refused unless `allow_tools`. `line` writes the command for another name, to paste.
    """
    selection = find(wanted, listing)
    match selection:
        case Found(image, name) if is_tool(image) and not allow_tools:
            return refusal_of_tool(name)
        case Found():
            return selection
        case Ambiguous(candidates):
            return _ambiguous(wanted, candidates)
        case Unknown(nearest):
            return _unknown(wanted, nearest, line)
        case _:
            assert_never(selection)


def _ambiguous(wanted: Wanted, candidates: Sequence[str]) -> Refusal:
    typed = quote(str(wanted))
    message = (
        f"Several images have IDs that begin with {typed}."
        if isinstance(wanted, ShortId) and not any(":" in candidate for candidate in candidates)
        else f"{typed} has several tags here, but no `latest`."
    )
    title = f"{typed} is not one image"
    if any(len(candidate) > _MOST_IN_A_SENTENCE for candidate in candidates):
        return Refusal(title, message, "Choose one of these.", tuple(candidates))
    return Refusal(title, message, f"Choose {join_names(candidates, 'or')}.")


def _unknown(wanted: Wanted, nearest: Sequence[str], line: Callable[[str], str] | None) -> Refusal:
    typed = quote(str(wanted))
    title, message = f"{typed} is not here", f"This Docker host has no image {typed}."
    match nearest:
        case []:
            return Refusal(title, message, _LIST)
        case [only] if line is not None:
            return Refusal(title, message, "Paste this instead:", (line(only),))
        case _:
            return Refusal(title, message, f"Did you mean {join_names(nearest, 'or')}? {_LIST}")
