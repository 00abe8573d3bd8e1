"""Whatever a dialog is made of, Slack takes it, nobody is called by it and no terminal is controlled by it.

Three judges look at every message: a small one in this file, written from Slack's documentation and independent of the
views; the room's own; and `slackblocks`, which has to be able to build the very same blocks from its own classes.
"""

import io
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import pytest
import slackblocks
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bot.dialogs.progress import Progress, Step, StepState, Transfer
from bot.dialogs.stages import (
    Answered,
    Asked,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Expired,
    Failed,
    Finished,
    JobLine,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    StorageTrouble,
    UnderReview,
)
from bot.room.blocks import are_too_long, block_errors
from bot.room.client.terminal import to_rich
from bot.slack.views import Message, announcement, render
from bot.slack.views.tables import has_table, without_tables
from bot.slack.views.text import Markup, cost, log_block, prose
from commands.actions import Request
from commands.command import (
    Candidate,
    Card,
    Creation,
    ExistingImage,
    Finding,
    ImageCreated,
    ImageRemoved,
    ImageReused,
    ImagesUpdated,
    ImageUndecided,
    Keep,
    Listing,
    Move,
    NoSource,
    NothingToDo,
    Origin,
    Plan,
    Pull,
    Rebuild,
    Refusal,
    Removal,
    RollBack,
    Row,
    Severity,
    TagsRolledBack,
    Unchecked,
    Update,
    Users,
)
from commands.docker_images import ROWS as PAGE
from commands.model.images import (
    BaseImage,
    Digest,
    ImageId,
    ImageSpec,
    Layer,
    LocalImage,
    Mark,
    PackageManager,
    Platform,
    PythonRuntime,
)
from commands.model.outcomes import (
    Created,
    Ending,
    ImageResult,
    ImportFailure,
    MoveResult,
    Removed,
    RolledBack,
    Undecided,
    Updated,
)
from commands.model.packages import (
    Change,
    Difference,
    Inventory,
    LockedPackage,
    OsPackage,
    PackageChanges,
    PackageFile,
)
from commands.model.references import Reference
from commands.model.requests import (
    CreateImage,
    ListImages,
    LookAtImage,
    Query,
    RemoveImage,
    RollBackImage,
    ShortId,
    UndoUpdate,
    UpdateImages,
)

T = TypeVar("T")
NOW: Final = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)

# ── Absurd input ────────────────────────────────────────────────────────────────────────────────────────────────────

ABSURD: Final = (
    "",
    " ",
    "`",
    "```",
    "`open",
    "*bold* _it_ ~no~ :tada:",
    "<!channel> <!here> <@U0EVE> <https://example.com|click> @channel",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\r\x08",
    "\u202eevil\u2066\u200b\ufeff\U000e0041",
    "\ud800 lone \udfff",
    "\n\n\n",
    "a" * 10_000,
    "`" * 3_000,
    '"\\' * 1_500,
    "&" * 3_000,
    "🎉" * 3_000,
    "שלום " * 600,
    "line\n" * 600,
    "\x00" * 3_000,
    "0123456789abcdef" * 200,
)
DIGEST: Final = "0123456789abcdef" * 4
any_character = st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Zs"]))
any_text = st.one_of(
    st.sampled_from(ABSURD), st.text(any_character, max_size=30), st.sampled_from(["mechanize", "1.2.3"])
)
moments = st.datetimes(timezones=st.just(UTC))
counts = st.integers(min_value=-(10**20), max_value=10**20)


def many(one: st.SearchStrategy[T], most: int) -> st.SearchStrategy[tuple[T, ...]]:
    """Few different ones, repeated up to `most` times in all: long tuples that are quickly made."""
    few = st.lists(one, max_size=3).map(tuple)
    return st.builds(lambda items, times: (items * times)[:most], few, st.sampled_from([1, 1, 7, most]))


def specs_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[ImageSpec]:
    """Make specifications of up to 300 packages of each kind out of such texts."""
    references = st.builds(Reference, texts, st.none() | texts, st.none() | texts)
    bases = st.builds(
        BaseImage,
        references,
        texts.map(ImageId),
        st.none() | texts.map(Digest),
        st.builds(PythonRuntime, texts, texts, texts, texts),
        st.none() | st.sampled_from(PackageManager),
        texts,
        st.builds(Platform, texts, texts),
        st.just(()),
    )
    locked = many(st.builds(LockedPackage, texts, texts, st.just(()), st.booleans()), 300)
    os_packages = many(st.builds(OsPackage, texts, st.none() | texts), 300)
    return st.builds(ImageSpec, texts, texts, bases, st.just(()), locked, os_packages)


def images_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[LocalImage]:
    """Make images out of such texts."""
    ids, platforms = texts.map(ImageId), st.builds(Platform, texts, texts)
    return st.builds(
        LocalImage, ids, st.just(()), st.just(()), moments, counts, st.just({}), texts, platforms, st.just(())
    )


def marks_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Mark]:
    """Make what tables show of an image."""
    return st.builds(Mark, texts.map(ImageId), st.none() | texts.map(Digest), moments, counts)


def users_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Users]:
    """Make users of images."""
    names = many(texts, 200)
    return st.builds(Users, names, names, names, st.booleans())


def moves_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Move]:
    """Make ways back."""
    return st.builds(Move, texts, st.none() | marks_of(texts), marks_of(texts), texts, users_of(texts))


def changes_of(
    texts: st.SearchStrategy[str],
    creations: st.SearchStrategy[Creation],
    findings: st.SearchStrategy[tuple[Finding, ...]],
) -> tuple[st.SearchStrategy[Update], st.SearchStrategy[RollBack], st.SearchStrategy[Removal]]:
    """Make the proposals of everything but a new image."""
    candidates = candidates_of(texts, creations)
    moves = many(moves_of(texts), 200)
    return (
        st.builds(Update, texts, many(candidates, 300), findings),
        st.builds(RollBack, texts, moves, moves, findings),
        st.builds(Removal, texts, marks_of(texts), many(texts, 300), findings),
    )


def candidates_of(
    texts: st.SearchStrategy[str], creations: st.SearchStrategy[Creation]
) -> st.SearchStrategy[Candidate]:
    """Make images of an update, with every plan."""
    sources = st.builds(Reference, texts, st.none() | texts, st.none() | texts)
    plans = st.one_of(
        st.builds(Pull, sources, texts.map(Digest)),
        st.builds(Rebuild, creations, many(texts, 100)),
        st.builds(Keep, texts),
        st.builds(NoSource, texts),
        st.builds(Unchecked, texts, texts),
    )
    return st.builds(Candidate, texts, marks_of(texts), st.none() | texts.map(Digest), plans, users_of(texts))


def differences_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Difference]:
    """Make differences of up to 500 packages a kind."""
    changes = st.builds(
        PackageChanges, many(texts, 500), many(texts, 500), many(st.builds(Change, texts, texts, texts), 500)
    )
    return st.builds(Difference, counts, changes, st.none() | changes, many(texts, 9))


def results_of(
    texts: st.SearchStrategy[str],
    askeds: st.SearchStrategy[Asked],
    users: st.SearchStrategy[str],
    proposals: tuple[st.SearchStrategy[Update], st.SearchStrategy[RollBack], st.SearchStrategy[Removal]],
    progresses: st.SearchStrategy[Progress],
) -> st.SearchStrategy[Dialog]:
    """Make the ends of everything but a new image."""
    updates, roll_backs, removals = proposals
    marks, names = st.none() | marks_of(texts), many(texts, 100)
    results = st.builds(
        ImageResult,
        texts,
        st.sampled_from(Ending),
        marks,
        marks,
        texts,
        texts,
        st.none() | differences_of(texts),
        texts,
        texts,
        names,
        names,
    )
    updated = st.builds(Updated, many(results, 300), names)
    rolled_back = st.builds(RolledBack, many(st.builds(MoveResult, texts, marks, texts, texts, names), 300))
    removed = st.builds(Removed, names, texts.map(ImageId))
    candidates = candidates_of(texts, st.nothing())
    nothing = st.builds(NothingToDo, texts, many(candidates, 300), st.just(()))
    return st.one_of(
        st.builds(
            Finished, askeds, users, st.builds(ImagesUpdated, updates, updated), progresses, moments, st.none() | users
        ),
        st.builds(Answered, askeds, nothing),
        st.builds(Finished, askeds, users, st.builds(TagsRolledBack, roll_backs, rolled_back), st.none(), moments),
        st.builds(Finished, askeds, users, st.builds(ImageRemoved, removals, removed), st.none(), moments),
    )


def creates_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[CreateImage]:
    """Make requests for an image out of such texts."""
    bases = st.builds(Reference, texts, st.none() | texts, st.none() | texts)
    return st.builds(CreateImage, texts, st.none() | bases, st.just(()), st.just(()))


def shown_of(
    texts: st.SearchStrategy[str], askeds: st.SearchStrategy[Asked], users: st.SearchStrategy[str]
) -> st.SearchStrategy[Dialog]:
    """Make lists and cards."""
    rows = st.builds(Row, texts.map(ImageId), st.none() | texts, st.none() | texts, counts, moments, st.booleans())
    listings = st.builds(
        Listing,
        st.builds(Query, counts, texts, st.booleans()),
        many(rows, PAGE),
        counts,
        counts,
        counts,
        counts,
        st.none() | counts,
        texts,
        texts,
    )
    jobs = many(st.builds(JobLine, texts, users, moments, st.booleans()), 40)
    some = st.none() | texts
    inventories = st.dictionaries(texts, texts, max_size=20)
    cards = st.builds(
        Card,
        texts,
        images_of(texts),
        marks_of(texts),
        st.none()
        | st.builds(Origin, some, some, st.none() | moments, texts, some, some, st.none() | creates_of(texts)),
        users_of(texts),
        many(moves_of(texts), 50),
        many(st.builds(Layer, texts, counts), 127),
        st.builds(Inventory, inventories, st.none() | inventories, texts, texts),
        inventories,
    )
    return st.one_of(st.builds(Listed, askeds, listings, jobs, texts), st.builds(Answered, askeds, cards))


def requests_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Request]:
    """Make requests of every kind out of such texts."""
    references = st.builds(Reference, texts, st.none() | texts, st.none() | texts)
    wanted = references | st.builds(ShortId, texts)
    return st.one_of(
        creates_of(texts),
        st.builds(UpdateImages, st.none() | wanted),
        st.builds(ListImages, st.builds(Query, counts, texts, st.booleans()), texts),
        st.builds(LookAtImage, wanted),
        st.builds(RollBackImage, references, st.none() | texts),
        st.builds(UndoUpdate, texts),
        st.builds(RemoveImage, wanted),
    )


def dialogs_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Dialog]:
    """Make dialogs of every kind out of such texts."""
    users = st.sampled_from(["U0ALICE", "W0BOB"]) | texts
    ids = st.from_regex(r"[0-9a-f]{1,40}", fullmatch=True).map(DialogId)
    askeds = st.builds(Asked, ids, requests_of(texts), texts, texts, users, texts, moments)
    existing = st.builds(ExistingImage, texts, images_of(texts))
    findings = many(st.builds(Finding, texts, st.sampled_from(Severity), texts), 50)
    creations = st.builds(Creation, texts, specs_of(texts), texts, many(texts, 9), findings, st.none() | existing)
    updates, roll_backs, removals = changes_of(texts, creations, findings)
    proposals = st.one_of(creations, updates, roll_backs, removals)
    transfers = st.builds(
        Transfer,
        counts,
        counts,
        counts,
        counts,
        st.booleans(),
        moments,
        counts,
        st.none() | st.floats(),
        st.none() | moments,
    )
    steps = st.builds(
        Step,
        texts,
        st.sampled_from(StepState),
        st.none() | moments,
        st.none() | st.floats(),
        texts,
        st.none() | transfers,
    )
    progresses = st.builds(Progress, moments, many(steps, 5_000), texts)
    failures = many(st.builds(ImportFailure, texts, texts, texts), 200)
    created = st.builds(Created, texts, images_of(texts), counts, failures)
    undecided = st.builds(ImageUndecided, creations, st.builds(Undecided, texts.map(ImageId), failures))
    lines = many(texts, 1_000)
    troubles = st.none() | st.builds(StorageTrouble, texts, texts)
    return st.one_of(
        st.builds(Preparing, askeds, texts, texts, troubles),
        st.builds(UnderReview, askeds, proposals, moments),
        st.builds(Queued, askeds, proposals, users, counts),
        st.builds(Running, askeds, proposals, users, progresses, st.none() | users),
        st.builds(Paused, askeds, proposals, users, troubles),
        st.builds(Deciding, askeds, users, undecided, progresses, moments),
        st.builds(Settling, askeds, st.none() | users, undecided, st.booleans(), progresses),
        st.builds(Finished, askeds, users, st.builds(ImageCreated, creations, created), progresses, moments),
        st.builds(Finished, askeds, users, st.builds(ImageReused, creations, existing), st.none(), moments),
        st.builds(Answered, askeds, st.builds(Refusal, texts, texts, texts, lines)),
        st.builds(Failed, askeds, texts, texts, lines, st.none() | proposals, st.none() | progresses),
        st.builds(Cancelled, askeds, users),
        st.builds(Expired, askeds, st.floats()),
        st.builds(Stopped, askeds, proposals, users, st.none() | progresses),
        st.builds(Discarded, askeds, st.none() | users, creations),
        results_of(texts, askeds, users, (updates, roll_backs, removals), progresses),
        shown_of(texts, askeds, users),
    )


dialogs = dialogs_of(any_text)


def largest(text: str) -> tuple[Dialog, ...]:
    """Make the largest dialog of every kind, with the same text everywhere at once."""
    request = CreateImage(text, Reference(text, text, text), (), (OsPackage(text, text),) * 300)
    asked = Asked(DialogId("d" * 40), request, text, text, text, text, NOW)
    platform = Platform(text, text)
    base = BaseImage(
        reference=Reference(text, text, text),
        image_id=ImageId(text),
        digest=Digest(text),
        python=PythonRuntime(text, text, text, text),
        package_manager=PackageManager.APT,
        user=text,
        platform=platform,
        layers=(text,),
    )
    file = PackageFile(text, text, text, 10**20)
    asked_for, along = (LockedPackage(text, text, file, requested=requested) for requested in (True, False))
    spec = ImageSpec(text, text, base, (), (asked_for,) * 200 + (along,) * 100, (OsPackage(text, text),) * 300)
    image = LocalImage(ImageId(text), (text,), (text,), NOW, 10**20, {text: text}, text, platform, (text,))
    existing = ExistingImage(text, image)
    findings = tuple(Finding(text, severity, text) for severity in Severity) * 20
    proposal = Creation(text, spec, text, (text,) * 9, findings, existing)
    steps = tuple(Step(text, state, NOW, 1e20, text) for state in StepState) * 1_000
    progress = Progress(NOW, steps, text)
    failures = (ImportFailure(text, text[:1], text),) * 200
    return (
        Preparing(asked, text),
        Preparing(asked, text, trouble=StorageTrouble(text, text)),
        Paused(asked, proposal, text, StorageTrouble(text, text)),
        UnderReview(asked, proposal, NOW),
        Queued(asked, proposal, text, 10**20),
        Running(asked, proposal, text, progress, text),
        Running(asked, proposal, text, progress, waits=text),
        Paused(asked, proposal, text),
        Deciding(asked, text, ImageUndecided(proposal, Undecided(image.id, failures)), progress, NOW),
        Settling(asked, text, ImageUndecided(proposal, Undecided(image.id, failures)), keep=True, progress=progress),
        Finished(asked, text, ImageCreated(proposal, Created(text, image, 10**20, failures)), progress, NOW),
        Finished(asked, text, ImageReused(proposal, existing), None, NOW),
        Answered(asked, Refusal(text, text, text, (text,))),
        Answered(asked, Refusal(text, text, text, (text,) * 1_000)),
        Failed(asked, text, text, (text,) * 1_000, proposal, progress),
        Cancelled(asked, text),
        Expired(asked, 1e20),
        Stopped(asked, proposal, text, progress),
        Discarded(asked, text, proposal),
        *_largest_changes(asked, proposal, findings, progress),
        *_largest_shown(asked, image),
    )


def _largest_changes(
    asked: Asked, proposal: Creation, findings: tuple[Finding, ...], progress: Progress
) -> tuple[Dialog, ...]:
    text = asked.line
    mark, users, reference = Mark(ImageId(text), Digest(text), NOW, 10**20), Users((text,) * 30, (text,) * 30), text
    plans: tuple[Plan, ...] = (
        Pull(Reference(text), Digest(text)),
        Rebuild(proposal, (text,) * 99),
        Keep(text),
        NoSource(text),
        *(Unchecked(f"{number} {text}", text) for number in range(9)),
    )
    candidates = tuple(Candidate(text, mark, Digest(text), plan, users) for plan in plans) * 5
    move = Move(text, mark, mark, text, users)
    update = Update(text, candidates, findings)
    roll_back = RollBack(text, (move,) * 30, (move,) * 30, findings)
    removal = Removal(text, mark, (text,) * 200, findings)
    packages = PackageChanges((text,) * 300, (text,) * 300, (Change(text, text, text),) * 300)
    difference = Difference(10**20, packages, packages, (text,) * 9)
    results = tuple(
        ImageResult(
            text, ending, mark, mark, reference, text, difference, f"{number} {text}", text, (text,), (text,) * 30
        )
        for number, ending in enumerate([*Ending] * 8)
    )
    outcomes = (results, results[1:2], tuple(result for result in results if result.ending is Ending.REBUILT))
    return (
        *(UnderReview(asked, changed, NOW) for changed in (update, roll_back, removal)),
        *(Queued(asked, changed, text, 10**20) for changed in (update, roll_back, removal)),
        Running(asked, update, text, progress, text),
        Failed(asked, text, text, (text,) * 1_000, update, progress),
        Stopped(asked, update, text, progress),
        *(
            Finished(asked, text, ImagesUpdated(update, Updated(each, (text,) * 9)), progress, NOW, text)
            for each in outcomes
        ),
        Answered(asked, NothingToDo(text, candidates, findings)),
        Finished(
            asked,
            text,
            TagsRolledBack(roll_back, RolledBack((MoveResult(text, mark, text, text, (text,)),) * 99)),
            None,
            NOW,
        ),
        Finished(asked, text, ImageRemoved(removal, Removed((text,) * 99, ImageId(text))), None, NOW),
    )


def _largest_shown(asked: Asked, image: LocalImage) -> tuple[Dialog, ...]:
    text = asked.line
    mark = Mark(ImageId(text), Digest(text), NOW, 10**20)
    rows = (Row(ImageId(text), text, text, 10**20, NOW, made_here=True),) * PAGE
    listing = Listing(Query(2, text, made_here=True), rows, 3, 10**20, 10**20, 10**20, None, text, text)
    jobs = (JobLine(text, text, NOW, is_running=True),) * 99
    installed = {f"{number} {text}": text for number in range(99)}
    users = Users((text,) * 30, (text,) * 30, (text,) * 30, more_images=True)
    card = Card(
        text,
        image,
        mark,
        Origin(text, text, NOW, text, text, text, CreateImage(text, None, (), ())),
        users,
        (Move(text, mark, mark, text, users),) * 99,
        (Layer(text, 10**20),) * 99,
        Inventory(installed, installed, text, text),
        installed,
    )
    return Listed(asked, listing, jobs, text), Answered(asked, card)


# ── The judge of this file ──────────────────────────────────────────────────────────────────────────────────────────

MOST_BLOCKS = 50
MOST_CHARACTERS = 12_000
MOST_TEXT = 4_000
KEYS: Final[dict[str, set[str]]] = {
    "header": {"type", "block_id", "text"},
    "section": {"type", "block_id", "text", "fields"},
    "context": {"type", "block_id", "elements"},
    "actions": {"type", "block_id", "elements"},
    "button": {"type", "action_id", "text", "value", "style", "confirm"},
    "static_select": {"type", "action_id", "placeholder", "options"},
    "table": {"type", "block_id", "rows", "column_settings"},
    "raw_text": {"type", "text"},
    "plain_text": {"type", "text", "emoji"},
    "mrkdwn": {"type", "text", "verbatim"},
}


def complaints(message: Message) -> Iterator[str]:
    """Say what Slack would refuse, and what might call somebody or hide something."""
    if not 1 <= len(message.blocks) <= MOST_BLOCKS:
        yield f"{len(message.blocks)} blocks"
    # In ASCII, where one character may take twelve: the longest of all ways to count what is there.
    if (length := len(json.dumps(message.blocks, separators=(",", ":")))) > MOST_CHARACTERS:
        yield f"{length} characters in all"
    if len({block["block_id"] for block in message.blocks}) != len(message.blocks):
        yield "a block_id twice"
    if sum(block["type"] == "table" for block in message.blocks) > 1:
        yield "two tables"
    if not 1 <= len(message.text) <= MOST_TEXT:
        yield f"text of {len(message.text)} characters"
    yield from _of_markup(message.text)
    for block in message.blocks:
        yield from _of_block(block)


def _of_block(block: dict[str, Any]) -> Iterator[str]:
    match block:
        case {"type": "header", "text": text}:
            yield from _of_text(text, 150, "plain_text")
        case {"type": "section", "text": text}:
            yield from _of_text(text, 3_000, "mrkdwn")
        case {"type": "section", "fields": [_, *_] as fields} if len(fields) <= 10:
            for field in fields:
                yield from _of_text(field, 2_000, "mrkdwn")
        case {"type": "context", "elements": [_, *_] as elements} if len(elements) <= 10:
            for element in elements:
                yield from _of_text(element, 3_000, "mrkdwn")
        case {"type": "actions", "elements": [_, *_] as elements} if len(elements) <= 25:
            yield from _of_elements(elements)
        case {"type": "table", "rows": [_, *_] as rows, "column_settings": settings} if len(rows) <= 100:
            yield from _of_rows(rows, len(settings))
        case _:
            yield f"not a block: {str(block)[:100]}"
            return
    yield from _of_keys(block)


def _of_rows(rows: list[list[dict[str, Any]]], columns: int) -> Iterator[str]:
    if columns > 20 or any(len(row) != columns for row in rows):
        yield "a row too short or too long"
    for cell in (cell for row in rows for cell in row):
        yield from _of_keys(cell)
        if cell["type"] != "raw_text" or not cell["text"].strip():
            yield f"a cell without text: {cell}"
        yield from _of_characters(cell["text"])


def _of_elements(elements: list[dict[str, Any]]) -> Iterator[str]:
    if len({element["action_id"] for element in elements}) != len(elements):
        yield "an action_id twice"
    if sum(element.get("style") == "primary" for element in elements) > 1:
        yield "two primary buttons"
    for element in elements:
        yield from _of_keys(element)
        yield from _of_menu(element) if element["type"] == "static_select" else _of_button(element)


def _of_menu(menu: dict[str, Any]) -> Iterator[str]:
    yield from _of_text(menu["placeholder"], 150, "plain_text")
    if not 1 <= len(menu["options"]) <= 100:
        yield f"{len(menu['options'])} options"
    if len({option["value"] for option in menu["options"]}) != len(menu["options"]):
        yield "a value twice"
    for option in menu["options"]:
        yield from _of_text(option["text"], 75, "plain_text")
        if set(option) != {"text", "value"} or not 1 <= len(option["value"]) <= 150:
            yield f"not an option: {option}"


def _of_button(button: dict[str, Any]) -> Iterator[str]:
    yield from _of_text(button["text"], 75, "plain_text")
    if not 1 <= len(button["value"]) <= 2_000:
        yield "a value too long or empty"
    for part, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if "confirm" in button:
            yield from _of_text(button["confirm"][part], limit, "plain_text")


def _of_text(text: dict[str, Any], limit: int, kind: str) -> Iterator[str]:
    yield from _of_keys(text)
    if text["type"] != kind:
        yield f"{text['type']} in place of {kind}"
    if not text["text"].strip() or len(text["text"]) > limit:
        yield f"{len(text['text'])} characters, allowed are 1 to {limit}: {text['text'][:100]!r}"
    yield from _of_markup(text["text"]) if kind == "mrkdwn" else _of_characters(text["text"])
    if kind == "mrkdwn" and not text.get("verbatim"):
        yield "Slack would make links and mentions of its own"


def _of_keys(thing: dict[str, Any]) -> Iterator[str]:
    if unknown := set(thing) - KEYS[thing["type"]]:
        yield f"unknown keys {unknown}"


def _of_markup(text: str) -> Iterator[str]:
    yield from _of_characters(text)
    rest = re.sub(r"<@[UW][A-Z0-9]+>|<#[CDG][A-Z0-9]+>", "", text)
    if "<" in rest or ">" in rest:
        yield f"unescaped: {rest[:200]!r}"
    if re.search(r"&(?!amp;|lt;|gt;)", text):
        yield f"a broken entity: {text[:200]!r}"
    outside = re.sub(r"```\n.*?\n```", "", text, flags=re.DOTALL)
    if "```" in outside or any(line.count("`") % 2 for line in outside.split("\n")):
        yield f"unbalanced back-ticks: {text[:200]!r}"


def _of_characters(text: str) -> Iterator[str]:
    bad = {char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    if bad:
        yield f"characters {bad}"


# ── The other judges ────────────────────────────────────────────────────────────────────────────────────────────────


def as_slackblocks(message: Message) -> list[dict[str, Any]]:
    """Build the message anew from the classes of `slackblocks`, which raise where Slack would refuse.

    It knows no tables.
    """
    blocks: list[slackblocks.Block] = [_as_block(block) for block in message.blocks if block["type"] != "table"]
    made: list[dict[str, Any]] = slackblocks.Message("C0", message.text, blocks).to_dict()["blocks"]
    return made


def _as_block(block: dict[str, Any]) -> slackblocks.Block:
    if block["type"] == "actions":
        return slackblocks.ActionsBlock([_as_element(element) for element in block["elements"]], block["block_id"])
    return slackblocks.Block.from_dict(block)


def _as_element(element: dict[str, Any]) -> slackblocks.Button | slackblocks.StaticSelectMenu:
    if element["type"] == "button":
        return _as_button(element)
    return slackblocks.StaticSelectMenu(
        action_id=element["action_id"],
        options=[
            slackblocks.Option(slackblocks.Text.from_dict(option["text"]), option["value"])
            for option in element["options"]
        ],
        placeholder=slackblocks.Text.from_dict(element["placeholder"]),
    )


def _as_button(button: dict[str, Any]) -> slackblocks.Button:
    confirm = button.get("confirm")
    return slackblocks.Button(
        text=slackblocks.Text.from_dict(button["text"]),
        action_id=button["action_id"],
        value=button["value"],
        style=button.get("style"),
        confirm=None if confirm is None else slackblocks.ConfirmationDialogue.from_dict(confirm),
    )


def without_defaults(piece: object) -> object:
    """Leave out `emoji: false`, which `slackblocks` never writes."""
    match piece:
        case dict():
            return {key: without_defaults(value) for key, value in piece.items() if (key, value) != ("emoji", False)}
        case list() | tuple():
            return [without_defaults(value) for value in piece]
        case _:
            return piece


# ── Properties ──────────────────────────────────────────────────────────────────────────────────────────────────────

thorough = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def judge(message: Message) -> None:
    """Let the three judges look."""
    sent = json.loads(json.dumps(message.blocks))

    assert list(complaints(message)) == []
    assert block_errors(sent) == ()
    assert not are_too_long(sent)
    known = [block for block in message.blocks if block["type"] != "table"]
    assert as_slackblocks(message) == without_defaults(known)


@thorough
@given(dialogs, moments)
def test_every_dialog_keeps_slacks_limits_whatever_is_in_it(dialog: Dialog, now: datetime) -> None:
    judge(render(dialog, now))


@thorough
@given(dialogs, moments)
def test_every_dialog_keeps_slacks_limits_without_tables(dialog: Dialog, now: datetime) -> None:
    whole = render(dialog, now)
    message = without_tables(whole)

    judge(message)
    assert not has_table(message)
    assert buttons_of(message) == buttons_of(whole)


def buttons_of(message: Message) -> list[object]:
    return [block["elements"] for block in message.blocks if block["type"] == "actions"]


@pytest.mark.parametrize("text", [*ABSURD, DIGEST], ids=lambda text: ascii(text)[:30])
def test_the_largest_dialogs_keep_slacks_limits(text: str) -> None:
    for dialog in largest(text):
        judge(render(dialog, NOW))
        judge(without_tables(render(dialog, NOW)))


@thorough
@given(dialogs, moments, st.sampled_from([10, 60, 200]))
def test_every_dialog_is_shown_in_a_terminal_without_control_characters(
    dialog: Dialog, now: datetime, width: int
) -> None:
    screen = io.StringIO()
    sent = json.loads(json.dumps(render(dialog, now).blocks))
    Console(file=screen, width=width, color_system=None).print(to_rich(sent))

    assert list(_of_characters(screen.getvalue())) == []


@thorough
@given(dialogs)
def test_every_announcement_is_one_short_line_that_calls_nobody_else(dialog: Dialog) -> None:
    said = announcement(dialog)

    assert said is None or (len(said) <= MOST_TEXT and "\n" not in said and list(_of_markup(said)) == [])


@pytest.mark.parametrize("text", [DIGEST, f"sha256:{DIGEST}", f"`x@sha256:{DIGEST}`"])
def test_no_dialog_shows_a_whole_digest_but_in_a_line_to_paste(text: str) -> None:
    shown = [render(dialog, NOW) for dialog in largest(text)]

    assert {block["block_id"] for message in shown for block in message.blocks if DIGEST in json.dumps(block)} == {
        "dockerimage",
        "details",
        "origin",
    }


@given(any_text, st.integers(min_value=10, max_value=500))
@example("&" * 100, 18)
def test_text_costs_at_most_its_limit(text: str, limit: int) -> None:
    assert cost(prose(text, limit)) <= limit


@given(many(any_text, 20), st.integers(min_value=20, max_value=500))
def test_a_log_costs_little_more_than_its_limit(lines: tuple[str, ...], limit: int) -> None:
    fences = cost("```\n…\n\n```")

    assert cost(log_block(lines, limit=limit, line_limit=20)) <= limit + fences


def test_the_judge_of_this_file_finds_what_it_looks_for() -> None:
    text: Any = {"type": "mrkdwn", "text": Markup("<!here> `a & \x1b"), "surprise": 1}
    bad = Message("", ({"type": "section", "block_id": "a", "text": text}, {"type": "video", "block_id": "a"}))

    assert len(list(complaints(bad))) == 9
