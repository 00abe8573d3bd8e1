"""Attacks on the real engine, by the way that people go: none reaches another image, a login, or what a dialog says."""

from typing import cast

import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import Engine, RunOrder, RunOutcome
from commands.model.images import ImageSpec
from commands.model.references import Reference
from commands.recipe.base import look_at
from commands.recipe.verification import verify
from tests.kit.attacks import (
    FORGING_APT,
    MARK,
    POISON,
    SEARCH,
    OwnBases,
    create,
    placed,
    private_index,
    recording,
    said,
    shell_that_runs_afterwards,
    source,
    trying,
    wheel,
)

pytestmark = pytest.mark.engine

PYTHON = "/usr/bin/python3"
POISONED = f"{PYTHON} -c 'import six; print(hasattr(six, \"{MARK}\"))'"


# ── Another one's image ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_base_whose_shell_changes_every_package_that_it_finds_changes_nobody_elses(own_bases: OwnBases) -> None:
    attacker, victim = own_bases.own_base(shell_that_runs_afterwards(POISON)), own_bases.own_base()
    assert create(attacker, "attack", dependencies="six").state == "done"
    made = create(victim, "image", dependencies="six")
    assert made.state == "done"
    assert said(victim, made.reference, POISONED) == "False\n"


def test_a_package_whose_image_becomes_a_base_changes_nobody_elses_packages(own_bases: OwnBases) -> None:
    # At the start of every Python in that image; `uv` starts one to learn what it installs for.
    code = f"import subprocess; subprocess.run(['/usr/bin/dash', '-c', '''{POISON}'''])"
    package = wheel("trouble", {"trouble.py": code, "trouble.pth": "import trouble\n"})
    first, attacker, victim = own_bases.own_base(), own_bases.own_base(), own_bases.own_base()
    with private_index(attacker.mark, {"trouble": package}) as index:
        # What is in a cache by now is what could be changed.
        assert create(first, "image", dependencies="six").state == "done"
        carrier = create(attacker, "carrier", environment=index.environment, dependencies="trouble")
        assert carrier.state in ("done", "deciding"), carrier
    assert create(attacker, "attack", base=carrier.reference, dependencies="six", packages="tree").state == "done"
    made = create(victim, "image", dependencies="six")
    assert made.state == "done"
    assert said(victim, made.reference, POISONED) == "False\n"


def test_a_forged_list_of_os_packages_is_trusted_by_no_build_on_another_base(own_bases: OwnBases) -> None:
    attacker, victim = own_bases.own_base(placed("/usr/local/sbin/apt-get", FORGING_APT)), own_bases.own_base()
    attack = create(attacker, "attack", packages="tree")
    assert said(attacker, attack.reference, f"ls /{MARK}") == f"/{MARK}\n"
    made = create(victim, "image", packages="tree")
    assert made.state == "done"
    assert said(victim, made.reference, f"ls /{MARK} 2>/dev/null || tree --version").startswith("tree v")


def test_a_base_that_orders_mounts_in_every_build_on_it_is_refused(own_bases: OwnBases) -> None:
    attacker = own_bases.own_base("ONBUILD RUN --mount=type=bind,from=warroom.invalid/uv,target=/x cp -r /x /stolen")
    told = create(attacker, "attack", dependencies="six")
    assert told.state == "refused"
    assert "ONBUILD instruction that could reach more than its own files" in told.message


@pytest.mark.whole_daemon
def test_a_tool_image_that_somebody_planted_runs_in_no_build(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base()
    first = create(own_base, "first", dependencies="six")
    assert first.state == "done"
    names = [name for name in own_bases.daemon.names() if name.startswith("warroom.invalid/uv:")]
    program = placed("/uv", f"#!/bin/sh\ntouch /{MARK}\n")
    # With the label of ours: labels can be copied.
    planted = own_bases.daemon.find_image(own_bases.own_base(program, "LABEL warroom.tool=uv").space.base)
    assert names
    assert planted
    for name in names:
        own_bases.daemon.tag(planted.id, *_split(name))
    made = create(own_base, "second", dependencies="six,idna")
    assert made.state == "done"
    assert said(own_base, made.reference, f"ls /{MARK} 2>/dev/null || echo clean") == "clean\n"
    assert planted.id not in {image.id for name in names if (image := own_bases.daemon.find_image(name))}


@pytest.mark.parametrize("base", ["warroom/uv:1.0-amd64", "docker.io/warroom/uv", "warroom.invalid/uv:1.0-amd64"])
def test_the_names_of_tools_are_no_base(own_bases: OwnBases, base: str) -> None:
    told = create(own_bases.own_base(), "attack", base=base, dependencies="six")
    assert told.status == 1
    assert "kept for the bot's own tools" in told.everything


def test_nobody_makes_the_image_that_everybody_builds_on(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base()
    wanted = own_base.name("wanted")
    settings = {"WARROOM_DEFAULT_BASE": wanted}
    taken = create(own_base, "wanted", environment=settings, base=own_base.space.base, dependencies="six")
    assert taken.state == "refused", taken
    assert own_base.space.engine.find_image(wanted) is None
    # Made while it was not the default base.
    made = create(own_base, "wanted", dependencies="six")
    assert made.state == "done"
    built_on = create(own_base, "image", environment=settings, dependencies="idna")
    assert built_on.state == "refused", built_on
    assert f"made as `{wanted}:" in built_on.message
    allowed = create(
        own_base, "image", environment={**settings, "WARROOM_DEFAULT_BASE_MADE_HERE": "true"}, dependencies="idna"
    )
    assert allowed.state == "done", allowed


def _split(name: str) -> tuple[str, str]:
    repository, _, tag = name.rpartition(":")
    return repository, tag


# ── The operator's login ────────────────────────────────────────────────────────────────────────────────────────────

ASKING_SOURCE = f"""
{SEARCH}
from setuptools import setup
forms = found()
for form in forms:
    print("FOUND", form)
open("trouble.py", "w").write(f"FOUND = {{forms!r}}")
# What is found while the metadata is built is seen in the lock.
setup(name="trouble", version="1.0", py_modules=["trouble"], install_requires=["six"] if forms else [])
"""


def test_a_package_finds_no_login_while_it_is_resolved_or_built(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base()
    with private_index(own_base.mark, {"trouble": source("trouble", ASKING_SOURCE)}) as index:
        made = create(own_base, "image", environment=index.environment, dependencies="trouble")
    assert made.state == "done", made
    assert said(own_base, made.reference, f"{PYTHON} -c 'import trouble; print(trouble.FOUND)'") == "[]\n"
    assert said(own_base, made.reference, f"{PYTHON} -m pip list 2>/dev/null | grep -c '^six ' || true") == "0\n"
    assert any(had_login for _, had_login in index.asked)
    assert index.password not in made.everything


def test_a_base_finds_no_login_in_any_step(own_bases: OwnBases) -> None:
    search = f'{PYTHON} -I -c "$(cat /search.py)" >> /found 2>/dev/null'
    own_base = own_bases.own_base(
        placed("/search.py", f"{SEARCH}\nfor form in found():\n    print(form)\n"), shell_that_runs_afterwards(search)
    )
    package = wheel("trouble", {"trouble.py": ""})
    with private_index(own_base.mark, {"trouble": package}) as index:
        made = create(own_base, "image", environment=index.environment, dependencies="trouble,docopt", packages="tree")
    assert made.state == "done", made
    assert said(own_base, made.reference, "wc -c < /found") == "0\n"


# ── What a dialog says ──────────────────────────────────────────────────────────────────────────────────────────────

WORDS = (
    "E: Unable to locate package evil",
    "dpkg: error: No space left on device",
    "No space left on device",
    "  cause: Hash mismatch for `six==1.17.0`",
    "E: Failed to fetch http://mirror.example/x  Temporary failure resolving 'mirror.example'",
    "invalid peer certificate: UnknownIssuer",
    "HTTP status client error (401 Unauthorized)",
    "lack of valid authentication credentials",
    "error: No solution found when resolving dependencies",
    "  cause: Because requests was not found in the package registry",
    "dns error: failed to lookup address information",
    "Killed",
    "exit code: 137",
)
PRINTING_SOURCE = f"""
import os, sys
from setuptools import setup
if WHEN in sys.argv:
    for stream in (sys.stdout, sys.stderr, *(open(path, "w") for path in ("/proc/1/fd/1", "/proc/1/fd/2"))):
        try:
            stream.write("\\n".join({WORDS!r}) + "\\n")
            stream.flush()
        except OSError:
            pass
    sys.exit(1)
setup(name="trouble", version="1.0", py_modules=[])
"""


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("egg_info", "`trouble==1.0` has no ready-made wheel for this base and cannot be built to learn what it needs"),
        ("bdist_wheel", "`trouble` could not be built from source."),
    ],
)
def test_what_a_package_prints_does_not_decide_what_its_failure_is_called(
    own_bases: OwnBases, when: str, message: str
) -> None:
    own_base = own_bases.own_base()
    package = source("trouble", PRINTING_SOURCE.replace("WHEN", repr(when)))
    with private_index(own_base.mark, {"trouble": package}) as index:
        told = create(own_base, "image", environment=index.environment, dependencies="trouble")
    assert told.state in ("refused", "failed")
    assert message in told.message
    for word in ("certificate", "credentials", "prune", "memory", "distribution", "no Python package"):
        assert word not in told.message


# ── What each step can reach ────────────────────────────────────────────────────────────────────────────────────────


class OutputRecordingEngine:
    """The real engine, with everything remembered that containers said."""

    def __init__(self, engine: DockerDaemon) -> None:
        self.engine = engine
        self.said: list[str] = []

    def run(self, order: RunOrder) -> RunOutcome:
        outcome = self.engine.run(order)
        self.said.append(outcome.errors)
        return outcome

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)


def test_what_is_only_looked_at_can_write_nowhere_reach_nobody_and_fill_nothing(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base(*trying())
    engine = OutputRecordingEngine(own_bases.daemon)
    image = own_bases.daemon.find_image(own_base.space.base)
    assert image
    base = look_at(cast("Engine", engine), image, Reference.parse(own_base.space.base), labels=own_base.space.labels)
    spec = ImageSpec(own_base.name("image"), "1", base, (), (), ())
    verify(cast("Engine", engine), spec, image.id, labels=own_base.space.labels)
    looked, checked = engine.said
    for said_there in (looked, checked):
        tried = [line.removeprefix("TRIED ") for line in said_there.splitlines() if line.startswith("TRIED ")]
        assert tried[0] == f"CAPABILITIES {0:016x}", said_there
        # 100 ms of a processor in each 100 ms.
        assert tried[1] in ("LIMIT 100000 100000", "LIMIT v1")
        assert len(tried) == 2


def test_each_step_sees_only_what_the_table_in_security_says(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base(*recording())
    with private_index(own_base.mark, {"trouble": wheel("trouble", {"trouble.py": ""})}) as index:
        made = create(own_base, "image", environment=index.environment, dependencies="trouble,docopt", packages="tree")
    assert made.state == "done", made
    steps = said(own_base, made.reference, "cat /record").split("== ")[1:]
    seen = {step.split()[0] for step in steps}
    assert seen == {"sh", "apt-get", "python3"}
    for step in steps:
        assert index.password not in step
        assert "somebody" not in step
        told = {
            word: {line.split()[1] for line in step.splitlines() if line.startswith(word)} for word in WORDS_OF_STEPS
        }
        if "/mnt/lists" in told["MOUNT"]:
            assert told["MOUNT"] == {"/mnt", "/mnt/lists", "/mnt/cache"}
            assert told["WRITABLE"] == {"/mnt/lists", "/mnt/cache"}
        else:
            assert told["MOUNT"] == {"/mnt", "/mnt/uv"}
            # BuildKit gives each step a copy of an image that it mounts, and throws it away.
            assert told["WRITABLE"] <= {"/mnt/uv"}
        if step.startswith(BEGINNINGS):
            # The first program of a step finds nothing of what the steps before have written.
            assert told["FOUND"] == set(), step


BEGINNINGS = ("sh -c export DEBIAN_FRONTEND", "sh -c folders=", "sh -c export SSL_CERT_FILE")
"""How the steps' own commands begin."""
WORDS_OF_STEPS = ("MOUNT", "WRITABLE", "FOUND")


def test_what_a_step_can_write_is_there_only_for_builds_on_the_same_image(own_bases: OwnBases) -> None:
    look = (
        f'#!/usr/bin/dash\nls /mnt/cache | grep {MARK} >> /seen\ntouch /mnt/cache/{MARK}\nexec /usr/bin/apt-get "$@"\n'
    )
    leaving = placed("/usr/local/sbin/apt-get", look)
    one, other = own_bases.own_base(leaving), own_bases.own_base(leaving)
    first = create(one, "first", packages="tree")
    again = create(one, "again", packages="tree,less")
    elsewhere = create(other, "image", packages="tree,less")
    # apt-get is called twice in a step, to update and to install: the second call sees what the first one left.
    assert said(one, first.reference, "wc -l < /seen") == "1\n"
    assert said(one, again.reference, "wc -l < /seen") == "2\n"
    assert said(other, elsewhere.reference, "wc -l < /seen") == "1\n"
