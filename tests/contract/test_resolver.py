"""What every `Resolver` keeps to: the fake in memory, and uv asking the index that this machine is configured for."""

import json
import os
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
import uv

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RunOrder, RunOutcome
from commands.errors import IndexUnreachable, PackageNotFound, Problem, ResolutionFailed
from commands.model.images import BaseImage, ImageId, PackageManager, Platform, PythonRuntime
from commands.model.packages import PackageFile, PythonRequirement
from commands.model.references import Reference
from commands.packages.interface import Resolver
from commands.packages.package_index import package_index
from commands.packages.toolbox import TOOL_LABEL, Toolbox, is_static_program
from commands.packages.uv_program import UvProgram
from commands.packages.uv_resolver import UvResolver
from tests.fakes.distributions import toy_files
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.index import FakeIndex, serving_index
from tests.fakes.resolver import FakeResolver

LABELS = {"warroom.job": "test-resolver"}
CANARY = "canary-4c1f"

Make = Callable[[bool], Resolver]
"""Makes a resolver whose index can be reached, or cannot."""


def no_container(order: RunOrder) -> RunOutcome:
    raise AssertionError(f"no container is needed: {order.command}")


def uv_program(cache: Path, **settings: str) -> UvProgram:
    return UvProgram(
        binary=Path(uv.find_uv_bin()),
        python=Path(sys.executable),
        cache=cache,
        environment={**os.environ, "UV_HTTP_RETRIES": "0"},
        index_url=settings.get("index_url"),
    )


def uv_resolver(cache: Path, index_url: str | None, *, seconds: float = PATIENCE_SECONDS) -> UvResolver:
    program = uv_program(cache) if index_url is None else uv_program(cache, index_url=index_url)
    return package_index(program, cache, no_container, seconds=seconds).resolver


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv")


@pytest.fixture(params=["fake", pytest.param("uv", marks=pytest.mark.engine)])
def make(request: pytest.FixtureRequest, cache: Path, closed_port: str) -> Make:
    if request.param == "fake":
        return lambda reachable: FakeResolver(reachable=reachable)
    return lambda reachable: uv_resolver(cache, None if reachable else closed_port)


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://somebody:canary-password@127.0.0.1:{port}/simple"


def base(python: str = "3.11.2") -> BaseImage:
    return BaseImage(
        reference=Reference("debian-python", "1"),
        image_id=ImageId(f"sha256:{'0' * 64}"),
        digest=None,
        python=PythonRuntime(python, "/usr/bin/python3", "glibc", "2.36"),
        package_manager=PackageManager.APT,
        user="",
        platform=Platform("linux", "amd64"),
        layers=(),
    )


def wanted(name: str, specifier: str = "", *extras: str) -> PythonRequirement:
    return PythonRequirement(name, extras, specifier)


def test_nothing_asked_for_is_nothing_locked(make: Make) -> None:
    assert make(True).resolve((), base(), labels=LABELS) == ()


def test_what_a_package_needs_comes_along_and_is_told_apart_from_what_was_asked_for(make: Make) -> None:
    locked = make(True).resolve((wanted("mechanize"),), base(), labels=LABELS)
    assert {package.name: package.requested for package in locked} == {
        "html5lib": False,
        "mechanize": True,
        "six": False,
        "webencodings": False,
    }


def test_the_locked_set_is_sorted_and_every_package_has_a_file_that_can_be_fetched(make: Make) -> None:
    locked = make(True).resolve((wanted("six"), wanted("mechanize")), base(), labels=LABELS)
    assert [package.name for package in locked] == sorted(package.name for package in locked)
    for package in locked:
        assert re.fullmatch(r"[0-9a-f]{64}", package.file.sha256)
        assert package.file.is_wheel
        assert package.file.name.startswith(f"{package.name}-{package.version}-")
        assert package.file.url.endswith(f"/{package.file.name}")
        assert package.build_files == ()


def test_an_exact_version_is_obeyed(make: Make) -> None:
    locked = make(True).resolve((wanted("mechanize", "==0.4.9"),), base(), labels=LABELS)
    assert "mechanize==0.4.9" in [str(package) for package in locked]


def test_a_prerelease_comes_only_to_those_who_name_it(make: Make) -> None:
    named = make(True).resolve((wanted("Django", "==5.0rc1"),), base(), labels=LABELS)
    unnamed = make(True).resolve((wanted("Django", ">=5.0rc1,<=5.0"),), base(), labels=LABELS)
    assert "django==5.0rc1" in [str(package) for package in named]
    assert "django==5.0" in [str(package) for package in unnamed]


def test_an_extra_brings_its_packages(make: Make) -> None:
    without = make(True).resolve((wanted("requests", "==2.31.0"),), base(), labels=LABELS)
    with_extra = make(True).resolve((wanted("requests", "==2.31.0", "socks"),), base(), labels=LABELS)
    assert {package.name for package in with_extra} - {package.name for package in without} == {"pysocks"}


def test_names_come_out_normalised_however_they_were_typed(make: Make) -> None:
    locked = make(True).resolve((wanted("PySocks"),), base(), labels=LABELS)
    assert [(package.name, package.requested) for package in locked] == [("pysocks", True)]


def test_a_package_that_does_not_exist_is_named(make: Make) -> None:
    with pytest.raises(PackageNotFound) as caught:
        make(True).resolve((wanted("mechanize"), wanted("warroom-no-such-package")), base(), labels=LABELS)
    assert "`warroom-no-such-package`" in caught.value.message
    assert_is_clear(caught.value)


def test_versions_that_conflict_are_both_named(make: Make) -> None:
    with pytest.raises(ResolutionFailed) as caught:
        make(True).resolve((wanted("requests", "==2.31.0"), wanted("urllib3", "==1.20")), base(), labels=LABELS)
    assert "`requests==2.31.0` needs `urllib3" in caught.value.message
    assert "`urllib3==1.20` is asked for" in caught.value.message
    assert_is_clear(caught.value)


def test_a_version_for_a_newer_python_says_which_python(make: Make) -> None:
    with pytest.raises(ResolutionFailed) as caught:
        make(True).resolve((wanted("django", "==5.0"),), base("3.8.1"), labels=LABELS)
    assert caught.value.message == "`django==5.0` needs Python >=3.10; the base has Python 3.8.1."
    assert_is_clear(caught.value)


def test_an_index_that_is_not_there_is_told_without_its_password(make: Make) -> None:
    with pytest.raises(IndexUnreachable) as caught:
        make(False).resolve((wanted("six"),), base(), labels=LABELS)
    assert caught.value.message == "The package index refused the connection."
    assert "canary-password" not in "\n".join(caught.value.details)
    assert_is_clear(caught.value)


def assert_is_clear(problem: Problem) -> None:
    assert "\n" not in problem.message
    assert problem.message.isprintable()
    assert len(problem.message) < 500
    assert problem.hint
    assert all(line.isprintable() and len(line) <= 200 for line in problem.details)
    assert len(problem.details) <= 20


# What an index may do to the real resolver; on loopback.


class OddIndex(BaseHTTPRequestHandler):
    """Answers each project in a way of its own."""

    def do_GET(self) -> None:
        match self.path.strip("/").split("/")[-1]:
            case "login-page":
                self.answer(200, "text/html", b"<html><h1>Please log in</h1></html>")
            case "empty":
                self.answer(200, "text/html", b"")
            case "moved":
                self.send_response(302)
                self.send_header("Location", "/simple/login-page/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "broken":
                self.answer(200, "application/vnd.pypi.simple.v1+json", b'{"files": ')
            case "plain":
                self.answer(200, "text/plain", b"\x1b[31mhello\x07")
            case "down":
                self.answer(503, "text/html", b"")
            case "secret":
                self.answer(401, "text/html", b"")
            case "endless":
                self.answer_without_end()
            case _:
                self.answer(404, "text/html", b"")

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_without_end(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"<p>" + b"x" * 65536 + b"</p>")
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd_index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OddIndex) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("project", "kind", "message"),
    [
        ("login-page", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("broken", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("plain", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("empty", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("moved", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("moved==1.0", IndexUnreachable, "The package index gave an answer that is not that of a package index."),
        ("down", IndexUnreachable, "The package index answered with HTTP status 503."),
        ("secret", IndexUnreachable, "The package index refused the bot's credentials."),
        ("missing", PackageNotFound, "There is no Python package `missing` in the package index."),
    ],
)
def test_an_odd_index_gives_one_clear_message(
    odd_index: str, tmp_path: Path, project: str, kind: type[Problem], message: str
) -> None:
    with pytest.raises(kind) as caught:
        uv_resolver(tmp_path, odd_index).resolve((wanted(project),), base(), labels=LABELS)
    assert re.sub(r" at `http://127[^`]*`", "", caught.value.message) == message
    assert_is_clear(caught.value)


def test_an_index_that_never_ends_its_answer_uses_up_no_memory(odd_index: str, tmp_path: Path) -> None:
    program = UvProgram(
        binary=Path(uv.find_uv_bin()),
        python=Path(sys.executable),
        cache=tmp_path,
        environment={"PATH": os.environ["PATH"]},
        index_url=odd_index,
        memory=256 << 20,
    )
    resolver = package_index(program, tmp_path, no_container).resolver
    with pytest.raises(ResolutionFailed) as caught:
        resolver.resolve((wanted("endless"),), base(), labels=LABELS)
    assert caught.value.message == "Resolving was ended because it used too much memory or gave too long an answer."


def test_an_index_that_accepts_and_never_answers_costs_no_more_than_the_time_given(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        resolver = uv_resolver(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}/simple", seconds=1)
        with pytest.raises(IndexUnreachable) as caught:
            resolver.resolve((wanted("six"),), base(), labels=LABELS)
    assert caught.value.message == "Resolving was ended after 1 s without an answer."


def test_project_settings_in_folders_above_are_not_read(odd_index: str, tmp_path: Path, closed_port: str) -> None:
    (tmp_path / "uv.toml").write_text(f'index-url = "{closed_port}"\n', encoding="utf-8")
    with pytest.raises(PackageNotFound):
        uv_resolver(tmp_path / "state", odd_index).resolve((wanted("missing"),), base(), labels=LABELS)


# What needs a real engine.


@pytest.fixture
def real_base(daemon: DockerDaemon, base_reference: str) -> BaseImage:
    """A base without a compiler, on the daemon that the settings name."""
    image = daemon.find_image(base_reference)
    assert image is not None, f"no image {base_reference} on the Docker daemon"
    order = RunOrder(
        image.id,
        ("python3", "-c", "import json,platform;print(json.dumps([platform.python_version(),*platform.libc_ver()]))"),
        labels=LABELS,
        seconds=PATIENCE_SECONDS,
    )
    version, libc, libc_version = json.loads(daemon.run(order).output)
    python = PythonRuntime(version, "/usr/bin/python3", libc, libc_version)
    return BaseImage(
        Reference.parse(base_reference), image.id, None, python, None, image.user, image.platform, image.layers
    )


@pytest.fixture
def building_resolver(daemon: DockerDaemon, cache: Path, build_network: str | None) -> UvResolver:
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    program = UvProgram(
        binary=Path(uv.find_uv_bin()),
        python=Path(sys.executable),
        cache=cache,
        environment=os.environ,
        ca_bundle=bundle if bundle.is_file() else None,
    )
    return package_index(program, cache, daemon.run, network=build_network or "bridge").resolver


@pytest.mark.engine
def test_packages_without_wheels_are_resolved_in_a_container_that_is_gone_afterwards(
    daemon: DockerDaemon, building_resolver: UvResolver, real_base: BaseImage
) -> None:
    labels = {"warroom.job": f"test-resolver-{uuid4().hex}"}
    asked = (wanted("docopt", "==0.6.2"), wanted("python-libnmap", "==0.7.3"), wanted("six", "==1.17.0"))
    locked = building_resolver.resolve(asked, real_base, labels=labels)
    assert [str(package) for package in locked] == ["docopt==0.6.2", "python-libnmap==0.7.3", "six==1.17.0"]
    docopt = locked[0]
    assert docopt.file.name == "docopt-0.6.2.tar.gz"
    assert docopt.file.sha256 == "49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491"
    # Not the address under which the container knew it.
    assert "127.0.0.1" not in docopt.file.url
    assert {"setuptools"} <= {file.name.partition("-")[0] for file in docopt.build_files}
    assert daemon.sweep("warroom.job", labels["warroom.job"]).containers == 0


SPY = """
import base64, glob, os
secret = "canary" + "-4c1f"
seen = [dict(os.environ)] + [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/environ")]
seen += [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/cmdline")]
assert secret not in repr(seen) and base64.b64encode(secret.encode()).decode() not in repr(seen), "a login is here"
"""


@pytest.fixture
def private_index() -> Iterator[FakeIndex]:
    """An index that lets in only who knows the password; one of its packages has to be built."""
    with serving_index(toy_files(at_build=SPY), login=("somebody", CANARY)) as index:
        yield index


@pytest.mark.engine
def test_a_source_of_a_private_index_is_resolved_where_nobody_knows_the_password(
    daemon: DockerDaemon, private_index: FakeIndex, real_base: BaseImage, tmp_path: Path, cache: Path
) -> None:
    labels = {"warroom.job": f"test-resolver-{uuid4().hex}"}
    orders: list[RunOrder] = []

    def run(order: RunOrder) -> RunOutcome:
        orders.append(order)
        return daemon.run(order)

    give_static_uv(cache, tmp_path, daemon)
    program = uv_program(tmp_path, index_url=private_index.url_with_login)
    with closing(package_index(program, tmp_path, run)) as parts:
        asked = (wanted("toy-source"), wanted("toy-plain"))
        plain, built = parts.resolver.resolve(asked, real_base, labels=labels)

    assert (str(plain), str(built)) == ("toy-plain==1.0", "toy-source==1.0")
    assert plain.file == described(private_index, "toy_plain-1.0-py3-none-any.whl")
    assert built.file == described(private_index, "toy_source-1.0.tar.gz")
    # What its own settings require, and what its backend asks for beyond that.
    needed = ["toy_backend-1.0-py3-none-any.whl", "toy_need-1.0-py3-none-any.whl"]
    assert built.build_files == tuple(described(private_index, name) for name in needed)
    assert (plain.build_files, len(orders)) == ((), 2)
    assert CANARY not in repr([(order.command, order.environment, order.files.keys()) for order in orders])
    assert not [name for order in orders for name, content in order.files.items() if CANARY.encode() in content]
    assert daemon.sweep("warroom.job", labels["warroom.job"]).containers == 0


@pytest.mark.engine
def test_an_index_that_fails_while_a_container_asks_is_told_as_such(
    daemon: DockerDaemon, private_index: FakeIndex, real_base: BaseImage, tmp_path: Path, cache: Path
) -> None:
    labels = {"warroom.job": f"test-resolver-{uuid4().hex}"}

    def run(order: RunOrder) -> RunOutcome:
        private_index.login = ("somebody", "another password")
        return daemon.run(order)

    give_static_uv(cache, tmp_path, daemon)
    program = uv_program(tmp_path, index_url=private_index.url_with_login)
    with closing(package_index(program, tmp_path, run)) as parts, pytest.raises(IndexUnreachable) as caught:
        parts.resolver.resolve((wanted("toy-source"),), real_base, labels=labels)

    assert caught.value.message == "The package index refused the bot's credentials."
    assert daemon.sweep("warroom.job", labels["warroom.job"]).containers == 0


def described(index: FakeIndex, name: str) -> PackageFile:
    content = index.files[name]
    url = index.url.replace("/simple", f"/files/{name}")
    return PackageFile(name, url, sha256(content).hexdigest(), len(content))


def give_static_uv(cache: Path, folder: Path, daemon: DockerDaemon) -> None:
    """Put the static uv where it is looked for: the private index does not have it."""
    kept = Toolbox(uv_program(cache), cache / "tools").static_uv(daemon.describe().platform)
    (folder / "tools").mkdir()
    shutil.copy2(kept, folder / "tools")


@pytest.mark.engine
def test_a_package_that_wants_a_compiler_says_so(building_resolver: UvResolver, real_base: BaseImage) -> None:
    with pytest.raises(ResolutionFailed) as caught:
        building_resolver.resolve((wanted("M2Crypto", "==0.30.1"),), real_base, labels=LABELS)
    assert caught.value.message == (
        "`m2crypto==0.30.1` has no ready-made wheel for this base and cannot be built to learn what it needs: "
        "its own build script says that a compiler or header files are missing."
    )
    assert_is_clear(caught.value)


@pytest.mark.engine
def test_a_static_uv_is_fetched_once_and_becomes_an_image(daemon: DockerDaemon, cache: Path) -> None:
    program = uv_program(cache)
    platform = daemon.describe().platform
    toolbox = Toolbox(program, cache / "tools")
    fetched = toolbox.static_uv(platform)
    before = fetched.stat().st_ino
    assert is_static_program(fetched.read_bytes(), {"amd64": "x86_64", "arm64": "aarch64"}[platform.architecture])
    assert toolbox.static_uv(platform).stat().st_ino == before
    reference = toolbox.uv_image(daemon, platform)
    image = daemon.find_image(reference)
    assert image is not None
    assert image.labels == {TOOL_LABEL: "uv"}
    assert toolbox.uv_image(daemon, platform) == reference
    again = daemon.find_image(reference)
    assert again is not None
    assert again.id == image.id
