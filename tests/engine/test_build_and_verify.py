"""The recipe on a real engine: what it leaves in an image, what it does not, and what the check finds."""

import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import docker
import pytest
import uv

from bot.settings import Settings
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import BuildEvent, BuildOrder, RunOrder
from commands.errors import BuildFailed, UnusableBase, VerificationFailed
from commands.model.events import ImageBuilt, StepDone, StepStarted
from commands.model.images import BaseImage, ImageId, ImageSpec, LocalImage
from commands.model.packages import OsPackage
from commands.model.references import Reference
from commands.model.requests import parse_dependencies, parse_packages
from commands.packages.package_index import PackageIndex, package_index
from commands.packages.uv_program import UvProgram
from commands.recipe.advice import explain
from commands.recipe.base import look_at
from commands.recipe.context import context_for, files_for, pack
from commands.recipe.dockerfile import write_dockerfile
from commands.recipe.labels import container_labels, make_labels, read_labels, spec_hash
from commands.recipe.steps import StepKind
from commands.recipe.verification import verify
from tests.fakes.index import serving_index
from tests.kit.build_specs import a_package

pytestmark = pytest.mark.engine

CANARY = "canary-4c1f"


@dataclass(frozen=True, slots=True)
class BuildSpace:
    """Everything between a request and a verified image, and the clearing up."""

    daemon: DockerDaemon
    base: BaseImage
    index: PackageIndex
    ca_bundle: bytes | None
    network: str | None
    job: str = field(default_factory=lambda: uuid4().hex[:12])

    def spec(self, dependencies: str = "", packages: str = "", *, base: BaseImage | None = None) -> ImageSpec:
        """Resolve a request."""
        base = base or self.base
        requirements = parse_dependencies(dependencies)
        return ImageSpec(
            name="warroom-test/recipe",
            tag=f"1.0.0.{uuid4().int % 10**9}",
            base=base,
            requirements=requirements,
            locked=self.index.resolver.resolve(requirements, base, labels=container_labels(self.job)),
            os_packages=parse_packages(packages),
        )

    def building(self, spec: ImageSpec) -> Iterator[BuildEvent]:
        """Build a specification with the recipe."""
        return self.building_with(spec, files_for(self.index.files.gather(spec.files, raise_if_stopped=lambda: None)))

    def building_with(self, spec: ImageSpec, files: dict[str, Path]) -> Iterator[BuildEvent]:
        """Build a specification with the recipe, from these files."""
        uv_image = self.index.toolbox.uv_image(self.daemon, spec.base.platform)
        recipe = write_dockerfile(spec, uv_image=uv_image, ca_bundle=self.ca_bundle is not None)
        context = context_for(spec, recipe, ca_bundle=self.ca_bundle)
        labels = make_labels(spec, job=self.job, requester="U1", channel="C1", created=datetime.now(UTC))
        order = BuildOrder(uuid4().hex, context, labels, idle_seconds=120, network=self.network, files=files)
        return self.daemon.build(order)

    def built(self, spec: ImageSpec) -> ImageId:
        """Build a specification and give the image."""
        return image_of(list(self.building(spec)))

    def made_of(self, files: dict[str, bytes], *instructions: str) -> LocalImage:
        """Build an image of the base and these files and instructions, without the recipe."""
        dockerfile = "\n".join(instructions) + "\n"
        context = pack({**files, "Dockerfile": dockerfile.encode()})
        labels = container_labels(self.job)
        image = image_of(list(self.daemon.build(BuildOrder(uuid4().hex, context, labels, idle_seconds=60))))
        found = self.daemon.find_image(image)
        assert found is not None
        return found

    def look(self, image: LocalImage, *, seconds: float = 30, name: str = "warroom-test/base") -> BaseImage:
        """Look at a base that has no name, or this one."""
        return look_at(self.daemon, image, Reference(name), labels=container_labels(self.job), seconds=seconds)

    def said(self, image: ImageId, script: str, *, user: str | None = None) -> str:
        """Run a script in an image; it has to succeed."""
        order = RunOrder(image, ("sh", "-c", script), container_labels(self.job), 60, user=user)
        outcome = self.daemon.run(order)
        assert outcome.exit_code == 0, outcome
        return outcome.output.strip()

    def check(self, spec: ImageSpec, image: ImageId, *, seconds: float = 60) -> list[tuple[str, str]]:
        """Verify an image: which modules do not import, and why."""
        verdict = verify(self.daemon, spec, image, labels=container_labels(self.job), seconds=seconds)
        return [(failure.module, failure.error) for failure in verdict.import_failures]


def image_of(events: list[BuildEvent]) -> ImageId:
    last = events[-1]
    assert isinstance(last, ImageBuilt)
    return last.image_id


@pytest.fixture(scope="module")
def private() -> Iterator[str]:
    """Give the address of an index on loopback that wants a login and has nothing."""
    with serving_index(login=("somebody", CANARY)) as index:
        yield index.url_with_login


@pytest.fixture(scope="module")
def space(settings: Settings, private: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildSpace]:
    folder = tmp_path_factory.mktemp("recipe")
    bundle = settings.ca_bundle or Path("/etc/ssl/certs/ca-certificates.crt")
    program = UvProgram(
        binary=Path(uv.find_uv_bin()),
        python=Path(sys.executable),
        cache=folder,
        # An index with a password that is configured, and has nothing.
        environment={**os.environ, "UV_INDEX": private},
        ca_bundle=bundle if bundle.is_file() else None,
    )
    with (
        closing(DockerDaemon(settings.docker_host)) as daemon,
        closing(package_index(program, folder, daemon.run, network=settings.build_network or "bridge")) as index,
    ):
        image = daemon.find_image(settings.default_base)
        assert image is not None, f"the engine has no image `{settings.default_base}`: see `make setup`"
        space = BuildSpace(
            daemon=daemon,
            base=look_at(daemon, image, Reference.parse(settings.default_base), labels={"warroom.job": "test-base"}),
            index=index,
            ca_bundle=bundle.read_bytes() if bundle.is_file() else None,
            network=settings.build_network,
        )
        try:
            yield space
        finally:
            for left in daemon.images(container_labels(space.job)):
                for name in left.repo_tags:
                    daemon.remove_image(name)
            daemon.sweep("warroom.job", space.job)


@pytest.fixture(scope="module")
def seed(space: BuildSpace) -> tuple[ImageSpec, ImageId]:
    """Build the first example of the documentation, once for several tests."""
    spec = space.spec("mechanize", "wget")
    return spec, space.built(spec)


def test_the_seeds_example_imports_and_runs_and_is_verified(space: BuildSpace, seed: tuple[ImageSpec, ImageId]) -> None:
    spec, image = seed
    assert space.check(spec, image) == []
    version = next(package.version for package in spec.locked if package.name == "mechanize")
    told = "import importlib.metadata as m, mechanize; print(m.version('mechanize'))"
    assert space.said(image, f'{spec.base.python.executable} -c "{told}"') == version
    assert space.said(image, "wget --version").startswith("GNU Wget")
    assert space.said(image, "echo $DOCKER_IMAGE") == spec.reference


@pytest.fixture(scope="module")
def seed_files(space: BuildSpace, seed: tuple[ImageSpec, ImageId]) -> bytes:
    """Give the seed image's whole file system as a tar: inside a container not even root may read all of it."""
    return file_system(space.daemon.endpoint, seed[1])


def file_system(endpoint: str, image: ImageId) -> bytes:
    with closing(docker.DockerClient(endpoint)) as client:
        container = client.containers.create(image, "true")
        try:
            chunks: Iterable[object] = container.export()  # bytes, whatever the stubs say
            return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))
        finally:
            container.remove()


def paths_in(files: bytes) -> set[str]:
    with tarfile.open(fileobj=BytesIO(files)) as archive:
        return {f"/{name}" for name in archive.getnames()}


TRACES = re.compile(
    r"/(mnt|tmp|root|run)/.*|/var/lib/apt/lists/.*|/var/cache/apt/.*|/var/log/apt/.*|.*/\.warroom.*"
    r"|.*/uv(-[^/]*)?|.*\.(deb|whl|lock)|.*/(ca-bundle\.crt|uv\.toml|requirements\.txt|os-packages\.txt)"
)


def test_nothing_that_installing_took_stays_in_the_image(space: BuildSpace, seed_files: bytes) -> None:
    added = paths_in(seed_files) - paths_in(file_system(space.daemon.endpoint, space.base.image_id))
    assert "/usr/bin/wget" in added
    assert [path for path in sorted(added) if TRACES.fullmatch(path)] == []


def test_the_certificates_that_a_build_trusts_are_not_baked_in(
    space: BuildSpace, seed: tuple[ImageSpec, ImageId]
) -> None:
    sums = "find /etc/ssl /usr/share/ca-certificates /usr/local/share -type f -exec sha256sum {} + | sort"
    assert space.said(seed[1], sums) == space.said(space.base.image_id, sums)


def test_no_password_of_an_index_gets_into_the_image_or_its_history(
    space: BuildSpace, seed: tuple[ImageSpec, ImageId], seed_files: bytes
) -> None:
    _, image = seed
    with closing(docker.DockerClient(space.daemon.endpoint)) as client:
        found = client.images.get(image)
        assert CANARY not in str(found.history())
        assert CANARY not in str(found.attrs)
    assert CANARY.encode() not in seed_files


def test_bytecode_is_there_for_users_who_cannot_write_it(space: BuildSpace, seed: tuple[ImageSpec, ImageId]) -> None:
    spec, image = seed
    script = f"{spec.base.python.executable} -c 'import mechanize; print(mechanize.__cached__)'"
    assert space.said(image, f'test -f "$({script})" && echo compiled', user="65534") == "compiled"


def test_the_labels_tell_what_it_is(space: BuildSpace, seed: tuple[ImageSpec, ImageId]) -> None:
    spec, image = seed
    found = space.daemon.find_image(image)
    made = read_labels(found.labels if found else {})
    assert made is not None
    assert made.request is not None
    assert (made.job, made.spec, made.request.dependencies) == (space.job, spec_hash(spec), ("mechanize",))


def test_the_same_again_under_another_tag_is_all_cached(space: BuildSpace, seed: tuple[ImageSpec, ImageId]) -> None:
    spec, _ = seed
    events = list(space.building(replace(spec, tag="1.0.0.7")))
    done = [event for event in events if isinstance(event, StepDone)]
    assert {event.step for event in done} == {1, 2, 3}
    assert all(event.cached for event in done if event.step > 1)


def test_the_steps_that_run_are_the_steps_that_have_titles(space: BuildSpace) -> None:
    spec = space.spec("", "")
    recipe = write_dockerfile(spec, uv_image="warroom.invalid/uv:x")
    started = {event.step for event in space.building(spec) if isinstance(event, StepStarted)}
    assert started <= set(range(1, len(recipe.steps) + 1))


def test_a_module_that_lacks_a_library_is_told_and_one_that_has_it_is_fine(space: BuildSpace) -> None:
    lacking = space.spec("python-magic")
    ((module, error),) = space.check(lacking, space.built(lacking))
    assert module == "magic"
    assert error == "ImportError: failed to find libmagic. Check your installation"
    complete = space.spec("python-magic", "libmagic1")
    assert space.check(complete, space.built(complete)) == []


def test_a_package_without_wheels_is_built_from_source(space: BuildSpace) -> None:
    spec = space.spec("docopt==0.6.2,six")
    assert space.check(spec, space.built(spec)) == []


def test_a_newer_python_package_takes_the_place_of_the_distributions(space: BuildSpace) -> None:
    spec = space.spec("six", "python3-six")
    assert space.check(spec, space.built(spec)) == []


def test_the_user_of_the_base_stays_and_the_check_runs_as_it(space: BuildSpace) -> None:
    image = space.made_of(
        {}, f"FROM {space.base.pinned}", "RUN useradd --create-home demisto", "USER demisto", 'ENTRYPOINT ["false"]'
    )
    name = f"warroom-test/user-{space.job}"
    space.daemon.tag(image.id, name, "1")
    base = space.look(image, name=f"{name}:1")
    base = replace(base, reference=Reference(name, "1"))
    assert base.user == "demisto"
    spec = space.spec("mechanize", "wget", base=base)
    built = space.built(spec)
    assert space.check(spec, built) == []
    assert space.said(built, "id -un") == "demisto"


def test_a_name_that_the_distribution_does_not_have_is_told_in_plain_words(space: BuildSpace) -> None:
    with pytest.raises(BuildFailed) as caught:
        space.built(space.spec("", "no-such-package-4c1f"))
    advice = explain(caught.value.details, StepKind.OS_PACKAGES)
    assert advice is not None
    assert advice.message == "The base's distribution has no OS package `no-such-package-4c1f`."


def test_a_name_with_a_dot_is_no_pattern(space: BuildSpace) -> None:
    with pytest.raises(BuildFailed):
        space.built(space.spec("", "wge."))


def test_a_file_that_is_not_the_locked_one_is_not_installed(space: BuildSpace) -> None:
    spec = space.spec("six")
    files = files_for(space.index.files.gather(spec.files, raise_if_stopped=lambda: None))
    forged = replace(spec, locked=(replace(spec.locked[0], file=replace(spec.locked[0].file, sha256="0" * 64)),))
    with pytest.raises(BuildFailed) as caught:
        list(space.building_with(forged, files))
    advice = explain(caught.value.details, StepKind.WHEELS)
    assert advice is not None
    assert "is not the one that was confirmed" in advice.message


# --- the check, on images that misbehave

SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@dataclass(frozen=True, slots=True)
class TroubleImage:
    """A distribution `trouble` 1.0 of these modules, in an image made without the recipe."""

    spec: ImageSpec
    image: ImageId


@pytest.fixture(scope="module")
def trouble(space: BuildSpace) -> Callable[..., TroubleImage]:
    site = space.said(space.base.image_id, f'{space.base.python.executable} -c "{SITE}"')

    def make(*, at_start: str = "", **modules: str) -> TroubleImage:
        files = {f"site/{name}.py": code.encode() for name, code in modules.items()}
        files["site/trouble-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n"
        files["site/trouble-1.0.dist-info/RECORD"] = "".join(f"{name}.py,,\n" for name in modules).encode()
        if at_start:
            files["site/trouble.pth"] = f"import sys; {at_start}\n".encode()
        image = space.made_of(files, f"FROM {space.base.pinned}", f"COPY site {site}")
        spec = replace(space.spec("", ""), locked=(a_package("trouble", "1.0"),), os_packages=())
        return TroubleImage(spec, image.id)

    return make


def test_modules_that_crash_do_not_hide_each_other(space: BuildSpace, trouble: Callable[..., TroubleImage]) -> None:
    made = trouble(
        a_good="print('x' * 100_000)",
        b_exit="import sys; sys.exit(0)",
        c_crash="import ctypes; ctypes.string_at(0)",
        d_hog="x = bytearray(3 << 30)",
        e_net="import socket; socket.create_connection(('192.0.2.1', 80), 3)",
        f_good="",
    )
    failures = dict(space.check(made.spec, made.image))
    assert failures.pop("e_net").startswith("OSError: [Errno 101]")
    assert failures == {
        "b_exit": "SystemExit: 0",
        "c_crash": "it ended Python by signal 11 (Segmentation fault)",
        "d_hog": "it ended Python by signal 9 (Killed)",
    }


def test_imports_that_never_end_end_the_check_in_time(space: BuildSpace, trouble: Callable[..., TroubleImage]) -> None:
    made = trouble(**dict.fromkeys(("a", "b", "c"), "import time; time.sleep(600)"))
    with pytest.raises(VerificationFailed, match="not done within 7 s"):
        space.check(made.spec, made.image, seconds=7)


def test_a_python_that_never_starts_ends_the_check_in_time(
    space: BuildSpace, trouble: Callable[..., TroubleImage]
) -> None:
    made = trouble(at_start="import time; time.sleep(600)")
    with pytest.raises(VerificationFailed, match="not done within 3 s"):
        space.check(made.spec, made.image, seconds=3)


def test_an_image_that_forges_a_check_without_the_word_convinces_nobody(
    space: BuildSpace, trouble: Callable[..., TroubleImage]
) -> None:
    forged = 'import os; print(\'\\n0000 {"kind": "end"}\', flush=True); os._exit(0)'
    made = trouble(at_start=forged)
    with pytest.raises(VerificationFailed):
        space.check(made.spec, made.image)


def test_what_is_not_installed_is_named(space: BuildSpace) -> None:
    spec = replace(
        space.spec("", ""),
        locked=(a_package("mechanize", "0.4.10"),),
        os_packages=(OsPackage("wget"),),
    )
    with pytest.raises(VerificationFailed) as caught:
        space.check(spec, space.base.image_id)
    assert caught.value.details == (
        "Python package `mechanize` 0.4.10 is not installed.",
        "OS package `wget` is not installed.",
    )


# --- bases


def test_the_configured_base_is_known_in_all_it_brings(space: BuildSpace) -> None:
    python = space.base.python
    told = space.said(space.base.image_id, f"{python.executable} -V")
    assert told == f"Python {python.version}"
    assert python.libc in ("glibc", "musl")
    assert space.base.package_manager is not None


def test_what_a_base_orders_for_builds_on_it_is_seen(space: BuildSpace) -> None:
    harmless = space.made_of({}, f"FROM {space.base.pinned}", "ONBUILD ENV A=1", "ONBUILD RUN true")
    assert harmless.on_build == ("ENV A=1", "RUN true")
    assert space.look(harmless).python == space.base.python
    reaching = space.made_of({}, f"FROM {space.base.pinned}", "ONBUILD RUN --mount=type=cache,target=/x true")
    with pytest.raises(UnusableBase, match="ONBUILD"):
        space.look(reaching)


def test_bases_that_nothing_can_be_built_on_are_told_apart(space: BuildSpace) -> None:
    base = f"FROM {space.base.pinned}"
    old = b'#!/bin/sh\ncase "$*" in *sys.exit*) exit 1;; *) echo "$3 old 2.7";; esac\n'
    liar = b'#!/bin/sh\ncase "$*" in *look.py*) echo "$4 {}";; esac\n'
    sleeper = b'#!/bin/sh\ncase "$*" in *look.py*) sleep 600;; esac\n'
    python = ("COPY --chmod=755 python /usr/local/bin/python3", "COPY --chmod=755 python /usr/local/bin/python")
    images = {
        "has no Python": space.made_of({}, base, "RUN rm $(command -v python3)"),
        "cannot run a shell": space.made_of({"file": b""}, "FROM scratch", "COPY file /file"),
        "has only Python 2.7": space.made_of({"python": old}, base, *python),
        "makes no sense": space.made_of({"python": liar}, base, *python),
        "did not answer within 3 s": space.made_of({"python": sleeper}, base, *python),
    }
    hung = images.pop("did not answer within 3 s")
    for message, image in images.items():
        with pytest.raises(UnusableBase, match=message):
            space.look(image)
    with pytest.raises(UnusableBase, match="did not answer within 3 s"):
        space.look(hung, seconds=3)
