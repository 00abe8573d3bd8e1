"""The sender's client speaks to Slack's Web API, here the room's, and does not wait for a server that hangs."""

import threading
from collections.abc import Callable
from urllib.error import HTTPError

import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError

from bot.room.server.room import Room
from bot.room.workspace import WAR_ROOM
from bot.slack.connection import web_client
from bot.slack.sender_client import SenderClient
from tests.fakes.slack_api import ScriptedAnswer, slack_api


def test_an_upload_in_three_steps_is_put_into_a_thread_once() -> None:
    with Room(commands=["/docker_images"]) as room:
        client = SenderClient(web_client(room.bot_token, room.api_url))
        body = {"channel": WAR_ROOM.id, "text": "A dialog"}
        ts = str(client.api_call("chat.postMessage", json=body)["ts"])
        announced = client.announce_upload("packages.txt", 4)
        client.upload(str(announced["upload_url"]), b"one\n")
        file_id = str(announced["file_id"])
        done = client.complete_upload(file_id, title="Packages", channel=WAR_ROOM.id, thread_ts=ts)
        with pytest.raises(SlackApiError) as again:
            client.complete_upload(file_id, title="Packages", channel=WAR_ROOM.id, thread_ts=ts)

    assert done["files"][0]["title"] == "Packages"
    assert again.value.response["error"] == "file_not_found"


@pytest.mark.parametrize(("status", "error"), [(413, SlackRequestError), (503, HTTPError)])
def test_the_upload_server_refuses_a_file_or_fails(status: int, error: type[Exception]) -> None:
    with slack_api({"file": ScriptedAnswer({}, status=status)}) as url:
        client = SenderClient(web_client("xoxb-1", url))
        with pytest.raises(error):
            client.upload(f"{url}file", b"one\n")


@pytest.mark.parametrize("step", ["chat.update", "files.getUploadURLExternal", "file", "files.completeUploadExternal"])
def test_a_call_that_hangs_ends_by_its_time_limit_and_is_made_once(step: str) -> None:
    let_go, seen = threading.Event(), list[str]()
    with slack_api({step: ScriptedAnswer({"ok": True}, after=let_go)}, seen) as url:
        client = SenderClient(web_client("xoxb-1", url), seconds=1)
        calls: dict[str, Callable[[], object]] = {
            "chat.update": lambda: client.api_call("chat.update", json={}),
            "files.getUploadURLExternal": lambda: client.announce_upload("a", 1),
            "file": lambda: client.upload(f"{url}file", b"1"),
            "files.completeUploadExternal": lambda: client.complete_upload("F1", title="", channel="", thread_ts=None),
        }
        try:
            with pytest.raises(TimeoutError):
                calls[step]()
        finally:
            let_go.set()

    assert seen == [step]
