"""The program as people start it: a process of its own, what it prints and logs, and the room that it talks to."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from bot.room.client.room_client import ClickSent, CommandSent, RoomClient
from bot.room.events import MessageEdited, MessagePosted, RoomEvent, RoomMessage
from bot.room.server.room import Room
from bot.room.workspace import WAR_ROOM
from bot.router import COMMANDS

Met = TypeVar("Met")

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds in which everything that a test waits for happens, also on a slow machine."""


_USUAL = {"WARROOM_LOG_FORMAT": "json", "COLUMNS": "100", "PYTHONFAULTHANDLER": "1"}


OVER = "program_over"
"""Told after the last event of a program's log."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of the program's log."""

    event: str
    fields: Mapping[str, Any]

    def says(self, event: str, **fields: object) -> bool:
        """Say whether it is this event with at least these fields."""
        return self.event == event and all(self.fields.get(name) == value for name, value in fields.items())


class Program:
    """`python -m bot …`, running. Its log (JSON) is told to `hear`, its standard output is kept line by line."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        hear: Callable[[LogEvent], None] = lambda _: None,
        doom: Sequence[str] = (),
    ) -> None:
        """Start it; `doom`, where given, is the event at which it is killed, as `tests.kit.killed_at` takes it."""
        module = ["tests.kit.killed_at", *doom, "--"] if doom else ["bot"]
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", *module, *arguments],
            cwd=ROOT,
            # Without a health page: several programs run at once on this machine, and its port is one.
            env={**os.environ, "WARROOM_HEALTH_PORT": "0", **_USUAL, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._hear = hear
        self._output: list[str] = []
        self._errors: list[str] = []
        self._said = threading.Condition()
        streams = ((self.process.stdout, self._output), (self.process.stderr, self._errors))
        self._open = len(streams)
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams]
        for reader in self._readers:
            reader.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self._output)

    @property
    def errors(self) -> str:
        """What it has logged and complained about so far."""
        return "".join(self._errors)

    def until_printed(self, text: str, *, within: float = PATIENCE) -> str:
        """Wait until it printed a line with this text, and give the line."""
        met = self._met(lambda: self._line(text), within)
        assert met, f"`{text}` was not printed:\n{self.output}\n{self.errors}"
        return met

    def until_logged(self, event: str, *, within: float = PATIENCE, **fields: object) -> LogEvent:
        """Wait until it logged this event."""
        met = self._met(lambda: self._logged(event, fields), within)
        assert met, f"`{event}` was not logged:\n{self.errors}"
        return met

    def _met(self, wanted: Callable[[], Met | None], within: float) -> Met | None:
        """Wait for what it may say; a program that is over says nothing more."""
        with self._said:
            self._said.wait_for(lambda: wanted() or not self._open, timeout=within)
            return wanted()

    def ended(self, number: signal.Signals | None = None, *, within: float = PATIENCE) -> int:
        """Send a signal, where one is given, and wait for the end; gives the exit status."""
        if number is not None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            # With PYTHONFAULTHANDLER this makes it print where each of its threads stands.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(PATIENCE)
            self._join()
            raise AssertionError(f"it did not end:\n{self.output}\n{self.errors}") from None
        self._join()
        return status

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.ended(signal.SIGKILL)
        self.ended()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def _line(self, text: str) -> str:
        return next((line for line in self._output if text in line), "")

    def _logged(self, event: str, fields: Mapping[str, object]) -> LogEvent | None:
        told = (_logged(line) for line in self._errors if event in line)
        return next((one for one in told if one and one.says(event, **fields)), None)

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._said:
                lines.append(line)
                self._said.notify_all()
            logged = _logged(line) if lines is self._errors else None
            if logged:
                self._hear(logged)
        with self._said:
            self._open -= 1
            self._said.notify_all()
        if lines is self._errors:
            self._hear(LogEvent(OVER, {}))


def _logged(line: str) -> LogEvent | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return LogEvent(str(fields.pop("event", "")), fields) if isinstance(fields, dict) else None


# ── A room in this process, the bot outside ─────────────────────────────────────────────────────────────────────────

Happening = LogEvent | RoomEvent


@dataclass(slots=True)
class ProgramRoom:
    """A room in this process; the bot comes and goes as a process of its own. All that happens is told in order."""

    room: Room
    environment: Mapping[str, str]
    happenings: "queue.Queue[Happening]" = field(default_factory=queue.Queue)

    @property
    def client(self) -> RoomClient:
        """The person who types and clicks."""
        return RoomClient(self.room.url, self.room.user_token)

    @contextmanager
    def bot(self, *, doom: Sequence[str] = (), **settings: str) -> Iterator[Program]:
        """Run the bot as in production: `warroom slack` with this room in Slack's place."""
        credentials = {
            "SLACK_BOT_TOKEN": self.room.bot_token,
            "SLACK_APP_TOKEN": self.room.app_token,
            "WARROOM_SLACK_API_URL": self.room.api_url,
            "WARROOM_ALLOWED_CHANNELS": WAR_ROOM.id,
            "WARROOM_LOG_LEVEL": "debug",
        }
        environment = {**self.environment, **credentials, **settings}
        with Program("slack", environment=environment, hear=self.happenings.put, doom=doom) as bot:
            bot.until_logged("bot_started")
            yield bot

    def type(self, line: str) -> "CommandDialog":
        """Type a command."""
        return CommandDialog(self, self.client.type(line))

    def forget(self) -> None:
        """Forget what has happened so far, such as the end of a bot."""
        while not self.happenings.empty():
            self.happenings.get()

    def until(self, wanted: Callable[[Happening], bool], *, within: float = PATIENCE) -> Happening:
        """Wait for something to happen; what happened before is gone."""
        end, passed = monotonic() + within, list[Happening]()
        while (left := end - monotonic()) > 0:
            try:
                happening = self.happenings.get(timeout=left)
            except queue.Empty:
                break
            passed.append(happening)
            if wanted(happening):
                return happening
        told = "\n".join(str(each)[:400] for each in passed[-20:])
        raise AssertionError(f"it did not happen within {within:g} s; the last that did:\n{told}")


@dataclass(frozen=True, slots=True)
class CommandDialog:
    """One command, or a button that stands for one, and its dialog."""

    program_room: ProgramRoom
    sent: CommandSent | ClickSent

    def dialogs(self) -> tuple[RoomMessage, ...]:
        """Find the bot's messages for this command: one, if all is well."""
        return tuple(message for message in self.program_room.client.messages() if self._is_mine(message))

    @property
    def dialog(self) -> RoomMessage:
        """The dialog as it is now."""
        (only,) = self.dialogs()
        return only

    @property
    def thread(self) -> tuple[RoomMessage, ...]:
        """The replies below the dialog."""
        ts = self.dialog.ts
        return tuple(message for message in self.program_room.client.messages() if message.thread_ts == ts)

    @property
    def state(self) -> str:
        """The state that the dialog shows; empty before there is one."""
        dialogs = self.dialogs()
        return state_of(dialogs[-1]) if dialogs else ""

    @property
    def job(self) -> str:
        """The id of the dialog."""
        return str(facts_of(self.dialog)["dialog"])

    def shows(self, happening: Happening, *states: str) -> bool:
        """Say whether the dialog was just shown in one of these states."""
        match happening:
            case MessagePosted(message=message) | MessageEdited(message=message):
                return self._is_mine(message) and state_of(message) in states
            case _:
                return False

    def until(self, *states: str, within: float = PATIENCE) -> RoomMessage:
        """Wait until the dialog shows one of these states; gives it then."""
        if self.state not in states:
            self.program_room.until(lambda happening: self.shows(happening, *states), within=within)
        return self.dialog

    def click(self, action: str) -> None:
        """Press a button."""
        self.program_room.client.click(self.dialog.ts, action)

    def begin(self, action: str) -> "CommandDialog":
        """Press a button that begins another dialog."""
        return CommandDialog(self.program_room, self.program_room.client.click(self.dialog.ts, action))

    def _is_mine(self, message: RoomMessage) -> bool:
        return message.thread_ts is None and facts_of(message).get("trigger") == self.sent.trigger_id


def facts_of(message: RoomMessage) -> Mapping[str, Any]:
    """Read what a dialog tells programs."""
    return message.metadata.event_payload if message.metadata else {}


def state_of(message: RoomMessage) -> str:
    """Read the state of a dialog."""
    return str(facts_of(message).get("state", ""))


def text_of(message: RoomMessage) -> str:
    """Read all that a dialog tells people."""
    return f"{message.text}\n{json.dumps(message.blocks, ensure_ascii=False)}"


@contextmanager
def open_program_room(environment: Mapping[str, str]) -> Iterator[ProgramRoom]:
    """Open a room; `environment` is that of the bots that will come."""
    # What Slack gives a bot for an acknowledgement, 3 s, may be too little on a slow machine.
    with Room(commands=[command.name for command in COMMANDS], ack_seconds=PATIENCE) as room:
        opened = ProgramRoom(room, environment)
        with opened.client.events() as events:
            reader = threading.Thread(target=_pass_on, args=(events, opened.happenings), daemon=True)
            reader.start()
            yield opened
        reader.join(PATIENCE)


def _pass_on(events: Iterator[RoomEvent], happenings: "queue.Queue[Happening]") -> None:
    for event in events:
        happenings.put(event)


# ── Processes of this machine ───────────────────────────────────────────────────────────────────────────────────────


def is_running(word: str) -> bool:
    """Say whether a process of this machine has this word as an argument."""
    return bool(processes(word))


def kill(word: str) -> None:
    """Kill the processes of this machine that have this word as an argument."""
    for process in processes(word):
        os.kill(process, signal.SIGKILL)


def becomes(wanted: Callable[[], bool], *, within: float = PATIENCE) -> bool:
    """Say whether this becomes true soon: for what tells nobody when it changes."""
    pause, end = threading.Event(), monotonic() + within
    while not (met := wanted()) and monotonic() < end:
        pause.wait(0.02)
    return met


def processes(word: str) -> list[int]:
    """Find the processes of this machine that have this word as an argument."""
    there = Path("/proc").glob("[0-9]*")
    return [int(process.name) for process in there if word.encode() in _arguments(process).split(b"\0")]


def _arguments(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # It ended since it was listed.
        return b""
