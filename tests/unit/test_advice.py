import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.build.advice import explain

RECORDED: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[1] / "recordings" / "build_failures.json").read_text(encoding="utf-8")
)["failures"]

MESSAGES = {
    "no such OS package": "The base's distribution has no OS package `wgett`.",
    "no such version of an OS package": "The base's distribution has no version `1.2-3` of the OS package `wget`.",
    "a virtual OS package": (
        "The base's distribution offers no package `awk` itself: it was withdrawn, or others provide it."
    ),
    "OS packages that conflict": "The OS packages do not fit together.",
    "apt without a network": "Inside the build, the package index or mirror was not reached.",
    "uv without a network": "Inside the build, the package index or mirror was not reached.",
    "uv behind an unknown proxy": "Inside the build, the certificate of a server is not trusted.",
    "another file than was locked": (
        "The index gave another file for `six==1.17.0` than the one that was confirmed, so it was not installed."
    ),
    "no compiler": "A Python package has to be compiled, but the base has no compiler.",
    "no header files of Python": ("A Python package has to be compiled, but the base has no header files of Python."),
    "a program that the build needs": (
        "A Python package has to be built and needs the program `pg_config`, which the base does not have."
    ),
}


@pytest.mark.parametrize("failure", RECORDED)
def test_each_recorded_failure_is_told_in_plain_words(failure: str) -> None:
    advice = explain(RECORDED[failure])
    assert advice is not None
    assert advice.message == MESSAGES[failure]
    assert advice.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  nosuch (no such package):", "The base's distribution has no OS package `nosuch`."),
        (
            "    breaks: world[wget=1.2-r0]",
            "The base's distribution has no version `1.2-r0` of the OS package `wget`.",
        ),
        ("dpkg: error: write failed: No space left on device", "The Docker daemon ran out of disk space."),
        (
            "x.c:3:10: fatal error: libxml/xpath.h: No such file or directory",
            "A Python package has to be compiled and needs `libxml/xpath.h`, which the base does not have.",
        ),
        (
            "/usr/bin/ld: cannot find -lz: No such file or directory",
            "A Python package has to be compiled and needs the library `z`, which the base does not have.",
        ),
        ("error: command 'gcc' failed: No such file or directory", MESSAGES["no compiler"]),
        (
            "error: can't find Rust compiler",
            "A Python package has to be compiled and needs Rust, which the base does not have.",
        ),
        (
            "E: Failed to fetch http://mirror.example/x.deb  404  Not Found [IP: 192.0.2.1 80]",
            "The mirror of the base's distribution did not give all that was asked for.",
        ),
        ("  cause: HTTP status client error (401 Unauthorized)", "The package index or mirror refused access."),
        ("Killed", "The build was ended by the system, most likely for lack of memory."),
        (
            "E: Sub-process /usr/bin/dpkg returned an error code (1)",
            "An OS package could not set itself up in the image.",
        ),
        ("error: Failed to build `x==1`", "The Python package `x==1` could not be built from source."),
    ],
)
def test_other_decisive_lines_are_known(line: str, message: str) -> None:
    advice = explain(("before", line, "after"))
    assert advice is not None
    assert advice.message == message


def test_the_cause_is_told_rather_than_its_consequence() -> None:
    advice = explain(("error: Failed to build `x==1`", "fatal error: Python.h: No such file or directory"))
    assert advice is not None
    assert "header files" in advice.message


@pytest.mark.parametrize("details", [(), ("Reading package lists...",), ("something else went wrong",)])
def test_what_is_not_known_is_left_to_the_log(details: tuple[str, ...]) -> None:
    assert explain(details) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Z"]), min_size=1, max_size=400))
def test_a_name_out_of_a_log_cannot_leave_its_quotation(name: str) -> None:
    advice = explain((f"E: Unable to locate package {name}",))
    if advice is not None:
        assert advice.message.count("`") == 2
        assert advice.message.isprintable()
        assert len(advice.message) < 150
