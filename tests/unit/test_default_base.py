"""The default base is everybody's: nobody makes it from the chat, and a base that the bot made says so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.doctor.base import base_is_usable
from bot.doctor.report import Good
from commands.actions import Answer
from commands.command import Creation, Finding, Refusal, Severity
from commands.docker_image_create import answer, parse
from commands.errors import UnusableBase
from commands.model.images import Digest
from commands.model.references import Reference
from commands.recipe.labels import CREATED, JOB, REF_NAME, REQUESTER, read_labels
from tests.fakes.host import DEFAULT_BASE, Host
from tests.kit.dependencies import sources_on

OURS = {JOB: "d-1", REF_NAME: "python:1.0.0.5", REQUESTER: "U0MALLORY", CREATED: "2026-11-23T19:50:07+00:00"}


def asked(host: Host, line: str, *, base: str = DEFAULT_BASE, is_there: bool = True, made_here: bool = False) -> Answer:
    if not is_there:
        host.engine._images.clear()
    sources = replace(sources_on(host.engine), default_base=Reference.parse(base), default_base_made_here=made_here)
    return answer(parse(line), sources, lambda _: None)


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("demisto/python3-deb", DEFAULT_BASE),
        ("docker.io/demisto/python3-deb", DEFAULT_BASE),
        ("index.docker.io/demisto/python3-deb", DEFAULT_BASE),
        ("demisto/python3-deb", "docker.io/demisto/python3-deb:latest"),
        ("demisto/python3-deb", "demisto/python3-deb:3.12"),
        ("python", "library/python"),
        ("library/python", "python:3"),
        ("docker.io/library/python", "index.docker.io/python"),
        ("localhost/python3-deb", "localhost/python3-deb:bookworm"),
    ],
)
def test_no_image_gets_the_name_of_the_default_base(name: str, base: str, is_there: bool) -> None:
    said = asked(Host(), f"name={name} base={DEFAULT_BASE} dependencies=mechanize", base=base, is_there=is_there)

    assert isinstance(said, Refusal)
    assert "the name of the default base" in said.message


@pytest.mark.parametrize("line", ["name=a", "name=a base=python", "name=a base=python:latest"])
def test_a_default_base_that_the_bot_made_is_refused(line: str) -> None:
    host = Host()
    host.add_base("python", labels=OURS)

    said = asked(host, line, base="python")

    assert isinstance(said, Refusal)
    assert "for `U0MALLORY` on 2026-11-23 19:50 UTC" in said.message
    assert "WARROOM_DEFAULT_BASE_MADE_HERE" in said.hint


def test_the_operator_may_have_the_default_base_made_by_the_bot() -> None:
    host = Host()
    host.add_base("python", labels=OURS)

    assert isinstance(asked(host, "name=a", base="python", made_here=True), Creation)


def test_the_review_says_who_made_a_base_and_when() -> None:
    host = Host()
    host.add_base("python", labels=OURS)

    said = asked(host, "name=a dependencies=mechanize base=python")

    assert isinstance(said, Creation)
    message = (
        "The base `python` is an image that the bot made, or stands on one: "
        "made as `python:1.0.0.5` for `U0MALLORY` on 2026-11-23 19:50 UTC."
    )
    assert said.findings == (Finding("base-made-here", Severity.WARNING, message),)


def test_labels_that_tell_little_or_lie_break_nothing() -> None:
    host = Host()
    host.add_base("python", labels={JOB: "d-1", REQUESTER: "`*x*`\n" * 99, CREATED: "0001-01-01T00:00:00+23:59"})

    said = asked(host, "name=a dependencies=mechanize base=python")

    assert isinstance(said, Creation)
    assert "\n" not in said.findings[0].message
    assert len(said.findings[0].message) < 300


def test_times_of_labels_are_read_as_utc() -> None:
    made = read_labels({**OURS, CREATED: "2026-11-23T21:50:07+02:00"})

    assert made is not None
    assert made.created == datetime(2026, 11, 23, 19, 50, 7, tzinfo=UTC)
    assert made.created.tzinfo is UTC


def test_the_check_finds_a_default_base_that_the_bot_made() -> None:
    host = Host()
    host.add_base("python", labels=OURS)

    def check(*, made_here: bool) -> object:
        return base_is_usable(
            host.engine,
            Reference("python"),
            registry_digest=lambda _: Digest(""),
            made_here=made_here,
            labels={},
            seconds=5,
        )

    with pytest.raises(UnusableBase, match="U0MALLORY"):
        check(made_here=False)
    assert isinstance(check(made_here=True), Good)
