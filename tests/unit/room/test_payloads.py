"""What the room sends of people of another workspace, as Slack does in a shared channel."""

from bot.room.events import OpenView, RoomMessage
from bot.room.server.occasions import Occasion
from bot.room.server.payloads import click_payload, command_payload, submission_payload
from bot.room.workspace import ALICE, TEAM, WAR_ROOM, Member, Team, Workspace
from bot.slack.payloads import SlashCommand

OTHERS = Team(id="T0OTHERS", name="Others", domain="others")
CAROL = Member(id="U0CAROL", name="carol", team=OTHERS)
WORKSPACE = Workspace(people=(ALICE, CAROL))
OWN, THEIRS = ({"id": team.id, "domain": team.domain} for team in (TEAM, OTHERS))
MESSAGE = RoomMessage(channel=WAR_ROOM.id, ts="1.2", author=WORKSPACE.bot.user_id, text="x")
VIEW = OpenView(id="V1", user=CAROL.id, channel=WAR_ROOM.id, hash="1", content={"blocks": []}, trigger_id="1.2")


def occasion(person: Member) -> Occasion:
    return Occasion(person=person, channel=WAR_ROOM, trigger_id="1.2", response_url="http://127.0.0.1/response/1")


def test_a_command_names_the_persons_workspace() -> None:
    for person, team in ((ALICE, TEAM), (CAROL, OTHERS)):
        sent = command_payload(occasion(person), WORKSPACE, command="/x", text="")
        assert (sent["team_id"], sent["team_domain"]) == (team.id, team.domain)
        assert SlashCommand.model_validate(sent).team_id == team.id


def test_a_click_names_the_messages_workspace_and_beside_the_person_theirs() -> None:
    sent = click_payload(occasion(CAROL), WORKSPACE, message=MESSAGE, action={"action_id": "create"})

    assert sent["team"] == OWN
    assert sent["user"] == {"id": CAROL.id, "username": "carol", "name": "carol", "team_id": OTHERS.id}
    message = sent["message"]
    assert isinstance(message, dict)
    assert message["team"] == TEAM.id


def test_a_form_names_the_persons_workspace_and_where_the_app_is_installed() -> None:
    sent = submission_payload(occasion(CAROL), WORKSPACE, view=VIEW, state={"values": {}})

    assert sent["team"] == THEIRS
    user, view = sent["user"], sent["view"]
    assert isinstance(user, dict)
    assert isinstance(view, dict)
    assert (user["team_id"], view["app_installed_team_id"]) == (OTHERS.id, TEAM.id)
