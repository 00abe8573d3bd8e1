from dataclasses import replace

import pytest

from commands.errors import EngineUnavailable
from commands.model.references import Reference
from commands.sources import Sources
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def sources(engine: FakeEngine) -> Sources:
    return sources_on(engine)


def test_the_default_base_is_offered_first_and_then_the_images_of_the_host(
    engine: FakeEngine, sources: Sources
) -> None:
    engine.add_image("older:1")
    engine.add_image("newer:1", "newer:latest")

    assert sources.base_candidates() == ("demisto/python3-deb", "newer:1", "newer:latest", "older:1")


def test_the_default_base_is_offered_once(engine: FakeEngine, sources: Sources) -> None:
    engine.add_image("demisto/python3-deb:latest", "demisto/python3-deb:3.12")
    pinned = replace(sources, default_base=Reference("demisto/python3-deb", "3.12"))

    assert sources.base_candidates() == ("demisto/python3-deb", "demisto/python3-deb:3.12")
    assert pinned.base_candidates() == ("demisto/python3-deb:3.12", "demisto/python3-deb:latest")


@pytest.mark.parametrize("name", ["warroom.invalid/uv:0.9-amd64", "base:TAG", "odd name:1", "Upper:1"])
def test_what_is_no_base_or_could_not_be_asked_for_is_not_offered(
    engine: FakeEngine, sources: Sources, name: str
) -> None:
    engine.add_image(name)

    assert sources.base_candidates() == ("demisto/python3-deb",)


def test_a_daemon_that_is_away_says_so(engine: FakeEngine, sources: Sources) -> None:
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        sources.base_candidates()


def test_images_to_update_are_those_that_can_be_named_and_are_not_kept_for_a_way_back(
    engine: FakeEngine, sources: Sources
) -> None:
    engine.add_image("older:1", "older:before-19ab3f2c1d04f00dbee-1")
    engine.add_image("warroom.invalid/uv:0.9-amd64")
    engine.add_image("newer:latest")
    engine.add_image()

    assert sources.update_candidates() == ("newer:latest", "older:1")
