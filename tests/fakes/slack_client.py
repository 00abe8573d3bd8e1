"""Slack's Web API in memory: keeps what was posted, refuses what a test tells it to refuse."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from tests.fakes.host import PATIENCE_SECONDS

Refusal = Exception | None


@dataclass(frozen=True, slots=True)
class SlackCall:
    """One call as it came: `at` by the test's clock."""

    method: str
    body: Mapping[str, Any]
    at: float = 0.0

    @property
    def text(self) -> str:
        """Its text; empty for a file."""
        return str(self.body.get("text", ""))


def refusal(error: str, *, status: int = 200, retry_after: int | None = None) -> SlackApiError:
    """Make the exception by which the SDK tells of a refusal."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    answer = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="chat.postMessage",
        req_args={},
        data={"ok": False, "error": error},
        headers=headers,
        status_code=status,
    )
    return SlackApiError(f"refused: {error}", answer)


@dataclass(slots=True)
class FakeSlackClient:
    """The part of the SDK's client that the bot uses. `refuse` decides on every call; `script` goes first."""

    refuse: Callable[[SlackCall], Refusal] = lambda _: None
    clock: Callable[[], float] = lambda: 0.0
    script: deque[Refusal] = field(default_factory=deque)
    calls: list[SlackCall] = field(default_factory=list)
    messages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What stands in the channel now, by `ts`; replies are in `calls` alone."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> dict[str, Any]:
        """Take a call, or refuse it."""
        self._take(SlackCall(api_method, deepcopy(json), self.clock()))
        with self._changed:
            if api_method == "chat.update" and json["ts"] not in self.messages:
                raise refusal("message_not_found")
            ts = str(json.get("ts") or f"1700000000.{len(self.calls):06d}")
            if api_method != "chat.postEphemeral" and "thread_ts" not in json:
                self.messages[ts] = json
            return {"ok": True, "ts": ts}

    def files_upload_v2(self, **arguments: object) -> dict[str, Any]:
        """Take a file, or refuse it."""
        self._take(SlackCall("files", dict(arguments), self.clock()))
        return {"ok": True, "files": [{}]}

    def delete(self, ts: str) -> None:
        """Take a message away, as a person may."""
        del self.messages[ts]

    def until(self, wanted: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for what another thread sends."""
        with self._changed:
            assert self._changed.wait_for(wanted, timeout=seconds), self.calls

    def _take(self, call: SlackCall) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
            refused = self.script.popleft() if self.script else self.refuse(call)
        if refused is not None:
            raise refused
