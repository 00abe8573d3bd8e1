"""Bases with `ONBUILD` on a real engine, by the way that people go: their triggers are steps of the build."""

import pytest

from tests.kit.attacks import OwnBases, create, said

pytestmark = pytest.mark.engine

HARMLESS = ("ONBUILD ENV A=1", "ONBUILD RUN echo made > /made-by-trigger", "ONBUILD WORKDIR /srv")


def test_triggers_of_the_base_are_named_as_steps(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base(*HARMLESS)

    made = create(own_base, "image", dependencies="six")

    assert made.state == "done"
    assert said(own_base, made.reference, "cat /made-by-trigger; pwd") == "made\n/srv\n"
    seconds = made.answer["seconds"]
    assert isinstance(seconds, dict)
    assert {title for title in seconds["steps"] if not title.startswith("Base ")} == {
        "Trigger of the base: RUN echo made > /made-by-trigger",
        "Trigger of the base: WORKDIR /srv",
        "Python packages: 1",
        "Check the result",
        "build",
    }


def test_a_trigger_that_fails_is_blamed(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base("ONBUILD RUN true", "ONBUILD RUN echo E: Unable to locate package x; exit 4")

    told = create(own_base, "image", packages="tree")

    assert told.state == "failed"
    assert told.message == "A trigger of the base failed: `RUN echo E: Unable to locate package x; exit 4`."


def test_a_step_after_the_triggers_is_blamed_for_its_own_failure(own_bases: OwnBases) -> None:
    own_base = own_bases.own_base(*HARMLESS)

    told = create(own_base, "image", packages="no-such-package-here")

    assert told.state == "failed"
    assert told.message == "The base's distribution has no OS package `no-such-package-here`."
