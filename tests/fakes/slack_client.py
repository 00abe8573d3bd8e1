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
    files: list[Mapping[str, Any]] = field(default_factory=list)
    """The files in threads."""
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The files that were announced and not yet put into a thread."""
    steps: list[SlackCall] = field(default_factory=list)
    """The first two steps of each upload, which nobody sees."""
    refuse_step: Callable[[SlackCall], Refusal] = lambda _: None
    lose_answer: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether the answer to this file is lost, although it is put into the thread."""
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

    def announce_upload(self, name: str, length: int) -> dict[str, Any]:
        """Expect a file, or refuse it."""
        self._step(SlackCall("announce", {"filename": name, "length": length}, self.clock()))
        with self._changed:
            file_id = f"F{len(self.steps)}"
            self.uploads[file_id] = {"filename": name}
            return {"ok": True, "file_id": file_id, "upload_url": f"https://files.slack.invalid/{file_id}"}

    def upload(self, url: str, content: bytes) -> None:
        """Take the bytes of a file, or refuse them."""
        self._step(SlackCall("upload", {"url": url}, self.clock()))
        with self._changed:
            self.uploads[url.rpartition("/")[2]]["content"] = _text_or_bytes(content)

    def complete_upload(self, file_id: str, *, title: str, channel: str, thread_ts: str | None) -> dict[str, Any]:
        """Put a file into a thread, or refuse it: a `files` call. It is put there once."""
        place = {"channel": channel, "thread_ts": thread_ts, "title": title}
        with self._changed:
            body = {**place, **self.uploads.get(file_id, {})}
        self._take(SlackCall("files", body, self.clock()))
        with self._changed:
            if self.uploads.pop(file_id, None) is None:
                raise refusal("file_not_found")
            self.files.append(body)
        if self.lose_answer(body):
            raise TimeoutError("timed out")
        return {"ok": True, "files": [{}]}

    def _step(self, call: SlackCall) -> None:
        with self._changed:
            self.steps.append(call)
            self._changed.notify_all()
        if refused := self.refuse_step(call):
            raise refused

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
            is_scripted, refused = bool(self.script), self.script.popleft() if self.script else None
        # Outside of the lock: a test may let this call hang.
        refused = refused if is_scripted else self.refuse(call)
        if refused is not None:
            raise refused


def _text_or_bytes(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
