"""What the tests on Alpine share: a base that trusts the test's own repository of packages."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from bot.settings import Settings
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RunOrder
from commands.model.images import ImageId
from tests.kit.apk_repository import ApkPackage, ApkRepository, apk_repository
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.fresh_state import fresh_state
from tests.kit.program import PATIENCE, Program
from tests.kit.program_on_engine import OwnBase

HELLO = ApkPackage("hello", "1.0-r0")


@dataclass(frozen=True, slots=True)
class SaidCommand:
    """One command of `warroom say --json`, and how it ended."""

    status: int
    told: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The state of the dialog at its end."""
        return str(self.told["state"])

    @property
    def message(self) -> str:
        """What the dialog says at its end."""
        return str(self.told["message"])

    @property
    def image(self) -> ImageId:
        """The image that was made."""
        return ImageId(self.told["id"])

    @property
    def tag(self) -> str:
        """The name that only this image has."""
        return f"{self.told['image']}:{self.told['tag']}"


@dataclass(frozen=True, slots=True)
class AlpineHost:
    """An Alpine base of the test's own, its repository, and the program that works with them."""

    own_base: OwnBase
    repository: ApkRepository

    def say(self, line: str, *options: str) -> SaidCommand:
        """Run `warroom say` for one command."""
        with Program("say", line, *options, "--json", environment=self.own_base.environment) as program:
            status = program.ended()
            assert program.output, program.errors
            return SaidCommand(status, json.loads(program.output))

    def printed(self, line: str, *options: str) -> tuple[int, str]:
        """Run it for people; gives its exit status, and what it printed without the frames."""
        # So wide that no sentence in a table is broken.
        wide = {**self.own_base.environment, "COLUMNS": "250"}
        with Program("say", line, *options, environment=wide) as program:
            status = program.ended()
            return status, " ".join(program.output.replace("│", " ").split())

    def create(self, *clicks: str, **arguments: str) -> SaidCommand:
        """Create an image and confirm it, or press these buttons."""
        options = [part for click in clicks for part in ("--click", click)] or ["--yes"]
        return self.say(self.line(**arguments), *options)

    def failure(self, **arguments: str) -> str:
        """Confirm an image that cannot be created; gives what is printed."""
        status, printed = self.printed(self.line(**arguments), "--yes")
        assert status == 1, printed
        assert (self.own_base.images(), self.own_base.left_behind()) == ((), ())
        return printed

    def line(self, **arguments: str) -> str:
        """Write a command; the image's name is the test's own."""
        asked = " ".join(f"{name}={value}" for name, value in arguments.items())
        return f"/docker_image_create name={self.own_base.name('image')} {asked}"

    def said(self, image: ImageId, script: str) -> str:
        """Run a script in an image; it has to succeed."""
        space = self.own_base.space
        outcome = space.engine.run(RunOrder(image, ("sh", "-c", script), space.labels, PATIENCE))
        assert outcome.exit_code == 0, outcome
        return outcome.output.strip()


@pytest.fixture
def raw(settings: Settings) -> Iterator[docker.APIClient]:
    """The Docker SDK itself, for questions that the program never asks."""
    client = docker.APIClient(base_url=settings.docker_host, version="auto")
    yield client
    client.close()


@pytest.fixture
def space(daemon: DockerDaemon, base_reference: str, build_network: str | None) -> Iterator[EngineSpace]:
    """The Alpine base as it is."""
    with cleared(EngineSpace(daemon, base_reference, build_network)) as one:
        yield one


@pytest.fixture
def repository(space: EngineSpace, tmp_path: Path) -> Iterator[ApkRepository]:
    """A repository with one package."""
    with apk_repository(space, tmp_path / "key") as one:
        one.publish(HELLO)
        yield one


@pytest.fixture
def alpine(space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, tmp_path: Path) -> AlpineHost:
    """A base on which only that repository is known."""
    return alpine_host(space, repository, raw, tmp_path, repository.instruction)


def alpine_host(
    space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, folder: Path, *instructions: str
) -> AlpineHost:
    """Make the base of a test by these instructions, and an empty state of the program."""
    space.engine.tag(space.built(*instructions), "warroom-test/base", space.mark)
    own = EngineSpace(space.engine, f"warroom-test/base:{space.mark}", space.network, mark=space.mark)
    fresh_state(folder / "state", cache=folder.parent)
    return AlpineHost(OwnBase(own, raw, folder / "state"), repository)
