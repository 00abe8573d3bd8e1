"""Proposes a roll back: of one tag to an earlier image, or of every tag that an update moved."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from commands.arguments import make_or_refuse, render
from commands.command import Finding, Move, Refusal, RollBack, Severity, Users
from commands.host.history import Kept, kept_by, kept_for
from commands.host.selection import Found, familiar, is_name_of_tool
from commands.host.subjects import mark_of
from commands.model.images import ImageId, ListedImage, Mark
from commands.model.references import DaemonName, Malformed, Reference, refuse_name_of_tools
from commands.model.requests import RollBackImage, UndoUpdate
from commands.sources import Sources
from commands.text import code_spans, plural
from commands.typed_text import Mistake

NAME = "roll_back"

_TAGGED = re.compile(r"(?:[^@/:]+(?::[0-9]+)?/)?[^@:]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def request_for(name: str, to: str | None = None) -> RollBackImage:
    """Return the request to roll a tag back: to the image kept as `to`, or to the latest; raise `ArgumentError`."""
    return make_or_refuse(lambda: RollBackImage(_reference(name), to))


def line_of(wanted: RollBackImage | UndoUpdate) -> str:
    """Return the request as a line."""
    match wanted:
        case RollBackImage(image, to):
            return f"{NAME} {render({'image': str(image)} if to is None else {'image': str(image), 'to': to})}"
        case UndoUpdate(job):
            return f"{NAME} {render({'job': job})}"
        case _:
            assert_never(wanted)


def _reference(text: str) -> Reference:
    # Tags that look like a placeholder (`1.0-BASE`) are refused only when typed. A button names an existing tag.
    name = DaemonName.parse(text)
    try:
        tagged = _TAGGED.fullmatch(text)
        reference = replace(Reference.parse(name.repository), tag=name.tag) if tagged else Reference.parse(text)
        refuse_name_of_tools(reference)
    except Malformed as error:
        raise Mistake(error.message, advice=error.advice) from None
    return reference


def answer(request: RollBackImage | UndoUpdate, sources: Sources, report: Callable[[str], None]) -> RollBack | Refusal:
    """Propose to move tags back to earlier images; raise `Problem` if the daemon fails.

    Call `report` with each thing being done, in a few words.
    """
    report("Looking for earlier images")
    listing = sources.engine.listing()
    match request:
        case RollBackImage():
            return _of_image(request, listing, sources)
        case UndoUpdate(job):
            return _of_job(job, listing, sources)
        case _:
            assert_never(request)


# ── One name ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_image(request: RollBackImage, listing: Sequence[ListedImage], sources: Sources) -> RollBack | Refusal:
    wanted = Reference(request.image.repository, request.image.tag or "latest")
    name = familiar(wanted)
    present = _holder(name, listing)
    # A kept image that is the present one is not an earlier image.
    kept = [each for each in kept_for(name, listing) if present is None or each.image.id != present.id]
    chosen = next((each for each in kept if request.to in (None, each.tag)), None)
    if chosen is None:
        return _nothing_refusal(_why_nothing(name, request.to, kept))
    users = _users((present,), listing, sources)
    moves = {each.name: _move(name, present, each, users) for each in kept}
    first = moves.pop(chosen.name)
    return RollBack(f"Roll back `{name}`?", (first,), tuple(moves.values()), tuple(_findings((first,))))


def _why_nothing(name: str, to: str | None, kept: Sequence[Kept]) -> str:
    if kept and to is not None:
        return f"`{name}` no longer has an earlier image `{to}`."
    return f"No earlier image of `{name}` is kept on this host."


# ── All names of a job ──────────────────────────────────────────────────────────────────────────────────────────────


def _of_job(job: str, listing: Sequence[ListedImage], sources: Sources) -> RollBack | Refusal:
    moved = [(name, kept, _holder(name, listing)) for name, kept in kept_by(job, listing) if not is_name_of_tool(name)]
    back = [(name, kept, present) for name, kept, present in moved if present is None or present.id != kept.image.id]
    if not back:
        return _nothing_refusal("None of the replaced images is still kept on this Docker host.")
    users = _users(tuple(present for _, _, present in back), listing, sources)
    moves = tuple(_move(name, present, kept, users) for name, kept, present in back)
    since = tuple(_since(name, kept, listing) for name, kept, _ in back)
    title = f"Roll back `{moves[0].name}`?" if len(moves) == 1 else f"Roll back {len(moves)} images?"
    return RollBack(title, moves, findings=(*filter(None, since), *_findings(moves)))


def _since(name: str, kept: Kept, listing: Sequence[ListedImage]) -> Finding | None:
    later = [each for each in kept_for(name, listing) if each.job > kept.job]
    if not later:
        return None
    message = f"`{name}` was changed again since: this restores the image from before the update."
    return Finding("moved-since", Severity.WARNING, message)


# ── Both ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _nothing_refusal(reason: str) -> Refusal:
    return Refusal("Nothing to roll back to", reason, "`/docker_images` lists the images.")


def _holder(name: str, listing: Sequence[ListedImage]) -> ListedImage | None:
    return next((image for image in listing if name in image.repo_tags), None)


def _users(
    present: Sequence[ListedImage | None], listing: Sequence[ListedImage], sources: Sources
) -> Mapping[ImageId, Users]:
    return sources.lineage.users([image.id for image in present if image], listing)


def _move(name: str, present: ListedImage | None, kept: Kept, users: Mapping[ImageId, Users]) -> Move:
    now: Mark | None = mark_of(Found(present, name)) if present else None
    own = users.get(present.id, Users()) if present else Users()
    return Move(name, now, mark_of(Found(kept.image, kept.name)), kept.name, own)


def _findings(moves: Sequence[Move]) -> Iterator[Finding]:
    for move in moves:
        if running := move.users.running:
            who = code_spans(running)
            present = f"the current image of `{move.name}`"
            one, many = f"runs on {present} and keeps it", f"run on {present} and keep it"
            yield Finding("running-users", Severity.WARNING, f"{who} {plural(len(running), one, many)}.")
