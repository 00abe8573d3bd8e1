"""`kill -9` at any moment of a job: after a restart the same dialog goes on and ends once, with one image.

What is guaranteed, and held here: the command has one dialog, which ends in one state; one image carries the job's
label, under one name of its own and `latest`; no container and no nameless image is left; one reply announces the end
and one file is the log.

What cannot be guaranteed: posting the dialog, the announcement and the file are calls to Slack that are noted when
Slack has answered, and Slack offers no way to ask whether a call was heard. A kill in the milliseconds between the two
makes the bot call again, so that this one message or file is there twice.
"""

import signal
from collections.abc import Callable

import pytest

from bot.room.workspace import BOT
from commands.recipe.labels import JOB
from tests.kit.program import OVER, CommandDialog, Happening, LogEvent, ProgramRoom, facts_of, open_program_room
from tests.kit.program_on_engine import OwnBase, installer

pytestmark = pytest.mark.engine

SLOW = installer("echo patience", "sleep 0.5", "echo done # LONG")
"""OS packages of this base take a while to install, those that it has already."""

MOMENTS = {
    "the command is stored": ("command_accepted",),
    "the dialog is posted": ("dialog_posted",),
    "the packages are being resolved": ("preparation_reported", "doing=Resolving 1 Python package"),
    "the review is stored": ("dialog_moved", "to=UnderReview"),
    "the review is shown": ("stage_shown", "stage=UnderReview"),
    "the click is stored": ("dialog_moved", "to=Queued"),
    "the build has its slot": ("dialog_moved", "to=Running"),
    "OS packages are being installed": ("step_started", "step=2"),
    "the packages are there": ("packages_fetched",),
    "the image is being checked": ("step_started", "step=4"),
    "the image has its names": ("image_named",),
    "the end is stored": ("dialog_moved", "to=Finished"),
    "the end is shown": ("stage_shown", "stage=Finished"),
    "the log is in the thread": ("file_attached",),
    "the end is announced": ("end_announced",),
}
"""Points of a job, and the event of the log at which the bot is killed."""


def drive(program_room: ProgramRoom, talk: CommandDialog, is_over: Callable[[Happening], bool]) -> None:
    """Press Create once the dialog asks, until it is over."""
    pressed = talk.state == "review"
    if pressed:
        talk.click("create")

    def wanted(happening: Happening) -> bool:
        nonlocal pressed
        over = is_over(happening)
        # Only once: that the review was shown may be heard of after it was seen.
        if not over and not pressed and talk.shows(happening, "review"):
            pressed = True
            talk.click("create")
        return over

    program_room.until(wanted)


def run_until_killed(program_room: ProgramRoom, own_base: OwnBase, doom: tuple[str, ...]) -> CommandDialog:
    with program_room.bot(doom=doom) as bot:
        talk = program_room.type(
            f"/docker_image_create name={own_base.name('image')} dependencies=mechanize packages=tar"
        )
        drive(program_room, talk, lambda happening: isinstance(happening, LogEvent) and happening.says(OVER))
        assert bot.ended() == -signal.SIGKILL
    return talk


def run_to_the_end(program_room: ProgramRoom, talk: CommandDialog) -> None:
    with program_room.bot() as bot:
        if not is_told(talk):
            drive(program_room, talk, lambda _: is_told(talk))
        assert bot.ended(signal.SIGTERM) == 0


def is_told(talk: CommandDialog) -> bool:
    """Say whether the end is shown, the log is in the thread, and the requester was told."""
    return talk.state == "done" and {len(reply.files) for reply in talk.thread} == {0, 1}


@pytest.mark.parametrize("doom", MOMENTS.values(), ids=MOMENTS)
def test_a_job_whose_bot_is_killed_ends_exactly_once(
    make_own_base: Callable[..., OwnBase], doom: tuple[str, ...]
) -> None:
    own_base = make_own_base(SLOW)
    with open_program_room(own_base.environment) as program_room:
        talk = run_until_killed(program_room, own_base, doom)
        run_to_the_end(program_room, talk)

        (image,) = own_base.images()
        facts = facts_of(talk.dialog)
        assert (facts["state"], facts["id"], facts["image"]) == ("done", image.id, own_base.name("image"))
        assert image.labels[JOB] == talk.job
        assert set(image.repo_tags) == {f"{facts['image']}:{facts['tag']}", f"{facts['image']}:latest"}
        assert own_base.left_behind() == ()
        assert [(reply.author, len(reply.files)) for reply in talk.thread] == [(BOT.user_id, 1), (BOT.user_id, 0)]
