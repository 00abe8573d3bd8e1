"""A build that is to end has ended within two seconds, whatever ends it: the daemon and the processes prove it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from bot.room.events import Message
from tests.ground import Ground, installer
from tests.program import Talk, becomes, is_running, scene, text_of

pytestmark = pytest.mark.engine

SECONDS = 2.0

ENDLESS = installer("echo patience", "exec sleep LONG")
"""OS packages of this base take an hour to install."""

CHATTY = installer("while sleep 0.2; do echo patience; done & exec sleep LONG")
"""Here they do so too, but say something all the while."""

_HANG = """import os, sys; "import_seconds" in str(sys.orig_argv) and os.execlp("sleep", "sleep", "LONG")"""
STUBBORN = f"RUN printf '{_HANG}\\n' > $(python3 -c 'import site; print(site.getsitepackages()[0])')/stubborn.pth"
"""This base's Python does not get on with the check of the finished image."""

MakeGround = Callable[..., Ground]


@contextmanager
def running(ground: Ground, **settings: str) -> Iterator[Talk]:
    """Have a build that does not end by itself."""
    with scene(ground.environment) as play, play.bot(**settings):
        talk = play.type(f"/docker_image_create name={ground.name('image')} packages=tar")
        talk.until("review")
        talk.click("create")
        assert becomes(lambda: is_running(ground.long_seconds))
        yield talk


def ended_within(ground: Ground, talk: Talk, *, state: str, seconds: float) -> Message:
    """Wait until the dialog shows that state and nothing of the build is left."""
    start = monotonic()
    dialog = talk.until(state, within=seconds)
    assert becomes(lambda: not is_running(ground.long_seconds), within=seconds - (monotonic() - start))
    assert becomes(lambda: ground.left_behind() == (), within=seconds - (monotonic() - start))
    assert ground.images() == ()
    return dialog


@pytest.mark.parametrize("base", [ENDLESS, STUBBORN], ids=["a build step runs", "the image is being checked"])
def test_stop_ends_what_runs_within_two_seconds(make_ground: MakeGround, base: str) -> None:
    ground = make_ground(base)
    with running(ground) as talk:
        talk.click("stop")
        ended_within(ground, talk, state="stopped", seconds=SECONDS)


def test_stop_in_the_first_moment_of_a_build_ends_it(make_ground: MakeGround) -> None:
    ground = make_ground(ENDLESS)
    with scene(ground.environment) as play, play.bot():
        talk = play.type(f"/docker_image_create name={ground.name('image')} packages=tar")
        talk.until("review")
        talk.click("create")
        talk.until("queued", "running")
        talk.click("stop")
        ended_within(ground, talk, state="stopped", seconds=SECONDS)


def test_a_build_that_takes_too_long_is_ended(make_ground: MakeGround) -> None:
    ground = make_ground(CHATTY)
    with running(ground, WARROOM_BUILD_SECONDS="2") as talk:
        dialog = ended_within(ground, talk, state="failed", seconds=2 + SECONDS)
        assert "took longer than" in text_of(dialog)
        assert "WARROOM_BUILD_SECONDS" in text_of(dialog)


def test_a_build_that_says_nothing_for_too_long_is_ended(make_ground: MakeGround) -> None:
    ground = make_ground(ENDLESS)
    with running(ground, WARROOM_IDLE_SECONDS="2") as talk:
        dialog = ended_within(ground, talk, state="failed", seconds=2 + SECONDS)
        assert "said nothing for 2 s" in text_of(dialog)
