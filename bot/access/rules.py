"""The rules of access; the only place that answers whether a person may do something in a channel."""

from dataclasses import asdict, dataclass, replace
from typing import Self, assert_never

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Actor:
    """A person in a channel, by id; `team` is the person's workspace, or None where Slack does not name it."""

    user: str
    channel: str
    team: str | None


@dataclass(frozen=True, slots=True)
class TypeCommand:
    """Run a slash command, or read its help."""

    command: str


@dataclass(frozen=True, slots=True)
class OpenForm:
    """Open the empty form of a command, by typing the command alone."""

    command: str


@dataclass(frozen=True, slots=True)
class SendForm:
    """Send a form of a command."""

    command: str


@dataclass(frozen=True, slots=True)
class PressButton:
    """Press a button or choose from a menu, by its action id."""

    action: str


Act = TypeCommand | OpenForm | SendForm | PressButton
"""What a person asks the bot to do."""


@dataclass(frozen=True, slots=True)
class Access:
    """The people who may use the bot, by id: those of `users` and `teams` in `channels`.

    Without channels nobody has access; without users everybody in the channels has it. A channel may be shared with
    other workspaces: only people of `teams` have access, and the bot's own workspace is one of them.
    """

    channels: frozenset[str]
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def with_own(self, teams: frozenset[str]) -> Self:
        """Add the bot's own workspace."""
        return replace(self, teams=self.teams | teams)

    def refusal(self, actor: Actor, act: Act) -> str | None:
        """Return why the actor may not do this and how to allow it, or None if it is allowed; log each refusal."""
        reason = self._reason(actor)
        if reason:
            log.info(_event(act), **asdict(actor), **asdict(act))
        return reason

    def _reason(self, actor: Actor) -> str | None:
        user, channel, team = actor.user, actor.channel, actor.team
        if channel not in self.channels:
            return f"This channel takes no commands. To allow them, add `{channel}` to `WARROOM_ALLOWED_CHANNELS`."
        if team is None:
            return "Slack does not say which workspace you are in. Try again in a minute."
        if team not in self.teams:
            return (
                f"Commands from your workspace are not allowed. To allow them, add `{team}` to `WARROOM_ALLOWED_TEAMS`."
            )
        if self.users and user not in self.users:
            return f"You are not allowed to use this command. To get access, add `{user}` to `WARROOM_ALLOWED_USERS`."
        return None


def _event(act: Act) -> str:
    match act:
        case TypeCommand() | OpenForm():
            return "command_not_allowed"
        case SendForm():
            return "form_not_allowed"
        case PressButton():
            return "click_not_allowed"
        case _:
            assert_never(act)
