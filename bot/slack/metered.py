"""Counts the calls of Slack's Web API."""

from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.meter import Meter
from bot.slack.answers import RefusalMeaning, meaning
from bot.slack.calls import SlackClient


class MeteredClient:
    """A client that forwards every call and counts its result."""

    def __init__(self, client: SlackClient, meter: Meter) -> None:
        self._client = client
        self._meter = meter

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own answer type
        """Call a Web API method."""
        return self._call(api_method, lambda: self._client.api_call(api_method, json=json))

    def files_upload_v2(self, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's own
        """Upload a file in Slack's three steps, counted as one."""
        return self._call("files.upload", lambda: self._client.files_upload_v2(**arguments))

    def _call(self, method: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - the SDK's own
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
