"""A build that is to end has ended, whatever ends it: the daemon and the processes prove it.

By itself it would run for an hour. How long its end takes is measured by `tests.bench.stops`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bot.room.events import RoomMessage
from tests.kit.limits import limits
from tests.kit.program import CommandDialog, becomes, is_running, open_program_room, text_of
from tests.kit.program_on_engine import OwnBase, installer

pytestmark = pytest.mark.engine

ENDLESS = installer("echo patience", "exec sleep LONG")
"""OS packages of this base take an hour to install."""

CHATTY = installer("while sleep 0.2; do echo patience; done & exec sleep LONG")
"""Here they do so too, but say something all the while."""

_HANG = """import os, sys; "import_seconds" in str(sys.orig_argv) and os.execlp("sleep", "sleep", "LONG")"""
STUBBORN = f"RUN printf '{_HANG}\\n' > $(python3 -c 'import site; print(site.getsitepackages()[0])')/stubborn.pth"
"""This base's Python does not get on with the check of the finished image."""

MakeOwnBase = Callable[..., OwnBase]


@contextmanager
def confirmed(own_base: OwnBase, **settings: str) -> Iterator[CommandDialog]:
    """Have a build confirmed that does not end by itself."""
    with open_program_room(own_base.environment) as program_room, program_room.bot(**settings):
        talk = program_room.type(f"/docker_image_create name={own_base.name('image')} packages=tar")
        talk.until("review")
        talk.click("create")
        yield talk


def ended(own_base: OwnBase, talk: CommandDialog, *, state: str) -> RoomMessage:
    """Wait until the dialog shows that state, and see that nothing of the build is left."""
    dialog = talk.until(state)
    assert becomes(lambda: not is_running(own_base.long_seconds))
    assert becomes(lambda: own_base.left_behind() == ())
    assert own_base.images() == ()
    return dialog


def ended_by(limit: str, own_base: OwnBase) -> tuple[str, float]:
    """Have a build ended by this setting in the middle of its step; gives what the dialog says, and the seconds."""
    for seconds in limits(2):
        with confirmed(own_base, **{limit: f"{seconds:g}"}) as talk:
            assert becomes(lambda: is_running(own_base.long_seconds) or talk.state == "failed")
            was_running = is_running(own_base.long_seconds)
            dialog = ended(own_base, talk, state="failed")
            if was_running:
                return text_of(dialog), seconds
    raise AssertionError("the step never began before the limit")


@pytest.mark.parametrize("base", [ENDLESS, STUBBORN], ids=["a build step runs", "the image is being checked"])
def test_stop_ends_what_runs(make_own_base: MakeOwnBase, base: str) -> None:
    own_base = make_own_base(base)
    with confirmed(own_base) as talk:
        assert becomes(lambda: is_running(own_base.long_seconds))
        talk.click("stop")
        ended(own_base, talk, state="stopped")


def test_stop_in_the_first_moment_of_a_build_ends_it(make_own_base: MakeOwnBase) -> None:
    own_base = make_own_base(ENDLESS)
    with confirmed(own_base) as talk:
        talk.until("queued", "running")
        talk.click("stop")
        ended(own_base, talk, state="stopped")


def test_a_build_that_takes_too_long_is_ended(make_own_base: MakeOwnBase) -> None:
    text, seconds = ended_by("WARROOM_BUILD_SECONDS", make_own_base(CHATTY))
    assert f"took longer than {seconds:g} s" in text
    assert "WARROOM_BUILD_SECONDS" in text


def test_a_build_that_says_nothing_for_too_long_is_ended(make_own_base: MakeOwnBase) -> None:
    text, seconds = ended_by("WARROOM_IDLE_SECONDS", make_own_base(ENDLESS))
    assert f"printed nothing for {seconds:g} s" in text
