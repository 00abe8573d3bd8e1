"""Removing an image: what is offered, what is told with it, and when it is refused."""

import pytest

from commands.command import Finding, Refusal, Removal, Severity
from commands.errors import EngineUnavailable
from commands.host.selection import Found, parse_wanted
from commands.host.subjects import mark_of
from commands.image_actions.remove import answer, line_of, request_for
from commands.model.images import ImageId
from commands.model.references import Reference
from commands.model.requests import RemoveImage, ShortId
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on
from tests.kit.updates import FIRST


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def answered(engine: FakeEngine, image: str) -> Removal | Refusal:
    return answer(RemoveImage(parse_wanted(image)), sources_on(engine), lambda _: None)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (RemoveImage(Reference("registry.example:5000/a", "1")), "remove image=registry.example:5000/a:1"),
        (RemoveImage(ShortId("0123456789ab")), "remove image=0123456789ab"),
        (request_for(ImageId(f"sha256:{'d' * 64}")), f"remove image=sha256:{'d' * 64}"),
    ],
)
def test_a_request_is_shown_as_a_line(request_: RemoveImage, line: str) -> None:
    assert line_of(request_) == line


def test_all_names_of_an_image_are_listed_whichever_was_meant(engine: FakeEngine) -> None:
    engine.add_image("a:1", "b:latest")
    (listed,) = engine.listing()

    for wanted, name in (("a:1", "a:1"), ("b", "b:latest"), (listed.id, "a:1")):
        assert answered(engine, wanted) == Removal(
            f"Remove `{name}`?",
            mark_of(Found(listed, name)),
            ("a:1", "b:latest"),
        )


def test_an_image_without_a_name_is_offered_by_its_id(engine: FakeEngine) -> None:
    image = engine.add_image()
    (listed,) = engine.listing()

    proposal = answered(engine, image.id)

    short = image.id.removeprefix("sha256:")[:12]
    assert proposal == Removal(f"Remove `{short}`?", mark_of(Found(listed, short)), ())


@pytest.mark.parametrize("state", ["running", "exited", "created", "paused", "dead"])
def test_an_image_that_a_container_uses_is_refused_with_the_container(engine: FakeEngine, state: str) -> None:
    engine.add_container("web", engine.add_image("a:1").id, state=state)
    engine.add_container("other", engine.add_image("b:1").id)

    assert answered(engine, "a:1") == Refusal(
        "`a:1` is in use",
        f"A container uses it: `web` ({state}).",
        "Remove the container first; the bot never removes containers.",
    )


def test_of_many_containers_some_are_named(engine: FakeEngine) -> None:
    image = engine.add_image("a:1").id
    for number in range(7):
        engine.add_container(f"web-{number}", image)

    refusal = answered(engine, "a:1")

    assert isinstance(refusal, Refusal)
    assert refusal.message.startswith("Containers use it: `web-0` (running), `web-1` (running)")
    assert refusal.message.endswith("`web-4` (running) and 2 more.")


def test_images_that_are_built_on_it_are_told(engine: FakeEngine) -> None:
    base = engine.add_image("base:1")
    engine.add_image("child:1", below=base.layers)

    proposal = answered(engine, "base:1")

    assert isinstance(proposal, Removal)
    assert proposal.findings == (
        Finding("built-on-it", Severity.NOTE, "Built on it: `child:1`. They keep the shared layers."),
    )


def test_an_earlier_image_is_warned_of(engine: FakeEngine) -> None:
    engine.add_image(f"a:before-{FIRST}")

    proposal = answered(engine, f"a:before-{FIRST}")

    assert isinstance(proposal, Removal)
    assert proposal.findings == (
        Finding(
            "kept-image",
            Severity.WARNING,
            f"This is the earlier image `a:before-{FIRST}`: after its removal you cannot roll back to it.",
        ),
    )


def test_an_unknown_image_gets_the_nearest_names(engine: FakeEngine) -> None:
    engine.add_image("example_name:1")

    assert answered(engine, "exampel_name:1") == Refusal(
        "`exampel_name:1` is not here",
        "This Docker host has no image `exampel_name:1`.",
        "Did you mean `example_name:1`? `/docker_images` lists the images.",
    )
    assert answered(FakeEngine(), "a:1") == Refusal(
        "`a:1` is not here", "This Docker host has no image `a:1`.", "`/docker_images` lists the images."
    )


def test_the_beginning_of_several_ids_is_refused_with_each_of_them(engine: FakeEngine) -> None:
    engine.add_image("a:1")
    engine.add_image("b:1")

    refusal = answered(engine, "0000")

    assert isinstance(refusal, Refusal)
    assert (refusal.hint, len(refusal.details)) == ("Choose one of these.", 2)


def test_a_daemon_that_is_away_says_so(engine: FakeEngine) -> None:
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        answered(engine, "a:1")
