"""The occasions on which people do something: each gives the bot a trigger id, and where to answer.

A trigger id opens one modal, within three seconds: a form can only answer what somebody has just done.
"""

from dataclasses import dataclass, replace
from typing import Final

from bot.room.server.refusals import RefusedError
from bot.room.server.response_urls import ReplyTarget, ResponseUrls
from bot.room.server.sources import RoomSources
from bot.room.workspace import Member, WorkspaceChannel

TRIGGER_SECONDS: Final = 3.0
_REMEMBERED_SECONDS: Final = 600.0
"""So long the room can say `expired`; after that it knows nothing of the trigger id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who did something, where, and by which names the bot may react to it."""

    person: Member
    channel: WorkspaceChannel
    trigger_id: str
    response_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _IssuedTrigger:
    occasion: Occasion
    at: float
    is_exchanged: bool = False


class Occasions:
    """All occasions of late, by their trigger ids."""

    def __init__(self, *, response_urls: ResponseUrls, sources: RoomSources, url: str) -> None:
        self._response_urls = response_urls
        self._sources = sources
        self._url = url
        self._count = 0
        self._issued: dict[str, _IssuedTrigger] = {}

    def new(self, person: Member, channel: WorkspaceChannel, target: ReplyTarget | None = None) -> Occasion:
        """Note that somebody does something; `target` is where a response URL leads, if there is to be one."""
        self._forget_old()
        self._count += 1
        trigger_id = f"{self._count}.{int(self._sources.now() * 1000)}.{self._sources.new_secret()}"
        occasion = Occasion(person=person, channel=channel, trigger_id=trigger_id)
        if target is not None:
            secret = self._response_urls.issue(replace(target, trigger_id=trigger_id))
            occasion = replace(occasion, response_url=f"{self._url}/response/{secret}")
        self._issued[trigger_id] = _IssuedTrigger(occasion=occasion, at=self._sources.clock())
        return occasion

    def exchange(self, trigger_id: str) -> Occasion:
        """Give the occasion for its trigger id: once, and soon."""
        issued = self._issued.get(trigger_id)
        if issued is None:
            raise RefusedError("invalid_trigger_id")
        if issued.is_exchanged:
            raise RefusedError("exchanged_trigger_id")
        if self._sources.clock() - issued.at > TRIGGER_SECONDS:
            raise RefusedError("expired_trigger_id")
        self._issued[trigger_id] = replace(issued, is_exchanged=True)
        return issued.occasion

    def _forget_old(self) -> None:
        horizon = self._sources.clock() - _REMEMBERED_SECONDS
        # In the order of their time: it ends at the first that is young enough.
        while self._issued and next(iter(self._issued.values())).at < horizon:
            del self._issued[next(iter(self._issued))]
