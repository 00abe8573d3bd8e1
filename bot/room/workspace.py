"""The workspace of a room: one team, its channels, its people and the bot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# The author of Slack's own messages to a person, as in Slack.
SLACKBOT = "USLACKBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A Slack workspace, which Slack's protocol calls a team."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who types commands and clicks; in a shared channel they may be of another `team`."""

    id: str
    name: str
    team: Team | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotAccount:
    """The app as it appears in the workspace."""

    user_id: str
    bot_id: str
    app_id: str
    name: str


EditRule = Literal["allowed", "cant_update_message", "edit_window_closed"]
"""Whether the bot may edit its messages, or the error by which Slack refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceChannel:
    """A channel, with the people in it: `members=None` means everyone."""

    id: str
    name: str
    bot_is_member: bool = True
    members: frozenset[str] | None = None
    is_archived: bool = False
    edits: EditRule = "allowed"

    def has(self, user: str) -> bool:
        """Tell whether this person is in the channel."""
        return self.members is None or user in self.members


TEAM = Team(id="T0WARROOM", name="War room", domain="war-room")
ALICE = Member(id="U0ALICE", name="alice")
BOB = Member(id="U0BOB", name="bob")
BOT = BotAccount(user_id="U0WARROOM", bot_id="B0WARROOM", app_id="A0WARROOM", name="warroom")
WAR_ROOM = WorkspaceChannel(id="C0WARROOM", name="war-room")


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A slash command as the command box offers it; `usage` names its arguments: `name=x [base=y]`."""

    name: str
    usage: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The team, the bot, the people and the channels."""

    team: Team = TEAM
    bot: BotAccount = BOT
    people: Sequence[Member] = (ALICE, BOB)
    channels: Sequence[WorkspaceChannel] = (WAR_ROOM,)

    def channel(self, wanted: str) -> WorkspaceChannel | None:
        """Find a channel by its id."""
        return next((channel for channel in self.channels if channel.id == wanted), None)

    def person(self, wanted: str) -> Member | None:
        """Find a person by their id."""
        return next((person for person in self.people if person.id == wanted), None)

    def team_of(self, user: str) -> Team:
        """Find the team of a person or of the bot; the room's own is the default."""
        person = self.person(user)
        return self.team if person is None or person.team is None else person.team
