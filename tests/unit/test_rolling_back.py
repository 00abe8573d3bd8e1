"""Rolling back: names move back, what they leave is kept, containers are left alone."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest

from commands.cancellation import Cancellation
from commands.carry_out import carry_out
from commands.command import Move, RollBack, Update
from commands.errors import EngineUnavailable, Problem, ReviewVoid
from commands.host.history import kept_name
from commands.image_actions.roll_back import answer, parse
from commands.model.images import ImageId
from commands.model.outcomes import MoveResult, RolledBack
from tests.fakes.engine import FakeEngine
from tests.fakes.logs import logs_to
from tests.fakes.work import ProcessKilled
from tests.kit.dependencies import sources_on
from tests.kit.updates import BEFORE, FIRST, SECOND, THIRD, KillableEngine, UpdateHost, job_context, proposed

NAME = "registry.example/a:latest"
OTHER = "registry.example/b:3.12"
MOST_CALLS = 200


@pytest.fixture
def scene() -> UpdateHost:
    return UpdateHost()


def offered(scene: UpdateHost, line: str = f"image={NAME}") -> RollBack:
    """What the button on an image leads to."""
    proposal = answer(parse(line), sources_on(scene.engine), lambda _: None)
    assert isinstance(proposal, RollBack)
    return proposal


def roll_back(scene: UpdateHost, proposal: RollBack, job: str = SECOND) -> RolledBack:
    outcome = carry_out(proposal, job_context(job), scene.dependencies, scene.emit, Cancellation())
    assert isinstance(outcome, RolledBack)
    return outcome


def updated(scene: UpdateHost, *names: str, job: str = FIRST) -> tuple[ImageId, ...]:
    """Bring old images up to date, and say which they were."""
    old = [scene.pulled(name).id if scene.holder(name) is None else scene.holder(name) for name in names]
    for name in names:
        scene.offer(name)
    scene.update(scene.propose(*names), job)
    return tuple(image for image in old if image)


# ── When all goes well ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_goes_back_and_what_it_left_is_kept_instead(scene: UpdateHost) -> None:
    (old,) = updated(scene, NAME)
    new = scene.holder(NAME)
    proposal = offered(scene)

    outcome = roll_back(scene, proposal)

    kept = kept_name(SECOND, NAME)
    assert outcome == RolledBack((MoveResult(NAME, proposal.moves[0].earlier, kept_as=kept),))
    assert (scene.holder(NAME), scene.holder(kept), scene.holder(kept_name(FIRST, NAME))) == (old, new, None)


def test_a_roll_back_can_be_rolled_back(scene: UpdateHost) -> None:
    (old,) = updated(scene, NAME)
    new = scene.holder(NAME)
    roll_back(scene, offered(scene))

    roll_back(scene, offered(scene), THIRD)

    assert (scene.holder(NAME), scene.holder(kept_name(THIRD, NAME))) == (new, old)
    assert scene.holder(kept_name(SECOND, NAME)) is None


def test_every_name_of_an_update_goes_back(scene: UpdateHost) -> None:
    old = updated(scene, NAME, OTHER)

    outcome = roll_back(scene, offered(scene, f"job={FIRST}"))

    assert [(result.name, result.problem) for result in outcome.results] == [(NAME, ""), (OTHER, "")]
    assert (scene.holder(NAME), scene.holder(OTHER)) == old


def test_an_image_that_was_made_anew_goes_back_too(scene: UpdateHost) -> None:
    line, latest = "name=example_name packages=wget", "example_name:latest"
    old = scene.made(line).image.id
    scene.result(_update_of(scene, latest, line))

    roll_back(scene, offered(scene, f"job={FIRST}"))

    assert scene.holder(latest) == old


def _update_of(scene: UpdateHost, name: str, line: str) -> Update:
    return proposed(scene.remade(name, line))


def test_a_name_that_is_gone_comes_back(scene: UpdateHost) -> None:
    (old,) = updated(scene, NAME)
    scene.engine.remove_image(NAME)
    proposal = offered(scene)

    outcome = roll_back(scene, proposal)

    assert proposal.moves[0].present is None
    assert outcome == RolledBack((MoveResult(NAME, proposal.moves[0].earlier),))
    assert scene.holder(NAME) == old


def test_containers_of_the_image_that_is_left_are_named_and_run_on(scene: UpdateHost) -> None:
    updated(scene, NAME)
    new = scene.holder(NAME)
    assert new is not None
    scene.engine.add_container("web", new)
    scene.engine.add_container("done", new, state="exited")

    (result,) = roll_back(scene, offered(scene)).results

    assert result.still_used_by == ("web",)
    assert [(one.name, one.image) for one in scene.engine.containers()] == [("web", new), ("done", new)]


def test_no_more_are_kept_than_is_set(scene: UpdateHost) -> None:
    updated(scene, NAME, job=BEFORE)
    updated(scene, NAME)
    scene.dependencies = replace(scene.dependencies, history_depth=1)

    roll_back(scene, offered(scene))

    assert scene.holder(kept_name(SECOND, NAME)) is not None
    assert scene.holder(kept_name(BEFORE, NAME)) is None


# ── A review that is void ───────────────────────────────────────────────────────────────────────────────────────────


def moved(scene: UpdateHost) -> None:
    scene.pulled(NAME)


def gone(scene: UpdateHost) -> None:
    scene.engine.remove_image(NAME)


def forgotten(scene: UpdateHost) -> None:
    scene.engine.remove_image(kept_name(FIRST, NAME))


def kept_is_another(scene: UpdateHost) -> None:
    other = scene.pulled("registry.example/x:1")
    scene.engine.tag(other.id, "registry.example/a", f"before-{FIRST}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (moved, "it is another image now"),
        (gone, "it is another image now"),
        (forgotten, "no longer kept"),
        (kept_is_another, "no longer kept"),
    ],
)
def test_facts_that_changed_since_the_review_make_it_void(
    scene: UpdateHost, change: Callable[[UpdateHost], None], words: str
) -> None:
    updated(scene, NAME, OTHER)
    proposal = offered(scene, f"job={FIRST}")
    proposal = replace(proposal, moves=proposal.moves[::-1])
    change(scene)
    before = scene.engine.listing()

    with pytest.raises(ReviewVoid, match=words):
        roll_back(scene, proposal)

    assert scene.engine.listing() == before


def test_what_another_job_has_rolled_back_meanwhile_is_not_rolled_back_again(scene: UpdateHost) -> None:
    updated(scene, NAME)
    proposal = offered(scene)
    roll_back(scene, proposal)
    before = scene.engine.listing()

    with pytest.raises(ReviewVoid):
        roll_back(scene, proposal, THIRD)

    assert scene.engine.listing() == before


def test_a_daemon_that_is_away_is_told_before_anything_is_touched(scene: UpdateHost) -> None:
    updated(scene, NAME)
    proposal = offered(scene)
    scene.engine.break_down()

    with pytest.raises(EngineUnavailable):
        roll_back(scene, proposal)


# ── When it fails ───────────────────────────────────────────────────────────────────────────────────────────────────


class UnmovableTagEngine(FakeEngine):
    """A daemon that refuses to move one name."""

    is_refusing = False

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        if self.is_refusing and f"{repository}:{tag}" == NAME:
            raise Problem("No.", hint="Ask why.")
        super().tag(image, repository, tag)


def test_one_name_that_fails_does_not_stop_the_others() -> None:
    engine = UnmovableTagEngine()
    scene = UpdateHost(engine)
    _, other = updated(scene, NAME, OTHER)
    new = scene.holder(NAME)
    proposal = offered(scene, f"job={FIRST}")
    engine.is_refusing = True

    failed, done = roll_back(scene, proposal).results

    assert failed == MoveResult(NAME, proposal.moves[0].present, problem="No.")
    assert (done.name, done.problem) == (OTHER, "")
    assert (scene.holder(NAME), scene.holder(OTHER)) == (new, other)
    assert scene.holder(kept_name(SECOND, NAME)) is None
    assert scene.holder(kept_name(FIRST, NAME)) is not None


def test_a_name_that_another_job_works_on_is_left_alone(scene: UpdateHost) -> None:
    updated(scene, NAME)
    new = scene.holder(NAME)
    proposal = offered(scene)

    with scene.dependencies.turns.at_once((NAME,)):
        (result,) = roll_back(scene, proposal).results

    assert result.problem == f"Another job is at work on `{NAME}` right now."
    assert scene.holder(NAME) == new


def test_a_kept_tag_that_cannot_be_removed_does_not_make_it_fail() -> None:
    class UnremovableImageEngine(FakeEngine):
        def remove_image(self, reference: str) -> None:
            raise Problem(f"{reference} stays.", hint="Ask why.")

    scene = UpdateHost(UnremovableImageEngine())
    (old,) = updated(scene, NAME)

    with logs_to(StringIO()):
        (result,) = roll_back(scene, offered(scene)).results

    assert result.problem == ""
    assert scene.holder(NAME) == old


# ── kill -9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_roll_back_that_is_killed_at_any_point_is_finished(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        scene = UpdateHost(engine)
        old = updated(scene, NAME, OTHER)
        new = (scene.holder(NAME), scene.holder(OTHER))
        proposal = offered(scene, f"job={FIRST}")
        engine.count_from_now()
        engine.dies_at, engine.is_done = at, is_done
        try:
            roll_back(scene, proposal)
            break
        except ProcessKilled:
            engine.revive()
            deaths += 1
        outcome = roll_back(scene, proposal)
        assert [result.problem for result in outcome.results] == ["", ""], at
        assert [result.kept_as for result in outcome.results] == [kept_name(SECOND, name) for name in (NAME, OTHER)], at
        assert (scene.holder(NAME), scene.holder(OTHER)) == old, at
        assert (scene.holder(kept_name(SECOND, NAME)), scene.holder(kept_name(SECOND, OTHER))) == new, at
        assert scene.holder(kept_name(FIRST, NAME)) is None, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def test_what_changed_after_a_crash_is_told_of_that_name_alone(scene: UpdateHost) -> None:
    old = updated(scene, NAME, OTHER)
    proposal = offered(scene, f"job={FIRST}")
    first: Move = proposal.moves[0]
    roll_back(scene, replace(proposal, moves=(first,)))
    scene.pulled(OTHER)

    done, changed = roll_back(scene, proposal).results

    assert (done.problem, scene.holder(NAME)) == ("", old[0])
    assert "has changed since the review" in changed.problem
