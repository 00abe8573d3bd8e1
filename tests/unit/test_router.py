from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.router import COMMANDS, Command, Router
from commands.build.tags import BuildNumbers
from commands.command import Answer, Refusal
from commands.errors import ArgumentError, IndexUnreachable
from commands.model.packages import OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.model.requests import CreateImage
from commands.sources import Bases, Sources
from tests.examples import LINE, PROPOSAL, REFUSAL
from tests.fakes.engine import FakeEngine
from tests.fakes.resolver import FakeResolver

REQUEST = CreateImage("example_name", None, (PythonRequirement("mechanize"),), (OsPackage("wget"),))


@pytest.fixture
def sources() -> Sources:
    engine = FakeEngine()
    return Sources(
        engine=engine,
        resolver=FakeResolver(),
        bases=Bases(engine),
        numbers=BuildNumbers(),
        recipe=lambda _: pytest.fail("nothing is to be built"),
        now=lambda: 0.0,
        default_base=Reference("demisto/python3-deb"),
    )


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
    assert raised.value.hint == "I know `/docker_image_create`."


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

    assert Router((*COMMANDS, other)).names == ("/docker_image_create", "/another")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_told_to_slack(command: Command) -> None:
    assert len(command.name) <= 32
    assert command.name.startswith("/")
    assert len(command.description) <= 2_000
    assert len(command.usage) <= 1_000


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_usage_of_every_command_is_a_line_that_it_takes(command: Command) -> None:
    bare = command.usage.translate({ord("["): None, ord("]"): None})

    assert Router().parse(f"{command.name} {bare}").name == "example_name"
