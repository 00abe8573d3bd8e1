"""Counts the calls of Slack's Web API."""

from collections.abc import Callable
from http.client import HTTPException
from typing import Any, TypeVar

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.meter import Meter
from bot.slack.answers import RefusalMeaning, meaning
from bot.slack.sender_client import SlackClient

Answer = TypeVar("Answer")


class MeteredClient:
    """A client that forwards every call and counts its result."""

    def __init__(self, client: SlackClient, meter: Meter) -> None:
        self._client = client
        self._meter = meter

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> dict[str, Any]:
        """Call a Web API method."""
        return self._call(api_method, lambda: self._client.api_call(api_method, json=json))

    def announce_upload(self, name: str, length: int) -> dict[str, Any]:
        """Announce an upload."""
        return self._call("files.getUploadURLExternal", lambda: self._client.announce_upload(name, length))

    def upload(self, url: str, content: bytes) -> None:
        """Send the bytes of a file."""
        self._call("files.upload", lambda: self._client.upload(url, content))

    def complete_upload(self, file_id: str, *, title: str, channel: str, thread_ts: str | None) -> dict[str, Any]:
        """Put an uploaded file into a thread."""
        return self._call(
            "files.completeUploadExternal",
            lambda: self._client.complete_upload(file_id, title=title, channel=channel, thread_ts=thread_ts),
        )

    def _call(self, method: str, call: Callable[[], Answer]) -> Answer:
        try:
            answer = call()
        except SlackApiError as error:
            limited = meaning(error) is RefusalMeaning.TOO_FAST
            self._meter.slack_called(method, str(error.response.get("error"))[:60], limited=limited)
            raise
        except (OSError, HTTPException, SlackClientError):
            self._meter.slack_called(method, "unreachable")
            raise
        self._meter.slack_called(method, "ok")
        return answer
