"""Clicks that begin another dialog, and those that turn and narrow a list."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bot.access.rules import Access
from bot.dialogs.stages import Answered, Asked, Cancelled, Dialog, DialogId, Finished, Listed, Preparing, UnderReview
from bot.slack.clicks import Taken
from bot.slack.views.buttons import Begin, Turn
from bot.slack.views.form import FormContext
from bot.slack.views.images.controls import row_choice
from bot.slack.views.images.filter_form import FILTER_FORM, filter_form
from bot.slack.views.kinds import BY_ACTION, CONTROLS
from bot.slack.views.update.form import UPDATE_FORM, update_form
from commands.actions import Request, line_of
from commands.command import ImagesUpdated, RollBack
from commands.errors import StateUnwritable
from commands.model.references import Reference
from commands.model.requests import (
    LookAtImage,
    Query,
    RemoveImage,
    RollBackImage,
    ShortId,
    UndoUpdate,
    UpdateImages,
    Wanted,
)
from tests.kit.app import CONTEXT, HERE, IMAGES, TEAM, ListeningApp, click, form
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    CARD,
    EVERY_KIND,
    LATER,
    LISTING,
    MOVE,
    NOW,
    PULLING,
    UPDATE,
    UPDATED,
)

GONE = "This dialog is no longer available. Type the command again."
LATE = "Already decided. The dialog shows the decision."
NOT_HERE = "This is no longer possible. `/docker_images` lists the current images."
EARLIER = tuple(
    replace(MOVE, earlier_tag=f"demisto/python3:before-{number:019x}") for number in (0x19AB5DD2C01, 0x19AB5DD2C02)
)
BACK = UnderReview(ASKED, RollBack("Roll back demisto/python3:latest?", (MOVE,), EARLIER), LATER)
LIST = Listed(ASKED, LISTING)
"""Its second page of three."""
DESCRIBED = Answered(ASKED, CARD)
DONE = Finished(ASKED, BOB, ImagesUpdated(UPDATE, UPDATED), PULLING, NOW)
OF_D_1 = FormContext(HERE, edits=DialogId("d-1"))
MADE_HERE = Reference("example_name", "1.0.0.1763925000")
PYTHON = Reference("demisto/python3", "latest")
BEGINNING = sorted(control.action for control in CONTROLS if isinstance(control.does, Begin))
TURNING = sorted(control.action for control in CONTROLS if isinstance(control.does, Turn))


def new(app: ListeningApp) -> list[Request]:
    """List what the dialogs ask for that were begun in this app."""
    return [entry.dialog.asked.request for entry in app.stored if entry.id.startswith("new-")]


def chosen(number: int) -> str:
    """What the menu sends for a row."""
    return row_choice(number, LIST.listing.rows[number])


# ── Another dialog ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("dialog", "action", "choice", "wanted"),
    [
        (LIST, "image_details", chosen(0), LookAtImage(MADE_HERE)),
        (LIST, "image_details", chosen(1), LookAtImage(PYTHON)),
        (LIST, "image_details", chosen(2), LookAtImage(ShortId("9c1e6b20d7f3"))),
        (DESCRIBED, "image_update", None, UpdateImages(MADE_HERE)),
        (DESCRIBED, "image_roll_back", None, RollBackImage(PYTHON)),
        (DESCRIBED, "image_run_again", None, ASKED.request),
        (DESCRIBED, "image_remove", None, RemoveImage(ShortId(CARD.image.id.removeprefix("sha256:")))),
        (DONE, "undo_update", None, UndoUpdate("d-1")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_click_begins_a_dialog_of_whoever_clicked(
    app: ListeningApp, dialog: Dialog, action: str, choice: str | None, wanted: Request
) -> None:
    app.keep(dialog)

    assert app.clicks(action, choice=choice, trigger="7.8.jkl") == ""

    (entry,) = [entry for entry in app.stored if entry.id == "new-1"]
    line = line_of(wanted)
    asked = Asked(DialogId("new-1"), wanted, line.split()[0], line, BOB, HERE, NOW, TEAM)
    assert entry.dialog == Preparing(asked, "Reading the command")
    assert (entry.trigger, entry.response_url) == ("7.8.jkl", "https://hooks.slack.invalid/2")
    assert app.screen.shown == [entry.dialog]
    before = app.ledger.get(DialogId("d-1"))
    assert before is not None
    assert before.dialog == dialog


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (LookAtImage(MADE_HERE), "details image=example_name:1.0.0.1763925000"),
        (LookAtImage(ShortId("9c1e6b20d7f3")), "details image=9c1e6b20d7f3"),
        (UpdateImages(MADE_HERE), "/docker_image_update image=example_name:1.0.0.1763925000"),
        (RollBackImage(PYTHON), "roll_back image=demisto/python3:latest"),
        (RollBackImage(PYTHON, to="before-1"), "roll_back image=demisto/python3:latest to=before-1"),
        (ASKED.request, ASKED.line),
        (RemoveImage(ShortId("9c1e6b20d7f3" + "a" * 52)), f"remove image={CARD.image.id}"),
        (UndoUpdate("d-1"), "roll_back job=d-1"),
    ],
    ids=str,
)
def test_the_line_of_what_a_click_begins_says_what_it_is(wanted: Request, line: str) -> None:
    assert line_of(wanted) == line


def test_another_earlier_image_takes_the_place_of_the_one_under_review(app: ListeningApp) -> None:
    app.keep(BACK)

    assert app.clicks("roll_back_to", choice="1") == ""

    assert new(app) == [RollBackImage(PYTHON, to="before-0000000019ab5dd2c02")]
    assert app.stored[-1].dialog.asked.line == "roll_back image=demisto/python3:latest to=before-0000000019ab5dd2c02"
    assert [type(shown) for shown in app.screen.shown] == [Cancelled, Preparing]
    assert app.screen.shown[0] == Cancelled(ASKED, BOB)


def test_another_earlier_image_of_a_review_that_was_confirmed_is_late(app: ListeningApp) -> None:
    app.keep(BACK)
    app.clicks("roll_back")

    assert app.clicks("roll_back_to", choice="0") == NOT_HERE
    assert new(app) == []


def test_another_earlier_image_of_a_review_that_has_expired_is_none(app: ListeningApp) -> None:
    app.keep(replace(BACK, expires=NOW))

    said = "This proposal has expired. Type the command again for a new one."
    assert app.clicks("roll_back_to", choice="0") == said
    assert new(app) == []


@pytest.mark.parametrize(
    "choice",
    [
        "",
        "3",
        "-1",
        "1e1",
        "٣",
        "one",
        " ",
        "0 0",
        "0\n",
        "9" * 400,
        "99999",
        "None",
        "0x0",
        "1;2",
        "../0",
        "0-",
        "0-ffff",
        "3-9c1e6b",
        "-9c1e6b",
    ],
)
def test_a_choice_that_is_none_of_the_rows_is_told(app: ListeningApp, choice: str) -> None:
    app.keep(LIST)

    assert app.clicks("image_details", choice=choice) == NOT_HERE
    assert new(app) == []


@pytest.mark.parametrize("action", BEGINNING)
def test_a_follow_up_of_a_dialog_that_nobody_knows_says_so(app: ListeningApp, action: str) -> None:
    app.keep(LIST)

    for dialog in ("never-heard", "", "d-1 0", "d-1\n"):
        assert app.clicks(action, dialog) == GONE
    assert new(app) == []


@pytest.mark.parametrize("action", BY_ACTION)
def test_every_click_on_every_dialog_is_acknowledged_and_breaks_nothing(app: ListeningApp, action: str) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        app.keep(replace(dialog, asked=replace(ASKED, dialog=DialogId(f"k-{number}"))))
        assert "went wrong" not in app.clicks(action, f"k-{number}")


@pytest.mark.parametrize("action", ["image_details", "roll_back_to"])
def test_a_menu_on_a_dialog_without_it_is_told(app: ListeningApp, action: str) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        app.keep(replace(dialog, asked=replace(ASKED, dialog=DialogId(f"k-{number}"))))
        has_it = isinstance(dialog, Listed) and action == "image_details"
        if not has_it:
            assert app.clicks(action, f"k-{number}", "0") == NOT_HERE
    assert new(app) == []


def test_an_update_that_moved_nothing_cannot_be_undone(app: ListeningApp) -> None:
    results = tuple(replace(result, kept_as="") for result in UPDATED.results)
    app.keep(replace(DONE, end=ImagesUpdated(UPDATE, replace(UPDATED, results=results))))

    assert app.clicks("undo_update") == NOT_HERE
    assert new(app) == []


@pytest.mark.parametrize("line", [None, "/rm -rf /", ASKED.line])
def test_a_card_whose_wantedis_not_known_begins_nothing_whatever_its_line(app: ListeningApp, line: str | None) -> None:
    assert CARD.origin is not None
    origin = replace(CARD.origin, line=line, request=None)
    app.keep(replace(DESCRIBED, answer=replace(CARD, origin=origin)))

    assert app.clicks("image_run_again") == NOT_HERE
    assert new(app) == []


@pytest.mark.parametrize("action", ["image_details", "next_page", "filter"])
def test_who_may_not_click_begins_and_changes_nothing(open_app: Callable[..., ListeningApp], action: str) -> None:
    app = open_app(access=Access(frozenset({HERE}), frozenset({ALICE})))
    app.keep(LIST)

    assert "`WARROOM_ALLOWED_USERS`" in app.clicks(action, choice="0", user="U0MALLORY")
    assert "`WARROOM_ALLOWED_CHANNELS`" in app.clicks(action, choice="0", user=ALICE, channel="C0ELSEWHERE")
    app.close()
    assert (new(app), app.work.asked, app.views) == ([], [], [])


@pytest.mark.parametrize("action", ["undo_update", "next_page", "filter"])
def test_trouble_with_the_state_is_whispered(app: ListeningApp, action: str) -> None:
    app.keep(DONE)
    app.ledger.trouble = StateUnwritable("It is full.", hint="Free space.")

    assert app.clicks(action) == "It is full. Free space."


def test_a_bot_that_is_ending_begins_nothing(app: ListeningApp) -> None:
    app.keep(DONE)
    app.jobs.closing.set()

    assert app.clicks("undo_update") == "The bot is being restarted. Type the command again in a minute."
    assert new(app) == []


# ── One click, delivered again and again ────────────────────────────────────────────────────────────────────────────


def test_a_click_that_is_delivered_ten_times_begins_one_dialog(app: ListeningApp) -> None:
    app.keep(DONE)
    body = click("undo_update", trigger="7.8.jkl")

    with ThreadPoolExecutor(10) as deliveries:
        answers = list(deliveries.map(lambda _: app.sends(body), range(10)))

    assert answers == [{}] * 10
    assert new(app) == [UndoUpdate("d-1")]
    assert app.whispers == []


def test_two_clicks_begin_two_dialogs(app: ListeningApp) -> None:
    app.keep(DESCRIBED)

    app.clicks("image_update")
    app.clicks("image_update", user=ALICE)

    assert len(new(app)) == 2


def test_a_page_that_is_turned_by_a_click_delivered_twice_is_turned_once(app: ListeningApp) -> None:
    app.keep(LIST)

    for _ in range(3):
        app.sends(click("previous_page", trigger="7.8.jkl"))
        app.screen.wait_for(Listed)

    app.close()
    assert app.work.asked == [Query(page=1)]


def test_only_the_latest_clicks_are_remembered() -> None:
    taken = Taken(most=3)

    assert [taken.is_new(trigger) for trigger in ("1", "2", "2", "3", "1", "4", "2", "1")] == [
        *(True, True, False, True, False),
        # `1` was the oldest of four.
        *(True, False, True),
    ]


def test_clicks_without_a_trigger_are_never_the_same() -> None:
    taken = Taken(most=3)

    assert taken.is_new("")
    assert taken.is_new("")


# ── The list ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("button", "query", "asked"),
    [
        ("next_page", Query(page=2, text="a", made_here=True), Query(page=3, text="a", made_here=True)),
        ("previous_page", Query(page=2, text="a"), Query(page=1, text="a")),
        ("previous_page", Query(page=1), Query(page=1)),
        ("refresh", Query(page=2, text="a"), Query(page=2, text="a")),
    ],
)
def test_a_list_is_turned_from_where_it_is(app: ListeningApp, button: str, query: Query, asked: Query) -> None:
    app.keep(replace(LIST, listing=replace(LISTING, query=query)))

    assert app.clicks(button) == ""

    assert app.screen.wait_for(Listed).listing.query == asked
    assert app.work.asked == [asked]


def test_a_click_does_not_wait_for_the_daemon_to_list(app: ListeningApp) -> None:
    app.work.may_turn.shut()
    app.keep(LIST)

    assert app.clicks("next_page") == ""
    assert app.screen.shown == []

    app.work.may_turn.open()
    app.screen.wait_for(Listed)


@pytest.mark.parametrize("action", [*TURNING, "filter"])
@pytest.mark.parametrize(
    "dialog", [each for each in EVERY_KIND if not isinstance(each, Listed)], ids=lambda d: type(d).__name__
)
def test_what_is_no_list_cannot_be_turned(app: ListeningApp, action: str, dialog: Dialog) -> None:
    app.keep(dialog)

    assert app.clicks(action) == NOT_HERE
    app.close()
    assert (app.work.asked, app.views) == ([], [])


@pytest.mark.parametrize("action", [*TURNING, "filter"])
def test_a_list_that_nobody_knows_cannot_be_turned(app: ListeningApp, action: str) -> None:
    assert app.clicks(action) == GONE


# ── The filter ──────────────────────────────────────────────────────────────────────────────────────────────────────


def narrowed(
    app: ListeningApp, text: str | None, *, ticked: bool = False, context: FormContext = OF_D_1
) -> dict[str, str]:
    """Send the form of a list; gives the errors beside its fields."""
    boxes = {"type": "checkboxes", "selected_options": [{"value": "true"}] if ticked else []}
    state = {"text": {"value": {"type": "plain_text_input", "value": text}}, "made_here": {"value": boxes}}
    answer = app.sends(form(state, context, callback=FILTER_FORM))
    errors = answer.get("errors", {})
    assert isinstance(errors, dict)
    assert set(errors) <= {"text", "made_here"}
    return errors


def test_filter_opens_a_form_with_what_the_list_shows(app: ListeningApp) -> None:
    query = Query(page=2, text="python", made_here=True)
    app.keep(replace(LIST, listing=replace(LISTING, query=query)))

    assert app.clicks("filter", trigger="7.8.jkl") == ""
    assert app.opened == ("7.8.jkl", filter_form(OF_D_1, query))


@pytest.mark.parametrize(
    ("text", "ticked", "query"),
    [
        (" python ", False, Query(text="python")),
        (None, True, Query(made_here=True)),
        (None, False, Query()),
        ("x" * 100, True, Query(text="x" * 100, made_here=True)),
        ("пайтон *_`<@U0>", False, Query(text="пайтон *_`<@U0>")),
    ],
)
def test_a_list_is_narrowed_from_its_first_page(
    app: ListeningApp, text: str | None, query: Query, *, ticked: bool
) -> None:
    app.keep(LIST)

    assert narrowed(app, text, ticked=ticked) == {}

    assert app.screen.wait_for(Listed).listing.query == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 101, "Use at most 100 characters; this has 101."),
        ("a\nb", "The text has an invisible character. Type it again."),
        ("a\x00b", "The text has an invisible character. Type it again."),
        ("a\x1b[2Jb", "The text has an invisible character. Type it again."),
        ("a\u202eb", "The text has an invisible character. Type it again."),
    ],
)
def test_what_nobody_looks_for_is_told_beside_the_field(app: ListeningApp, text: str, said: str) -> None:
    app.keep(LIST)

    assert narrowed(app, text) == {"text": said}
    app.close()
    assert app.work.asked == []


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (FormContext(HERE), GONE),
        (FormContext(HERE, edits=DialogId("never-heard")), GONE),
        (FormContext(HERE, edits=DialogId("d-2")), LATE),
    ],
)
def test_a_filter_of_what_is_no_list_is_told(app: ListeningApp, context: FormContext, said: str) -> None:
    app.keep(replace(DONE, asked=replace(ASKED, dialog=DialogId("d-2"))))

    assert narrowed(app, "a", context=context) == {"text": f"{said} Close this form: it changes nothing."}


@pytest.mark.parametrize("state", [None, [], {"text": {"value": {"value": 7}}}], ids=str)
def test_a_filter_that_is_not_understood_is_told_in_it(app: ListeningApp, state: object) -> None:
    said = {"text": "This form has expired. Close it and type the command again."}

    assert app.sends(form(state, OF_D_1, callback=FILTER_FORM))["errors"] == said
    assert app.sends(form({}, "null", callback=FILTER_FORM))["errors"] == said


def test_a_filter_of_somebody_who_may_not_is_refused(open_app: Callable[..., ListeningApp]) -> None:
    app = open_app(access=Access(frozenset({HERE}), frozenset({ALICE})))
    app.keep(LIST)

    assert "`WARROOM_ALLOWED_USERS`" in narrowed(app, "a")["text"]
    app.close()
    assert app.work.asked == []


# ── The form of an update ───────────────────────────────────────────────────────────────────────────────────────────


def updated(app: ListeningApp, *, typed: str = "", picked: str = "", ticked: bool = False) -> dict[str, str]:
    """Send the form of an update; gives the errors beside its fields."""
    state = {
        "local_image": {"value": {"type": "static_select", "selected_option": {"value": picked} if picked else None}},
        "image": {"value": {"type": "plain_text_input", "value": typed or None}},
        "all": {"value": {"type": "checkboxes", "selected_options": [{"value": "true"}] if ticked else []}},
    }
    answer = app.sends(form(state, callback=UPDATE_FORM))
    errors = answer.get("errors", {})
    assert isinstance(errors, dict)
    assert set(errors) <= {"image", "all"}
    return errors


def test_an_update_without_arguments_opens_its_form(app: ListeningApp) -> None:
    assert app.types("", command="/docker_image_update") == {}

    assert app.opened == ("1.2.abc", update_form(CONTEXT, {}, IMAGES))
    assert app.stored == ()


@pytest.mark.parametrize(
    ("typed", "picked", "ticked", "image", "arguments"),
    [
        ("demisto/python3", "", False, Reference("demisto/python3"), "image=demisto/python3"),
        ("", "debian:12", False, Reference("debian", "12"), "image=debian:12"),
        ("9c1e6b20d7f3", "debian:12", False, ShortId("9c1e6b20d7f3"), "image=9c1e6b20d7f3"),
        ("", "", True, None, "all=true"),
    ],
)
def test_a_form_that_is_sent_is_taken_like_its_line(
    app: ListeningApp, typed: str, picked: str, image: Wanted | None, arguments: str, *, ticked: bool
) -> None:
    assert updated(app, typed=typed, picked=picked, ticked=ticked) == {}

    (entry,) = app.stored
    command = "/docker_image_update"
    assert entry.dialog.asked == Asked(
        DialogId("new-1"), UpdateImages(image), command, f"{command} {arguments}", BOB, HERE, NOW, TEAM
    )
    assert (entry.trigger, entry.response_url) == ("5.6.ghi", "https://hooks.slack.invalid/1")


@pytest.mark.parametrize(
    ("typed", "picked", "ticked", "part"),
    [
        ("", "", False, "Neither `image` nor `all` is given"),
        ("debian:12", "", True, "are both given"),
        ("", "debian:12", True, "are both given"),
        ("--all", "", False, "`--all`"),
        ("../x", "", False, "`../x`"),
        ("Debian:12", "", False, "`Debian:12`"),
        ("a all=true", "", False, "`all=` starts another argument"),
        ("", "a b", False, "a b"),
    ],
)
def test_a_wrong_field_of_an_update_is_told_beside_it(
    app: ListeningApp, typed: str, picked: str, part: str, *, ticked: bool
) -> None:
    errors = updated(app, typed=typed, picked=picked, ticked=ticked)

    assert list(errors) == ["image"]
    assert part in errors["image"]
    assert app.stored == ()
