"""The names of a new image: one that is its own for ever, and `latest`, whatever other programs do meanwhile."""

import pytest

from commands.actions import carry_out, keep
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import ImageCreated, ImageUndecided
from commands.errors import EngineUnavailable
from commands.host.history import kept_tag
from commands.model.images import ImageId
from commands.model.outcomes import Created, Undecided
from commands.recipe.labels import JOB
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import dependencies_on
from tests.kit.examples import PROPOSAL, SPEC

OURS = JobContext("d-1", "U0ALICE", "C0WARROOM")
A_JOB = "0199a1b2c3d00000001"


class RivalTagsEngine(FakeEngine):
    """A daemon on which another program takes each unique tag just after we did, so many times."""

    def __init__(self, *, times: int) -> None:
        super().__init__()
        self.times = times
        self.theirs = self.add_image(labels={JOB: "theirs"}).id

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        super().tag(image, repository, tag)
        if self.times and tag != "latest":
            self.times -= 1
            super().tag(self.theirs, repository, tag)


def named(engine: FakeEngine, image: ImageId) -> tuple[str, ...]:
    found = engine.find_image(image)
    assert found is not None
    return found.repo_tags


def redo(engine: FakeEngine) -> Created:
    """Carry a job_context out once more, as after a crash."""
    end = carry_out(PROPOSAL, OURS, dependencies_on(engine), lambda _: None, Cancellation())
    assert isinstance(end, ImageCreated)
    return end.outcome


def test_an_image_whose_tag_was_taken_in_the_same_moment_gets_the_next_one() -> None:
    engine = RivalTagsEngine(times=2)
    ours = engine.add_image(labels={JOB: OURS.job}).id
    created = keep(ImageUndecided(PROPOSAL, Undecided(ours, ())), engine).outcome
    assert created.reference in named(engine, ours)
    assert created.reference != SPEC.reference
    assert SPEC.reference in named(engine, engine.theirs)


def test_a_daemon_on_which_no_tag_stays_ours_is_given_up() -> None:
    engine = RivalTagsEngine(times=1_000)
    ours = engine.add_image(labels={JOB: OURS.job}).id
    with pytest.raises(EngineUnavailable, match="another program"):
        keep(ImageUndecided(PROPOSAL, Undecided(ours, ())), engine)


def test_after_a_crash_between_the_two_names_the_image_gets_the_second() -> None:
    engine = FakeEngine()
    engine.add_image("example_name:1.0.0.1763924999", "example_name:latest", labels={JOB: "before"})
    ours = engine.add_image(SPEC.reference, labels={JOB: OURS.job})
    assert redo(engine).reference == SPEC.reference
    assert set(named(engine, ours.id)) == {SPEC.reference, "example_name:latest"}


def test_after_a_crash_latest_is_not_taken_back_from_an_image_made_since() -> None:
    engine = FakeEngine()
    engine.add_image(SPEC.reference, labels={JOB: OURS.job})
    newer = engine.add_image("example_name:1.0.0.1763925001", "example_name:latest", labels={JOB: "since"})
    redo(engine)
    assert "example_name:latest" in named(engine, newer.id)


def test_a_tag_by_which_it_is_kept_is_not_taken_for_its_own() -> None:
    engine = FakeEngine()
    engine.add_image(f"example_name:{kept_tag(A_JOB, 'latest')}", SPEC.reference, labels={JOB: OURS.job})
    assert redo(engine).reference == SPEC.reference


def test_an_image_that_somebody_made_from_ours_is_not_taken_for_ours() -> None:
    # Labels are inherited: what was built on our image carries our job's.
    engine = FakeEngine()
    ours = engine.add_image(SPEC.reference, labels={JOB: OURS.job})
    engine.add_image("somebodys/own:1", labels={JOB: OURS.job})
    assert redo(engine).image.id == ours.id
