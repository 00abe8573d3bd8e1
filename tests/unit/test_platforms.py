"""Which wheels run on a base; `test_uv_resolver` holds how uv is told."""

import platform
import re
import sys

import pytest
from packaging import tags

from commands.errors import UnusableBase
from commands.model.images import Platform, PythonRuntime
from commands.packages.platforms import Fitting, wheel_tags

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def names(platform: Platform, libc: str, libc_version: str, python: str = "3.11.2") -> list[str]:
    return [str(tag) for tag in wheel_tags(platform, PythonRuntime(python, "/usr/bin/python3", libc, libc_version))]


def test_for_this_very_machine_they_are_those_of_packaging_in_the_same_order() -> None:
    libc, libc_version = platform.libc_ver()
    here = {"x86_64": AMD64, "aarch64": ARM64}[platform.machine()]
    version = "{}.{}.{}".format(*sys.version_info[:3])
    ours = names(here, libc, libc_version, version)
    theirs = [str(tag) for tag in tags.sys_tags()]
    # uv, other than packaging, puts wheels last of which nobody says what C library they need.
    assert [tag for tag in ours if tag in theirs and "-linux_" not in tag] == [
        tag for tag in theirs if "-linux_" not in tag
    ]
    assert set(theirs) <= set(ours)
    # Packaging leaves out C libraries that are older than the first manylinux.
    assert all(re.search(r"manylinux_2_([0-9]|1[0-6])_", tag) or tag in theirs for tag in ours)


@pytest.mark.parametrize(
    ("libc", "version", "runs", "runs_not"),
    [
        ("glibc", "2.36", ["manylinux_2_36", "manylinux_2_17", "manylinux2014", "linux"], ["manylinux_2_37"]),
        ("glibc", "2.17", ["manylinux_2_17", "manylinux2014", "manylinux1"], ["manylinux_2_28", "musllinux_1_2"]),
        ("glibc", "2.36-9+deb12u10", ["manylinux_2_36"], ["manylinux_2_37"]),
        ("musl", "1.2.5", ["musllinux_1_2", "musllinux_1_1", "linux"], ["musllinux_1_6", "manylinux2014"]),
    ],
)
def test_wheels_for_the_same_or_an_older_c_library_run(
    libc: str, version: str, runs: list[str], runs_not: list[str]
) -> None:
    found = names(AMD64, libc, version)
    assert [name for name in runs if f"cp311-cp311-{name}_x86_64" not in found] == []
    assert [name for name in runs_not if f"cp311-cp311-{name}_x86_64" in found] == []


def test_the_newest_comes_first_and_what_runs_everywhere_last() -> None:
    found = names(ARM64, "glibc", "2.36", "3.12.1")
    order = ["cp312-cp312-manylinux_2_36_aarch64", "cp312-abi3-manylinux_2_17_aarch64", "cp38-abi3-linux_aarch64",
             "py3-none-manylinux_2_36_aarch64", "py3-none-any"]  # fmt: skip
    assert [found.index(tag) for tag in order] == sorted(found.index(tag) for tag in order)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("architecture", ["arm", "386", "riscv64", ""])
def test_for_other_machines_there_are_none(architecture: str) -> None:
    with pytest.raises(UnusableBase):
        names(Platform("linux", architecture), "glibc", "2.36")


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("aiohttp-3.9-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("charset_normalizer-3.5-cp37-abi3-manylinux1_x86_64.manylinux_2_5_x86_64.whl", True),
        ("six-1.17.0-py2.py3-none-any.whl", True),
        ("six-1.17.0-1-py2.py3-none-any.whl", True),
        ("docopt-0.6.2.tar.gz", True),
        ("aiohttp-3.9-cp312-cp312-manylinux_2_17_x86_64.whl", False),
        ("aiohttp-3.9-cp311-cp311-manylinux_2_17_aarch64.whl", False),
        ("aiohttp-3.9-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("aiohttp-3.9-cp311-cp311-manylinux_2_38_x86_64.whl", False),
        ("six-2.0-py2-none-any.whl", False),
        ("x.whl", False),
    ],
)
def test_a_files_name_tells_whether_it_may_run(name: str, fits: bool) -> None:
    python = PythonRuntime("3.11.2", "/usr/bin/python3", "glibc", "2.36")
    assert Fitting(wheel_tags(Platform("linux", "amd64"), python))(name) is fits
