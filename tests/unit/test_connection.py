"""What the bot asks Slack for when it connects."""

from typing import Any

import pytest

from bot.slack.connection import SlackConnection, web_client
from commands.errors import Misconfigured
from tests.fakes.slack_api import ScriptedAnswer, slack_api
from tests.kit.app import ListeningApp


@pytest.mark.parametrize(
    "answer", [{}, {"team_id": None}, {"team_id": "", "enterprise_id": None}, {"team_id": 7}], ids=str
)
def test_a_bot_that_does_not_learn_its_workspace_does_not_start(app: ListeningApp, answer: dict[str, Any]) -> None:
    with slack_api({"auth.test": ScriptedAnswer({"ok": True, "user": "warroom", **answer})}) as url:
        connection = SlackConnection(web_client("xoxb-1", url), "xapp-1", app.listeners)
        with pytest.raises(Misconfigured, match="does not say which workspace") as raised:
            connection.open()

    assert "SLACK_BOT_TOKEN" in raised.value.hint
