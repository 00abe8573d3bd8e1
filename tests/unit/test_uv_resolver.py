"""What uv is asked, what it answers, and how its reasons are told; the answers are recordings of the real one."""

import io
import json
import re
import struct
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import inside
from commands.engine.interface import RunOrder, RunOutcome
from commands.errors import (
    EngineUnavailable,
    IndexUnreachable,
    Misconfigured,
    PackageNotFound,
    Problem,
    ResolutionFailed,
    UnusableBase,
)
from commands.model.images import BaseImage, ImageId, PackageManager, Platform, PythonRuntime
from commands.model.packages import LockedPackage, PackageFile, PythonRequirement
from commands.model.references import Reference
from commands.packages.build_needs import BuildNeeds
from commands.packages.containers import Containers
from commands.packages.index_client import IndexClient
from commands.packages.indexes import not_an_index
from commands.packages.platforms import python_platform, wheel_tags
from commands.packages.toolbox import Toolbox, fetch_command, is_static_program, one_file_system
from commands.packages.uv_answer import UvQuestion, doubtful_projects, locked_packages, missing_wheels, problem
from commands.packages.uv_program import UvProgram
from commands.packages.uv_resolver import UvResolver, container_command, host_command
from tests.fakes.distributions import source
from tests.fakes.engine import FakeEngine
from tests.fakes.files import FakeFiles, a_source, a_wheel
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.limits import ended_after

RECORDINGS = json.loads((Path(__file__).parents[1] / "recordings" / "uv_pip_compile.json").read_text(encoding="utf-8"))
FAILURES = [name for name, recording in RECORDINGS["recordings"].items() if recording["exit_code"] != 0]
AMD64 = Platform("linux", "amd64")
BASE = BaseImage(
    reference=Reference("debian-python", "1"),
    image_id=ImageId(f"sha256:{'0' * 64}"),
    digest=None,
    python=PythonRuntime("3.11.2", "/usr/bin/python3", "glibc", "2.36"),
    package_manager=PackageManager.APT,
    user="",
    platform=AMD64,
    layers=(),
)
WORD = "0123456789abcdef"
NO_INDEX = "The package index at `{}` gave an answer that is not that of a package index."


def recorded(name: str) -> RunOutcome:
    recording = RECORDINGS["recordings"][name]
    return RunOutcome(recording["exit_code"], recording["output"], recording["errors"])


BUILT = {"build_failed": ("mysql-python",), "compiler_missing": ("m2crypto",)}
"""Which package's code ran in which recording."""


def question(name: str = "resolved") -> UvQuestion:
    python = RECORDINGS["recordings"][name]["python"]
    tags = wheel_tags(BASE.platform, BASE.python)
    asked = (PythonRequirement("mechanize"), PythonRequirement("six", (), ">=1.16"))
    return UvQuestion(asked, python, 60, tags=tags, built=BUILT.get(name, ()))


# Reasons, in plain words.

TOLD: list[tuple[str, type[Problem], str]] = [
    ("not_found", PackageNotFound, "There is no Python package `mechanizzzze` in the package index."),
    ("login_page", PackageNotFound, "There is no Python package `html` in the package index."),
    (
        "missing_dependency",
        PackageNotFound,
        "`missdep` needs `nosuchthing`, which does not exist in the package index.",
    ),
    (
        "conflict",
        ResolutionFailed,
        (
            "These requirements cannot be met together: `requests==2.31.0` needs `urllib3>=1.21.1,<3`, "
            "but `urllib3==1.20` is asked for."
        ),
    ),
    (
        "conflict_reversed",
        ResolutionFailed,
        (
            "These requirements cannot be met together: `boto3==1.34.0` needs `botocore>=1.34.0,<1.35.0`, "
            "but `botocore==1.30.0` is asked for."
        ),
    ),
    (
        "conflict_one_of",
        ResolutionFailed,
        (
            "These requirements cannot be met together: `tensorflow==2.12.0` needs "
            "`protobuf>=3.20.3,<4.21.0 … protobuf>4.21.5,<5.0.0.dev0`, but `protobuf>5` is asked for."
        ),
    ),
    (
        "conflict_long",
        ResolutionFailed,
        "These requirements cannot be met together: `pandas` and `numpy<1.20` exclude each other.",
    ),
    (
        "conflict_in_container",
        ResolutionFailed,
        (
            "These requirements cannot be met together: `pandas==3.0.0` needs `numpy>=1.26.0`, "
            "but `numpy==1.21.0` is asked for."
        ),
    ),
    (
        "two_pins",
        ResolutionFailed,
        "These requirements cannot be met together: `requests==2.0.0` and `requests==2.1.0` exclude each other.",
    ),
    (
        "empty_range",
        ResolutionFailed,
        "These requirements cannot be met together: `requests<2` and `requests>3` exclude each other.",
    ),
    ("no_such_version", ResolutionFailed, "There is no `requests==99` in the package index."),
    ("too_new", ResolutionFailed, "There is no `requests>99` in the package index, only `requests<=2.34.2`."),
    ("python_too_old", ResolutionFailed, "`django==5.0` needs Python >=3.10; the base has Python 3.8.1."),
    (
        "python_too_old_in_container",
        ResolutionFailed,
        "`django==6.0` needs Python >=3.12; the base has Python 3.11.2.",
    ),
    (
        "python_too_new",
        ResolutionFailed,
        "`tensorflow==2.12.0` has no files for Python 3.13.1; it has them for 3.8, 3.9, 3.10, 3.11.",
    ),
    (
        "other_platform",
        ResolutionFailed,
        "`pywin32>=303` has no files for the base's platform; it has them for win32, win_amd64, win_arm64.",
    ),
    ("source_only", ResolutionFailed, "`docopt` has no ready-made wheel for this base."),
    (
        "build_failed",
        ResolutionFailed,
        (
            "`mysql-python==1.2.5` has no ready-made wheel for this base and cannot be built to learn what it needs: "
            "its own build script ends with an error."
        ),
    ),
    (
        "compiler_missing",
        ResolutionFailed,
        (
            "`m2crypto==0.30.1` has no ready-made wheel for this base and cannot be built to learn what it needs: "
            "its own build script says that a compiler or header files are missing."
        ),
    ),
    (
        "damaged",
        ResolutionFailed,
        "`badmeta==1.0` is damaged in the package index: its own description contradicts its name.",
    ),
    ("url_dependency", ResolutionFailed, "`urldep==1.0` wants `six` from a web address, which is not allowed."),
    ("refused", IndexUnreachable, "The package index refused the connection."),
    ("unknown_host", IndexUnreachable, "The package index has a name that is not known here (DNS)."),
    ("untrusted", IndexUnreachable, "The package index shows a certificate that is not trusted here."),
    ("silent", IndexUnreachable, "The package index did not answer in time."),
    ("unavailable", IndexUnreachable, "The package index answered with HTTP status 503."),
    ("unauthorized", IndexUnreachable, "The package index refused the bot's credentials."),
    ("forbidden", IndexUnreachable, "The package index refused the bot's credentials."),
    ("not_a_wheel", IndexUnreachable, "The package index delivered a file that cannot be read."),
    (
        "offline",
        IndexUnreachable,
        "The package index is not asked, because the machine's settings switch the network off.",
    ),
    ("broken_json", IndexUnreachable, NO_INDEX.format("http://127.0.0.1:18997/simple/jjson/")),
    ("broken_html", IndexUnreachable, NO_INDEX.format("http://127.0.0.1:18997/simple/esc/")),
    ("not_an_index", IndexUnreachable, NO_INDEX.format("http://127.0.0.1:18997/simple/text/")),
]


@pytest.mark.parametrize(("name", "kind", "message"), TOLD)
def test_a_reason_is_told_in_plain_words(name: str, kind: type[Problem], message: str) -> None:
    told = problem(recorded(name), question(name))
    assert (type(told), told.message) == (kind, message)


@pytest.mark.parametrize(
    ("reason", "projects"),
    [
        ("Because there are no versions of Six and you require six, we can conclude", ("six",)),
        ("Because there are no versions of six[x] and you require six[x], we can conclude", ("six",)),
        ("Because there is no version of six==1.0 and you require six==1.0, we can conclude", ("six",)),
        ("Because six==1.0 has invalid metadata and only six==1.0 is available, we can conclude", ("six",)),
        ("Because six==1.0 has an invalid package format and only six==1.0 is available, we", ("six",)),
        ("Because a==1 depends on b and there are no versions of b, we can conclude", ("b",)),
        ("Because six was not found in the package registry and you require six, we can conclude", ()),
    ],
)
def test_projects_that_a_login_page_may_hide_are_known(reason: str, projects: tuple[str, ...]) -> None:
    errors = f"error: No solution found when resolving dependencies\n  cause: {reason}.\n"
    assert doubtful_projects(RunOutcome(1, "", errors)) == projects


def test_no_project_is_in_doubt_after_a_success() -> None:
    assert doubtful_projects(RunOutcome(0, "", "there are no versions of six")) == ()


@pytest.mark.parametrize("name", FAILURES)
def test_every_recorded_failure_gives_one_clear_message(name: str) -> None:
    assert_is_clear(problem(recorded(name), question(name)))


PRINTED = "\n".join(recording["errors"] for recording in RECORDINGS["recordings"].values() if recording["exit_code"])
"""The words of every reason, as a package may print them while it is built."""


@pytest.mark.parametrize("place", ["{words}\n{own}", "{own}\n         [stderr]\n{words}"])
def test_what_a_package_prints_while_it_is_built_does_not_decide_the_reason(place: str) -> None:
    own = "error: Failed to build `trouble==1.0`\n  cause: The build backend returned an error"
    asked = replace(question(), built=("trouble",))
    told = problem(RunOutcome(1, "", place.format(own=own, words=PRINTED)), asked)
    assert type(told) is ResolutionFailed
    assert told.message.startswith(
        "`trouble==1.0` has no ready-made wheel for this base and cannot be built to learn what it needs: its own build"
    )


def test_trouble_with_an_index_is_never_taken_from_words_beside_packages() -> None:
    words = "error: Failed to fetch: https://index.example/\n  cause: invalid peer certificate: UnknownIssuer"
    asked = replace(question(), built=("trouble",))
    assert not isinstance(problem(RunOutcome(1, "", words), asked), IndexUnreachable)


def test_the_evidence_of_a_failed_build_is_the_end_of_its_output() -> None:
    told = problem(recorded("build_failed"), question())
    assert told.details[-1] == "ModuleNotFoundError: No module named 'ConfigParser'"


@pytest.mark.parametrize(
    ("outcome", "kind", "message"),
    [
        (
            RunOutcome(None, "", "", timed_out=True),
            IndexUnreachable,
            "Resolving was ended after 60 s without an answer.",
        ),
        (
            RunOutcome(None, "", "memory allocation of 417792 bytes failed"),
            ResolutionFailed,
            "Resolving was ended because it used too much memory or gave too long an answer.",
        ),
        (
            RunOutcome(137, "", "", out_of_memory=True),
            ResolutionFailed,
            "Resolving was ended because it used too much memory or gave too long an answer.",
        ),
        (
            RunOutcome(2, "", "error: something nobody foresaw\n  cause: of its own"),
            ResolutionFailed,
            "The requirements cannot be resolved: something nobody foresaw",
        ),
        (RunOutcome(1, "", ""), ResolutionFailed, "The requirements cannot be resolved: the resolver gives no reason"),
    ],
)
def test_an_end_without_a_known_reason_is_told_too(outcome: RunOutcome, kind: type[Problem], message: str) -> None:
    told = problem(outcome, question())
    assert (type(told), told.message) == (kind, message)
    assert_is_clear(told)


@given(
    st.text() | st.text("Because andyourequire==`\n\x1b[31m:cause hint").map(lambda text: f"error: x\n  cause: {text}")
)
def test_no_text_of_a_resolver_makes_an_unclear_message(errors: str) -> None:
    assert_is_clear(problem(RunOutcome(1, "", errors), question()))


@pytest.mark.parametrize("built", [(), ("docopt",)])
def test_a_python_that_prints_when_it_starts_is_named_as_the_reason(built: tuple[str, ...]) -> None:
    errors = (
        "error: Failed to inspect Python interpreter from provided path at `/usr/bin/python3`\n"
        "  cause: Querying Python at `/usr/bin/python3` returned an invalid response: trailing characters at line 2\n"
        '\n         [stdout]\n         hello{"result": "success"}\n'
    )
    told = problem(RunOutcome(2, "", errors), replace(question(), built=built))
    assert (
        told.message == "The base's Python prints text when it starts or ends, which the installer does not understand."
    )
    assert ".pth" in told.hint


def test_a_login_page_instead_of_uv_s_own_files_is_told(tmp_path: Path) -> None:
    reason = "Because there are no versions of uv and you require uv==9.8.7, we can conclude that"
    program = script(
        tmp_path,
        f'case "$1" in pip) echo "error: No solution\n  cause: {reason}" >&2; exit 1;; esac; echo "uv 9.8.7 (x)"',
    )

    def require_genuine(project: str) -> None:
        raise not_an_index(f"https://index.invalid/{project}")

    with pytest.raises(IndexUnreachable, match=r"`https://index\.invalid/uv` gave an answer that is not"):
        Toolbox(program, tmp_path / "tools", require_genuine=require_genuine).static_uv(AMD64)


def test_credentials_are_not_repeated() -> None:
    errors = (
        "error: Failed to fetch: https://somebody:canary-one@index.invalid/simple/\n  cause: canary-two was refused\n"
    )
    asked = UvQuestion((), "3.11.2", 60, secrets=("canary-two", ""))
    told = problem(RunOutcome(2, "", errors), asked)
    assert told.details == ("Failed to fetch: https://***@index.invalid/simple/", "*** was refused")


def assert_is_clear(told: Problem) -> None:
    assert told.message.isprintable()
    assert told.message.count("`") % 2 == 0
    assert 0 < len(told.message) < 600
    assert told.hint.isprintable()
    assert told.hint
    assert len(told.details) <= 20
    assert all(line.isprintable() and 0 < len(line) <= 200 for line in told.details)


# Packages without wheels.


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("resolved", ()),
        ("not_found", ()),
        ("conflict", ()),
        ("refused", ()),
        ("other_platform", ()),
        ("python_too_new", ()),
        ("build_failed", ()),
        ("source_only", ("docopt",)),
        ("source_only_pinned", ("docopt",)),
        ("source_only_mixed", ("cx-oracle",)),
        ("source_only_old_python", ("pandas",)),
        ("source_only_beside_missing", ("docopt",)),
        # Newer versions of pandas do have wheels: what is wrong is the conflict.
        ("conflict_long", ()),
    ],
)
def test_what_has_to_be_built_is_found_in_the_words_of_uv(name: str, packages: tuple[str, ...]) -> None:
    assert missing_wheels(recorded(name)) == packages


# The locked set; `test_lock_file` holds what a lock may say.


def test_the_recorded_set_is_read_whole() -> None:
    locked = locked_packages(recorded("resolved"), question())
    assert [(str(package), package.file.name, package.requested) for package in locked] == [
        ("html5lib==1.1", "html5lib-1.1-py2.py3-none-any.whl", False),
        ("mechanize==0.4.10", "mechanize-0.4.10-py2.py3-none-any.whl", True),
        ("six==1.17.0", "six-1.17.0-py2.py3-none-any.whl", True),
        ("webencodings==0.6.1", "webencodings-0.6.1-py3-none-any.whl", False),
    ]
    assert locked[2].file == PackageFile(
        "six-1.17.0-py2.py3-none-any.whl",
        "https://index.example/six-1.17.0-py2.py3-none-any.whl",
        "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274",
        11050,
        datetime(2024, 12, 4, 17, 35, 26, tzinfo=UTC),
    )


def test_of_what_has_no_wheel_the_source_is_locked() -> None:
    asked = replace(question("resolved_in_container"), requirements=(PythonRequirement("docopt"),))
    docopt, six = locked_packages(recorded("resolved_in_container"), asked)
    assert docopt.file == PackageFile(
        "docopt-0.6.2.tar.gz",
        "https://index.example/docopt-0.6.2.tar.gz",
        "49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491",
        25901,
        datetime(2014, 6, 16, 11, 18, 57, tzinfo=UTC),
    )
    assert (six.file.is_wheel, docopt.file.is_wheel) == (True, False)


# What uv is asked.


def test_on_the_host_nothing_is_ever_built() -> None:
    assert host_command(BASE, python="/bot/python") == (
        "pip", "compile", "requirements.in", "--format", "pylock.toml", "--no-header", "--no-sources",
        "--no-python-downloads", "--quiet", "--no-build", "--python-version", "3.11.2", "--python-platform",
        "x86_64-manylinux_2_36", "--python", "/bot/python",
    )  # fmt: skip


def test_in_the_container_only_what_has_no_wheel_is_built() -> None:
    assert container_command(BASE, built=("docopt", "netifaces")) == (
        "/warroom/uv", "pip", "compile", "/warroom/requirements.in", "--format", "pylock.toml", "--no-header",
        "--no-sources", "--no-python-downloads", "--quiet", "--only-binary", ":all:",
        "--no-binary", "docopt", "--no-binary", "netifaces", "--python", "/usr/bin/python3", "--no-config",
        "--no-cache", "--color", "never",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "libc", "libc_version", "expected"),
    [
        ("amd64", "glibc", "2.36", "x86_64-manylinux_2_36"),
        ("arm64", "glibc", "2.36", "aarch64-manylinux_2_36"),
        ("amd64", "glibc", "2.41", "x86_64-manylinux_2_40"),
        ("amd64", "glibc", "2.30", "x86_64-manylinux_2_28"),
        ("amd64", "glibc", "2.17", "x86_64-manylinux_2_17"),
        ("amd64", "glibc", "2.36-9+deb12u10", "x86_64-manylinux_2_36"),
        ("amd64", "glibc", "3", "x86_64-manylinux_2_40"),
        ("amd64", "musl", "1.2.5", "x86_64-unknown-linux-musl"),
        ("arm64", "musl", "1.2", "aarch64-unknown-linux-musl"),
    ],
)
def test_the_newest_wheels_that_run_on_a_base_are_asked_for(
    architecture: str, libc: str, libc_version: str, expected: str
) -> None:
    python = PythonRuntime("3.11.2", "/usr/bin/python3", libc, libc_version)
    assert python_platform(Platform("linux", architecture), python) == expected


@pytest.mark.parametrize(
    ("platform", "libc", "libc_version"),
    [
        (Platform("linux", "arm"), "glibc", "2.36"),
        (Platform("windows", "amd64"), "glibc", "2.36"),
        (AMD64, "glibc", "2.12"),
        (AMD64, "musl", "1.1.24"),
        (AMD64, "glibc", ""),
        (AMD64, "uclibc", "1.0"),
    ],
)
def test_a_base_for_which_no_wheels_are_made_is_refused(platform: Platform, libc: str, libc_version: str) -> None:
    with pytest.raises(UnusableBase):
        python_platform(platform, PythonRuntime("3.11.2", "/usr/bin/python3", libc, libc_version))


# The program, as small scripts in uv's place.


def script(folder: Path, body: str, **environment: str) -> UvProgram:
    binary = folder / "uv"
    binary.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    binary.chmod(0o755)
    cache = folder / "cache"
    return UvProgram(
        binary=binary, python=Path(sys.executable), cache=cache, environment={"PATH": "/usr/bin:/bin", **environment}
    )


def test_uv_gets_its_settings_and_nothing_else_of_the_environment(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        "exec env",
        UV_INDEX="company=https://index.invalid/simple",
        UV_INDEX_COMPANY_PASSWORD="canary",
        UV_PROJECT="/elsewhere",
        UV_HTTP_RETRIES="5",
        HTTPS_PROXY="http://127.0.0.1:3128",
        SLACK_BOT_TOKEN="xoxb-canary",
        PYTHONPATH="/elsewhere",
    )
    lines = set(program.run((), seconds=PATIENCE_SECONDS).output.splitlines())
    assert {line for line in lines if not line.startswith(("PWD=", "_=", "SHLVL=", "OLDPWD="))} == {
        "PATH=/usr/bin:/bin",
        "UV_INDEX=company=https://index.invalid/simple",
        "UV_INDEX_COMPANY_PASSWORD=canary",
        "UV_HTTP_RETRIES=5",
        "UV_HTTP_TIMEOUT=15",
        "HTTPS_PROXY=http://127.0.0.1:3128",
    }
    assert program.secrets() == ("canary",)


def test_settings_of_the_bot_come_before_those_of_the_machine(tmp_path: Path) -> None:
    plain = script(tmp_path, "exec env", UV_DEFAULT_INDEX="https://machine.invalid", SSL_CERT_FILE="/machine.pem")
    program = UvProgram(
        binary=plain.binary,
        python=plain.python,
        cache=plain.cache,
        environment=plain.environment,
        index_url="https://bot.invalid",
        ca_bundle=Path("/bot.pem"),
    )
    lines = program.run((), seconds=PATIENCE_SECONDS).output.splitlines()
    assert "UV_DEFAULT_INDEX=https://bot.invalid" in lines
    assert "SSL_CERT_FILE=/bot.pem" in lines
    assert [index.url for index in program.indexes().ordered] == ["https://bot.invalid"]


def test_what_decides_the_choice_is_told_elsewhere_too_but_no_address_is(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        "exec env",
        UV_EXCLUDE_NEWER="2026-01-01",
        UV_PRERELEASE="allow",
        UV_INDEX_STRATEGY="unsafe-best-match",
        UV_DEFAULT_INDEX="https://me:canary@index.invalid/simple",
        UV_INDEX_COMPANY_PASSWORD="canary",
    )
    assert program.choices() == {
        "UV_HTTP_TIMEOUT": "60",
        "UV_EXCLUDE_NEWER": "2026-01-01",
        "UV_PRERELEASE": "allow",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_uv_works_in_an_empty_folder_that_is_gone_afterwards(tmp_path: Path) -> None:
    program = script(tmp_path, "pwd; ls -A; cat requirements.in")
    folder, *rest = program.run((), seconds=PATIENCE_SECONDS, files={"requirements.in": "six\n"}).output.splitlines()
    assert rest == ["requirements.in", "uv.toml", "six"]
    assert not Path(folder).exists()


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging = script(tmp_path, "echo begun; exec sleep 600")
    outcome = ended_after(0.3, lambda seconds: hanging.run((), seconds=seconds), lambda ended: ended.output)
    assert outcome == RunOutcome(None, "begun\n", "", timed_out=True)


def test_a_program_that_talks_without_end_is_ended(tmp_path: Path) -> None:
    outcome = script(tmp_path, "exec yes").run((), seconds=PATIENCE_SECONDS)
    assert outcome.exit_code is None
    assert len(outcome.output) == 4 << 20
    assert not outcome.timed_out


def test_a_program_that_is_not_there_is_a_matter_of_settings(tmp_path: Path) -> None:
    program = UvProgram(binary=tmp_path / "none", python=Path(sys.executable), cache=tmp_path, environment={})
    with pytest.raises(Misconfigured, match="cannot be started: No such file or directory"):
        program.run((), seconds=PATIENCE_SECONDS)


def test_a_program_that_says_no_version_is_a_matter_of_settings(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not print its version"):
        script(tmp_path, "exit 1").version()


# Resolving in a container, played by a list of outcomes.


class ScriptedToolbox:
    """Answers each order with the next outcome, as the relay prints it, between what the image's Python prints."""

    def __init__(self, *outcomes: RunOutcome) -> None:
        self.outcomes = list(outcomes)
        self.orders: list[RunOrder] = []

    def run(self, order: RunOrder) -> RunOutcome:
        self.orders.append(order)
        outcome = self.outcomes.pop(0)
        told = json.dumps({"output": outcome.output, "errors": outcome.errors})
        return replace(outcome, output=f"hello\n{WORD}-ended {told}\nbye \ufffd", errors=f"careful{outcome.errors}")


def elf(*, machine: int = 62, segment: int = 1, size: int = 1 << 20) -> bytes:
    header = struct.pack("<4sBB10xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return (header + struct.pack("<I52x", segment)).ljust(size, b"\0")


def uv_of(folder: Path, delivered: bytes, *, compiled: str = "source_only") -> UvProgram:
    """Play a uv: it installs `delivered`, and cannot compile for the recorded reason."""
    (folder / "delivered").write_bytes(delivered)
    (folder / "reason").write_text(recorded(compiled).errors, encoding="utf-8")
    body = f"""
    case "$1 $2" in
        "pip install")
            echo fetched >> {folder}/fetches
            while [ "$1" != --target ]; do shift; done
            mkdir "$2/bin" && cp {folder}/delivered "$2/bin/uv" ;;
        "pip compile") cat {folder}/reason >&2; exit 1 ;;
        *) echo "uv 9.8.7 (x86_64-unknown-linux-gnu)" ;;
    esac"""
    return script(folder, body, UV_INDEX_URL="https://me:canary@index.invalid/simple")


DOCOPT = source({"docopt-0.6.2/setup.py": ""})


def resolver(folder: Path, containers: ScriptedToolbox, *, compiled: str = "source_only") -> UvResolver:
    program = uv_of(folder, elf(), compiled=compiled)
    toolbox, client = Toolbox(program, folder / "tools"), IndexClient(program.indexes())
    asking = Containers(program, toolbox, client, containers.run, network="host", word=lambda: WORD)
    files = FakeFiles({a_source("docopt", "0.6.2").url: DOCOPT})
    return UvResolver(program, asking, BuildNeeds(asking, files, seconds=PATIENCE_SECONDS), seconds=PATIENCE_SECONDS)


def lock_of(*files: PackageFile) -> RunOutcome:
    """Play the lock of these files."""
    return RunOutcome(0, 'lock-version = "1.0"\ncreated-by = "uv"\n' + "".join(map(_entry, files)), "")


def _entry(file: PackageFile) -> str:
    name, version = file.name.removesuffix(".tar.gz").split("-")[:2]
    told = f'{{ url = "{file.url}", hashes = {{ sha256 = "{file.sha256}" }} }}'
    listed = f"wheels = [{told}]" if file.is_wheel else f"sdist = {told}"
    return f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{listed}\n'


ARCHIVE = replace(a_source("docopt", "0.6.2"), sha256=sha256(DOCOPT).hexdigest(), size=None)
ENDED = RunOutcome(0, "", "")


def test_what_has_no_wheel_is_resolved_in_a_container_of_the_base(tmp_path: Path) -> None:
    containers = ScriptedToolbox(lock_of(ARCHIVE), ENDED)
    asked = (PythonRequirement("docopt", (), "<1"),)
    locked = resolver(tmp_path, containers).resolve(asked, BASE, labels={"warroom.job": "7"})
    assert locked == (LockedPackage("docopt", "0.6.2", ARCHIVE, requested=True),)
    question = {"indexes": 1, "environment": {"UV_HTTP_TIMEOUT": "60"}, "folder": "/warroom/answers"}
    begin = ("/usr/bin/python3", "-I", "/warroom/relay.py", WORD, json.dumps(question))
    resolving, needing = containers.orders
    assert replace(resolving, reply=None) == RunOrder(
        image=BASE.image_id,
        command=(*begin, *container_command(BASE, built=("docopt",))),
        labels={"warroom.job": "7"},
        seconds=PATIENCE_SECONDS,
        files={
            "/warroom/uv": elf(),
            "/warroom/relay.py": inside.source("relay"),
            "/warroom/requirements.in": b"docopt<1\n",
        },
        environment={"HOME": "/tmp"},
        network="host",
        memory=2 << 30,
    )
    assert needing.command == (
        *begin, "/usr/bin/python3", "-I", "/warroom/needs.py", "/warroom/uv", "/usr/bin/python3",
        "/warroom/question.json",
    )  # fmt: skip
    assert needing.files["/warroom/sources/docopt-0.6.2.tar.gz"] == DOCOPT
    assert json.loads(needing.files["/warroom/question.json"]) == [
        {
            "archive": "/warroom/sources/docopt-0.6.2.tar.gz",
            "requires": ["setuptools>=40.8.0"],
            "backend": "setuptools.build_meta:__legacy__",
            "backend_path": [],
        }
    ]


def test_no_container_sees_a_login_or_an_address_of_an_index(tmp_path: Path) -> None:
    containers = ScriptedToolbox(lock_of(ARCHIVE), ENDED)
    resolver(tmp_path, containers).resolve((PythonRequirement("docopt"),), BASE, labels={})
    assert len(containers.orders) == 2
    for order in containers.orders:
        told = repr((order.command, order.environment, order.labels, {**order.files, "/warroom/uv": b""}))
        assert not re.search("canary|index.invalid", told)


def test_with_wheels_alone_nothing_is_asked_about_building(tmp_path: Path) -> None:
    containers = ScriptedToolbox(lock_of(a_wheel("docopt")))
    (docopt,) = resolver(tmp_path, containers).resolve((PythonRequirement("docopt"),), BASE, labels={})
    assert (docopt.file.name, docopt.build_files) == (a_wheel("docopt").name, ())


def test_each_further_package_without_wheels_costs_one_more_round(tmp_path: Path) -> None:
    containers = ScriptedToolbox(recorded("source_only_mixed"), lock_of(a_wheel("docopt")))
    resolver(tmp_path, containers).resolve((PythonRequirement("docopt"),), BASE, labels={})
    assert [order.command[5:] for order in containers.orders] == [
        container_command(BASE, built=("docopt",)),
        container_command(BASE, built=("docopt", "cx-oracle")),
    ]


def test_a_package_that_still_has_no_wheel_ends_the_search(tmp_path: Path) -> None:
    containers = ScriptedToolbox(recorded("source_only"))
    with pytest.raises(ResolutionFailed, match="has no ready-made wheel"):
        resolver(tmp_path, containers).resolve((PythonRequirement("docopt"),), BASE, labels={})


@pytest.mark.parametrize("told", ["", "no JSON", '{"output": 1, "errors": ""}'])
def test_a_container_that_does_not_tell_what_was_printed_has_printed_nothing(tmp_path: Path, told: str) -> None:
    def run(_: RunOrder) -> RunOutcome:
        return RunOutcome(0, f'lock-version = "1.0"\n\n{WORD}-ended {told}\n', "reason")

    program = uv_of(tmp_path, elf())
    toolbox, client = Toolbox(program, tmp_path / "tools"), IndexClient(program.indexes())
    outcome, _ = Containers(program, toolbox, client, run, word=lambda: WORD).run(
        BASE, ("x",), labels={}, files={}, seconds=1
    )
    assert outcome == RunOutcome(0, "", "reason")


def test_no_container_is_started_for_another_reason(tmp_path: Path) -> None:
    containers = ScriptedToolbox()
    with pytest.raises(ResolutionFailed, match="cannot be met together"):
        resolver(tmp_path, containers, compiled="conflict").resolve((PythonRequirement("requests"),), BASE, labels={})
    assert containers.orders == []


# The static uv.


def test_the_static_uv_is_fetched_once_for_each_machine(tmp_path: Path) -> None:
    toolbox = Toolbox(uv_of(tmp_path, elf()), tmp_path / "tools")
    kept = toolbox.static_uv(AMD64)
    assert kept == toolbox.static_uv(AMD64)
    assert (kept.name, kept.read_bytes(), kept.stat().st_mode & 0o777) == ("uv-9.8.7-x86_64", elf(), 0o755)
    assert [path.name for path in kept.parent.iterdir()] == ["uv-9.8.7-x86_64"]
    assert (tmp_path / "fetches").read_text(encoding="utf-8") == "fetched\n"


def test_a_damaged_static_uv_is_fetched_again(tmp_path: Path) -> None:
    toolbox = Toolbox(uv_of(tmp_path, elf()), tmp_path / "tools")
    toolbox.static_uv(AMD64).write_bytes(elf()[:1000])
    assert toolbox.static_uv(AMD64).read_bytes() == elf()


@pytest.mark.parametrize("delivered", [b"", b"#!/bin/sh\n", elf(segment=3), elf(machine=183), elf(size=4096)])
def test_a_uv_that_would_not_run_everywhere_is_refused_and_not_kept(tmp_path: Path, delivered: bytes) -> None:
    with pytest.raises(Misconfigured, match="not a static program for x86_64"):
        Toolbox(uv_of(tmp_path, delivered), tmp_path / "tools").static_uv(AMD64)
    assert list((tmp_path / "tools").iterdir()) == []


def test_a_uv_that_cannot_be_fetched_says_why(tmp_path: Path) -> None:
    (tmp_path / "reason").write_text(recorded("refused").errors, encoding="utf-8")
    program = script(tmp_path, f'[ "$1" = --version ] && echo uv 9.8.7 || {{ cat {tmp_path}/reason >&2; exit 2; }}')
    with pytest.raises(IndexUnreachable, match="refused the connection"):
        Toolbox(program, tmp_path / "tools").static_uv(AMD64)


def test_uv_is_fetched_as_a_wheel_for_musl() -> None:
    assert fetch_command("9.8.7", "aarch64", "/there") == (
        "pip", "install", "--no-deps", "--only-binary", ":all:", "--python-platform", "aarch64-unknown-linux-musl",
        "--no-python-downloads", "--quiet", "--target", "/there", "--link-mode", "copy", "uv==9.8.7",
    )  # fmt: skip


@given(st.binary(max_size=300))
def test_no_bytes_upset_the_check_of_a_program(content: bytes) -> None:
    assert not is_static_program(content, "x86_64")
    assert isinstance(is_static_program(elf()[:64] + content.ljust(1 << 20, b"\0"), "x86_64"), bool)


def test_the_image_of_a_tool_holds_one_program_and_is_always_the_same() -> None:
    packed = one_file_system("uv", b"content")
    assert packed == one_file_system("uv", b"content")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        entries = [(entry.name, entry.mode, entry.mtime, entry.size) for entry in archive]
    assert entries == [("uv", 0o755, 0, 7)]


def test_the_tool_image_is_imported_once(tmp_path: Path) -> None:
    engine = FakeEngine()
    toolbox = Toolbox(uv_of(tmp_path, elf()), tmp_path / "tools")
    reference = toolbox.uv_image(engine, AMD64)
    assert reference == "warroom.invalid/uv:9.8.7-amd64"
    first = engine.find_image(reference)
    assert first is not None
    assert toolbox.uv_image(engine, AMD64) == reference
    assert engine.find_image(reference) == first
    assert len(engine.images({"warroom.tool": "uv"})) == 1


def test_an_image_that_only_says_it_is_the_tool_is_replaced(tmp_path: Path) -> None:
    engine = FakeEngine()
    toolbox = Toolbox(uv_of(tmp_path, elf()), tmp_path / "tools")
    planted = engine.add_image(toolbox.reference(AMD64), labels={"warroom.tool": "uv"})
    reference = toolbox.uv_image(engine, AMD64)
    found = engine.find_image(reference)
    assert found is not None
    assert found.id != planted.id
    assert engine.files[found.id] == {"uv": elf()}


def test_a_daemon_that_keeps_another_image_under_the_tools_name_is_not_built_with(tmp_path: Path) -> None:
    class PlantingEngine(FakeEngine):
        def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
            made = super().import_image(filesystem, repository, tag, labels)
            self.add_image(f"{repository}:{tag}", labels=labels)
            return made

    with pytest.raises(EngineUnavailable, match=r"has another `warroom.invalid/uv:9.8.7-amd64`"):
        Toolbox(uv_of(tmp_path, elf()), tmp_path / "tools").uv_image(PlantingEngine(), AMD64)
