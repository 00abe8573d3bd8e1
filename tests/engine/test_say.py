"""`warroom say` and `warroom room` as people start them, against the real engine, index and mirror."""

import json
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from bot.room.client.room_client import RoomClient
from bot.room.events import Acked, Undelivered
from commands.carry_out import clean
from commands.engine.interface import RunOrder, RunOutcome
from commands.recipe.labels import JOB
from tests.kit.program import PATIENCE, Program, becomes, is_running
from tests.kit.program_on_engine import OwnBase, installer

pytestmark = pytest.mark.engine

MakeGround = Callable[..., OwnBase]

ENDLESS = installer("echo patience", "exec sleep LONG")
"""OS packages of this base take an hour to install."""


@dataclass(frozen=True, slots=True)
class SayExit:
    """How `warroom say` ended."""

    status: int
    output: str
    errors: str

    @property
    def told(self) -> Mapping[str, Any]:
        """The one JSON object that it printed."""
        (line,) = self.output.splitlines()
        told = json.loads(line)
        assert isinstance(told, dict)
        return told


def say(ground: OwnBase, line: str, *options: str, **settings: str) -> SayExit:
    with Program("say", line, *options, environment={**ground.environment, **settings}) as program:
        return SayExit(program.ended(), program.output, program.errors)


def command(ground: OwnBase, **arguments: str) -> str:
    """Type a command; the image's name is the test's own."""
    return " ".join(
        [
            "/docker_image_create",
            f"name={ground.name('image')}",
            *(f"{name}={value}" for name, value in arguments.items()),
        ]
    )


def run_in(ground: OwnBase, told: Mapping[str, Any], *words: str) -> RunOutcome:
    """Run a command in a throw-away container of an image that was made."""
    image = ground.bench.engine.find_image(f"{told['image']}:{told['tag']}")
    assert image is not None
    return ground.bench.engine.run(RunOrder(image.id, words, ground.bench.labels, seconds=PATIENCE))


# ── What works ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_makes_an_image_that_has_what_was_asked_for(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="mechanize", packages="wget"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (0, "done"), answer
    assert run_in(ground, answer.told, "python3", "-c", "import mechanize").exit_code == 0
    assert "GNU Wget" in run_in(ground, answer.told, "wget", "--version").output
    assert ground.left_behind() == ()


def test_the_answer_for_scripts_says_what_was_made_and_how_long_each_phase_took(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="mechanize"), "--yes", "--json")
    (image,) = ground.images()
    told = answer.told
    assert set(told) == {"state", "image", "tag", "id", "digest", "images", "seconds", "message"}
    assert (told["image"], told["id"], told["digest"]) == (ground.name("image"), image.id, None)
    assert set(image.repo_tags) == {f"{told['image']}:{told['tag']}", f"{told['image']}:latest"}
    assert {"ack", "preparing", "review", "running", "steps"} <= set(told["seconds"])
    assert "Check the result" in told["seconds"]["steps"]


def test_in_a_pipe_each_state_of_the_dialog_is_printed(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="mechanize"), "--yes")
    assert answer.status == 0
    assert "dockerimage: " in answer.output
    assert ground.name("image") in answer.output
    assert "\x1b" not in answer.output


def test_an_image_that_exists_already_is_used_instead_of_building_it_again(ground: OwnBase) -> None:
    line = command(ground, dependencies="mechanize")
    first = say(ground, line, "--yes", "--json").told
    again = say(ground, line, "--yes", "--json")
    assert (again.status, again.told["state"], again.told["id"]) == (0, "reused", first["id"])
    assert len(ground.images()) == 1


def test_whoever_wants_it_built_again_gets_a_new_tag(ground: OwnBase) -> None:
    line = command(ground, dependencies="mechanize")
    first = say(ground, line, "--yes", "--json").told
    again = say(ground, line, "--click", "build_anyway", "--json")
    assert (again.status, again.told["state"]) == (0, "done")
    assert again.told["tag"] != first["tag"]
    assert int(again.told["tag"].rpartition(".")[2]) > int(first["tag"].rpartition(".")[2])


def test_neither_dependencies_nor_packages_give_an_image_that_equals_its_base(ground: OwnBase) -> None:
    answer = say(ground, command(ground), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (0, "done")


# ── What is refused, and what fails ─────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_line_is_answered_with_a_corrected_one(ground: OwnBase) -> None:
    answer = say(ground, "/docker_image_create name=Example_Name dependecies=mechanize")
    assert answer.status == 1
    assert "/docker_image_create name=example_name dependencies=mechanize" in " ".join(answer.output.split())


@pytest.mark.parametrize(
    ("arguments", "state", "words"),
    [
        ({"dependencies": "no-such-package-of-warroom-7e1c"}, "refused", ["no-such-package-of-warroom-7e1c"]),
        ({"dependencies": "requests==2.31.0,urllib3==1.20"}, "refused", ["requests", "urllib3"]),
        ({"dependencies": "requests==99.0"}, "refused", ["requests"]),
        ({"packages": "no-such-package-of-warroom-7e1c"}, "failed", ["no-such-package-of-warroom-7e1c"]),
    ],
    ids=["unknown package", "versions that conflict", "unknown version", "unknown OS package"],
)
def test_what_cannot_be_installed_is_named(
    ground: OwnBase, arguments: dict[str, str], state: str, words: list[str]
) -> None:
    answer = say(ground, command(ground, **arguments), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, state), answer
    for word in words:
        assert word in answer.told["message"]
    assert (ground.images(), ground.left_behind()) == ((), ())


def test_a_failed_step_shows_the_decisive_lines_of_its_log(ground: OwnBase) -> None:
    answer = say(ground, command(ground, packages="no-such-package-of-warroom-7e1c"), "--yes")
    assert answer.status == 1
    assert "E: Unable to locate package no-such-package-of-warroom-7e1c" in " ".join(answer.output.split())
    assert "Check the spelling" in " ".join(answer.output.split())


def test_a_base_that_nobody_has_is_refused_by_name(ground: OwnBase) -> None:
    answer = say(ground, command(ground, base=f"localhost:1/nobody/{ground.mark}:1"), "--yes", "--json")
    assert answer.status == 1
    assert f"localhost:1/nobody/{ground.mark}:1" in answer.told["message"]


def test_a_base_without_python_is_refused(make_ground: MakeGround) -> None:
    ground = make_ground("RUN rm -f $(command -v python3 python) /usr/bin/python3*")
    answer = say(ground, command(ground, dependencies="mechanize"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, "refused")
    assert "has no Python" in answer.told["message"]
    assert ground.left_behind() == ()


def test_cancel_makes_nothing(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="mechanize"), "--click", "cancel", "--json")
    assert (answer.status, answer.told["state"]) == (1, "cancelled")
    assert (ground.images(), ground.left_behind()) == ((), ())


def test_without_a_click_nothing_is_made(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="mechanize"), "--json")
    assert (answer.status, answer.told["state"]) == (1, "cancelled")
    assert ground.images() == ()


# `python-magic` is installed without the library that it loads when it is imported.


def test_an_image_with_a_module_that_does_not_import_is_kept_when_somebody_says_so(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="python-magic"), "--click", "create", "--click", "keep", "--json")
    assert (answer.status, answer.told["state"]) == (0, "done"), answer
    (image,) = ground.images()
    assert (image.id, len(image.repo_tags)) == (answer.told["id"], 2)
    assert ground.left_behind() == ()


def test_an_image_with_a_module_that_does_not_import_is_discarded_when_somebody_says_so(ground: OwnBase) -> None:
    line = command(ground, dependencies="python-magic")
    answer = say(ground, line, "--click", "create", "--click", "discard", "--json")
    assert (answer.status, answer.told["state"]) == (1, "discarded"), answer
    assert (ground.images(), ground.left_behind()) == ((), ())


def test_yes_alone_does_not_keep_what_does_not_import(ground: OwnBase) -> None:
    answer = say(ground, command(ground, dependencies="python-magic"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, "discarded"), answer
    assert (ground.images(), ground.left_behind()) == ((), ())


def test_a_container_that_somebody_runs_is_none_of_the_jobs_clean_up(ground: OwnBase) -> None:
    # Containers inherit the labels of their image, that of the job too.
    made = say(ground, command(ground), "--yes", "--json").told
    (image,) = ground.images()
    container = ground.raw.create_container(f"{made['image']}:{made['tag']}", ["sleep", "60"])["Id"]
    clean(image.labels[JOB], ground.bench.engine)
    assert ground.left_behind() == (container,)
    ground.raw.remove_container(container)


# ── Rooms, and signals ──────────────────────────────────────────────────────────────────────────────────────────────


def joined(room: Program) -> str:
    """Give the address that the room prints for people who want to join it."""
    return room.until_printed("http://").strip()


def test_a_room_that_says_it_is_open_takes_commands(ground: OwnBase) -> None:
    with Program("room", "--port", "0", environment=ground.environment) as room:
        url, _, token = joined(room).partition("#")
        client = RoomClient(url, token)
        sent = client.type("/docker_image_create name=Wrong")
        with client.events() as events:
            heard = next(event for event in events if isinstance(event, Acked | Undelivered))
        assert isinstance(heard, Acked)
        assert heard.trigger_id == sent.trigger_id


def test_two_people_who_ask_for_one_name_at_once_get_two_tags(ground: OwnBase) -> None:
    with Program("room", "--port", "0", environment=ground.environment) as room:
        url = joined(room)

        def ask(user: str) -> SayExit:
            line = command(ground, dependencies="mechanize")
            return say(ground, line, "--click", "create", "--json", "--room", url, "--user", user)

        with ThreadPoolExecutor(2) as people:
            answers = list(people.map(ask, ["U0ALICE", "U0BOB"]))
        assert [answer.status for answer in answers] == [0, 0], answers
        assert room.ended(signal.SIGTERM) == 0
    tags = {answer.told["tag"] for answer in answers}
    assert len(tags) == 2
    assert ground.left_behind() == ()


def test_two_programs_that_make_one_name_at_once_make_two_tags(ground: OwnBase) -> None:
    def ask(folder: str) -> SayExit:
        line = command(ground, dependencies="mechanize")
        return say(ground, line, "--click", "create", "--json", WARROOM_STATE_DIR=str(ground.state / folder))

    with ThreadPoolExecutor(2) as programs:
        answers = list(programs.map(ask, ["one", "two"]))
    assert [answer.status for answer in answers] == [0, 0], answers
    assert len({answer.told["tag"] for answer in answers}) == 2
    assert ground.left_behind() == ()


def test_ctrl_c_stops_the_build_and_leaves_nothing(make_ground: MakeGround) -> None:
    ground = make_ground(ENDLESS)
    with Program("say", command(ground, packages="wget"), "--yes", environment=ground.environment) as program:
        assert becomes(lambda: is_running(ground.long_seconds))
        status = program.ended(signal.SIGINT)
        assert "was stopped" in program.output
    assert status == 1
    assert becomes(lambda: not is_running(ground.long_seconds))
    assert (ground.images(), ground.left_behind()) == ((), ())


def test_a_room_that_is_told_to_end_pauses_its_builds_and_ends(make_ground: MakeGround) -> None:
    ground = make_ground(ENDLESS)
    grace = {"WARROOM_GRACE_SECONDS": "0.2"}
    with Program("room", "--port", "0", environment={**ground.environment, **grace}) as room:
        url = joined(room)
        with Program(
            "say", command(ground, packages="wget"), "--yes", "--room", url, environment=ground.environment
        ) as person:
            assert becomes(lambda: is_running(ground.long_seconds))
            assert room.ended(signal.SIGTERM) == 0
            person.ended()
            assert "restart" in person.output
    assert becomes(lambda: not is_running(ground.long_seconds))
    assert (ground.images(), ground.left_behind()) == ((), ())
