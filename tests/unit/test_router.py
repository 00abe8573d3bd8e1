from dataclasses import replace

import pytest

from bot.router import COMMANDS, Command, Router
from commands.errors import ArgumentError
from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.model.requests import CreateImage, ListImages, UpdateImages
from tests.kit.examples import LINE

REQUEST = CreateImage("example_name", None, (PythonRequirement("mechanize"),), (OsPackage("wget"),))


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


def test_the_names_are_in_the_order_of_the_table() -> None:
    other = replace(COMMANDS[0], name="/another")

    assert Router((*COMMANDS, other)).names == (
        "/docker_image_create",
        "/docker_image_update",
        "/docker_images",
        "/another",
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_told_to_slack(command: Command) -> None:
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
    assert Router().parse(line) is not None


@pytest.mark.parametrize("line", ["details image=a", "roll_back job=1", "remove image=a", "/details image=a"])
def test_what_buttons_ask_for_cannot_be_typed(line: str) -> None:
    with pytest.raises(ArgumentError):
        Router().parse(line)
