"""How Slack says no: `ok: false` with an error code, or HTTP 429 with the seconds to wait."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue


class RefusedError(Exception):
    """An API call or an answer that Slack would not accept."""

    def __init__(
        self, error: str, details: Sequence[str] = (), *, errors: Sequence[Mapping[str, JsonValue]] = ()
    ) -> None:
        super().__init__(error)
        self.error = error
        self.details = tuple(details)
        self.errors = tuple(errors)

    def body(self) -> dict[str, JsonValue]:
        """Return the answer in JSON; only blocks.validate has structured errors."""
        body: dict[str, JsonValue] = {"ok": False, "error": self.error}
        if self.details:
            body["errors"] = list(self.details)
            body["response_metadata"] = {"messages": [f"[ERROR] {detail}" for detail in self.details]}
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        return body


class TooManyCallsError(Exception):
    """A call over the rate limit."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"ratelimited: wait {retry_after} s")
        self.retry_after = retry_after
