"""Who may use the bot, and where: everybody else is told what to do about it, and nothing happens."""

from collections.abc import Callable

from bot.room.workspace import ALICE, BOB, WAR_ROOM, Channel, Workspace
from bot.slack.listeners import Audience
from tests.scenario.driver import EXAMPLE, Person, Stage

ELSEWHERE = Channel(id="C0ELSEWHERE", name="elsewhere", bot_is_member=False)
WORKSPACE = Workspace(channels=(WAR_ROOM, ELSEWHERE))


def test_a_channel_that_is_not_allowed_is_named_in_the_refusal(set_stage: Callable[..., Stage]) -> None:
    stage = set_stage(audience=Audience(frozenset({"C0OTHER"})))
    stage.alice.type(EXAMPLE)
    stage.alice.until_whispered(
        "I take no commands in this channel. To allow it, add `C0WARROOM` to `WARROOM_ALLOWED_CHANNELS`."
    )
    assert (stage.stages(), stage.bob.messages) == ([], [])


def test_a_person_who_is_not_allowed_can_neither_type_nor_click(set_stage: Callable[..., Stage]) -> None:
    stage = set_stage(audience=Audience(frozenset({WAR_ROOM.id}), frozenset({ALICE.id})))
    refusal = "You may not use this command here. To allow it, add `U0BOB` to `WARROOM_ALLOWED_USERS`."
    stage.bob.type(EXAMPLE)
    stage.bob.until_whispered(refusal)
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    for count, action in enumerate(("create", "cancel", "show_packages"), start=2):
        dialog.click(action, by=stage.bob)
        assert stage.bob.until_whispers(count) == refusal
    assert (dialog.states[-1], dialog.files, stage.stages()) == ("review", {}, ["UnderReview"])
    dialog.click("create")
    dialog.until("done")


def test_in_a_channel_without_the_bot_it_asks_to_be_invited(set_stage: Callable[..., Stage]) -> None:
    stage = set_stage(workspace=WORKSPACE, audience=Audience(frozenset({WAR_ROOM.id, ELSEWHERE.id})))
    # Its dialog can be shown nowhere.
    stage.is_left_as_it_is = True
    outside = Person(stage.room, BOB.id, channel=ELSEWHERE.id)
    outside.type(EXAMPLE)
    note = outside.until_whispered("I cannot post in this channel")
    assert "Invite me with `/invite`, then type the command again." in note
    # The bot is none the worse for it.
    stage.create().until("done")
    assert len(stage.host.engine.builds) == 1
    outside.close()
