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

MakeOwnBase = Callable[..., OwnBase]

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


def say(own_base: OwnBase, line: str, *options: str, **settings: str) -> SayExit:
    with Program("say", line, *options, environment={**own_base.environment, **settings}) as program:
        return SayExit(program.ended(), program.output, program.errors)


def command(own_base: OwnBase, **arguments: str) -> str:
    """Type a command; the image's name is the test's own."""
    return " ".join(
        [
            "/docker_image_create",
            f"name={own_base.name('image')}",
            *(f"{name}={value}" for name, value in arguments.items()),
        ]
    )


def run_in(own_base: OwnBase, told: Mapping[str, Any], *words: str) -> RunOutcome:
    """Run a command in a throw-away container of an image that was made."""
    image = own_base.space.engine.find_image(f"{told['image']}:{told['tag']}")
    assert image is not None
    return own_base.space.engine.run(RunOrder(image.id, words, own_base.space.labels, seconds=PATIENCE))


# ── What works ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_makes_an_image_that_has_what_was_asked_for(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="mechanize", packages="wget"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (0, "done"), answer
    assert run_in(own_base, answer.told, "python3", "-c", "import mechanize").exit_code == 0
    assert "GNU Wget" in run_in(own_base, answer.told, "wget", "--version").output
    assert own_base.left_behind() == ()


def test_the_answer_for_scripts_says_what_was_made_and_how_long_each_phase_took(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="mechanize"), "--yes", "--json")
    (image,) = own_base.images()
    told = answer.told
    assert set(told) == {"state", "image", "tag", "id", "digest", "images", "seconds", "message"}
    assert (told["image"], told["id"], told.get("digest")) == (own_base.name("image"), image.id, None)
    assert set(image.repo_tags) == {f"{told['image']}:{told['tag']}", f"{told['image']}:latest"}
    assert {"ack", "preparing", "review", "running", "steps"} <= set(told["seconds"])
    assert "Check the result" in told["seconds"]["steps"]


def test_in_a_pipe_each_state_of_the_dialog_is_printed(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="mechanize"), "--yes")
    assert answer.status == 0
    assert "dockerimage: " in answer.output
    assert own_base.name("image") in answer.output
    assert "\x1b" not in answer.output


def test_an_image_that_exists_already_is_used_instead_of_building_it_again(own_base: OwnBase) -> None:
    line = command(own_base, dependencies="mechanize")
    first = say(own_base, line, "--yes", "--json").told
    again = say(own_base, line, "--yes", "--json")
    assert (again.status, again.told["state"], again.told["id"]) == (0, "reused", first["id"])
    assert len(own_base.images()) == 1


def test_whoever_wants_it_built_again_gets_a_new_tag(own_base: OwnBase) -> None:
    line = command(own_base, dependencies="mechanize")
    first = say(own_base, line, "--yes", "--json").told
    again = say(own_base, line, "--click", "build_anyway", "--json")
    assert (again.status, again.told["state"]) == (0, "done")
    assert again.told["tag"] != first["tag"]
    assert int(again.told["tag"].rpartition(".")[2]) > int(first["tag"].rpartition(".")[2])


def test_neither_dependencies_nor_packages_give_an_image_that_equals_its_base(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (0, "done")


# ── What is refused, and what fails ─────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_line_is_answered_with_a_corrected_one(own_base: OwnBase) -> None:
    answer = say(own_base, "/docker_image_create name=Example_Name dependecies=mechanize")
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
    own_base: OwnBase, arguments: dict[str, str], state: str, words: list[str]
) -> None:
    answer = say(own_base, command(own_base, **arguments), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, state), answer
    for word in words:
        assert word in answer.told["message"]
    assert (own_base.images(), own_base.left_behind()) == ((), ())


def test_a_failed_step_shows_the_decisive_lines_of_its_log(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, packages="no-such-package-of-warroom-7e1c"), "--yes")
    assert answer.status == 1
    assert "E: Unable to locate package no-such-package-of-warroom-7e1c" in " ".join(answer.output.split())
    assert "Check the spelling" in " ".join(answer.output.split())


def test_a_base_that_nobody_has_is_refused_by_name(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, base=f"localhost:1/nobody/{own_base.mark}:1"), "--yes", "--json")
    assert answer.status == 1
    assert f"localhost:1/nobody/{own_base.mark}:1" in answer.told["message"]


def test_a_base_without_python_is_refused(make_own_base: MakeOwnBase) -> None:
    own_base = make_own_base("RUN rm -f $(command -v python3 python) /usr/bin/python3*")
    answer = say(own_base, command(own_base, dependencies="mechanize"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, "refused")
    assert "has no Python" in answer.told["message"]
    assert own_base.left_behind() == ()


def test_cancel_makes_nothing(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="mechanize"), "--click", "cancel", "--json")
    assert (answer.status, answer.told["state"]) == (1, "cancelled")
    assert (own_base.images(), own_base.left_behind()) == ((), ())


def test_without_a_click_nothing_is_made(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="mechanize"), "--json")
    assert (answer.status, answer.told["state"]) == (1, "cancelled")
    assert own_base.images() == ()


# `python-magic` is installed without the library that it loads when it is imported.


def test_an_image_with_a_module_that_does_not_import_is_kept_when_somebody_says_so(own_base: OwnBase) -> None:
    answer = say(
        own_base, command(own_base, dependencies="python-magic"), "--click", "create", "--click", "keep", "--json"
    )
    assert (answer.status, answer.told["state"]) == (0, "done"), answer
    (image,) = own_base.images()
    assert (image.id, len(image.repo_tags)) == (answer.told["id"], 2)
    assert own_base.left_behind() == ()


def test_an_image_with_a_module_that_does_not_import_is_discarded_when_somebody_says_so(own_base: OwnBase) -> None:
    line = command(own_base, dependencies="python-magic")
    answer = say(own_base, line, "--click", "create", "--click", "discard", "--json")
    assert (answer.status, answer.told["state"]) == (1, "discarded"), answer
    assert (own_base.images(), own_base.left_behind()) == ((), ())


def test_yes_alone_does_not_keep_what_does_not_import(own_base: OwnBase) -> None:
    answer = say(own_base, command(own_base, dependencies="python-magic"), "--yes", "--json")
    assert (answer.status, answer.told["state"]) == (1, "discarded"), answer
    assert (own_base.images(), own_base.left_behind()) == ((), ())


def test_a_container_that_somebody_runs_is_none_of_the_jobs_clean_up(own_base: OwnBase) -> None:
    # Containers inherit the labels of their image, that of the job too.
    made = say(own_base, command(own_base), "--yes", "--json").told
    (image,) = own_base.images()
    container = own_base.raw.create_container(f"{made['image']}:{made['tag']}", ["sleep", "60"])["Id"]
    clean(image.labels[JOB], own_base.space.engine)
    assert own_base.left_behind() == (container,)
    own_base.raw.remove_container(container)


# ── Rooms, and signals ──────────────────────────────────────────────────────────────────────────────────────────────


def joined(room: Program) -> str:
    """Give the address that the room prints for people who want to join it."""
    return room.until_printed("http://").strip()


def test_a_room_that_says_it_is_open_takes_commands(own_base: OwnBase) -> None:
    with Program("room", "--port", "0", environment=own_base.environment) as room:
        url, _, token = joined(room).partition("#")
        client = RoomClient(url, token)
        sent = client.type("/docker_image_create name=Wrong")
        with client.events() as events:
            heard = next(event for event in events if isinstance(event, Acked | Undelivered))
        assert isinstance(heard, Acked)
        assert heard.trigger_id == sent.trigger_id


def test_two_people_who_ask_for_one_name_at_once_get_two_tags(own_base: OwnBase) -> None:
    with Program("room", "--port", "0", environment=own_base.environment) as room:
        url = joined(room)

        def ask(user: str) -> SayExit:
            line = command(own_base, dependencies="mechanize")
            return say(own_base, line, "--click", "create", "--json", "--room", url, "--user", user)

        with ThreadPoolExecutor(2) as people:
            answers = list(people.map(ask, ["U0ALICE", "U0BOB"]))
        assert [answer.status for answer in answers] == [0, 0], answers
        assert room.ended(signal.SIGTERM) == 0
    tags = {answer.told["tag"] for answer in answers}
    assert len(tags) == 2
    assert own_base.left_behind() == ()


def test_two_programs_that_make_one_name_at_once_make_two_tags(own_base: OwnBase) -> None:
    def ask(folder: str) -> SayExit:
        line = command(own_base, dependencies="mechanize")
        return say(own_base, line, "--click", "create", "--json", WARROOM_STATE_DIR=str(own_base.state / folder))

    with ThreadPoolExecutor(2) as programs:
        answers = list(programs.map(ask, ["one", "two"]))
    assert [answer.status for answer in answers] == [0, 0], answers
    assert len({answer.told["tag"] for answer in answers}) == 2
    assert own_base.left_behind() == ()


def test_ctrl_c_stops_the_build_and_leaves_nothing(make_own_base: MakeOwnBase) -> None:
    own_base = make_own_base(ENDLESS)
    with Program("say", command(own_base, packages="wget"), "--yes", environment=own_base.environment) as program:
        assert becomes(lambda: is_running(own_base.long_seconds))
        status = program.ended(signal.SIGINT)
        assert "was stopped" in program.output
    assert status == 1
    assert becomes(lambda: not is_running(own_base.long_seconds))
    assert (own_base.images(), own_base.left_behind()) == ((), ())


def test_a_room_that_is_told_to_end_pauses_its_builds_and_ends(make_own_base: MakeOwnBase) -> None:
    own_base = make_own_base(ENDLESS)
    grace = {"WARROOM_GRACE_SECONDS": "0.2"}
    with Program("room", "--port", "0", environment={**own_base.environment, **grace}) as room:
        url = joined(room)
        with Program(
            "say", command(own_base, packages="wget"), "--yes", "--room", url, environment=own_base.environment
        ) as person:
            assert becomes(lambda: is_running(own_base.long_seconds))
            assert room.ended(signal.SIGTERM) == 0
            person.ended()
            assert "restart" in person.output
    assert becomes(lambda: not is_running(own_base.long_seconds))
    assert (own_base.images(), own_base.left_behind()) == ((), ())
