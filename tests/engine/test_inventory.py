"""What is read of an image is what its own package managers say, and reading starts nothing and leaves nothing."""

import json
import time
from collections.abc import Iterator, Mapping

import docker
import pytest
from packaging.utils import canonicalize_name

from commands.engine.docker_daemon import DockerDaemon
from commands.errors import EngineUnavailable, ImageNotFound
from commands.inventory.difference import difference
from commands.inventory.reading import Inventories
from commands.model.images import ImageId
from commands.model.packages import Change, Difference, Inventory, PackageChanges
from tests.kit.engine_space import LABEL, EngineSpace, cleared, packed

pytestmark = pytest.mark.engine

ASK_PYTHON = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""

# Made by dpkg itself, from a package that is put together on the spot.
INSTALL = (
    "mkdir -p /tmp/p/DEBIAN && printf 'Package: warroom-%s\\nVersion: %s\\nArchitecture: all\\n"
    "Maintainer: Test <test@example.com>\\nDescription: A test\\n' {name} '{version}' > /tmp/p/DEBIAN/control"
    " && dpkg-deb -b /tmp/p /tmp/p.deb && dpkg -i /tmp/p.deb && rm -r /tmp/p /tmp/p.deb"
)
DISTRIBUTION = (
    "mkdir -p /opt/venv/lib/python3/site-packages/{name}-{version}.dist-info && printf 'Metadata-Version: 2.1\\n"
    "Name: {name}\\nVersion: {version}\\n' > /opt/venv/lib/python3/site-packages/{name}-{version}.dist-info/METADATA"
)


def deb(name: str, version: str) -> str:
    return INSTALL.format(name=name, version=version)


def distribution(name: str, version: str) -> str:
    return DISTRIBUTION.format(name=name, version=version)


@pytest.fixture
def space(daemon: DockerDaemon, base_reference: str, build_network: str | None) -> Iterator[EngineSpace]:
    with cleared(EngineSpace(daemon, base_reference, build_network)) as one:
        yield one


def told(space: EngineSpace, *command: str) -> str:
    """Ask a program of the base itself."""
    outcome = space.engine.run(space.script("", command=command))
    assert outcome.exit_code == 0, outcome.errors
    return outcome.output


def imported(space: EngineSpace, files: Mapping[str, bytes]) -> ImageId:
    return space.engine.import_image(packed(files), f"warroom-test/{space.mark}", "files", space.labels)


def test_the_base_has_what_its_own_package_managers_say(space: EngineSpace) -> None:
    distributions = json.loads(told(space, "python3", "-c", ASK_PYTHON))
    python = {str(canonicalize_name(name)): version for name, version in distributions.items()}
    rows = told(space, "dpkg-query", "-W", "-f", "${db:Status-Status}\\t${Package}\\t${Version}\\n").splitlines()
    installed = dict(row.split("\t")[1:] for row in rows if row.startswith("installed\t"))

    assert Inventories(space.engine).of(space.base_id, space.labels) == Inventory(python, installed, "dpkg")
    assert len(installed) > 50


def test_what_a_later_layer_adds_changes_and_removes_is_the_difference(space: EngineSpace) -> None:
    first = f"RUN {deb('one', '1:1.0~rc1-1')} && {deb('two', '2')} && {distribution('Warroom.One', '1.9')}"
    second = f"RUN rm -r /opt/venv && {distribution('warroom_one', '1.10')} && {distribution('warroom.new', '1!2+x')}"
    third = f"RUN dpkg --purge warroom-two && {deb('one', '1:1.0-1')} && {deb('three', '3')}"
    older, newer = space.built(first), space.built(first, second, third)
    inventories = Inventories(space.engine)

    found = difference(inventories.of(older, space.labels), inventories.of(newer, space.labels), size=5)

    assert found == Difference(
        size=5,
        python=PackageChanges(added=("warroom-new 1!2+x",), changed=(Change("warroom-one", "1.9", "1.10"),)),
        os_packages=PackageChanges(
            added=("warroom-three 3",),
            removed=("warroom-two 2",),
            changed=(Change("warroom-one", "1:1.0~rc1-1", "1:1.0-1"),),
        ),
    )


def test_an_image_without_a_system_in_it_has_no_database(space: EngineSpace) -> None:
    image = imported(space, {"program": b"x"})

    assert Inventories(space.engine).of(image, space.labels) == Inventory({}, None)


def test_the_databases_of_other_distributions_are_found(space: EngineSpace) -> None:
    distroless = {"var/lib/dpkg/status.d/tzdata": b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n"}
    metadata = {"usr/lib/python3.11/site-packages/a-1.dist-info/METADATA": b"Name: A\nVersion: 1\n"}
    image = imported(space, {**distroless, **metadata})
    assert Inventories(space.engine).of(image, space.labels) == Inventory({"a": "1"}, {"tzdata": "2024a"}, "dpkg")

    image = imported(space, {"lib/apk/db/installed": b"C:Q1\nP:musl\nV:1.2.5-r0\n\n"})
    assert Inventories(space.engine).of(image, space.labels) == Inventory({}, {"musl": "1.2.5-r0"}, "apk")


def test_reading_starts_nothing_and_leaves_nothing(space: EngineSpace, raw: docker.APIClient) -> None:
    label, begin = f"{LABEL}={space.mark}", int(time.time())

    Inventories(space.engine).of(space.base_id, space.labels)

    filters = {"type": "container", "label": label}
    events = raw.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    happened = [event["status"] for event in events]
    assert (happened[0], happened[-1]) == ("create", "destroy")
    assert set(happened) <= {"create", "export", "archive-path", "destroy"}
    assert raw.containers(all=True, filters={"label": label}) == []


def test_an_image_that_is_not_there_is_a_problem_and_no_empty_inventory(space: EngineSpace) -> None:
    with pytest.raises(ImageNotFound):
        Inventories(space.engine).of(ImageId(f"sha256:{'0' * 64}"), space.labels)


def test_a_daemon_that_does_not_answer_is_a_problem_and_no_empty_inventory() -> None:
    nowhere = DockerDaemon("unix:///nonexistent/docker.sock")

    with pytest.raises(EngineUnavailable):
        Inventories(nowhere).of(ImageId(f"sha256:{'0' * 64}"), {})
    nowhere.close()
