"""The channels to which the bot cannot write now, and whether Slack accepts its token.

The callers hold the lock of the outboxes. Times are of a monotonic clock.
"""

from dataclasses import dataclass

_FIRST_SECONDS = 15.0
_LONGEST_SECONDS = 600.0
_AGAIN_SECONDS = 2.0


@dataclass(slots=True)
class Closure:
    """One refusal that holds until a call succeeds: its reason, and when the next call may be tried."""

    reason: str
    next_try: float
    seconds: float = _FIRST_SECONDS
    """The time from one try to the next."""
    is_tried: bool = False
    """A call is under way that tries whether the refusal still holds."""
    is_urged: bool = False
    """A person typed or clicked since the last try: progress is a reason to try too."""

    def take_try(self, now: float) -> None:
        """Reserve the try that is due: until the next time, no other call is made."""
        self.next_try = now + self.seconds
        self.is_tried, self.is_urged = True, False

    def repeat(self, reason: str, now: float) -> None:
        """Wait twice as long after a try that was refused; ignore a call that began before the refusal."""
        if self.is_tried:
            self.reason = reason
            self.seconds = min(2 * self.seconds, _LONGEST_SECONDS)
            self.next_try = now + self.seconds
            self.is_tried = False

    def give_back(self, now: float) -> None:
        """Make the try due soon again if it had no answer, neither a success nor a refusal."""
        if self.is_tried:
            self.is_tried = False
            self.next_try = min(self.next_try, now + _AGAIN_SECONDS)

    def urge(self, now: float) -> None:
        """Make the next try due now."""
        self.next_try = now
        self.is_urged = True


class Closures:
    """The closed channels, each with its reason; a refused token closes all of them."""

    def __init__(self) -> None:
        self._channels: dict[str, Closure] = {}
        self._token: Closure | None = None

    @property
    def token_refusal(self) -> str | None:
        """Slack's word for why it does not accept the token; None if it does."""
        return self._token.reason if self._token else None

    def of(self, channel: str) -> Closure | None:
        """Return what closes a channel; None if it is open."""
        return self._token or self._channels.get(channel)

    def close(self, channel: str, reason: str, now: float) -> None:
        """Close a channel, or keep it closed for longer."""
        if known := self._channels.get(channel):
            known.repeat(reason, now)
        else:
            self._channels[channel] = Closure(reason, now + _FIRST_SECONDS)

    def close_all(self, reason: str, now: float) -> None:
        """Close every channel, since Slack does not accept the token."""
        if self._token:
            self._token.repeat(reason, now)
        else:
            self._token = Closure(reason, now + _FIRST_SECONDS)

    def open(self, channel: str) -> bool:
        """Open a channel after a call that succeeded there; return whether it was closed."""
        was_closed = self._channels.pop(channel, self._token) is not None
        self._token = None
        return was_closed
