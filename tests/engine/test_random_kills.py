"""`kill -9` at random moments of a create, an update and a roll back, under a Slack that fails one call in five.

Whatever the moment: the dialog ends once, with one outcome on the daemon, and nothing is left behind. Only its message
may be there twice, if the kill came between Slack's answer to the post and the note of it (see `test_kill`): the newer
one then goes on.
"""

import signal
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from bot.room.events import RoomMessage
from commands.model.images import LocalImage
from tests.fakes.slack_faults import ANY, LOST_REQUEST, SlackFaults, faulty_slack, refused, unavailable
from tests.kit.program import OVER, CommandDialog, Happening, LogEvent, ProgramRoom, facts_of, open_program_room
from tests.kit.program_on_engine import OwnBase, installer

pytestmark = pytest.mark.engine

SLOW: Final = installer("echo patience", "sleep 0.5", "echo done # LONG")
KINDS: Final = ("create", "update", "roll back")
KILLS: Final = 20
TWICE: Final = 2
LATEST_KILL: Final = 30
"""The most events of the log between the command and the kill: then nearly all jobs are over."""
ENDS: Final = {"create": "done", "update": "updated", "roll back": "rolled_back"}
CONFIRMS: Final = {"create": "create", "update": "update", "roll back": "roll_back"}


class Victim:
    """One command, in a room whose Slack fails; the bots come and go."""

    def __init__(self, program_room: ProgramRoom, own_base: OwnBase, slack: SlackFaults, kind: str) -> None:
        self.program_room = program_room
        self.own_base = own_base
        self.slack = slack
        self.kind = kind
        self.name = own_base.name("image")
        self.settings = {"WARROOM_SLACK_API_URL": slack.api_url}

    def prepare(self) -> CommandDialog | None:
        """Make what an update, or a roll back, needs; gives the dialog whose button begins the roll back."""
        if self.kind == "create":
            return None
        with self.program_room.bot() as bot:
            self._to_the_end("create", self._create())
            # A newer image has the base's name from now on, and the older one another name.
            space = self.own_base.space
            newer = space.built("RUN echo newer > /newer")
            repository, _, tag = space.base.rpartition(":")
            space.engine.tag(space.base_id, repository, f"{tag}-older")
            space.engine.tag(newer, repository, tag)
            talk = None
            if self.kind == "roll back":
                talk = self._to_the_end("update", self._update())
            assert bot.ended(signal.SIGTERM) == 0
        return talk

    def fail_one_call_in_five(self, seed: int) -> None:
        """Let Slack fail from now on, in the ways that leave no doubt whether it heard the call."""
        self.slack.at_random("chat.postMessage", refused("internal_error"), one_in=5, seed=seed)
        self.slack.at_random("chat.update", LOST_REQUEST, one_in=5, seed=seed)
        self.slack.at_random("files.getUploadURLExternal", unavailable(), one_in=5, seed=seed)
        self.slack.at_random(ANY, refused("ratelimited", status=429, retry_after=1), one_in=5, seed=seed)

    def run_until_killed(self, number: int, before: CommandDialog | None) -> CommandDialog:
        """Begin, and kill the bot so many events of its log later."""
        self.program_room.forget()
        with self.program_room.bot(doom=(f"command_accepted+{number}",), **self.settings) as bot:
            bot.until_logged("slack_line_opened")
            talk = self._begin(before)
            self._confirm(self.kind, talk, until=lambda happening: is_over(happening) or self._is_told(talk))
            # The number may have been larger than what there was to log.
            bot.process.kill()
            bot.ended()
        return talk

    def run_to_the_end(self, talk: CommandDialog) -> None:
        """Let another bot go on, under the same Slack."""
        with self.program_room.bot(**self.settings) as bot:
            bot.until_logged("slack_line_opened")
            if not self._is_told(talk):
                self._confirm(self.kind, talk, until=lambda _: self._is_told(talk))
            assert bot.ended(signal.SIGTERM) == 0

    def _begin(self, before: CommandDialog | None) -> CommandDialog:
        match self.kind, before:
            case "create", _:
                return self._create()
            case "update", _:
                return self._update()
            case _, CommandDialog():
                return before.begin("undo_update")
            case _:
                raise AssertionError(self.kind)

    def _create(self) -> CommandDialog:
        return self.program_room.type(f"/docker_image_create name={self.name} packages=tar")

    def _update(self) -> CommandDialog:
        return self.program_room.type(f"/docker_image_update image={self.name}")

    def _to_the_end(self, kind: str, talk: CommandDialog) -> CommandDialog:
        self._confirm(kind, talk, until=lambda _: talk.state == ENDS[kind])
        return talk

    def _confirm(self, kind: str, talk: CommandDialog, *, until: Callable[[Happening], bool]) -> None:
        pressed = False

        def wanted(happening: Happening) -> bool:
            nonlocal pressed
            if until(happening):
                return True
            if not pressed and talk.state == "review":
                pressed = True
                self.program_room.client.click(newest(talk).ts, CONFIRMS[kind])
            return False

        self.program_room.until(wanted)

    def _is_told(self, talk: CommandDialog) -> bool:
        return talk.state == ENDS[self.kind] and len(self.announcements(talk)) > 0

    def announcements(self, talk: CommandDialog) -> list[RoomMessage]:
        """List the replies to the dialog that have no file."""
        ts = newest(talk).ts
        return [each for each in self.program_room.client.messages() if each.thread_ts == ts and not each.files]

    def images(self) -> dict[str, LocalImage]:
        """Find what has which of the image's names."""
        made = [
            image for image in self.own_base.images() if any(each.startswith(self.name) for each in image.repo_tags)
        ]
        return {name: image for image in made for name in image.repo_tags}


def newest(talk: CommandDialog) -> RoomMessage:
    """Find the message of a dialog that goes on."""
    return talk.dialogs()[-1]


def is_over(happening: Happening) -> bool:
    return isinstance(happening, LogEvent) and happening.says(OVER)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_dialog_ends_once_whenever_the_bot_is_killed(make_own_base: Callable[..., OwnBase], seed: int) -> None:
    own_base, number = make_own_base(SLOW), Random(seed).randint(1, LATEST_KILL)  # noqa: S311 - a moment, no secret
    with open_program_room(own_base.environment) as program_room, faulty_slack(program_room.room.url) as slack:
        victim = Victim(program_room, own_base, slack, KINDS[seed % len(KINDS)])
        before = victim.prepare()
        victim.fail_one_call_in_five(seed)
        talk = victim.run_until_killed(number, before)
        victim.run_to_the_end(talk)

        facts, held = facts_of(newest(talk)), victim.images()
        assert (facts["state"], facts["succeeded"]) == (ENDS[victim.kind], True)
        assert len(talk.dialogs()) <= TWICE
        assert len(victim.announcements(talk)) == 1
        assert own_base.left_behind() == ()
        holders = {image.id for image in held.values()}
        kept = [name for name in held if ":before-" in name]
        assert (len(holders), len(kept)) == {"create": (1, 0), "update": (2, 1), "roll back": (2, 1)}[victim.kind], held
