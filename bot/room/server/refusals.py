"""How Slack says no: `ok: false` with an error code, or HTTP 429 with the seconds to wait."""

from collections.abc import Sequence


class RefusedError(Exception):
    """An API call or an answer that Slack would not accept."""

    def __init__(self, error: str, details: Sequence[str] = ()) -> None:
        super().__init__(error)
        self.error = error
        self.details = tuple(details)


class TooManyCallsError(Exception):
    """A call over the rate limit."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"ratelimited: wait {retry_after} s")
        self.retry_after = retry_after
