"""People who type commands, click and change their minds, in a random order that a seed decides."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any

from bot.room.client.room_client import EventStream, RoomClient, RoomError
from bot.room.events import MessageEdited, MessagePosted, RoomEvent, RoomMessage, Undelivered, ViewShown
from bot.room.server.room import Room
from tests.kit.program import facts_of

ANSWER_SECONDS = 90.0
"""How long a person waits for the bot before going on."""
_KEPT = 2000
_NAMES = 8

UNDELIVERED = "undelivered"
ANSWERED = "answered"
OVER = "cut short by the end of the soak"


class SoakBoard:
    """What the room shows, by the trigger of the command or click that began it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._dialogs: OrderedDict[str, RoomMessage | str] = OrderedDict()
        self._is_over = False
        self._asking: dict[str, str] = {}

    def expect(self, user: str, trigger: str) -> None:
        """Take the next note for this person, which names no trigger, as an answer to this one."""
        with self._changed:
            self._asking[user] = trigger

    def end(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def hear(self, event: RoomEvent) -> None:
        """Take one event of the room."""
        match event:
            case MessagePosted(message=message) | MessageEdited(message=message):
                trigger = facts_of(message).get("trigger") if message.thread_ts is None else None
                self._put(trigger, message)
                if message.only_for:
                    self._put(message.answers or self._asking.get(message.only_for), ANSWERED)
            case ViewShown(view=view):
                self._put(view.trigger_id, ANSWERED)
            case Undelivered(trigger_id=trigger):
                self._put(trigger, UNDELIVERED)
            case _:
                pass

    def _put(self, trigger: object, shown: RoomMessage | str) -> None:
        if not trigger:
            return
        with self._changed:
            # A dialog tells more than that something was answered.
            if isinstance(shown, RoomMessage) or str(trigger) not in self._dialogs:
                self._dialogs[str(trigger)] = shown
            while len(self._dialogs) > _KEPT:
                self._dialogs.popitem(last=False)
            self._changed.notify_all()

    def until(
        self, trigger: str, wanted: Callable[[RoomMessage], bool], seconds: float = ANSWER_SECONDS
    ) -> RoomMessage | str | None:
        """Wait until the dialog is as wanted, or there will be none; None after the time."""

        def met() -> bool:
            now = self._dialogs.get(trigger)
            return self._is_over or isinstance(now, str) or (now is not None and wanted(now))

        with self._changed:
            is_met = self._changed.wait_for(met, seconds)
            return OVER if self._is_over else self._dialogs.get(trigger) if is_met else None

    def story(self, trigger: str) -> str:
        """Return what is shown of a command now."""
        with self._changed:
            shown = self._dialogs.get(trigger)
        facts = facts_of(shown) if isinstance(shown, RoomMessage) else {}
        return f"{trigger}: {facts.get('dialog')} {facts.get('state', shown)}"


@dataclass(slots=True)
class SoakTally:
    """What people did and what became of it."""

    counts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    """The last that was shown of each command that did not get on in time."""


class SoakPerson:
    """One person, who does one thing after the other until told to end."""

    def __init__(
        self,
        user: str,
        client: RoomClient,
        board: SoakBoard,
        random: Random,
        tally: SoakTally,
        *,
        prefix: str,
        python: str,
    ) -> None:
        self._user = user
        self._client = client
        self._board = board
        self._random = random
        self._tally = tally
        self._prefix = prefix
        self._python = python

    def live(self, closing: threading.Event, seconds_between: float) -> None:
        """Do things, with a pause between the beginnings of two."""
        while not closing.is_set():
            due = monotonic() + self._random.uniform(0.5, 1.5) * seconds_between
            try:
                self._do_something()
            except RoomError as error:
                self._tally.counts[f"room: {error.error}"] += 1
            closing.wait(max(0.0, due - monotonic()))

    def _do_something(self) -> None:
        (line,) = self._random.choices([line for line, _ in self._lines()], [weight for _, weight in self._lines()])
        self._tally.counts["commands"] += 1
        self._follow(self._client.type(line).trigger_id)

    def _lines(self) -> Sequence[tuple[str, int]]:
        name = f"{self._prefix}/image{self._random.randrange(_NAMES)}"
        return (
            (f"/docker_image_create name={name} packages=tar", 5),
            (f"/docker_image_create name={name} dependencies={self._python} packages=tar", 2 if self._python else 0),
            (f"/docker_image_update image={name}", 5),
            ("/docker_images", 5),
            (f"/docker_image_create nme={name} packages=tar", 2),
            (f"/docker_image_update image={self._prefix}/nothing{self._random.randrange(10**9)}", 1),
            (f"/docker_image_create name={name.upper()}", 1),
            ("/docker_image_create help", 1),
            ("/docker_image_create", 1),
        )

    def _follow(self, trigger: str, depth: int = 0) -> None:
        """Follow a dialog to its end, and sometimes the dialogs that its buttons begin."""
        self._board.expect(self._user, trigger)
        shown = self._board.until(trigger, _is_settled, ANSWER_SECONDS)
        if isinstance(shown, RoomMessage) and facts_of(shown)["asks"]:
            shown = self._decide(trigger, shown)
        if shown is None:
            self._tally.counts["unanswered"] += 1
            self._tally.unanswered.append(self._board.story(trigger))
        elif isinstance(shown, str):
            self._tally.counts[shown] += 1
        else:
            self._tally.states[str(facts_of(shown)["state"])] += 1
            self._look_around(shown, depth)

    def _decide(self, trigger: str, shown: RoomMessage) -> RoomMessage | str | None:
        buttons = _buttons(shown)
        # Of an image that exists already: use it, or build anyway.
        confirms = self._random.choice([action for action, meaning in buttons.items() if meaning == "yes"] or [""])
        leaves = next((action for action, meaning in buttons.items() if meaning == "leave"), "")
        choice = self._random.random()
        if choice < 0.1:
            # Nobody decides: the review expires.
            return self._board.until(trigger, _is_ended)
        if choice < 0.3 or not confirms:
            self._click(shown, leaves)
            return self._board.until(trigger, _is_ended)
        if choice < 0.4:
            self._click(shown, next(action for action, meaning in buttons.items() if meaning in {"file", "leave"}))
        self._click(shown, confirms)
        if self._random.random() < 0.15:
            self._stop(trigger)
        ended = self._board.until(trigger, lambda now: _is_ended(now) or facts_of(now)["state"] == "deciding")
        if isinstance(ended, RoomMessage) and not _is_ended(ended):
            self._click(ended, "discard")
            ended = self._board.until(trigger, _is_ended)
        return ended

    def _stop(self, trigger: str) -> None:
        running = self._board.until(trigger, lambda now: "stop" in _buttons(now) or _is_ended(now))
        if isinstance(running, RoomMessage) and "stop" in _buttons(running):
            self._click(running, "stop")

    def _look_around(self, shown: RoomMessage, depth: int) -> None:
        buttons = _buttons(shown)
        if "refresh" in buttons:
            self._turn_pages(shown)
            self._open_a_card(shown, depth)
            return
        choice = self._random.random()
        files = [action for action, meaning in buttons.items() if meaning == "file"]
        begins = [action for action, meaning in buttons.items() if meaning == "begin"]
        if files and choice < 0.3:
            self._click(shown, self._random.choice(files))
        elif begins and choice < 0.7 and depth < 2:
            self._begin(shown, self._random.choice(begins), depth)

    def _turn_pages(self, shown: RoomMessage) -> None:
        for _ in range(self._random.randrange(3)):
            turns = [action for action, meaning in _buttons(shown).items() if meaning == "turn"]
            self._click(shown, self._random.choice(turns))

    def _open_a_card(self, shown: RoomMessage, depth: int) -> None:
        # Only the soak's own images: the daemon may have others, which these people must not touch.
        own = [value for label, value in _choices(shown, "image_details") if self._prefix in label]
        if own and depth < 2 and self._random.random() < 0.7:
            value = self._random.choice(own)
            self._tally.counts["commands"] += 1
            self._follow(self._client.click(shown.ts, "image_details", value=value).trigger_id, depth + 1)

    def _begin(self, shown: RoomMessage, action: str, depth: int) -> None:
        self._tally.counts["commands"] += 1
        self._follow(self._client.click(shown.ts, action).trigger_id, depth + 1)

    def _click(self, shown: RoomMessage, action: str) -> None:
        self._tally.counts["clicks"] += 1
        try:
            self._client.click(shown.ts, action)
        except RoomError:
            # The dialog has changed since: the button is gone.
            self._tally.counts["late clicks"] += 1


def _is_settled(message: RoomMessage) -> bool:
    facts = facts_of(message)
    return bool(facts["asks"] or facts["ended"])


def _is_ended(message: RoomMessage) -> bool:
    return bool(facts_of(message)["ended"])


def _buttons(message: RoomMessage) -> Mapping[str, str]:
    found: Any = facts_of(message).get("buttons", {})
    return found if isinstance(found, dict) else {}


def _choices(message: RoomMessage, action: str) -> Iterator[tuple[str, str]]:
    rows: list[Any] = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    for element in (each for row in rows for each in row if each["action_id"] == action):
        groups = [group["options"] for group in element.get("option_groups", ())] or [element.get("options", ())]
        for option in (each for group in groups for each in group):
            yield option["text"]["text"], option["value"]


@contextmanager
def soak_board(room: Room) -> Iterator[SoakBoard]:
    """Follow a room until the end of the block, with the eyes of each person: some answers are for one alone."""
    board = SoakBoard()

    def follow(events: EventStream) -> None:
        for event in events:
            board.hear(event)

    with ExitStack() as stack:
        for person in room.workspace.people:
            events = RoomClient(room.url, room.user_token, user=person.id).events()
            reader = threading.Thread(target=follow, args=(events,), daemon=True)
            reader.start()
            stack.callback(reader.join, ANSWER_SECONDS)
            stack.callback(events.close)
        yield board
