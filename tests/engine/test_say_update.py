"""`/docker_image_update` and `/docker_images` by `warroom say`, as people start them: real engine, real registries."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from commands.model.images import LocalImage
from tests.bench.updates import network_of
from tests.kit.certificates import made_certificates
from tests.kit.engine_space import LABEL, packed
from tests.kit.private_engine import private_engine
from tests.kit.program import Program
from tests.kit.program_on_engine import OwnBase
from tests.kit.registries import PASSWORD, USER, RunningRegistry, guarded_registry, open_registry, tls_registry

pytestmark = pytest.mark.engine

THERE_AND_BACK = ("--click", "update", "--click", "undo_update", "--click", "roll_back")
PACKAGES = "usr/lib/python3/dist-packages"


@pytest.fixture(scope="module")
def registry() -> Iterator[RunningRegistry]:
    """A registry that lets everybody in."""
    with open_registry() as one:
        yield one


def say(environment: Mapping[str, str], line: str, *options: str) -> tuple[int, str]:
    """Run `warroom say`; gives its exit status, and what it printed without the frames."""
    # So wide that no sentence in a table is broken.
    with Program("say", line, *options, environment={**environment, "COLUMNS": "250"}) as program:
        status = program.ended()
        return status, " ".join(program.output.replace("│", " ").split())


def told(environment: Mapping[str, str], line: str, *options: str) -> Mapping[str, Any]:
    """Run it for scripts; gives the one object that it printed."""
    _, output = say(environment, line, *options, "--json")
    answer = json.loads(output)
    assert isinstance(answer, dict)
    return answer


def metadata(version: str) -> str:
    """Describe the Python package `example`."""
    return f"Metadata-Version: 2.1\\nName: example\\nVersion: {version}\\n"


def pushed(raw: docker.APIClient, registry: RunningRegistry, image: str, path: str) -> str:
    """Push an image without a name; gives its name there.

    On the daemon it is gone afterwards, and the name is where it was.
    """
    name = f"{registry.address}/{path}:latest"
    here = [found["Id"] for found in raw.images(name)]
    registry.push(raw, image, path, "latest")
    for one in here:
        raw.tag(one, f"{registry.address}/{path}", "latest")
    return name


def holder(own_base: OwnBase, name: str) -> str:
    """Say which image has a name."""
    image = own_base.space.engine.find_image(name)
    assert image is not None, name
    return image.id


# ── What the bot made ───────────────────────────────────────────────────────────────────────────────────────────────


def publish_base(own_base: OwnBase, registry: RunningRegistry, version: str) -> str:
    """Let the registry have a base with this version of a package; gives its name."""
    folder = f"/{PACKAGES}/example-{version}.dist-info"
    base = own_base.space.built(f"RUN mkdir {folder} && printf '{metadata(version)}' > {folder}/METADATA")
    return pushed(own_base.raw, registry, base, own_base.name("base"))


@pytest.fixture
def outdated(own_base: OwnBase, registry: RunningRegistry) -> str:
    """An image that the bot made, of which the base is newer by now: its name and own tag."""
    base = publish_base(own_base, registry, "1.0")
    line = f"/docker_image_create name={own_base.name('tool')} dependencies=six base={base}"
    # Before the daemon has anything from there.
    environment = {**own_base.environment, "WARROOM_REGISTRIES": registry.address}
    made = told(environment, line, "--yes")
    assert made["state"] == "done", made
    publish_base(own_base, registry, "2.0")
    return f"{made['image']}:{made['tag']}"


def test_what_the_bot_made_is_rebuilt_on_the_newer_base_once_under_a_new_tag(own_base: OwnBase, outdated: str) -> None:
    latest = f"{own_base.name('tool')}:latest"
    old = holder(own_base, outdated)
    line = f"/docker_image_update image={own_base.name('tool')}"

    answer = told(own_base.environment, line, "--yes")
    status, again = say(own_base.environment, line, "--yes")

    (image,) = answer["images"]
    assert (answer["state"], image["ending"], image["name"]) == ("updated", "rebuilt", latest), answer
    new = f"{answer['image']}:{answer['tag']}"
    assert new not in (outdated, latest)
    assert {name: holder(own_base, name) for name in (outdated, image["kept_as"], latest, new)} == {
        outdated: old,
        image["kept_as"]: old,
        latest: answer["id"],
        new: answer["id"],
    }
    assert image["kept_as"].startswith(f"{own_base.name('tool')}:before-")
    assert status == 0
    assert f"{latest} is up to date" in again
    assert "already on the newest allowed base and packages" in again


def test_what_a_rebuild_brought_is_printed_and_goes_back(own_base: OwnBase, outdated: str) -> None:
    old = holder(own_base, outdated)

    status, printed = say(own_base.environment, f"/docker_image_update image={own_base.name('tool')}", *THERE_AND_BACK)

    assert status == 0, printed
    assert "rebuild: base" in printed
    assert "Python packages: 1 changed: example 1.0 → 2.0" in printed
    assert f"✓ {own_base.name('tool')}:latest was rolled back" in printed
    assert holder(own_base, f"{own_base.name('tool')}:latest") == old


# ── What was pulled ─────────────────────────────────────────────────────────────────────────────────────────────────


def publish(raw: docker.APIClient, registry: RunningRegistry, mark: str, version: str, path: str) -> str:
    """Let the registry have a tiny image with this version of a package; gives its name."""
    described = metadata(version).replace("\\n", "\n").encode()
    content = packed({f"{PACKAGES}/example-{version}.dist-info/METADATA": described, "content": path.encode()})
    image = json.loads(raw.import_image_from_data(content, changes=[f"LABEL {LABEL}={mark}"]))["status"]
    return pushed(raw, registry, image, path)


def pulled(own_base: OwnBase, registry: RunningRegistry, login: Mapping[str, str] | None = None) -> str:
    """Pull an image, and let the registry have a newer one."""
    path = f"warroom-test/{own_base.mark}"
    name = publish(own_base.raw, registry, own_base.mark, "1.0", path)
    own_base.raw.pull(name, auth_config=dict(login) if login else None)
    return publish(own_base.raw, registry, own_base.mark, "2.0", path)


def test_what_was_pulled_is_updated(own_base: OwnBase, registry: RunningRegistry) -> None:
    name = pulled(own_base, registry)
    old = holder(own_base, name)

    answer = told(own_base.environment, f"/docker_image_update image={name}", "--yes")

    (image,) = answer["images"]
    assert (answer["state"], image["ending"], f"{answer['image']}:{answer['tag']}") == ("updated", "updated", name)
    assert (holder(own_base, name), holder(own_base, image["kept_as"])) == (answer["id"], old)
    assert answer["id"] != old


def test_what_a_pull_brought_is_printed_and_goes_back(own_base: OwnBase, registry: RunningRegistry) -> None:
    name = pulled(own_base, registry)
    old = holder(own_base, name)

    status, printed = say(own_base.environment, f"/docker_image_update image={name}", *THERE_AND_BACK)

    assert status == 0, printed
    assert "Python packages: 1 changed: example 1.0 → 2.0" in printed
    assert f"✓ {name} was rolled back" in printed
    assert holder(own_base, name) == old


def test_of_all_images_only_what_changed_is_pulled(tmp_path: Path) -> None:
    with (
        private_engine() as private,
        network_of(private),
        open_registry() as registry,
        closing(docker.APIClient(private.host, version="auto")) as raw,
    ):
        paths = [f"team/tool{number}" for number in range(3)]
        names = [publish(raw, registry, "all", "1.0", path) for path in paths]
        for name in names:
            raw.pull(name)
        raw.tag(names[0], "local", "1")
        publish(raw, registry, "all", "2.0", paths[1])
        asked = len(registry.requests)
        environment = {"WARROOM_DOCKER_HOST": private.host, "WARROOM_STATE_DIR": str(tmp_path)}

        answer = told(environment, "/docker_image_update all=true", "--yes")

        assert answer["state"] == "updated", answer
        assert {image["name"]: image["ending"] for image in answer["images"]} == {
            names[0]: "unchanged",
            names[1]: "updated",
            names[2]: "unchanged",
            "local:1": "unchanged",
        }
        manifests = [(method, path) for method, path, _ in registry.requests[asked:] if "/manifests/" in path]
        assert {path.split("/")[3] for method, path in manifests if method == "GET"} == {"tool1"}


# ── Registries that want a login, or have certificates of their own ─────────────────────────────────────────────────


def test_a_guarded_registry_lets_in_who_has_logged_in(own_base: OwnBase, tmp_path: Path) -> None:
    with guarded_registry() as guarded:
        name = pulled(own_base, guarded, {"username": USER, "password": PASSWORD})
        auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.address: {"auth": auth}}}))
        environment = {**own_base.environment, "DOCKER_CONFIG": str(tmp_path)}

        status, printed = say(environment, f"/docker_image_update image={name}", "--yes")

    assert status == 0, printed
    assert f"✓ {name} is updated" in printed
    assert PASSWORD not in printed


def test_a_guarded_registry_without_a_login_is_told_with_what_to_do(own_base: OwnBase, tmp_path: Path) -> None:
    with guarded_registry() as guarded:
        name = pulled(own_base, guarded, {"username": USER, "password": PASSWORD})
        status, printed = say(
            {**own_base.environment, "DOCKER_CONFIG": str(tmp_path)}, f"/docker_image_update image={name}"
        )

    assert status == 1
    assert f"does not show {name} without a login, and none is configured here." in printed
    assert f"docker login {guarded.address}" in printed


def test_a_registry_with_an_authority_of_its_own_is_trusted_by_it(own_base: OwnBase, tmp_path: Path) -> None:
    certificates, others = (made_certificates(folder) for folder in folders(tmp_path, "own", "others"))
    with tls_registry(certificates) as registry:
        name = pulled(own_base, registry)
        trusted = certificates.trust_in(tmp_path / "trusted", registry.address)
        wrong = others.trust_in(tmp_path / "wrong", registry.address)
        line = f"/docker_image_update image={name}"

        refused = say({**own_base.environment, "WARROOM_REGISTRY_CERTIFICATES": str(wrong)}, line, "--yes")
        let_in = say({**own_base.environment, "WARROOM_REGISTRY_CERTIFICATES": str(trusted)}, line, "--yes")

    assert refused[0] == 1
    assert f"The certificate of the registry {registry.address} is not trusted" in refused[1]
    assert let_in[0] == 0, let_in
    assert f"✓ {name} is updated" in let_in[1]


def folders(parent: Path, *names: str) -> Iterator[Path]:
    for name in names:
        (parent / name).mkdir()
        yield parent / name


# ── The list ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def newest(own_base: OwnBase) -> LocalImage:
    """An image that stands on the first page of the list, whatever else this daemon has."""
    image = own_base.space.built(f"RUN echo {own_base.mark}")
    own_base.space.engine.tag(image, own_base.name("listed"), "1")
    found = own_base.space.engine.find_image(image)
    assert found is not None
    return found


def test_the_list_is_printed_as_a_table(own_base: OwnBase, newest: LocalImage) -> None:
    wide = {**own_base.environment, "COLUMNS": "250"}

    with Program("say", "/docker_images", environment=wide) as program:
        assert program.ended() == 0
        rows = [re.split(r"\s{2,}", line.strip("│ \n")) for line in program.output.splitlines()]

    assert ["ID", "Repository", "Size", "Tag", "Created Time", "Created Since", "Made here"] in rows
    # The list is printed again where it is shown again, with what was counted meanwhile.
    row = [row for row in rows if own_base.name("listed") in row][-1]
    assert row[0] == newest.id.removeprefix("sha256:")[:12]
    assert (row[3], row[-1]) == ("1", "–")


def test_the_list_for_scripts_has_the_rows_of_the_page(own_base: OwnBase, newest: LocalImage) -> None:
    answer = told(own_base.environment, "/docker_images")

    assert answer["state"] == "listed"
    assert answer["message"].startswith("Available Docker Images")
    assert [image for image in answer["images"] if image["name"] == f"{own_base.name('listed')}:1"] == [
        {
            "name": f"{own_base.name('listed')}:1",
            "id": newest.id.removeprefix("sha256:")[:12],
            "size": newest.size,
            "created": newest.created.isoformat(timespec="seconds"),
            "made_here": False,
        }
    ]
