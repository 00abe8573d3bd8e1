from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.router import BUTTONS, COMMANDS, Command, Router
from commands.command import Answer, Refusal
from commands.errors import ArgumentError, IndexUnreachable
from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.model.requests import CreateImage, ListImages, LookAtImage, UpdateImages
from commands.sources import Sources
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on
from tests.kit.examples import LINE, PROPOSAL, REFUSAL

REQUEST = CreateImage("example_name", None, (PythonRequirement("mechanize"),), (OsPackage("wget"),))


@pytest.fixture
def sources() -> Sources:
    return sources_on(FakeEngine())


def answering(answer: Answer) -> Router:
    return Router(tuple(replace(command, answer=lambda *_: answer) for command in COMMANDS))


def test_a_line_is_read_by_its_command() -> None:
    assert Router().parse(LINE) == REQUEST


@pytest.mark.parametrize(
    "line",
    [
        f"  {LINE}  ",
        LINE.replace(" ", "  "),
        LINE.replace(" ", "\t", 1),
        LINE.replace(" ", "\n", 1),
        LINE.replace(" ", "\xa0"),
    ],
)
def test_however_it_is_spaced(line: str) -> None:
    assert Router().parse(line) == REQUEST


@pytest.mark.parametrize(
    "line", ["/docker_image_crate name=a", "docker_image_create name=a", "hello", "", "  ", "`" * 99]
)
def test_what_is_no_command_is_refused_with_those_that_are(line: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        Router().parse(line)

    assert "is not a command here" in raised.value.message
    assert len(raised.value.message) < 80
    assert raised.value.hint == "I know `/docker_image_create`, `/docker_image_update`, `/docker_images`."


@pytest.mark.parametrize("answer", [PROPOSAL, REFUSAL])
def test_the_answer_is_the_commands_own(sources: Sources, answer: Answer) -> None:
    assert answering(answer).answer(LINE, sources, lambda _: None) == answer


def test_a_line_that_is_not_understood_is_not_answered(sources: Sources) -> None:
    with pytest.raises(ArgumentError):
        answering(PROPOSAL).answer("/docker_image_create name=NO", sources, lambda _: None)


def test_everything_is_handed_to_the_command(sources: Sources) -> None:
    seen: list[object] = []

    def answer(request: CreateImage, given: Sources, report: Callable[[str], None]) -> Answer:
        seen.extend((request, given))
        report("Looking")
        return Refusal("a", "b", "c")

    Router((replace(COMMANDS[0], answer=answer),)).answer(LINE, sources, seen.append)

    assert seen == [REQUEST, sources, "Looking"]


def test_a_problem_of_the_command_is_passed_on(sources: Sources) -> None:
    def answer(*_: object) -> Answer:
        raise IndexUnreachable("The index does not answer.", hint="Wait.")

    with pytest.raises(IndexUnreachable):
        Router((replace(COMMANDS[0], answer=answer),)).answer(LINE, sources, lambda _: None)


def test_the_names_are_in_the_order_of_the_table() -> None:
    other = replace(COMMANDS[0], name="/another")

    assert Router((*COMMANDS, other)).names == (
        "/docker_image_create",
        "/docker_image_update",
        "/docker_images",
        "/another",
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_told_to_slack(command: Command[Any]) -> None:
    assert len(command.name) <= 32
    assert command.name.startswith("/")
    assert len(command.description) <= 2_000
    assert len(command.usage) <= 1_000


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("/docker_image_create name=example_name dependencies=mechanize packages=wget base=demisto/python3-deb", None),
        ("/docker_image_update image=demisto/python3", UpdateImages(Reference("demisto/python3"))),
        ("/docker_image_update all=true", UpdateImages(None)),
        ("/docker_images", ListImages()),
    ],
)
def test_the_usage_of_every_command_is_a_line_that_it_takes(line: str, request_: object) -> None:
    name, _, arguments = line.partition(" ")
    usage = next(command.usage for command in COMMANDS if command.name == name)

    assert arguments in [part.strip() for part in usage.replace("[", "").replace("]", "").split("|")]
    assert request_ is None or Router().parse(line) == request_


@pytest.mark.parametrize(
    "line", [f"{command.name} {example}".rstrip() for command in COMMANDS for example in command.examples]
)
def test_every_example_is_a_line_that_its_command_takes(line: str) -> None:
    assert Router().parse(line)


@pytest.mark.parametrize("command", BUTTONS, ids=lambda command: command.name)
def test_what_buttons_ask_for_has_a_name_that_nobody_can_type_in_slack(command: Command[Any]) -> None:
    assert not command.name.startswith("/")
    assert Router().command(command.name) is None


def test_a_line_that_a_button_wrote_is_read_like_any_other() -> None:
    assert Router().parse("details image=demisto/python3") == LookAtImage(Reference("demisto/python3"))
