import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.engine.interface import RunOrder, RunOutcome
from commands.errors import UnusableBase
from commands.inside import source
from commands.model.images import BaseImage, Digest, LocalImage, PackageManager, Platform, PythonRuntime
from commands.model.references import Reference
from commands.recipe.base import digest_of, look_at
from tests.fakes.engine import FakeEngine
from tests.kit.printing_python import PRINTS, printing_python

WORD = "0123456789abcdef"
REFERENCE = Reference("team/python", "3")
DIGEST = Digest("sha256:" + "d" * 64)
SEEN = {
    "python": "3.11.2",
    "implementation": "CPython",
    "executable": "/usr/bin/python3",
    "libc": "glibc",
    "libc_version": "2.36",
    "installers": ["apt-get"],
}


def looked_at(outcome: RunOutcome, image: LocalImage | None = None, reference: Reference = REFERENCE) -> BaseImage:
    engine = FakeEngine(run_script=lambda _: outcome)
    known = engine.add_image("team/python:3")
    asked = known if image is None else replace(image, id=known.id)
    return look_at(engine, asked, reference, labels={"warroom.job": "j"}, seconds=7, word=lambda: WORD)


def told(*lines: str, exit_code: int | None = 0) -> RunOutcome:
    return RunOutcome(exit_code, "".join(f"{line}\n" for line in lines), "some\nerror\n")


def answer(**changes: Any) -> RunOutcome:
    return told("a greeting", "", f"{WORD} {json.dumps(SEEN | changes)}")


def an_image(**changes: Any) -> LocalImage:
    image = replace(FakeEngine().add_image("team/python:3", user="demisto", repo_digests=(f"team/python@{DIGEST}",)))
    return replace(image, **changes)


def test_a_base_is_what_its_python_and_the_daemon_say() -> None:
    image = an_image()
    base = looked_at(answer(), image)
    assert base == BaseImage(
        reference=REFERENCE,
        image_id=base.image_id,
        digest=DIGEST,
        python=PythonRuntime("3.11.2", "/usr/bin/python3", "glibc", "2.36"),
        package_manager=PackageManager.APT,
        user="demisto",
        platform=Platform("linux", "amd64"),
        layers=image.layers,
    )


def test_an_alpine_base_has_musl_and_apk() -> None:
    base = looked_at(answer(libc="musl", libc_version="1.2.4", installers=["apk"]))
    assert (base.python.libc, base.python.libc_version, base.package_manager) == ("musl", "1.2.4", PackageManager.APK)


def test_a_base_may_have_no_installer_for_os_packages() -> None:
    assert looked_at(answer(installers=[])).package_manager is None


def test_the_look_has_no_network_and_no_way_to_hang_and_is_marked() -> None:
    engine = FakeEngine(run_script=lambda _: answer())
    look_at(engine, engine.add_image("x"), REFERENCE, labels={"warroom.job": "j"}, seconds=7, word=lambda: WORD)
    (order,) = engine.runs
    assert order.network is None
    assert (order.seconds, order.labels, order.user) == (7, {"warroom.job": "j"}, "0")
    # Nothing is put in: the root file system is read-only, and the program is an argument.
    assert (order.command[3:], order.files, order.scratch) == (("sh", WORD, source("look").decode()), {}, 64 << 20)


def test_every_look_has_another_word() -> None:
    words = []

    def run(order: RunOrder) -> RunOutcome:
        words.append(order.command[4])
        return told(f"{order.command[4]} {json.dumps(SEEN)}")

    engine = FakeEngine(run_script=run)
    for _ in range(2):
        look_at(engine, engine.add_image("x"), REFERENCE, labels={})
    assert len(set(words)) == 2
    assert min(map(len, words)) >= 32


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (told(f"{WORD} end"), "`team/python:3` has no Python: neither `python3` nor `python` is there."),
        (told(f"{WORD} old 2.7", f"{WORD} end"), "`team/python:3` has only Python 2.7; at least 3.8 is needed."),
        (
            RunOutcome(127, "", 'exec: "/bin/sh": no such file or directory'),
            "`team/python:3` cannot run a shell, so nothing can be installed in it.",
        ),
        (
            RunOutcome(126, "", "exec format error"),
            "`team/python:3` cannot run a shell, so nothing can be installed in it.",
        ),
        (
            RunOutcome(None, "", "", timed_out=True),
            "`team/python:3` was started to look at it, but its Python did not answer within 7 s.",
        ),
        (told("nothing of ours"), "`team/python:3` was started to look at it, but its Python gave no answer."),
        (told("x", exit_code=139), "`team/python:3` was started to look at it, but its Python gave no answer."),
        (
            answer(implementation="PyPy"),
            "`team/python:3` has PyPy on glibc, which no packages are made for.",
        ),
        (
            answer(libc="", libc_version=""),
            "`team/python:3` has CPython on an unknown C library, which no packages are made for.",
        ),
    ],
)
def test_a_base_that_nothing_can_be_built_on_is_refused_with_the_reason(outcome: RunOutcome, message: str) -> None:
    with pytest.raises(UnusableBase) as caught:
        looked_at(outcome)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps(SEEN | {"python": "3.11.2\nRUN evil"}),
        json.dumps(SEEN | {"python": 3}),
        json.dumps(SEEN | {"executable": "/usr/bin/python3 -c x"}),
        json.dumps(SEEN | {"executable": "python3"}),
        json.dumps(SEEN | {"executable": "/usr/bin/python3\n"}),
        json.dumps(SEEN | {"executable": "/" + "x" * 300}),
        json.dumps(SEEN | {"libc": "bionic"}),
        json.dumps(SEEN | {"libc_version": "2.36; evil"}),
        json.dumps(SEEN | {"installers": ["x"] * 1000}),
        json.dumps(SEEN | {"more": 1}),
    ],
)
def test_an_answer_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(UnusableBase):
        looked_at(told(f"{WORD} {text}"))


def test_an_answer_under_another_word_is_none() -> None:
    with pytest.raises(UnusableBase):
        looked_at(told(f"{'f' * 16} {json.dumps(SEEN)}"))


@pytest.mark.parametrize(
    "platform", [Platform("windows", "amd64"), Platform("linux", "s390x"), Platform("linux", "386"), Platform("", "")]
)
def test_a_base_for_another_platform_is_not_even_started(platform: Platform) -> None:
    engine = FakeEngine()
    image = replace(engine.add_image("x"), platform=platform)
    with pytest.raises(UnusableBase, match="linux/amd64 and linux/arm64"):
        look_at(engine, image, REFERENCE, labels={})
    assert not engine.runs


@pytest.mark.parametrize("user", ["a b", "root\nRUN evil", "$USER", "-u", "a:b:c"])
def test_a_base_whose_user_is_no_user_is_not_even_started(user: str) -> None:
    engine = FakeEngine()
    with pytest.raises(UnusableBase, match="not a user name or number"):
        look_at(engine, engine.add_image("x", user=user), REFERENCE, labels={})
    assert not engine.runs


@pytest.mark.parametrize(
    ("digests", "repository", "found"),
    [
        ((f"team/python@{DIGEST}",), "team/python", DIGEST),
        ((f"team/python@{DIGEST}",), "docker.io/team/python", DIGEST),
        ((f"python@{DIGEST}",), "docker.io/library/python", DIGEST),
        ((f"other/python@sha256:{'e' * 64}", f"team/python@{DIGEST}"), "team/python", DIGEST),
        ((f"registry.example:5000/x@{DIGEST}",), "registry.example:5000/x", DIGEST),
        ((f"other/python@{DIGEST}",), "team/python", None),
        ((f"team/python@{DIGEST}",), "docker.io/library/team/python", None),
        ((f"library/team/python@{DIGEST}",), "docker.io/library/team/python", DIGEST),
        ((f"python@{DIGEST}",), "index.docker.io/python", DIGEST),
        ((f"localhost/library/python@{DIGEST}",), "localhost/python", None),
        ((f"library:5000/python@{DIGEST}",), "library:5000/python", DIGEST),
        ((), "team/python", None),
        (("<none>@<none>", "team/python", "team/python@sha256:short"), "team/python", None),
    ],
)
def test_the_digest_is_that_of_the_repository_that_was_asked_for(
    digests: tuple[str, ...], repository: str, found: Digest | None
) -> None:
    assert digest_of(an_image(repo_digests=digests), Reference(repository)) == found


def test_the_program_answers_under_the_word_on_this_very_python() -> None:
    called = subprocess.run([sys.executable, "-I", "-c", source("look"), WORD], capture_output=True, check=True)
    line = called.stdout.decode().strip().removeprefix(f"{WORD} ")
    seen = json.loads(line)
    assert seen["python"] == "{}.{}.{}".format(*sys.version_info[:3])
    assert seen["executable"] == sys.executable


def look_here(order: RunOrder, path: Path) -> RunOutcome:
    """Run the command of the look on this machine, with the programs of one folder."""
    called = subprocess.run(order.command, env={"PATH": str(path)}, capture_output=True, check=False)
    output, errors = (text[-1_000_000:].decode(errors="replace") for text in (called.stdout, called.stderr))
    return RunOutcome(called.returncode, output, errors)


def look_with(path: Path) -> BaseImage:
    engine = FakeEngine(run_script=lambda order: look_here(order, path))
    return look_at(engine, engine.add_image("team/python:3"), REFERENCE, labels={}, word=lambda: WORD)


@pytest.mark.parametrize("line", PRINTS.values(), ids=PRINTS)
def test_a_base_is_known_however_its_python_prints(tmp_path: Path, line: str) -> None:
    python = printing_python(tmp_path / "image", line)

    assert look_with(python.parent).python.version == "{}.{}.{}".format(*sys.version_info[:3])


@pytest.mark.parametrize("line", PRINTS.values(), ids=PRINTS)
def test_an_old_python_is_named_however_it_prints(tmp_path: Path, line: str) -> None:
    python = printing_python(tmp_path / "image", line)
    folder = tmp_path / "bin"
    folder.mkdir()
    # Old: the comparison of its version fails.
    old = f'#!/bin/sh\ncase "$2" in *sys.exit*) "{python}" -c ""; exit 1;; esac\nexec "{python}" "$@"\n'
    (folder / "python3").write_text(old)
    (folder / "python3").chmod(0o755)

    with pytest.raises(UnusableBase, match=rf"has only Python {sys.version_info[0]}\.{sys.version_info[1]};"):
        look_with(folder)


# What an image may order for every build on it.


@pytest.mark.parametrize(
    "trigger",
    [
        "ENV A=1",
        "LABEL a=b",
        "USER app",
        "WORKDIR /srv",
        "EXPOSE 80",
        "VOLUME /data",
        "STOPSIGNAL SIGTERM",
        'CMD ["x"]',
        'ENTRYPOINT ["x"]',
        "HEALTHCHECK --interval=5s CMD true",
        "RUN true",
        "run  echo --mount=type=cache",
        "COPY . /srv",
        'SHELL ["/bin/sh", "-c"]',
    ],
)
def test_a_base_may_order_what_stays_within_its_own_build(trigger: str) -> None:
    engine = FakeEngine(run_script=lambda _: answer())
    image = replace(engine.add_image("x"), on_build=(trigger,))
    base = look_at(engine, image, REFERENCE, labels={}, word=lambda: WORD)
    assert (base.python.version, base.on_build) == ("3.11.2", (trigger,))


@pytest.mark.parametrize(
    "trigger",
    [
        "RUN --mount=type=cache,id=warroom-2-apt-lists-x,target=/x cp /evil /x",
        "RUN  --mount=type=bind,from=other,target=/x true",
        "RUN\t--network=host true",
        "run --security=insecure true",
        # The builder joins such lines.
        "RUN \\\n --mount=type=cache,target=/x true",
        "RUN \u00a0--mount=type=cache,target=/x true",
        "ENV A=1\nRUN --mount=type=cache,target=/x true",
        "# escape=`\nRUN `\n --mount=type=cache,target=/x true",
        "COPY --from=other /a /b",
        "ADD http://127.0.0.1/x /x",
        "ADD x /x",
        "FROM other",
        "ARG X",
        "ONBUILD RUN true",
        "MAINTAINER me",
        "",
        "SOMETHING new",
    ],
)
def test_a_base_that_orders_more_is_refused_before_anything_of_it_runs(trigger: str) -> None:
    engine = FakeEngine(run_script=lambda _: answer())
    image = replace(engine.add_image("x"), on_build=("ENV A=1", trigger))
    with pytest.raises(UnusableBase, match="ONBUILD") as caught:
        look_at(engine, image, REFERENCE, labels={}, word=lambda: WORD)
    assert engine.runs == []
    assert all(line.isprintable() and len(line) <= 200 for line in caught.value.details)
