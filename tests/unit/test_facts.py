import json
from dataclasses import replace
from typing import get_args

import pytest

from bot.dialogs import FINAL, UNFINISHED, Dialog, Done, Failed, Refused, Reused, Running
from bot.progress import Progress, Step, StepState
from bot.room.say import ENDS
from bot.slack.views.facts import STATES, facts
from commands.command import Refusal
from tests.examples import ASKED, BOB, CREATED, EVERY_KIND, EXISTING, IMAGE, NOW, OFFERED, PROGRESS, PROPOSAL

ENDED = Progress(
    PROGRESS.started, (Step("Base", StepState.CACHED, NOW, 0.0), Step("Check", StepState.DONE, NOW, 1.23456))
)


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_every_stage_says_in_plain_json_which_dialog_it_is_and_where_it_stands(dialog: Dialog) -> None:
    known = facts(dialog)

    assert (known["dialog"], known["state"]) == ("d-1", STATES[type(dialog).__name__])
    assert json.loads(json.dumps(known)) == known


def test_there_is_one_state_for_each_stage() -> None:
    assert set(STATES) == {stage.__name__ for stage in get_args(Dialog)}
    assert len(set(STATES.values())) == len(STATES)
    assert {*FINAL, *UNFINISHED} == set(get_args(Dialog))


def test_the_program_that_waits_for_an_end_knows_every_end() -> None:
    assert {STATES[stage.__name__] for stage in FINAL} == set(ENDS)


def test_an_image_that_was_made_is_named_with_its_seconds() -> None:
    image = replace(IMAGE, repo_digests=("other@sha256:1", "example_name@sha256:2"))

    assert facts(Done(ASKED, PROPOSAL, BOB, replace(CREATED, image=image), ENDED, NOW)) == {
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

    known = facts(Reused(ASKED, OFFERED, BOB, existing))

    assert (known["image"], known["tag"], known["digest"]) == ("localhost:5000/a/b", "1.0.0.1", None)


def test_a_running_job_tells_of_the_steps_that_ended() -> None:
    assert facts(Running(ASKED, PROPOSAL, BOB, PROGRESS))["seconds"] == {"Base demisto/python3-deb": 0.0}


def test_a_refusal_and_a_failure_say_why_and_what_to_do() -> None:
    refused = facts(Refused(ASKED, Refusal("No", "There is no `nope`.", "Check the spelling.")))
    failed = facts(Failed(ASKED, "It broke.", "Mend it."))

    assert (refused["message"], refused["hint"]) == ("There is no `nope`.", "Check the spelling.")
    assert (failed["message"], failed["hint"]) == ("It broke.", "Mend it.")


def test_absurd_values_stay_small_enough_for_slacks_metadata() -> None:
    steps = tuple(Step(f"{number} {'x' * 10_000}", StepState.DONE, NOW, 1.0) for number in range(1000))
    done = Done(ASKED, PROPOSAL, BOB, CREATED, replace(ENDED, steps=steps), NOW)

    assert len(json.dumps(facts(done))) < 8_000
    assert len(json.dumps(facts(Failed(ASKED, "x" * 10_000, "y" * 10_000)))) < 8_000
