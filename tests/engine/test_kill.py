"""`kill -9` at any moment of a job: after a restart the same dialog goes on and ends once, with one image.

What is guaranteed, and held here: one dialog for the command, which ends in one state; one image with the job's label,
under one name of its own and `latest`; no container and no nameless image; one reply that announces the end and one
file with the log. The last three, and the posting of the dialog, are calls to Slack that are noted when Slack has
answered: a kill in the few milliseconds between the two makes the bot call again.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bot.room.events import FileShared
from bot.room.workspace import BOT
from commands.build.labels import JOB
from tests.ground import Ground, installer
from tests.program import Happening, Logged, Scene, Talk, facts_of, scene

pytestmark = pytest.mark.engine

SLOW = installer("echo patience", "sleep 1.5", "echo done # LONG")
"""OS packages of this base take a while to install, those that it has already."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a job: `comes` recognises it among all that happens."""

    name: str
    comes: Callable[[Talk, Happening], bool]


def logs(event: str, **fields: object) -> Callable[[Talk, Happening], bool]:
    return lambda _, happening: isinstance(happening, Logged) and happening.says(event, **fields)


def shows(state: str) -> Callable[[Talk, Happening], bool]:
    return lambda talk, happening: talk.shows(happening, state)


def shares_the_log(talk: Talk, happening: Happening) -> bool:
    return isinstance(happening, FileShared) and happening.thread_ts == talk.dialog.ts


MOMENTS = (
    Moment("the command is stored", logs("command_accepted")),
    Moment("the dialog is posted", logs("dialog_posted")),
    Moment("the packages are being resolved", logs("preparation_reported", doing="Resolving 1 Python packages")),
    Moment("the review is stored", logs("dialog_moved", to="UnderReview")),
    Moment("the review is shown", shows("review")),
    Moment("the click is taken", logs("dialog_moved", to="Queued")),
    Moment("the build has a slot", logs("dialog_moved", to="Running")),
    Moment("OS packages are being installed", logs("step_started", step=2)),
    Moment("the image is being checked", logs("step_started", step=5)),
    Moment("the image has its name", logs("image_named")),
    Moment("the end is stored", logs("dialog_moved", to="Done")),
    Moment("the end is shown", shows("done")),
    Moment("the log is in the thread", logs("file_attached")),
)


def drive(play: Scene, talk: Talk, comes: Callable[[Talk, Happening], bool]) -> None:
    """Press Create when the dialog asks, until that moment comes."""
    if talk.state == "review":
        talk.click("create")

    def wanted(happening: Happening) -> bool:
        come = comes(talk, happening)
        if not come and talk.shows(happening, "review"):
            talk.click("create")
        return come

    play.until(wanted)


def run_until_killed(play: Scene, ground: Ground, moment: Moment) -> Talk:
    with play.bot() as bot:
        line = f"/docker_image_create name={ground.name('image')} dependencies=mechanize packages=tar"
        talk = play.type(line)
        drive(play, talk, moment.comes)
        bot.ended(signal.SIGKILL)
    return talk


def run_to_the_end(play: Scene, talk: Talk) -> None:
    with play.bot() as bot:
        if not is_told(talk):
            drive(play, talk, lambda talk, _: is_told(talk))
        assert bot.ended(signal.SIGTERM) == 0


def is_told(talk: Talk) -> bool:
    """Say whether the end is shown, the log is in the thread, and the requester was told."""
    return talk.state == "done" and {len(reply.files) for reply in talk.thread} == {0, 1}


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_a_job_whose_bot_is_killed_ends_exactly_once(make_ground: Callable[..., Ground], moment: Moment) -> None:
    ground = make_ground(SLOW)
    with scene(ground.environment) as play:
        talk = run_until_killed(play, ground, moment)
        run_to_the_end(play, talk)

        (image,) = ground.images()
        facts = facts_of(talk.dialog)
        assert (facts["state"], facts["id"], facts["image"]) == ("done", image.id, ground.name("image"))
        assert image.labels[JOB] == talk.job
        assert set(image.repo_tags) == {f"{facts['image']}:{facts['tag']}", f"{facts['image']}:latest"}
        assert ground.left_behind() == ()
        assert [(reply.author, len(reply.files)) for reply in talk.thread] == [(BOT.user_id, 1), (BOT.user_id, 0)]
