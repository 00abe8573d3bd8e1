"""Drives the whole program as people do: types and clicks in a room, and reads what stands there.

The bot is the production one, connected by Socket Mode; only the Docker daemon and the package index are fakes.
Nothing here sleeps: every wait is for an event of the room.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TypeVar

from bot.access.rules import Access
from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.stages import FINAL, Deciding
from bot.lifetime import Bot
from bot.room.blocks import clickables, options_of
from bot.room.client.room_client import RoomClient
from bot.room.events import (
    Block,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    OpenView,
    RoomEvent,
    RoomMessage,
    Undelivered,
    ViewShown,
)
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.room.workspace import ALICE, BOB, BOT, WAR_ROOM, Workspace
from bot.router import COMMANDS
from bot.settings import Settings
from bot.slack.pace import Pace
from bot.wiring import Credentials, make_bot
from commands.engine.interface import Engine
from commands.packages.interface import Resolver
from commands.recipe.labels import JOB
from tests.fakes.files import FakeFiles
from tests.fakes.host import PATIENCE_SECONDS, Host
from tests.fakes.registries import FakeRegistries
from tests.kit.fresh_state import fresh_state
from tests.kit.wire import CuttableEngine

Found = TypeVar("Found")

MANY = 10**6
HASTE = Pace(
    edits=MANY,
    uploads=MANY,
    whispers=MANY,
    posts=MANY,
    posts_seconds=1.0,
    progress_burst=MANY,
    progress_every=0.001,
    progress_seconds=0.02,
    first_seconds=0.02,
    log_seconds=0.02,
)
"""For tests about something else than Slack's rate limits; the room's are off too."""
EVERYWHERE = Access(frozenset({WAR_ROOM.id}))
EXAMPLE = "/docker_image_create name=example_name dependencies=mechanize packages=wget"


def eventually(look: Callable[[], Found | None], what: str) -> Found:
    """Wait for something that no event of the room tells of."""
    end = monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert monotonic() < end, f"{what}: not within {PATIENCE_SECONDS:g} s"
        threading.Event().wait(0.02)
    return found


# ── What a person sees ──────────────────────────────────────────────────────────────────────────────────────────────


def words(message: RoomMessage) -> str:
    """Give all text in a message's blocks as a person reads it, a piece a line; for buttons and menus see `buttons`."""
    return "\n".join(text for block in message.blocks if block["type"] != "actions" for text in _texts(block))


def buttons(message: RoomMessage) -> dict[str, str]:
    """Name the buttons of a message by their action id, and its menus by what stands on them."""
    clickable = (element for _, element in clickables(message.blocks))
    return {str(one["action_id"]): " ".join(_texts(one.get("text", one.get("placeholder")))) for one in clickable}


def options(message: RoomMessage, action: str) -> dict[str, str]:
    """Give what a menu of a message offers: the value of each choice by its words."""
    for _, element in clickables(message.blocks):
        if element["action_id"] == action:
            return {" ".join(_texts(option["text"])): str(option["value"]) for option in options_of(element)}
    raise AssertionError(f"there is no menu `{action}`, only {list(buttons(message))}")


def table(message: RoomMessage) -> list[dict[str, str]]:
    """Read the rows of a message's table, each cell by the title of its column; no rows where there is no table."""
    for block in message.blocks:
        match block:
            case {"type": "table", "rows": [head, *rows]}:
                titles = _cells(head)
                return [dict(zip(titles, _cells(row), strict=True)) for row in rows]
            case _:
                pass
    return []


def _cells(row: object) -> list[str]:
    assert isinstance(row, list)
    return [str(cell["text"]) for cell in row if isinstance(cell, dict)]


def title(message: RoomMessage) -> str:
    """Give the header of a dialog."""
    return next((" ".join(_texts(block)) for block in message.blocks if block["type"] == "header"), "")


def fact(message: RoomMessage, name: str) -> str:
    """Read the dialog's metadata, as programs do; empty where it is not there."""
    payload = message.metadata.event_payload if message.metadata else {}
    return str(payload.get(name, ""))


def _texts(block: object) -> Iterator[str]:
    match block:
        case {"type": "plain_text" | "mrkdwn" | "raw_text", "text": str(text)}:
            yield text
        case dict():
            for value in block.values():
                yield from _texts(value)
        case list():
            for value in block:
                yield from _texts(value)
        case _:
            pass


class RoomUser:
    """Somebody in the room: everything that was ever on their screen, and the keyboard."""

    def __init__(self, room: Room, user: str, channel: str = WAR_ROOM.id) -> None:
        self.user = user
        self.client = RoomClient(room.url, room.user_token, user=user, channel=channel)
        self.history: dict[str, list[RoomMessage]] = {}
        self.undelivered: list[Undelivered] = []
        self.forms: list[OpenView] = []
        """Every form that was ever opened or changed on their screen."""
        self._deleted: set[str] = set()
        self._changed = threading.Condition()
        self._stream = self.client.events()
        self._reader = threading.Thread(target=self._read, name=f"reader-{user}", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Leave."""
        self._stream.close()
        self._reader.join()

    def type(self, line: str) -> "ShownDialog":
        """Type a command line; the dialog may or may not come."""
        return ShownDialog(self, self.client.type(line).trigger_id)

    def until(self, look: Callable[[], Found | None], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
        """Wait until `look` finds something; it is asked again after every change in the room."""
        with self._changed:
            found = self._changed.wait_for(look, seconds)
        assert found, f"{what}: not within {seconds:g} s. On the screen:\n{self.screen()}"
        return found

    def until_form(self, count: int = 1) -> "OpenForm":
        """Wait until so many forms were opened; give the last."""
        self.until(lambda: len(self.forms) >= count, f"{count} forms")
        return OpenForm(self, self.forms[count - 1])

    def until_another_dialog(self, *known: "ShownDialog") -> "ShownDialog":
        """Wait for a dialog of the bot beside those that are known."""

        def look() -> ShownDialog | None:
            triggers = [fact(states[0], "trigger") for states in self.history.values()]
            others = [trigger for trigger in triggers if trigger and trigger not in {each.trigger for each in known}]
            return ShownDialog(self, others[0]) if others else None

        return self.until(look, "another dialog")

    @property
    def messages(self) -> list[RoomMessage]:
        """What is on the screen now, oldest first."""
        return [states[-1] for ts, states in sorted(self.history.items()) if ts not in self._deleted]

    @property
    def whispers(self) -> list[str]:
        """What only this person sees."""
        return [_all_text(message) for message in self.messages if message.only_for == self.user]

    def until_whispered(self, part: str) -> str:
        """Wait for a note that only this person sees."""
        return self.until(lambda: next((note for note in self.whispers if part in note), None), f"a note “{part}”")

    def until_whispers(self, count: int) -> str:
        """Wait until there are so many notes for this person alone; give the last."""
        self.until(lambda: len(self.whispers) >= count, f"{count} notes")
        return self.whispers[-1]

    def screen(self) -> str:
        """Write down what is on the screen."""
        shown = (f"[{message.author} {fact(message, 'state')}] {_all_text(message)}" for message in self.messages)
        return "\n---\n".join(shown)

    def _read(self) -> None:
        for event in self._stream:
            with self._changed:
                self._take(event)
                self._changed.notify_all()

    def _take(self, event: RoomEvent) -> None:
        match event:
            case MessagePosted(message=message) | MessageEdited(message=message):
                self.history.setdefault(message.ts, []).append(message)
            case MessageDeleted(ts=ts):
                self._deleted.add(ts)
            case ViewShown(view=view):
                self.forms.append(view)
            case Undelivered():
                self.undelivered.append(event)
            case _:
                pass


def _all_text(message: RoomMessage) -> str:
    return f"{message.text}\n{words(message)}".strip()


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form on a person's screen, with one input in each block."""

    person: RoomUser
    view: OpenView

    @property
    def title(self) -> str:
        """What stands above it."""
        return " ".join(_texts(self.view.content["title"]))

    @property
    def filled(self) -> dict[str, str]:
        """What is in the fields when it opens, by their blocks."""
        found = {block: _initial(element) for block, element in self._elements()}
        return {block: value for block, value in found.items() if value}

    def choices(self, block: str) -> list[str]:
        """What a menu offers."""
        options = dict(self._elements())[block].get("options")
        assert isinstance(options, list)
        return [str(option["value"]) for option in options if isinstance(option, dict)]

    def send(self, **changes: str | None) -> dict[str, str]:
        """Change some fields and send it; gives the errors beside the fields, none when it was taken.

        A box that is ticked has the value of its one choice, `true`.
        """
        values = {**self.filled, **changes}
        elements = dict(self._elements())
        entries = {block: {str(elements[block]["action_id"]): value} for block, value in values.items()}
        submitted = self.person.client.submit(self.view.id, entries)
        assert submitted.outcome != "failed", submitted
        return submitted.errors

    def _elements(self) -> Iterator[tuple[str, Block]]:
        blocks = self.view.content["blocks"]
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, dict) and isinstance(element := block.get("element"), dict):
                yield str(block["block_id"]), element


def _initial(element: Block) -> str:
    match element:
        case (
            {"initial_value": str(value)}
            | {"initial_option": {"value": str(value)}}
            | {"initial_options": [{"value": str(value)}]}
        ):
            return value
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class ShownDialog:
    """The bot's message for one typed line, as a person follows it."""

    person: RoomUser
    trigger: str

    @property
    def shown(self) -> list[RoomMessage]:
        """All that this message has ever shown, in order; empty before it was posted."""
        for states in self.person.history.values():
            if fact(states[0], "trigger") == self.trigger:
                return states
        return []

    @property
    def now(self) -> RoomMessage:
        """What it shows now."""
        return self.shown[-1]

    @property
    def ts(self) -> str:
        """The name of the message."""
        return self.now.ts

    @property
    def id(self) -> str:
        """The dialog's id, which is the job's too."""
        return fact(self.now, "dialog")

    @property
    def states(self) -> list[str]:
        """The states that it went through."""
        passed = [fact(message, "state") for message in self.shown]
        return [state for place, state in enumerate(passed) if place == 0 or passed[place - 1] != state]

    def until(self, *states: str, seconds: float = PATIENCE_SECONDS) -> RoomMessage:
        """Wait until it is in one of these states; a message in an end state is final, so another one fails at once."""

        def look() -> RoomMessage | None:
            now = self.shown[-1] if self.shown else None
            state = fact(now, "state") if now else ""
            has_ended = now is not None and fact(now, "ended") == "True"
            assert not has_ended or state in states, f"it ended {state}:\n{_all_text(self.now)}"
            return now if state in states else None

        return self.person.until(look, f"{' or '.join(states)}", seconds)

    def until_says(self, part: str, seconds: float = PATIENCE_SECONDS) -> RoomMessage:
        """Wait until it shows these words, now or in a state that has passed already."""

        def look() -> RoomMessage | None:
            return next((message for message in self.shown if part in words(message)), None)

        return self.person.until(look, f"“{part}”", seconds)

    def click(
        self, action: str, *, by: RoomUser | None = None, stale: bool = False, deliveries: int = 1
    ) -> "ShownDialog":
        """Press a button; gives the dialog that this click may begin, as its person follows it."""
        sent = (by or self.person).client.click(self.ts, action, stale=stale, deliveries=deliveries)
        return ShownDialog(by or self.person, sent.trigger_id)

    def choose(self, action: str, option: str, *, by: RoomUser | None = None, deliveries: int = 1) -> "ShownDialog":
        """Choose in a menu by its words, whole or a part; gives the dialog that this may begin."""
        offered = options(self.now, action)
        fitting = [value for words, value in offered.items() if option in (words, value)]
        fitting += [value for words, value in offered.items() if option in words]
        assert fitting, f"`{action}` has no choice “{option}”, only {list(offered)}"
        sent = (by or self.person).client.click(self.ts, action, value=fitting[0], deliveries=deliveries)
        return ShownDialog(by or self.person, sent.trigger_id)

    def child(self, action: str, option: str = "", *, by: RoomUser | None = None) -> "ShownDialog":
        """Press a button, or choose in a menu, that begins another dialog, and wait for that one to be shown."""
        begun = self.choose(action, option, by=by) if option else self.click(action, by=by)
        begun.person.until(lambda: begun.shown, f"the dialog after `{action}`")
        return begun

    @property
    def thread(self) -> list[RoomMessage]:
        """What stands in its thread."""
        return [message for message in self.person.messages if message.thread_ts == self.ts]

    @property
    def replies(self) -> list[str]:
        """What the bot said in its thread, files aside."""
        return [message.text for message in self.thread if not message.files]

    @property
    def files(self) -> dict[str, str]:
        """The files in its thread, with their content; of a name that is there twice, both fail the test."""
        shared = [file for message in self.thread for file in message.files]
        assert len({file.name for file in shared}) == len(shared), f"a file is there twice: {shared}"
        return {file.name: self.person.client.file(file.id).decode() for file in shared}

    def until_file(self, name: str) -> str:
        """Wait for a file in the thread."""
        self.person.until(lambda: any(f.name == name for m in self.thread for f in m.files), f"the file {name}")
        return self.files[name]

    def until_announced(self) -> str:
        """Wait for the reply at the end."""
        return self.person.until(lambda: self.replies[-1:], "the announcement")[0]


# ── The room and the bot ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class RoomDriver:
    """A room with the bot in it, on a Docker host. `bot` is None while none runs."""

    settings: Settings
    host: Host
    resolver: Resolver
    room: Room
    access: Access = EVERYWHERE
    pace: Pace = HASTE
    bot: Bot | None = None
    api_url: str = ""
    """Where the bot finds Slack's Web API, if not directly in the room."""
    registries: FakeRegistries = field(default_factory=FakeRegistries)
    files: FakeFiles = field(default_factory=FakeFiles)
    is_left_as_it_is: bool = False
    """The test leaves something unfinished on purpose: what is there at the end proves nothing."""
    alice: RoomUser = field(init=False)
    bob: RoomUser = field(init=False)

    def __post_init__(self) -> None:
        """Bring the people in."""
        self.alice = RoomUser(self.room, ALICE.id)
        self.bob = RoomUser(self.room, BOB.id)

    def make_bot(self, engine: Engine | None = None) -> Bot:
        """Put a bot together as the program does; it is not started."""
        state = self.settings.state_dir
        fresh_state(state, cache=state.parent.parent)
        api_url = self.api_url or self.room.api_url
        credentials = Credentials(self.room.bot_token, self.room.app_token, api_url, self.access)
        return make_bot(
            self.settings,
            credentials,
            engine=engine or self.host.engine,
            resolver=self.resolver,
            files=self.files,
            registry=self.registries,
            pace=self.pace,
        )

    def start_bot(self, engine: Engine | None = None) -> Bot:
        """Start the bot."""
        self.bot = self.make_bot(engine)
        self.bot.start()
        return self.bot

    def close_bot(self) -> None:
        """End the bot as SIGTERM does."""
        if self.bot is not None:
            self.bot.close()
            self.bot = None

    def crash_bot(self, wire: CuttableEngine) -> None:
        """End the bot as `kill -9` does: it says and stores nothing more, and its daemon loses sight of it."""
        bot = self.bot
        assert bot is not None
        self.bot = None
        bot._channel.close(seconds=0)
        bot._connection.close()
        wire.cut()
        # Every task that is under way meets the cut wire; then there is nothing left that could be paused.
        bot._jobs.close()
        bot._resources.close()
        self.host.hang_up = lambda: None

    def close(self) -> None:
        """End everything but the room, and see that nothing was left behind or unsaid."""
        try:
            self.close_bot()
            if not self.is_left_as_it_is:
                self._look_around()
        finally:
            self.alice.close()
            self.bob.close()

    def _look_around(self) -> None:
        with self.ledger() as ledger:
            undecided, unshown = ledger.in_stage(Deciding), ledger.unshown_entries()
        assert not unshown, f"not said: {unshown}"
        assert self.host.engine.throwaways == self.host.engine.running_builds == 0
        assert self.nameless() == len(undecided), "an image without a name is left"
        assert not self.alice.undelivered, "the bot did not acknowledge"
        # The bot falls back to plain text where Slack takes offence at its blocks.
        assert all(message.blocks for message in self.bot_messages()), "a dialog was not valid"

    def create(self, line: str = EXAMPLE, by: RoomUser | None = None) -> ShownDialog:
        """Type a line, wait for the review and press Create."""
        dialog = (by or self.alice).type(line)
        dialog.until("review")
        dialog.click("create")
        return dialog

    # ── What is there afterwards ────────────────────────────────────────────────────────────────────────────────

    def tags(self) -> list[str]:
        """All names of images that the bot made."""
        return sorted(name for image in self.host.engine.images({JOB: ""}) for name in image.repo_tags)

    def nameless(self) -> int:
        """How many images of the bot have no name."""
        return sum(not image.repo_tags for image in self.host.engine.images({JOB: ""}))

    def entries(self) -> dict[str, Entry]:
        """What the ledger holds, by dialog."""
        with self.ledger() as ledger:
            return {entry.id: entry for entry in (*ledger.unfinished_entries(), *ledger.in_stage(*FINAL))}

    def stages(self) -> list[str]:
        """The stages of all dialogs in the ledger."""
        return sorted(type(entry.dialog).__name__ for entry in self.entries().values())

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger beside the bot."""
        ledger = Ledger(sqlite_url(self.settings.state_dir / "dialogs.sqlite"))
        try:
            yield ledger
        finally:
            ledger.close()

    def bot_messages(self) -> list[RoomMessage]:
        """What the bot wrote for everybody, threads aside."""
        mine = [message for message in self.alice.messages if message.author == BOT.user_id]
        return [message for message in mine if message.only_for is None and message.thread_ts is None]


def open_room(
    limits: RateLimits | None = None,
    workspace: Workspace | None = None,
    *,
    ack_seconds: float = PATIENCE_SECONDS,
) -> Room:
    """Open a room that knows the bot's commands; without `limits` nothing is limited.

    Slack's 3 s for an acknowledgement, and for opening a form, are not what is tested here, and a slow machine may
    need more.
    """
    return Room(
        commands=[command.name for command in COMMANDS],
        limits=limits or RateLimits.boundless(),
        workspace=workspace,
        ack_seconds=ack_seconds,
        sources=RoomSources() if limits else RoomSources(clock=lambda: 0.0),
    ).start()


def make_settings(state: Path, cache: Path, **changes: object) -> Settings:
    """Make settings that depend on neither the environment nor a file."""
    values: dict[str, object] = {
        "state_dir": state,
        "cache_dir": cache,
        "default_base": "demisto/python3-deb",
        "docker_host": "unix:///fake.sock",
        "grace_seconds": 0,
        **changes,
    }
    return Settings.model_validate(values)
