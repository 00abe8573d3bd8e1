"""Response URLs: each lets the bot answer one command or click for half an hour, five times."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pydantic import TypeAdapter

from bot.room.server.sources import RoomSources
from bot.room.server.store import Store

MOST_USES = 5
LIFETIME_SECONDS = 30 * 60.0


class UrlRefusal(Enum):
    """Why a response URL cannot be used, in Slack's words."""

    USED = "used_url"
    EXPIRED = "expired_url"
    UNKNOWN = "invalid_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTarget:
    """Where an answer goes: to the person who typed or clicked, and for a click to the message with the button.

    `trigger_id` names the command or the click.
    """

    channel: str
    user: str
    trigger_id: str | None = None
    original_ts: str | None = None
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    target: ReplyTarget
    expires: float
    uses: int = 0


_ISSUED: Final = TypeAdapter(_Issued)


class ResponseUrls:
    """The response URLs in force, by their secret part."""

    def __init__(self, *, sources: RoomSources, store: Store | None = None) -> None:
        # The time of day, not a clock that starts with the process: the next process reads the stored times.
        self._now = sources.now
        self._new_secret = sources.new_secret
        self._store = store or Store()
        self._issued = {key: _ISSUED.validate_json(value) for key, value in self._store.entries("response_url").items()}

    def issue(self, target: ReplyTarget) -> str:
        """Make a URL's secret part."""
        self._forget_old()
        secret = self._new_secret()
        self._keep(secret, _Issued(target=target, expires=self._now() + LIFETIME_SECONDS))
        return secret

    def use(self, secret: str) -> ReplyTarget | UrlRefusal:
        """Count one use."""
        issued = self._issued.get(secret)
        if issued is None:
            return UrlRefusal.UNKNOWN
        if self._now() >= issued.expires:
            return UrlRefusal.EXPIRED
        if issued.uses >= MOST_USES:
            return UrlRefusal.USED
        self._keep(secret, replace(issued, uses=issued.uses + 1))
        return issued.target

    def _keep(self, secret: str, issued: _Issued) -> None:
        self._issued[secret] = issued
        self._store.put("response_url", secret, _ISSUED.dump_json(issued).decode())

    def _forget_old(self) -> None:
        # One more lifetime is kept, so that a late bot reads `expired_url` and not `invalid_url`.
        horizon = self._now() - LIFETIME_SECONDS
        for secret in [secret for secret, issued in self._issued.items() if issued.expires < horizon]:
            del self._issued[secret]
            self._store.drop("response_url", secret)
