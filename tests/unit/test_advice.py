import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.model.packages import LockedPackage, OsPackage, PackageFile
from commands.recipe.advice import Advice, explain
from commands.recipe.steps import StepKind, kinds_of, triggers_of
from tests.kit.build_specs import a_base, a_spec

RECORDED: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[1] / "recordings" / "build_failures.json").read_text(encoding="utf-8")
)["failures"]
NOT_BUILT = "`trouble` could not be built from source."

UNREACHED = "Inside the build, the package mirror was not reached."
REFUSED = "The package mirror refused access."
NOT_GIVEN = "The mirror of the base's distribution did not give all that was asked for."
UNTRUSTED = "What the package mirror gave is not signed by a key that the base trusts."
ANOTHER_FILE = "The mirror gave a file that is not the one that its own list names."

TOLD = {
    "apk without a network": (StepKind.OS_PACKAGES, UNREACHED),
    "apk without one of two lists": (StepKind.OS_PACKAGES, NOT_GIVEN),
    "no such package of Alpine": (StepKind.OS_PACKAGES, "The base's distribution has no OS package `helloo`."),
    "a package of Alpine that lacks another": (
        StepKind.OS_PACKAGES,
        "The OS package `hello` needs `no-such`, which the base's distribution does not have.",
    ),
    "no such OS package": (StepKind.OS_PACKAGES, "The base's distribution has no OS package `wgett`."),
    "no such version of an OS package": (
        StepKind.OS_PACKAGES,
        "The base's distribution has no version `1.2-3` of the OS package `wget`.",
    ),
    "a virtual OS package": (
        StepKind.OS_PACKAGES,
        "The base's distribution offers no package `awk` itself: it was withdrawn, or others provide it.",
    ),
    "OS packages that conflict": (StepKind.OS_PACKAGES, "The OS packages do not fit together."),
    "apt without a network": (StepKind.OS_PACKAGES, "Inside the build, the package mirror was not reached."),
    "another file than was locked": (
        StepKind.WHEELS,
        "The file of `six==1.17.0` that reached the build is not the one that was confirmed, so it was not installed.",
    ),
    "no compiler": (StepKind.SOURCES, NOT_BUILT),
    "no header files of Python": (StepKind.SOURCES, NOT_BUILT),
    "a program that the build needs": (StepKind.SOURCES, NOT_BUILT),
}


def told(details: tuple[str, ...] | list[str], kind: StepKind) -> Advice | None:
    return explain(details, kind, sources=("trouble",) if kind is StepKind.SOURCES else ())


@pytest.mark.parametrize("failure", RECORDED)
def test_each_recorded_failure_is_told_in_plain_words(failure: str) -> None:
    kind, message = TOLD[failure]
    advice = told(RECORDED[failure], kind)
    assert advice is not None
    assert advice.message == message
    assert advice.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  nosuch (no such package):", "The base's distribution has no OS package `nosuch`."),
        (
            "    breaks: world[wget=1.2-r0]",
            "The base's distribution has no version `1.2-r0` of the OS package `wget`.",
        ),
        (
            "dpkg: error processing archive x.deb (--unpack): write failed: No space left on device",
            "The Docker daemon has no space left on its disk.",
        ),
        (
            "E: You don't have enough free space in /var/cache/apt/archives/.",
            "The Docker daemon has no space left on its disk.",
        ),
        (
            "E: Failed to fetch http://mirror.example/x.deb  404  Not Found [IP: 192.0.2.1 80]",
            "The mirror of the base's distribution did not give all that was asked for.",
        ),
        (
            "E: Failed to fetch http://mirror.example/x.deb  403  Forbidden [IP: 192.0.2.1 80]",
            "The package mirror refused access.",
        ),
        (
            "WARNING: fetching https://mirror.example/main: temporary error (try again later)",
            "Inside the build, the package mirror was not reached.",
        ),
        ("WARNING: updating and opening http://a.test/x86_64/APKINDEX.tar.gz: Connection refused", UNREACHED),
        ("WARNING: updating and opening http://a.test/x86_64/APKINDEX.tar.gz: DNS: name does not exist", UNREACHED),
        ("WARNING: updating and opening http://a.test/APKINDEX.tar.gz: Network unreachable", UNREACHED),
        ("ERROR: http://a.test/main: could not connect to server (check repositories file)", UNREACHED),
        ("ERROR: hello-1.0-r0: network connection aborted", UNREACHED),
        ("WARNING: updating and opening http://a.test/APKINDEX.tar.gz: HTTP 403: Forbidden", REFUSED),
        ("WARNING: updating and opening http://a.test/APKINDEX.tar.gz: HTTP 404: Not Found", NOT_GIVEN),
        ("WARNING: updating and opening http://a.test/APKINDEX.tar.gz: file format is invalid", NOT_GIVEN),
        ("WARNING: Ignoring http://a.test/APKINDEX.tar.gz: No such file or directory", NOT_GIVEN),
        ("ERROR: hello-1.0-r0: HTTP 503: Service Unavailable", NOT_GIVEN),
        ("ERROR: hello-1.0-r0: package mentioned in index not found (try 'apk update')", NOT_GIVEN),
        ("WARNING: updating and opening http://a.test/APKINDEX.tar.gz: UNTRUSTED signature", UNTRUSTED),
        ("E: The repository 'http://mirror.example bookworm InRelease' is not signed.", UNTRUSTED),
        ("ERROR: hello-1.0-r0: unexpected end of file", ANOTHER_FILE),
        ("ERROR: hello-1.0-r0: ADB integrity error", ANOTHER_FILE),
        ("ERROR: hello-1.0-r0: BAD signature", ANOTHER_FILE),
        ("    breaks: bye-1-r0[!hello]", "The OS packages do not fit together."),
        (
            "ERROR: bye-1-r0: trying to overwrite usr/bin/hello owned by hello-1.0-r0.",
            "The OS packages do not fit together.",
        ),
        (
            "ERROR: lib/apk/exec/hello-1.0-r0.post-install: exited with error 3",
            "An OS package could not set itself up in the image.",
        ),
        (
            "ERROR: busybox-1.36.1-r2.trigger: script exited with error 1",
            "An OS package could not set itself up in the image.",
        ),
        (
            "    required by: py3-x-1.0_rc1-r0[so:libx.so.1]",
            "The OS package `py3-x` needs `so:libx.so.1`, which the base's distribution does not have.",
        ),
        ("   Hash Sum mismatch", "The mirror gave a file that is not the one that its own list names."),
        ("Killed", "The build was ended by the system, most likely for lack of memory."),
        (
            "E: Sub-process /usr/bin/dpkg returned an error code (1)",
            "An OS package could not set itself up in the image.",
        ),
    ],
)
def test_other_decisive_lines_of_the_distributions_installer_are_known(line: str, message: str) -> None:
    advice = explain(("before", line, "after"), StepKind.OS_PACKAGES)
    assert advice is not None
    assert advice.message == message


def test_a_mirror_that_fails_is_the_cause_of_a_package_that_apk_does_not_know() -> None:
    unreached = "WARNING: updating and opening http://a.test/x86_64/APKINDEX.tar.gz: Connection refused"
    lines = (unreached, "ERROR: unable to select packages:", "  hello (no such package):")
    advice = explain(lines, StepKind.OS_PACKAGES)
    assert advice is not None
    assert advice.message == UNREACHED


def test_what_a_script_of_an_alpine_package_prints_is_not_taken_for_the_installers_words() -> None:
    lines = ("  * cat: write error: No space left on device", "  * Connection refused")
    assert explain(lines, StepKind.OS_PACKAGES) is None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("x.c:3:10: fatal error: Python.h: No such file or directory", "the header files of Python are missing"),
        ("x.c:3:10: fatal error: libxml/xpath.h: No such file or directory", "`libxml/xpath.h` is missing"),
        ("/usr/bin/ld: cannot find -lz: No such file or directory", "the library `z` is missing"),
        ("error: command 'gcc' failed: No such file or directory", "there is no compiler"),
        ("error: can't find Rust compiler", "Rust is missing"),
        ("Error: pg_config executable not found.", "the program `pg_config` is missing"),
        ("OSError: [Errno 28] No space left on device", "no disk space is left"),
    ],
)
def test_what_a_package_prints_adds_a_hint_that_says_whose_words_it_is(line: str, hint: str) -> None:
    advice = told(("error: Failed to build `trouble==1`", line, "after"), StepKind.SOURCES)
    assert advice is not None
    assert advice.message == NOT_BUILT
    assert advice.hint.startswith(f"The package's build says that {hint}. ")


EVERY_SIGN = (
    *tuple(line for lines in RECORDED.values() for line in lines),
    "E: Unable to locate package evil",
    "E: Failed to fetch http://mirror.example/x  Temporary failure resolving 'mirror.example'",
    "dpkg: error: No space left on device",
    "  cause: Hash mismatch for `six==1.17.0`",
    "invalid peer certificate: UnknownIssuer",
    "HTTP status client error (401 Unauthorized)",
    "Killed",
    "exit code: 137",
    "MemoryError",
)
"""The words of verdicts, as a package may print them."""


@pytest.mark.parametrize("line", EVERY_SIGN)
def test_no_words_of_a_package_make_another_verdict_than_that_it_was_not_built(line: str) -> None:
    advice = told((line,), StepKind.SOURCES)
    assert advice is not None
    assert advice.message == NOT_BUILT
    infrastructure = r"index|mirror|certificate|credentials|confirmed|memory|prune|CA bundle|distribution"
    assert not re.search(infrastructure, advice.hint)


@pytest.mark.parametrize("line", EVERY_SIGN)
def test_a_line_counts_only_in_the_step_whose_installer_prints_it(line: str) -> None:
    assert explain((line,), StepKind.BASE) is None
    # A maintainer's script prints what it likes, too; but not as if apt-get or dpkg had said it.
    assert explain((f"script: {line.strip()}",), StepKind.OS_PACKAGES) in (
        None,
        explain((line,), StepKind.WHEELS),  # memory is told alike
    )


@pytest.mark.parametrize("kind", [StepKind.OS_PACKAGES, StepKind.WHEELS])
@pytest.mark.parametrize("details", [(), ("Reading package lists...",), ("something else went wrong",)])
def test_what_is_not_known_is_left_to_the_log(details: tuple[str, ...], kind: StepKind) -> None:
    assert explain(details, kind) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Z"]), min_size=1, max_size=400))
def test_a_name_out_of_a_log_cannot_leave_its_quotation(name: str) -> None:
    advice = explain((f"E: Unable to locate package {name}",), StepKind.OS_PACKAGES)
    if advice is not None:
        assert advice.message.count("`") == 2
        assert advice.message.isprintable()
        assert len(advice.message) < 150


def test_the_kinds_of_steps_are_those_of_the_dockerfile() -> None:
    wheel = PackageFile("a-1-py3-none-any.whl", "https://index.example/a.whl", "1" * 64)
    source = PackageFile("b-1.tar.gz", "https://index.example/b.tar.gz", "2" * 64)
    locked = (LockedPackage("a", "1", wheel, requested=True), LockedPackage("b", "1", source, requested=True))
    base, trigger, os, wheels, sources = StepKind
    assert kinds_of(a_spec(locked=locked, os_packages=(OsPackage("wget"),))) == (base, os, wheels, sources)
    assert kinds_of(a_spec(locked=locked[:1], os_packages=())) == (base, wheels)
    assert kinds_of(a_spec(locked=locked[1:], os_packages=())) == (base, sources)
    assert kinds_of(a_spec(locked=(), os_packages=())) == (base,)
    ordering = replace(a_base(), on_build=("ENV A=1", "RUN true", "WORKDIR /", "copy a /b"))
    assert kinds_of(a_spec(base=ordering, locked=locked[:1], os_packages=())) == (base, trigger, trigger, wheels)


@pytest.mark.parametrize(
    ("trigger", "is_step"),
    [
        ("RUN true", True),
        (" run\ttrue", True),
        ("COPY a /b", True),
        ("WORKDIR /srv", True),
        ("WORKDIR /srv/../", False),
        ("WORKDIR /", False),
        ("ENV A=1", False),
        ('SHELL ["/bin/sh", "-c"]', False),
        ("HEALTHCHECK CMD RUN", False),
    ],
)
def test_a_trigger_is_a_step_where_buildkit_counts_it(trigger: str, is_step: bool) -> None:
    assert triggers_of(replace(a_base(), on_build=(trigger,))) == ((trigger,) if is_step else ())


def test_a_failed_trigger_is_the_bases_whatever_it_prints() -> None:
    advice = explain(
        ("E: Unable to locate package wgett",), StepKind.TRIGGER, trigger="RUN  echo `x`\u202e " + 80 * "y"
    )

    assert advice
    assert advice.message == f"A trigger of the base failed: `RUN echo x {69 * 'y'}`."
    assert "ONBUILD" in advice.hint
    assert "Choose another base" in advice.hint


def test_a_python_that_prints_when_it_starts_is_named_as_the_reason() -> None:
    line = (
        "  cause: Querying Python at `/usr/bin/python3` returned an invalid response: expected value at line 1 column 1"
    )
    advice = explain([line], StepKind.WHEELS)
    assert advice is not None
    assert advice.message.startswith("The base's Python prints text")
    assert ".pth" in advice.hint
