"""Who may use the bot, and where: everybody else is told what to do about it, and nothing happens."""

from collections.abc import Callable
from contextlib import closing

from bot.access.rules import Access
from bot.room.workspace import ALICE, BOB, TEAM, WAR_ROOM, Member, Team, Workspace, WorkspaceChannel
from tests.kit.driver import EXAMPLE, RoomDriver, RoomUser, options

ELSEWHERE = WorkspaceChannel(id="C0ELSEWHERE", name="elsewhere", bot_is_member=False)
WORKSPACE = Workspace(channels=(WAR_ROOM, ELSEWHERE))


def test_a_channel_that_is_not_allowed_is_named_in_the_refusal(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(access=Access(frozenset({"C0OTHER"})))
    driver.alice.type(EXAMPLE)
    driver.alice.until_whispered(
        "This channel takes no commands. To allow them, add `C0WARROOM` to `WARROOM_ALLOWED_CHANNELS`."
    )
    assert (driver.stages(), driver.bob.messages) == ([], [])


def test_a_person_who_is_not_allowed_can_neither_type_nor_click(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(access=Access(frozenset({WAR_ROOM.id}), frozenset({ALICE.id})))
    refusal = "You are not allowed to use this command. To get access, add `U0BOB` to `WARROOM_ALLOWED_USERS`."
    driver.bob.type(EXAMPLE)
    driver.bob.until_whispered(refusal)
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    for count, action in enumerate(("create", "cancel", "show_packages"), start=2):
        dialog.click(action, by=driver.bob)
        assert driver.bob.until_whispers(count) == refusal
    assert (dialog.states[-1], dialog.files, driver.stages()) == ("review", {}, ["UnderReview"])
    dialog.click("create")
    dialog.until("done")


OTHERS = Team(id="T0OTHERS", name="Others", domain="others")
CAROL = Member(id="U0CAROL", name="carol", team=OTHERS)
SHARED = Workspace(people=(ALICE, BOB, CAROL))
"""A channel that is shared with another workspace."""
STRANGER = "Commands from your workspace are not allowed. To allow them, add `T0OTHERS` to `WARROOM_ALLOWED_TEAMS`."


def test_a_person_of_another_workspace_can_neither_type_nor_press_nor_choose(
    make_driver: Callable[..., RoomDriver],
) -> None:
    driver = make_driver(workspace=SHARED)
    with closing(RoomUser(driver.room, CAROL.id)) as carol:
        for count, line in enumerate((EXAMPLE, "/docker_images", "/docker_image_create"), start=1):
            carol.type(line)
            assert carol.until_whispers(count) == STRANGER
        dialog = driver.alice.type(EXAMPLE)
        dialog.until("review")
        for count, action in enumerate(("create", "cancel", "show_packages", "edit"), start=4):
            dialog.click(action, by=carol)
            assert carol.until_whispers(count) == STRANGER
        assert (carol.forms, dialog.states[-1], dialog.files) == ([], "review", {})
        dialog.click("create")
        dialog.until("done")
        listed = driver.alice.type("/docker_images")
        listed.until("listed")
        listed.choose("image_details", next(iter(options(listed.now, "image_details"))), by=carol)
        assert carol.until_whispers(8) == STRANGER
        # Nobody else read the refusals.
        assert STRANGER not in [*driver.alice.whispers, *driver.bob.whispers]
    assert len(driver.host.engine.builds) == 1


def test_a_form_that_was_open_when_its_workspace_was_shut_out_is_refused(
    make_driver: Callable[..., RoomDriver],
) -> None:
    open_to_them = Access(frozenset({WAR_ROOM.id}), teams=frozenset({OTHERS.id}))
    driver = make_driver(workspace=SHARED, access=open_to_them)
    with closing(RoomUser(driver.room, CAROL.id)) as carol:
        carol.type("/docker_image_create")
        form = carol.until_form()
        driver.close_bot()
        driver.access = Access(frozenset({WAR_ROOM.id}))
        driver.start_bot()
        assert form.send(name="my/tool", dependencies="mechanize") == {"name": STRANGER}
    assert driver.stages() == []


def test_a_workspace_that_is_named_is_let_in(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(
        workspace=SHARED, access=Access(frozenset({WAR_ROOM.id}), teams=frozenset({OTHERS.id, TEAM.id}))
    )
    with closing(RoomUser(driver.room, CAROL.id)) as carol:
        dialog = carol.type(EXAMPLE)
        dialog.until("review")
        dialog.click("create")
        dialog.until("done")
        assert carol.whispers == []


def test_in_a_channel_without_the_bot_it_asks_to_be_invited(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(workspace=WORKSPACE, access=Access(frozenset({WAR_ROOM.id, ELSEWHERE.id})))
    # Its dialog can be shown nowhere.
    driver.is_left_as_it_is = True
    outside = RoomUser(driver.room, BOB.id, channel=ELSEWHERE.id)
    outside.type(EXAMPLE)
    note = outside.until_whispered("The bot cannot post here")
    assert "Invite it with `/invite`; this dialog then follows by itself." in note
    # The bot is none the worse for it.
    driver.create().until("done")
    assert len(driver.host.engine.builds) == 1
    outside.close()
