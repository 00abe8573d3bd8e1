"""The bot's own image: built from the Dockerfile, run as OPERATING.md says, on the daemon whose socket it is given."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
from docker.utils.build import exclude_paths

from bot.settings import Settings
from bot.wiring import trusted_bundle
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import BuildOrder, RunOrder
from commands.model.events import ImageBuilt
from commands.model.images import ImageId
from tests.kit.engine_space import LABEL, packed
from tests.kit.program import PATIENCE, ROOT, becomes
from tests.kit.program_on_engine import OwnBase

pytestmark = pytest.mark.engine

STATE = "/var/lib/warroom"
SOCKET = "/var/run/docker.sock"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
UNIX = "unix://"


def context(bundle: Path | None) -> bytes:
    """Pack what `docker build` would send; `bundle` as the file `ca.crt` that it may hold."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    sent = [ROOT / path for path in exclude_paths(str(ROOT), patterns)]
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in sent if path.is_file()}
    return packed({**files, **({"ca.crt": bundle.read_bytes()} if bundle else {})})


@pytest.fixture(scope="module")
def own_image(settings: Settings) -> Iterator[ImageId]:
    """The image, on the configured base."""
    engine, mark = DockerDaemon(settings.docker_host), uuid4().hex[:12]
    index = {"INDEX_URL": settings.index_url.get_secret_value()} if settings.index_url else {}
    order = BuildOrder(
        build_id=mark,
        context=context(trusted_bundle(settings)),
        labels={LABEL: mark},
        idle_seconds=300,
        network=settings.build_network,
        build_args={"BASE": settings.default_base, **index},
    )
    *_, last = engine.build(order)
    assert isinstance(last, ImageBuilt)
    yield last.image_id
    engine.sweep(LABEL, mark)
    engine.close()


@dataclass(frozen=True, slots=True)
class OwnImageRunner:
    """Runs containers of the image as OPERATING.md says: read-only, one volume, the daemon's socket and its group."""

    image: ImageId
    own_base: OwnBase
    settings: Settings
    socket: Path

    @contextmanager
    def container(self, *command: str, entrypoint: str | None = None) -> Iterator[str]:
        """Start a container; it and its volume are removed."""
        raw, volume = self.own_base.raw, f"warroom-test-{self.own_base.mark}"
        bundle = trusted_bundle(self.settings)
        host = raw.create_host_config(
            read_only=True,
            tmpfs={"/tmp": ""},
            binds=[
                f"{volume}:{STATE}",
                f"{self.socket}:{SOCKET}",
                *([f"{bundle}:{BUNDLE}:ro"] if bundle else []),
            ],
            group_add=[str(self.socket.stat().st_gid)],
            network_mode=self.settings.build_network,
        )
        created = raw.create_container(
            self.image,
            command=list(command),
            entrypoint=entrypoint,
            environment=self.environment,
            labels=self.own_base.space.labels,
            host_config=host,
        )
        try:
            raw.start(created["Id"])
            yield str(created["Id"])
        finally:
            raw.remove_container(created["Id"], force=True)
            raw.remove_volume(volume)

    @property
    def environment(self) -> dict[str, str]:
        """The settings."""
        index = self.settings.index_url
        return {
            "WARROOM_DEFAULT_BASE": self.own_base.space.base,
            "WARROOM_DOCKER_HOST": f"{UNIX}{SOCKET}",
            **({"WARROOM_BUILD_NETWORK": self.settings.build_network} if self.settings.build_network else {}),
            **({"WARROOM_INDEX_URL": index.get_secret_value()} if index else {}),
            **({"SSL_CERT_FILE": BUNDLE} if trusted_bundle(self.settings) else {}),
        }

    def ended(self, *command: str) -> tuple[int, dict[str, Any]]:
        """Run a command to its end: its exit status, and the one object that it printed."""
        with self.container(*command) as container:
            status = self.own_base.raw.wait(container, timeout=round(PATIENCE))["StatusCode"]
            errors = self.own_base.raw.logs(container, stdout=False).decode()
            told = self.own_base.raw.logs(container, stderr=False).decode()
        assert told, errors
        return int(status), json.loads(told)

    def run_in(self, container: str, command: list[str]) -> int:
        """Run a further command in a container."""
        started = self.own_base.raw.exec_create(container, command)
        self.own_base.raw.exec_start(started["Id"])
        return int(self.own_base.raw.exec_inspect(started["Id"])["ExitCode"])


@pytest.fixture
def runner(own_image: ImageId, own_base: OwnBase, settings: Settings, daemon: DockerDaemon) -> OwnImageRunner:
    if not daemon.endpoint.startswith(UNIX):
        pytest.skip("the daemon is on another machine: its socket cannot be given to a container")
    return OwnImageRunner(own_image, own_base, settings, Path(daemon.endpoint.removeprefix(UNIX)))


def config_of(image: ImageId, raw: docker.APIClient) -> dict[str, Any]:
    told: dict[str, Any] = raw.inspect_image(image)
    return dict(told["Config"])


def test_the_image_is_not_root_has_one_volume_and_starts_the_bot(own_image: ImageId, raw: docker.APIClient) -> None:
    config = config_of(own_image, raw)
    assert config["User"] == "10001:10001"
    assert list(config["Volumes"]) == [STATE]
    assert (config["Entrypoint"], config["Cmd"]) == (["warroom"], ["slack"])


def test_nothing_of_the_building_stays(own_image: ImageId, daemon: DockerDaemon) -> None:
    script = (
        "for left in /src /context /ca.crt /root/.cache /opt/warroom/bin/pip; do test ! -e $left || echo $left; done"
    )
    outcome = daemon.run(RunOrder(own_image, ("sh", "-c", script), {}, seconds=PATIENCE))
    assert (outcome.exit_code, outcome.output) == (0, "")


def test_it_finds_all_it_needs_with_a_read_only_root(runner: OwnImageRunner) -> None:
    status, told = runner.ended("check", "--json")
    faults = [line for line in told["lines"] if line["mark"] == "fault"]
    assert (status, faults) == (0, [])


def test_it_makes_an_image_on_the_daemon_outside(runner: OwnImageRunner) -> None:
    line = f"/docker_image_create name={runner.own_base.name('image')} dependencies=mechanize"
    status, told = runner.ended("say", line, "--yes", "--json")
    assert (status, told["state"]) == (0, "done"), told
    (made,) = runner.own_base.images()
    assert made.id == told["id"]


def test_its_health_check_tells_a_bot_that_runs_from_one_that_does_not(runner: OwnImageRunner) -> None:
    check = config_of(runner.image, runner.own_base.raw)["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    with runner.container("room", "--port", "0") as running:
        assert becomes(lambda: b"bot_started" in runner.own_base.raw.logs(running))
        assert runner.run_in(running, check[1:]) == 0
    with runner.container("60", entrypoint="sleep") as other:
        assert runner.run_in(other, check[1:]) == 1
