import json
from dataclasses import replace
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, get_args

import pytest

from bot.dialogs.progress import Progress, Step, StepState
from bot.dialogs.stages import (
    AT_REST,
    UNFINISHED,
    Answered,
    Cancelled,
    Deciding,
    Dialog,
    Failed,
    Finished,
    Listed,
    Running,
    UnderReview,
)
from bot.room.client.dialog_facts import Meaning as KnownMeaning
from bot.slack import views
from bot.slack.views.buttons import Button, Control, Meaning, Menu, meaning
from bot.slack.views.facts import facts
from bot.slack.views.kinds import BY_ACTION, CONTROLS
from commands.actions import End, Shown
from commands.command import ImageCreated, ImageReused, ImagesUpdated, NothingToDo, Refusal, TagsRolledBack
from commands.model.outcomes import ImageResult, MoveResult, RolledBack, Updated
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    CREATED,
    EVERY_KIND,
    EXAMPLES,
    EXISTING,
    FAIL_RESULT,
    IMAGE,
    KEEP_RESULT,
    KEPT,
    KEPT_AS,
    LISTING,
    NEW,
    NOW,
    OFFERED,
    OLD,
    OWN,
    PROGRESS,
    PROPOSAL,
    PULL_RESULT,
    PYTHON,
    REBUILD_RESULT,
    ROLL_BACK,
    ROLLED_BACK,
    SPEC,
    STOP_RESULT,
    UNCHECKED,
    UPDATE,
)

ENDED = Progress(
    PROGRESS.started, (Step("Base", StepState.CACHED, NOW, 0.0), Step("Check", StepState.DONE, NOW, 1.23456))
)


NO_SUCCESSES = {
    *("preparing", "review", "queued", "running", "paused", "deciding", "settling"),
    *("refused", "failed", "cancelled", "expired", "stopped", "discarded"),
}


@pytest.mark.parametrize(("dialog", "state"), [(dialog, state) for state, dialog in EXAMPLES.items()], ids=EXAMPLES)
def test_every_stage_says_in_plain_json_which_dialog_it_is_and_where_it_stands(dialog: Dialog, state: str) -> None:
    known = facts(dialog)

    assert (known["dialog"], known["state"]) == ("d-1", state)
    assert json.loads(json.dumps(known)) == known


def test_there_is_a_state_for_each_stage_each_end_and_each_answer() -> None:
    assert {type(dialog) for dialog in EVERY_KIND} == set(get_args(Dialog))
    assert {type(dialog.end) for dialog in EVERY_KIND if isinstance(dialog, Finished)} == set(get_args(End))
    assert {type(dialog.answer) for dialog in EVERY_KIND if isinstance(dialog, Answered)} == set(get_args(Shown))
    assert {*AT_REST, *UNFINISHED} == set(get_args(Dialog))


# ── What programs act on ────────────────────────────────────────────────────────────────────────────────────────────

WAYS = ("ended", "succeeded", "asks", "buttons")
"""The facts of every dialog by which programs follow it."""


def details(dialog: Dialog) -> dict[str, Any]:
    """Give the facts that depend on the stage, and the dialog's id and state."""
    return {key: value for key, value in facts(dialog).items() if key not in WAYS}


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=EXAMPLES)
def test_every_stage_says_whether_it_has_ended_and_whether_it_waits_for_a_person(dialog: Dialog) -> None:
    known = facts(dialog)

    assert known["ended"] is isinstance(dialog, AT_REST)
    assert known["asks"] is isinstance(dialog, UnderReview | Deciding)


@pytest.mark.parametrize(("dialog", "state"), [(dialog, state) for state, dialog in EXAMPLES.items()], ids=EXAMPLES)
def test_only_a_command_that_did_what_was_asked_succeeded(dialog: Dialog, state: str) -> None:
    assert facts(dialog)["succeeded"] is (state not in NO_SUCCESSES)


def test_the_buttons_of_a_dialog_are_named_in_their_order_with_their_meaning() -> None:
    offered = facts(UnderReview(ASKED, OFFERED, NOW))["buttons"]

    assert list(offered)[:4] == ["reuse", "build_anyway", "cancel", "edit"]
    assert (offered["reuse"], offered["cancel"], offered["edit"]) == ("yes", "leave", "form")
    assert offered["show_dockerfile"] == "file"


def test_menus_are_among_the_buttons_and_a_dialog_without_any_has_none() -> None:
    assert facts(Listed(ASKED, LISTING))["buttons"]["image_details"] == "begin"
    assert facts(Cancelled(ASKED, BOB))["buttons"] == {}


def declared() -> dict[str, Control]:
    """Find the buttons and menus that the modules of views declare."""
    modules = [import_module(found.name) for found in walk_packages(views.__path__, f"{views.__name__}.")]
    named = [value for module in modules for value in vars(module).values()]
    return {value.action: value for value in named if isinstance(value, Button | Menu)}


def test_every_button_that_a_module_declares_is_registered() -> None:
    assert declared() == BY_ACTION


def test_no_two_buttons_have_one_action() -> None:
    assert len({control.action for control in CONTROLS}) == len(CONTROLS)


@pytest.mark.parametrize(
    ("meant", "actions"),
    [
        (Meaning.YES, {"create", "build_anyway", "reuse", "update", "roll_back", "remove"}),
        (Meaning.LEAVE, {"cancel", "stop", "discard"}),
        (Meaning.KEEP, {"keep"}),
        (
            Meaning.FILE,
            {"log", "show_packages", "show_dockerfile", "packages", "images", "changes", "image_packages"},
        ),
        (
            Meaning.BEGIN,
            {
                "roll_back_to",
                "undo_update",
                "image_details",
                "image_update",
                "image_roll_back",
                "image_run_again",
                "image_remove",
            },
        ),
        (Meaning.TURN, {"previous_page", "next_page", "refresh"}),
        (Meaning.FORM, {"edit", "filter"}),
    ],
)
def test_each_meaning_is_what_the_bot_does_at_the_click(meant: Meaning, actions: set[str]) -> None:
    assert {meaning(BY_ACTION[action]) for action in actions} == {meant}


def test_the_program_that_follows_dialogs_knows_every_meaning() -> None:
    assert set(get_args(KnownMeaning)) == set(Meaning)


# ── What scripts read ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_that_was_made_is_named_with_its_seconds() -> None:
    image = replace(IMAGE, repo_digests=("other@sha256:1", "example_name@sha256:2"))

    assert details(Finished(ASKED, BOB, ImageCreated(PROPOSAL, replace(CREATED, image=image)), ENDED, NOW)) == {
        "dialog": "d-1",
        "state": "done",
        "image": "example_name",
        "tag": "1.0.0.1763925000",
        "id": IMAGE.id,
        "digest": "sha256:2",
        "seconds": {"Base": 0.0, "Check": 1.235, "build": 14.0},
    }


def test_an_image_behind_a_port_keeps_its_registry() -> None:
    existing = replace(EXISTING, reference="localhost:5000/a/b:1.0.0.1")

    known = facts(Finished(ASKED, BOB, ImageReused(OFFERED, existing), None, NOW))

    assert (known["image"], known["tag"], known["digest"]) == ("localhost:5000/a/b", "1.0.0.1", None)


def test_a_running_job_lists_the_steps_that_ended() -> None:
    assert facts(Running(ASKED, PROPOSAL, BOB, PROGRESS))["seconds"] == {"Base demisto/python3-deb": 0.0}


def test_a_refusal_and_a_failure_say_why_and_what_to_do() -> None:
    refused = facts(Answered(ASKED, Refusal("No", "There is no `nope`.", "Check the spelling.")))
    failed = facts(Failed(ASKED, "It broke.", "Mend it."))

    assert (refused["message"], refused["hint"]) == ("There is no `nope`.", "Check the spelling.")
    assert (failed["message"], failed["hint"]) == ("It broke.", "Mend it.")


def test_absurd_values_stay_small_enough_for_slacks_metadata() -> None:
    steps = tuple(Step(f"{number} {'x' * 10_000}", StepState.DONE, NOW, 1.0) for number in range(1000))
    done = Finished(ASKED, BOB, ImageCreated(PROPOSAL, CREATED), replace(ENDED, steps=steps), NOW)

    assert len(json.dumps(facts(done))) < 8_000
    assert len(json.dumps(facts(Failed(ASKED, "x" * 10_000, "y" * 10_000)))) < 8_000


# ── Updates and ways back ───────────────────────────────────────────────────────────────────────────────────────────


def updated(*results: ImageResult, stopped_by: str | None = None) -> Finished:
    return Finished(ASKED, BOB, ImagesUpdated(UPDATE, Updated(results)), ENDED, NOW, stopped_by)


def test_an_update_of_one_image_names_it_as_a_new_one_is_named() -> None:
    assert details(updated(PULL_RESULT)) == {
        "dialog": "d-1",
        "state": "updated",
        "images": [
            {
                "name": PYTHON,
                "ending": "updated",
                "before": "4f5a0a6c4f5a",
                "after": "77aa00bb11cc",
                "reference": PYTHON,
                "kept_as": KEPT_AS,
            }
        ],
        "seconds": {"Base": 0.0, "Check": 1.235, "update": 14.0},
        "image": "demisto/python3",
        "tag": "latest",
        "id": NEW.id,
        "digest": NEW.digest,
    }


def test_a_rebuilt_image_is_named_by_its_unique_tag() -> None:
    known = facts(updated(REBUILD_RESULT))

    assert (known["image"], known["tag"], known["digest"]) == (SPEC.name, SPEC.tag, None)


@pytest.mark.parametrize(
    ("results", "stopped_by", "state", "message"),
    [
        ((PULL_RESULT, KEEP_RESULT), None, "updated", None),
        # Stop was pressed too late: everything is done.
        ((PULL_RESULT, KEEP_RESULT), ALICE, "updated", None),
        (
            (PULL_RESULT, FAIL_RESULT),
            None,
            "failed",
            "⚠ 1 of 2 images was not updated: The registry broke off the download.",
        ),
        ((FAIL_RESULT,), None, "failed", "✗ old/thing:1 was not updated: The registry broke off the download."),
        ((PULL_RESULT, STOP_RESULT), ALICE, "stopped", "Stopped after 1 of 2 images"),
        (
            (PULL_RESULT, FAIL_RESULT, STOP_RESULT),
            ALICE,
            "stopped",
            "Stopped after 1 of 3 images: The registry broke off the download.",
        ),
    ],
)
def test_an_update_is_called_a_success_only_where_it_is_one(
    results: tuple[ImageResult, ...], stopped_by: str | None, state: str, message: str | None
) -> None:
    known = facts(updated(*results, stopped_by=stopped_by))

    assert (known["state"], known.get("message")) == (state, message)
    assert known["succeeded"] is (state == "updated")


def test_what_could_not_be_checked_is_not_called_unchanged() -> None:
    kept = {
        "name": "library/redis:7",
        "ending": "unchanged",
        "before": "4f5a0a6c4f5a",
        "reason": "the registry has the same digest",
    }
    unchecked = {
        "name": "registry.example/a:1",
        "ending": "unchecked",
        "before": "4f5a0a6c4f5a",
        "reason": "`registry.example` does not answer.",
    }

    assert details(Answered(ASKED, NothingToDo("", (KEPT,)))) == {
        "dialog": "d-1",
        "state": "unchanged",
        "images": [kept],
    }
    assert details(Answered(ASKED, NothingToDo("", (KEPT, UNCHECKED)))) == {
        "dialog": "d-1",
        "state": "unchecked",
        "images": [kept, unchecked],
    }


def test_a_roll_back_says_where_each_name_is_now() -> None:
    moved = ROLLED_BACK.results[0]
    stuck = MoveResult("a:1", OLD, problem="The image is gone.")

    assert details(Finished(ASKED, BOB, TagsRolledBack(ROLL_BACK, ROLLED_BACK), None, NOW)) == {
        "dialog": "d-1",
        "state": "rolled_back",
        "images": [
            {"name": PYTHON, "ending": "rolled_back", "after": "4f5a0a6c4f5a", "kept_as": "demisto/python3:before-d-2"}
        ],
    }
    assert details(Finished(ASKED, BOB, TagsRolledBack(ROLL_BACK, RolledBack((moved, stuck))), None, NOW)) == {
        "dialog": "d-1",
        "state": "failed",
        "message": "The image is gone.",
        "hint": "",
        "images": [
            {"name": PYTHON, "ending": "rolled_back", "after": "4f5a0a6c4f5a", "kept_as": "demisto/python3:before-d-2"},
            {"name": "a:1", "ending": "failed", "after": "4f5a0a6c4f5a", "reason": "The image is gone."},
        ],
    }


def test_hundreds_of_images_stay_small_enough_for_slacks_metadata_and_are_counted() -> None:
    long = replace(FAIL_RESULT, name="x" * 10_000, reason="🎉" * 10_000, hint="🎉" * 10_000)
    steps = tuple(Step(f"{number} {'x' * 10_000}", StepState.DONE, NOW, 1.0) for number in range(1000))
    progress = replace(ENDED, steps=steps)
    known = facts(Finished(ASKED, BOB, ImagesUpdated(UPDATE, Updated((PULL_RESULT,) + (long,) * 500)), progress, NOW))
    ordinary = facts(updated(*(PULL_RESULT,) * 12))

    assert len(json.dumps(known)) < 8_000
    assert len(known["images"]) + known["images_left_out"] == 501
    assert known["seconds"]["update"] == 14.0
    assert len(ordinary["images"]) == 12


def test_a_page_of_the_list_has_its_rows() -> None:
    page = replace(LISTING, rows=LISTING.rows[1:])

    assert details(Listed(ASKED, page)) == {
        "dialog": ASKED.dialog,
        "state": "listed",
        "disk": 41_200_000_000,
        "disk_note": "",
        "images": [
            {
                "name": PYTHON,
                "id": "4f5a0a6c4f5a",
                "size": 120_000_000,
                "created": "2026-10-14T19:50:00+00:00",
                "made_here": False,
            },
            {
                "name": OWN.short,
                "id": OWN.short,
                "size": 5_640,
                "created": "2024-09-14T19:50:00+00:00",
                "made_here": False,
            },
        ],
    }
