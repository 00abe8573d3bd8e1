import pytest
from structlog.testing import capture_logs

from bot.access.rules import Access, Act, Actor, OpenForm, PressButton, SendForm, TypeCommand

HERE, ELSEWHERE = "C0WARROOM", "C0ELSEWHERE"
ALICE, BOB = "U0ALICE", "U0BOB"
OWN, OTHER, THIRD = "T0", "T0OTHER", "T0THIRD"

TYPE = TypeCommand("/docker_image_create")
ACTS: tuple[Act, ...] = (TYPE, OpenForm("/docker_image_create"), SendForm("/docker_images"), PressButton("create"))
every_act = pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)


def access(
    channels: set[str] | None = None,
    users: set[str] | None = None,
    teams: set[str] | None = None,
    own: set[str] | None = None,
) -> Access:
    """Make access to the channel of the tests for the bot's own workspace, unless something else is given."""
    named = Access(frozenset({HERE} if channels is None else channels), frozenset(users or ()), frozenset(teams or ()))
    return named.with_own(frozenset({OWN} if own is None else own))


@every_act
@pytest.mark.parametrize(
    ("rules", "user", "channel", "is_allowed"),
    [
        (access(set()), ALICE, HERE, False),
        (access(set(), {ALICE}), ALICE, HERE, False),
        (access(), "U0ANYBODY", HERE, True),
        (access(), ALICE, ELSEWHERE, False),
        (access({HERE, ELSEWHERE}), ALICE, ELSEWHERE, True),
        (access(users={ALICE}), ALICE, HERE, True),
        (access(users={ALICE}), BOB, HERE, False),
        (access(users={ALICE, BOB}), BOB, HERE, True),
        (access(users={ALICE}), ALICE, ELSEWHERE, False),
    ],
)
def test_nobody_may_do_anything_anywhere_unless_it_is_allowed(
    rules: Access, user: str, channel: str, act: Act, *, is_allowed: bool
) -> None:
    assert (rules.refusal(Actor(user, channel, OWN), act) is None) is is_allowed


@every_act
@pytest.mark.parametrize(
    ("own", "teams", "team", "is_allowed"),
    [
        ({OWN}, set(), OWN, True),
        ({OWN}, set(), OTHER, False),
        ({OWN}, set(), None, False),
        ({OWN}, {OTHER}, OTHER, True),
        ({OWN}, {OTHER}, OWN, True),
        ({OWN}, {OTHER}, THIRD, False),
        ({OWN}, {OTHER}, None, False),
        ({OWN, "E0"}, set(), "E0", True),
        ({OWN, "E0"}, set(), "E0OTHER", False),
        (set(), set(), OWN, False),
    ],
)
def test_people_of_other_workspaces_are_let_in_by_name_only(
    own: set[str], teams: set[str], team: str | None, act: Act, *, is_allowed: bool
) -> None:
    rules = access(users={ALICE}, teams=teams, own=own)

    assert (rules.refusal(Actor(ALICE, HERE, team), act) is None) is is_allowed


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        (
            Actor(BOB, ELSEWHERE, None),
            "This channel takes no commands. To allow them, add `C0ELSEWHERE` to `WARROOM_ALLOWED_CHANNELS`.",
        ),
        (
            Actor(BOB, HERE, None),
            "Slack does not say which workspace you are in. Try again in a minute.",
        ),
        (
            Actor(BOB, HERE, OTHER),
            "Commands from your workspace are not allowed. To allow them, add `T0OTHER` to `WARROOM_ALLOWED_TEAMS`.",
        ),
        (
            Actor(BOB, HERE, OWN),
            "You are not allowed to use this command. To get access, add `U0BOB` to `WARROOM_ALLOWED_USERS`.",
        ),
    ],
)
def test_a_refusal_names_the_first_reason_and_the_setting_that_would_allow_it(actor: Actor, text: str) -> None:
    assert access(users={ALICE}).refusal(actor, TYPE) == text


def test_the_own_workspace_is_added_to_the_allowed_ones_and_changes_nothing_else() -> None:
    named = Access(frozenset({HERE}), frozenset({ALICE}), frozenset({OTHER}))

    assert named.with_own(frozenset({OWN})) == Access(frozenset({HERE}), frozenset({ALICE}), frozenset({OTHER, OWN}))


@pytest.mark.parametrize(
    ("act", "event"),
    [
        (TypeCommand("/docker_images"), {"event": "command_not_allowed", "command": "/docker_images"}),
        (OpenForm("/docker_image_create"), {"event": "command_not_allowed", "command": "/docker_image_create"}),
        (SendForm("/docker_image_update"), {"event": "form_not_allowed", "command": "/docker_image_update"}),
        (PressButton("create"), {"event": "click_not_allowed", "action": "create"}),
    ],
)
def test_a_refusal_is_logged_once_with_the_actor_and_the_act(act: Act, event: dict[str, str]) -> None:
    with capture_logs() as logs:
        access(users={ALICE}).refusal(Actor(BOB, HERE, OWN), act)

    assert logs == [{**event, "log_level": "info", "user": BOB, "channel": HERE, "team": OWN}]


@every_act
def test_what_is_allowed_is_not_logged(act: Act) -> None:
    with capture_logs() as logs:
        assert access().refusal(Actor(BOB, HERE, OWN), act) is None

    assert logs == []
