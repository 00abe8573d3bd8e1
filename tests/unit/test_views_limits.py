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

from bot.dialogs import (
    Asked,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.progress import Progress, Step, StepState
from bot.room.blocks import are_too_long, block_errors
from bot.room.terminal import to_rich
from bot.slack.views import Message, announcement, render
from bot.slack.views.text import Markup, cost, log_block, prose
from commands.command import ExistingImage, Finding, Proposal, Refusal, Severity
from commands.model.images import (
    BaseImage,
    Digest,
    ImageId,
    ImageSpec,
    LocalImage,
    PackageManager,
    Platform,
    PythonRuntime,
)
from commands.model.outcomes import Created, ImportFailure
from commands.model.packages import LockedPackage, OsPackage
from commands.model.references import Reference

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


def dialogs_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Dialog]:
    """Make dialogs of every kind out of such texts."""
    users = st.sampled_from(["U0ALICE", "W0BOB"]) | texts
    ids = st.from_regex(r"[0-9a-f]{1,40}", fullmatch=True).map(DialogId)
    askeds = st.builds(Asked, ids, texts, users, texts, moments)
    existing = st.builds(ExistingImage, texts, images_of(texts))
    findings = many(st.builds(Finding, texts, st.sampled_from(Severity), texts), 50)
    proposals = st.builds(Proposal, texts, specs_of(texts), texts, many(texts, 9), findings, st.none() | existing)
    steps = st.builds(Step, texts, st.sampled_from(StepState), st.none() | moments, st.none() | st.floats())
    progresses = st.builds(Progress, moments, many(steps, 5_000), texts)
    failures = many(st.builds(ImportFailure, texts, texts, texts), 200)
    created = st.builds(Created, texts, images_of(texts), counts, failures)
    lines, images = many(texts, 1_000), texts.map(ImageId)
    return st.one_of(
        st.builds(Preparing, askeds, texts),
        st.builds(UnderReview, askeds, proposals, moments),
        st.builds(Queued, askeds, proposals, users, counts),
        st.builds(Running, askeds, proposals, users, progresses, st.none() | users),
        st.builds(Paused, askeds, proposals, users),
        st.builds(Deciding, askeds, proposals, users, images, failures, progresses, moments),
        st.builds(Settling, askeds, proposals, st.none() | users, st.booleans(), images, failures, progresses),
        st.builds(Done, askeds, proposals, users, created, progresses, moments),
        st.builds(Reused, askeds, proposals, users, existing),
        st.builds(Refused, askeds, st.builds(Refusal, texts, texts, texts, lines)),
        st.builds(Failed, askeds, texts, texts, lines, st.none() | proposals, st.none() | progresses),
        st.builds(Cancelled, askeds, users),
        st.builds(Expired, askeds, st.floats()),
        st.builds(Stopped, askeds, proposals, users, st.none() | progresses),
        st.builds(Discarded, askeds, proposals, st.none() | users),
    )


dialogs = dialogs_of(any_text)


def largest(text: str) -> tuple[Dialog, ...]:
    """Make the largest dialog of every kind, with the same text everywhere at once."""
    asked = Asked(DialogId("d" * 40), text, text, text, NOW)
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
    asked_for, along = (LockedPackage(text, text, (text,), requested=requested) for requested in (True, False))
    spec = ImageSpec(text, text, base, (), (asked_for,) * 200 + (along,) * 100, (OsPackage(text, text),) * 300)
    image = LocalImage(ImageId(text), (text,), (text,), NOW, 10**20, {text: text}, text, platform, (text,))
    existing = ExistingImage(text, image)
    findings = tuple(Finding(text, severity, text) for severity in Severity) * 20
    proposal = Proposal(text, spec, text, (text,) * 9, findings, existing)
    steps = tuple(Step(text, state, NOW, 1e20) for state in StepState) * 1_000
    progress = Progress(NOW, steps, text)
    failures = (ImportFailure(text, text[:1], text),) * 200
    return (
        Preparing(asked, text),
        UnderReview(asked, proposal, NOW),
        Queued(asked, proposal, text, 10**20),
        Running(asked, proposal, text, progress, text),
        Paused(asked, proposal, text),
        Deciding(asked, proposal, text, image.id, failures, progress, NOW),
        Settling(asked, proposal, text, keep=True, image_id=image.id, failures=failures, progress=progress),
        Done(asked, proposal, text, Created(text, image, 10**20, failures), progress, NOW),
        Reused(asked, proposal, text, existing),
        Refused(asked, Refusal(text, text, text, (text,))),
        Refused(asked, Refusal(text, text, text, (text,) * 1_000)),
        Failed(asked, text, text, (text,) * 1_000, proposal, progress),
        Cancelled(asked, text),
        Expired(asked, 1e20),
        Stopped(asked, proposal, text, progress),
        Discarded(asked, proposal, text),
    )


# ── The judge of this file ──────────────────────────────────────────────────────────────────────────────────────────

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_000
MOST_TEXT = 4_000
KEYS: Final[dict[str, set[str]]] = {
    "header": {"type", "block_id", "text"},
    "section": {"type", "block_id", "text", "fields"},
    "context": {"type", "block_id", "elements"},
    "actions": {"type", "block_id", "elements"},
    "button": {"type", "action_id", "text", "value", "style", "confirm"},
    "plain_text": {"type", "text", "emoji"},
    "mrkdwn": {"type", "text", "verbatim"},
}


def complaints(message: Message) -> Iterator[str]:
    """Say what Slack would refuse, and what might call somebody or hide something."""
    if not 1 <= len(message.blocks) <= MOST_BLOCKS:
        yield f"{len(message.blocks)} blocks"
    # In ASCII, where one character may take twelve: the longest of all ways to count.
    if (length := len(json.dumps(message.blocks))) > MOST_CHARACTERS:
        yield f"{length} characters in all"
    if len({block["block_id"] for block in message.blocks}) != len(message.blocks):
        yield "a block_id twice"
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
            yield from _of_buttons(elements)
        case _:
            yield f"not a block: {str(block)[:100]}"
            return
    yield from _of_keys(block)


def _of_buttons(buttons: list[dict[str, Any]]) -> Iterator[str]:
    if len({button["action_id"] for button in buttons}) != len(buttons):
        yield "an action_id twice"
    if sum(button.get("style") == "primary" for button in buttons) > 1:
        yield "two primary buttons"
    for button in buttons:
        yield from _of_keys(button)
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
    rest = re.sub(r"<@[UW][A-Z0-9]+>", "", text)
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
    """Build the message anew from the classes of `slackblocks`, which raise where Slack would refuse."""
    blocks: list[slackblocks.Block] = [_as_block(block) for block in message.blocks]
    made: list[dict[str, Any]] = slackblocks.Message("C0", message.text, blocks).to_dict()["blocks"]
    return made


def _as_block(block: dict[str, Any]) -> slackblocks.Block:
    if block["type"] == "actions":
        return slackblocks.ActionsBlock([_as_button(element) for element in block["elements"]], block["block_id"])
    return slackblocks.Block.from_dict(block)


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
    assert as_slackblocks(message) == without_defaults(message.blocks)


@thorough
@given(dialogs, moments)
def test_every_dialog_keeps_slacks_limits_whatever_is_in_it(dialog: Dialog, now: datetime) -> None:
    judge(render(dialog, now))


@pytest.mark.parametrize("text", [*ABSURD, DIGEST], ids=lambda text: ascii(text)[:30])
def test_the_largest_dialogs_keep_slacks_limits(text: str) -> None:
    for dialog in largest(text):
        judge(render(dialog, NOW))


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
