"""Images on Alpine, as people make, update and look at them: musl, apk, and what its installer says."""

import json
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from commands.inventory.reading import Inventories
from commands.model.images import PackageManager
from commands.model.references import Reference
from commands.recipe.base import look_at
from tests.alpine.conftest import HELLO, AlpineHost, alpine_host
from tests.kit.apk_repository import INDEX, ApkPackage, ApkRepository, new_key, trusting
from tests.kit.engine_space import EngineSpace
from tests.kit.program import Program

pytestmark = pytest.mark.engine

NEWER = ApkPackage("hello", "1.1-r0")


# ── What works ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_base_is_known_in_all_it_brings(space: EngineSpace) -> None:
    image = space.engine.find_image(space.base)
    assert image is not None
    base = look_at(space.engine, image, Reference.parse(space.base), labels=space.labels)
    assert (base.python.libc, base.package_manager) == ("musl", PackageManager.APK)
    assert base.python.libc_version.startswith("1.2")


def test_wheels_for_musl_are_installed_and_import(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="defusedxml,lxml,pycryptodome")
    assert (made.status, made.state) == (0, "done"), made
    assert alpine.said(made.image, "python3 -c 'import lxml.etree, Crypto.Cipher.AES, defusedxml; print(1)'") == "1"
    assert alpine.own_base.left_behind() == ()


def test_the_example_makes_an_image_that_has_what_was_asked_for(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="mechanize", packages="hello")
    assert (made.status, made.state) == (0, "done"), made
    assert alpine.said(made.image, "hello && python3 -c 'import mechanize'") == HELLO.version


def test_nothing_that_installing_took_stays_in_the_image(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="six", packages="hello")
    files = "find / -xdev ( -type f -o -type d ) | sort".replace("(", r"\(").replace(")", r"\)")
    before = alpine.said(alpine.own_base.space.base_id, files).splitlines()
    added = set(alpine.said(made.image, files).splitlines()) - set(before)
    assert [path for path in added if "/site-packages/" not in path] == ["/usr/bin/hello"]


def test_a_version_that_was_asked_for_is_installed_though_there_is_a_newer_one(alpine: AlpineHost) -> None:
    alpine.repository.publish(HELLO, NEWER)
    made = alpine.create(packages=f"hello={HELLO.version}")
    assert (made.status, made.state) == (0, "done"), made
    assert alpine.said(made.image, "hello") == HELLO.version


def test_a_name_that_another_package_provides_is_enough(alpine: AlpineHost) -> None:
    alpine.repository.publish(replace(HELLO, info={"provides": "greeter=1"}))
    made = alpine.create(packages="greeter")
    assert (made.status, made.state) == (0, "done"), made


def test_the_image_runs_as_the_user_of_its_base(
    space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, tmp_path: Path
) -> None:
    alpine = alpine_host(space, repository, raw, tmp_path, repository.instruction, "USER nobody")
    made = alpine.create(dependencies="six", packages="hello")
    assert (made.status, made.state) == (0, "done"), made
    assert alpine.said(made.image, "hello && id -un") == f"{HELLO.version}\nnobody"


def test_a_source_without_c_is_built(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="docopt==0.6.2")
    assert (made.status, made.state) == (0, "done"), made
    assert alpine.said(made.image, "python3 -c 'import docopt; print(docopt.__version__)'") == "0.6.2"


# ── What cannot be made ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_source_that_needs_a_compiler_says_what_to_add(alpine: AlpineHost) -> None:
    printed = alpine.failure(dependencies="netifaces")
    assert "netifaces could not be built from source." in printed
    assert "there is no compiler" in printed
    assert "build-base" in printed


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ("helloo", "The base's distribution has no OS package helloo."),
        ("hello=9.9-r0", "The base's distribution has no version 9.9-r0 of the OS package hello."),
        ("busybox=1.0-r0", "The base's distribution has no version 1.0-r0 of the OS package busybox."),
    ],
    ids=["unknown name", "unknown version", "unknown version of what is there"],
)
def test_what_the_repository_does_not_have_is_named(alpine: AlpineHost, packages: str, message: str) -> None:
    printed = alpine.failure(packages=packages)
    assert message in printed


def test_packages_that_conflict_are_told_as_such(alpine: AlpineHost) -> None:
    alpine.repository.publish(HELLO, ApkPackage("bye", "1-r0", {"depends": "!hello"}))
    printed = alpine.failure(packages="hello,bye")
    assert "The OS packages do not fit together." in printed


def test_a_package_that_lacks_what_it_needs_is_told_as_such(alpine: AlpineHost) -> None:
    alpine.repository.publish(replace(HELLO, info={"depends": "no-such"}))
    printed = alpine.failure(packages="hello")
    assert "The OS package hello needs no-such, which the base's distribution does not have." in printed


def test_a_package_that_fails_to_set_itself_up_is_told_as_such(alpine: AlpineHost) -> None:
    alpine.repository.publish(replace(HELLO, after_install="exit 3"))
    printed = alpine.failure(packages="hello")
    assert "An OS package could not set itself up in the image." in printed


# ── A mirror that fails ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mirror_that_is_not_reached_is_no_unknown_package(
    space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, tmp_path: Path
) -> None:
    alpine = alpine_host(space, repository, raw, tmp_path, trusting(tmp_path / "key", "http://127.0.0.1:1"))
    printed = alpine.failure(packages="hello")
    assert "Inside the build, the package mirror was not reached." in printed


def test_nothing_is_installed_while_one_of_the_mirrors_is_not_reached(
    space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, tmp_path: Path
) -> None:
    urls = ("http://127.0.0.1:1", repository.url)
    alpine = alpine_host(space, repository, raw, tmp_path, trusting(tmp_path / "key", *urls))
    printed = alpine.failure(packages="hello")
    assert "Inside the build, the package mirror was not reached." in printed


def test_nothing_is_installed_from_the_cache_while_the_mirror_fails(alpine: AlpineHost) -> None:
    alpine.repository.publish(HELLO, ApkPackage("bye", "1.0-r0"))
    made = alpine.create(packages="hello,bye")
    alpine.repository.fault = 503

    status, printed = alpine.printed(alpine.line(packages="hello"), "--yes")

    assert (made.status, status) == (0, 1), printed
    assert "The mirror of the base's distribution did not give all that was asked for." in printed
    assert [image.id for image in alpine.own_base.images()] == [made.image]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (404, "The mirror of the base's distribution did not give all that was asked for."),
        (503, "The mirror of the base's distribution did not give all that was asked for."),
        (403, "The package mirror refused access."),
    ],
)
def test_the_answer_of_a_mirror_that_refuses_is_told(alpine: AlpineHost, fault: int, message: str) -> None:
    alpine.repository.fault = fault
    printed = alpine.failure(packages="hello")
    assert message in printed


def test_a_file_that_the_mirror_lists_and_does_not_have_is_told(alpine: AlpineHost) -> None:
    del alpine.repository.files[HELLO.file_name]
    printed = alpine.failure(packages="hello")
    assert "The mirror of the base's distribution did not give all that was asked for." in printed


@pytest.mark.parametrize("length", [100, 0])
def test_a_file_that_is_cut_off_is_told(alpine: AlpineHost, length: int) -> None:
    alpine.repository.files[HELLO.file_name] = alpine.repository.files[HELLO.file_name][:length]
    printed = alpine.failure(packages="hello")
    assert "The mirror gave a file that is not the one that its own list names." in printed


@pytest.mark.parametrize("name", [HELLO.file_name, INDEX])
@pytest.mark.parametrize("length", [100, 0])
def test_a_file_that_was_cut_off_once_is_fetched_again_by_the_next_build(
    alpine: AlpineHost, name: str, length: int
) -> None:
    whole = alpine.repository.files[name]
    alpine.repository.files[name] = whole[:length]
    alpine.failure(packages="hello")
    alpine.repository.files[name] = whole
    made = alpine.create(packages="hello")
    assert (made.status, made.state) == (0, "done"), made


def test_another_file_than_the_list_names_is_not_installed(alpine: AlpineHost) -> None:
    content = alpine.repository.files[HELLO.file_name]
    alpine.repository.publish(replace(HELLO, after_install="true"))
    alpine.repository.files[HELLO.file_name] = content
    printed = alpine.failure(packages="hello")
    assert "The mirror gave a file that is not the one that its own list names." in printed


def test_a_list_that_is_not_signed_by_a_key_of_the_base_is_not_used(
    space: EngineSpace, repository: ApkRepository, raw: docker.APIClient, tmp_path: Path
) -> None:
    new_key(tmp_path / "other")
    alpine = alpine_host(space, repository, raw, tmp_path, trusting(tmp_path / "other", repository.url))
    printed = alpine.failure(packages="hello")
    assert "is not signed by a key that the base trusts" in printed


# ── What is installed, and what is newer ────────────────────────────────────────────────────────────────────────────


def test_the_inventory_is_what_apk_and_python_say(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="six", packages="hello")
    space = alpine.own_base.space
    rows = alpine.said(made.image, "apk --no-network info -v").splitlines()
    installed = {name: f"{version}-{revision}" for name, version, revision in (row.rsplit("-", 2) for row in rows)}
    ask = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"

    inventory = Inventories(space.engine).of(made.image, space.labels)

    assert (inventory.manager, inventory.gap, inventory.os_packages) == ("apk", "", installed)
    assert installed["hello"] == HELLO.version
    assert inventory.python == json.loads(alpine.said(made.image, f"python3 -c '{ask}'"))


def test_an_update_brings_the_newer_package_and_goes_back(alpine: AlpineHost) -> None:
    made = alpine.create(dependencies="six", packages="hello")
    alpine.repository.publish(HELLO, NEWER)
    latest = f"{alpine.own_base.name('image')}:latest"
    line = f"/docker_image_update image={latest}"

    status, printed = alpine.printed(line, "--click", "update", "--click", "undo_update", "--click", "roll_back")

    assert status == 0, printed
    assert "OS packages: 1 changed: hello 1.0-r0 → 1.1-r0" in printed
    assert f"✓ {latest} was rolled back" in printed
    assert holder(alpine, latest) == holder(alpine, made.tag) == made.image


def test_an_updated_image_has_the_newer_package(alpine: AlpineHost) -> None:
    made = alpine.create(packages="hello")
    alpine.repository.publish(HELLO, NEWER)
    latest = f"{alpine.own_base.name('image')}:latest"

    updated = alpine.say(f"/docker_image_update image={latest}", "--yes")

    assert (updated.status, updated.state) == (0, "updated"), updated
    assert alpine.said(updated.image, "hello") == NEWER.version
    assert (holder(alpine, latest), holder(alpine, made.tag)) == (updated.image, made.image)


def test_an_update_while_the_mirror_fails_leaves_the_image_and_says_why(alpine: AlpineHost) -> None:
    made = alpine.create(packages="hello")
    alpine.repository.fault = 503
    latest = f"{alpine.own_base.name('image')}:latest"

    status, printed = alpine.printed(f"/docker_image_update image={latest}", "--yes")

    assert status == 1, printed
    assert "The mirror of the base's distribution did not give all that was asked for." in printed
    assert holder(alpine, latest) == made.image


def test_an_update_of_a_version_that_the_mirror_has_dropped_leaves_the_image_and_says_why(alpine: AlpineHost) -> None:
    made = alpine.create(packages=f"hello={HELLO.version}")
    alpine.repository.publish(NEWER)
    latest = f"{alpine.own_base.name('image')}:latest"

    status, printed = alpine.printed(f"/docker_image_update image={latest}", "--yes")

    assert status == 1, printed
    assert "The base's distribution has no version 1.0-r0 of the OS package hello." in printed
    assert holder(alpine, latest) == made.image


def holder(alpine: AlpineHost, name: str) -> str:
    """Say which image has a name."""
    image = alpine.own_base.space.engine.find_image(name)
    assert image is not None, name
    return image.id


def test_the_check_of_the_set_up_finds_an_alpine_base_good(alpine: AlpineHost) -> None:
    with Program("check", "--json", environment=alpine.own_base.environment) as program:
        status = program.ended()
        told = json.loads(program.output)
    assert (status, told["ok"]) == (0, True), told
    assert {"Default base", "BuildKit"} <= {line["name"] for line in told["lines"] if line["mark"] == "good"}
    assert alpine.own_base.left_behind() == ()
