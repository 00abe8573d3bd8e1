"""The client of Slack's Web API for the sender: short time limits, no hidden retries, an upload in single steps."""

from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from slack_sdk import WebClient
from slack_sdk.errors import SlackRequestError
from slack_sdk.web import SlackResponse

_SECONDS = 10
"""The time limit of each call: a hanging one must not hold the others for longer."""
_SERVER_ERRORS = 500


class SlackClient(Protocol):
    """The part of the Web API that the sender uses."""

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> dict[str, Any]:
        """Call a Web API method."""
        ...

    def announce_upload(self, name: str, length: int) -> dict[str, Any]:
        """Return the `file_id` and `upload_url` of a file of so many bytes: the first step of an upload."""
        ...

    def upload(self, url: str, content: bytes) -> None:
        """Send the bytes to the address that Slack named: the second step."""
        ...

    def complete_upload(self, file_id: str, *, title: str, channel: str, thread_ts: str | None) -> dict[str, Any]:
        """Put the file into a thread: the third step. Slack accepts it once, then says `file_not_found`."""
        ...


class SenderClient:
    """Slack's SDK as a `SlackClient`."""

    def __init__(self, client: WebClient, *, seconds: int = _SECONDS) -> None:
        # The sender retries by itself; a retry inside a call would hide whether the call before took effect.
        self._web = WebClient(token=client.token, base_url=client.base_url, timeout=seconds, retry_handlers=[])
        self._web.proxy = client.proxy

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> dict[str, Any]:
        """Call a Web API method."""
        return _body(self._web.api_call(api_method, json=json))

    def announce_upload(self, name: str, length: int) -> dict[str, Any]:
        """Call files.getUploadURLExternal."""
        return _body(self._web.files_getUploadURLExternal(filename=name, length=length))

    def upload(self, url: str, content: bytes) -> None:
        """Send the bytes; raise `SlackRequestError` if the server does not take them."""
        # Not the SDK's own: it reports a refused file like a broken connection.
        proxies = {"http": self._web.proxy, "https": self._web.proxy} if self._web.proxy else {}
        request = Request(url, data=content, method="POST")  # noqa: S310 - the address comes from Slack
        try:
            with build_opener(ProxyHandler(proxies)).open(request, timeout=self._web.timeout) as answer:
                answer.read()
        except HTTPError as error:
            with error:
                if error.code < _SERVER_ERRORS:
                    raise SlackRequestError(f"HTTP status {error.code}") from error
                raise

    def complete_upload(self, file_id: str, *, title: str, channel: str, thread_ts: str | None) -> dict[str, Any]:
        """Call files.completeUploadExternal."""
        files: list[dict[str, str | None]] = [{"id": file_id, "title": title}]
        return _body(self._web.files_completeUploadExternal(files=files, channel_id=channel, thread_ts=thread_ts))


def _body(answer: SlackResponse) -> dict[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}
