"""Rolling back: names move back, what they leave is kept, containers are left alone."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest

from commands.actions import carry_out
from commands.cancellation import Cancellation
from commands.command import Move, RollBack, TagsRolledBack, Update
from commands.errors import EngineUnavailable, Problem, ReviewVoid
from commands.host.history import kept_name
from commands.image_actions.roll_back import answer, request_for
from commands.model.images import ImageId
from commands.model.outcomes import MoveResult, RolledBack
from commands.model.requests import RollBackImage, UndoUpdate
from tests.fakes.engine import FakeEngine
from tests.fakes.logs import logs_to
from tests.fakes.work import ProcessKilled
from tests.kit.dependencies import sources_on
from tests.kit.updates import BEFORE, FIRST, SECOND, THIRD, KillableEngine, UpdateHost, job_context, proposed

NAME = "registry.example/a:latest"
OTHER = "registry.example/b:3.12"
MOST_CALLS = 200


@pytest.fixture
def host() -> UpdateHost:
    return UpdateHost()


def offered(host: UpdateHost, request: RollBackImage | UndoUpdate | None = None) -> RollBack:
    """What the button on an image leads to."""
    proposal = answer(request or request_for(NAME), sources_on(host.engine), lambda _: None)
    assert isinstance(proposal, RollBack)
    return proposal


def roll_back(host: UpdateHost, proposal: RollBack, job: str = SECOND) -> RolledBack:
    end = carry_out(proposal, job_context(job), host.dependencies, host.emit, Cancellation())
    assert isinstance(end, TagsRolledBack)
    return end.outcome


def updated(host: UpdateHost, *names: str, job: str = FIRST) -> tuple[ImageId, ...]:
    """Bring old images up to date, and say which they were."""
    old = [host.pulled(name).id if host.holder(name) is None else host.holder(name) for name in names]
    for name in names:
        host.offer(name)
    host.update(host.propose(*names), job)
    return tuple(image for image in old if image)


# ── When all goes well ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_goes_back_and_what_it_left_is_kept_instead(host: UpdateHost) -> None:
    (old,) = updated(host, NAME)
    new = host.holder(NAME)
    proposal = offered(host)

    outcome = roll_back(host, proposal)

    kept = kept_name(SECOND, NAME)
    assert outcome == RolledBack((MoveResult(NAME, proposal.moves[0].earlier, kept_as=kept),))
    assert (host.holder(NAME), host.holder(kept), host.holder(kept_name(FIRST, NAME))) == (old, new, None)


def test_a_roll_back_can_be_rolled_back(host: UpdateHost) -> None:
    (old,) = updated(host, NAME)
    new = host.holder(NAME)
    roll_back(host, offered(host))

    roll_back(host, offered(host), THIRD)

    assert (host.holder(NAME), host.holder(kept_name(THIRD, NAME))) == (new, old)
    assert host.holder(kept_name(SECOND, NAME)) is None


def test_every_name_of_an_update_goes_back(host: UpdateHost) -> None:
    old = updated(host, NAME, OTHER)

    outcome = roll_back(host, offered(host, UndoUpdate(FIRST)))

    assert [(result.name, result.problem) for result in outcome.results] == [(NAME, ""), (OTHER, "")]
    assert (host.holder(NAME), host.holder(OTHER)) == old


def test_an_image_that_was_made_anew_goes_back_too(host: UpdateHost) -> None:
    line, latest = "name=example_name packages=wget", "example_name:latest"
    old = host.made(line).image.id
    host.result(_update_of(host, latest, line))

    roll_back(host, offered(host, UndoUpdate(FIRST)))

    assert host.holder(latest) == old


def _update_of(host: UpdateHost, name: str, line: str) -> Update:
    return proposed(host.remade(name, line))


def test_a_name_that_is_gone_comes_back(host: UpdateHost) -> None:
    (old,) = updated(host, NAME)
    host.engine.remove_image(NAME)
    proposal = offered(host)

    outcome = roll_back(host, proposal)

    assert proposal.moves[0].present is None
    assert outcome == RolledBack((MoveResult(NAME, proposal.moves[0].earlier),))
    assert host.holder(NAME) == old


def test_containers_of_the_image_that_is_left_are_named_and_run_on(host: UpdateHost) -> None:
    updated(host, NAME)
    new = host.holder(NAME)
    assert new is not None
    host.engine.add_container("web", new)
    host.engine.add_container("done", new, state="exited")

    (result,) = roll_back(host, offered(host)).results

    assert result.still_used_by == ("web",)
    assert [(one.name, one.image) for one in host.engine.containers()] == [("web", new), ("done", new)]


def test_no_more_are_kept_than_is_set(host: UpdateHost) -> None:
    updated(host, NAME, job=BEFORE)
    updated(host, NAME)
    host.dependencies = replace(host.dependencies, history_depth=1)

    roll_back(host, offered(host))

    assert host.holder(kept_name(SECOND, NAME)) is not None
    assert host.holder(kept_name(BEFORE, NAME)) is None


# ── A review that is void ───────────────────────────────────────────────────────────────────────────────────────────


def moved(host: UpdateHost) -> None:
    host.pulled(NAME)


def gone(host: UpdateHost) -> None:
    host.engine.remove_image(NAME)


def forgotten(host: UpdateHost) -> None:
    host.engine.remove_image(kept_name(FIRST, NAME))


def kept_is_another(host: UpdateHost) -> None:
    other = host.pulled("registry.example/x:1")
    host.engine.tag(other.id, "registry.example/a", f"before-{FIRST}")


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
    host: UpdateHost, change: Callable[[UpdateHost], None], words: str
) -> None:
    updated(host, NAME, OTHER)
    proposal = offered(host, UndoUpdate(FIRST))
    proposal = replace(proposal, moves=proposal.moves[::-1])
    change(host)
    before = host.engine.listing()

    with pytest.raises(ReviewVoid, match=words):
        roll_back(host, proposal)

    assert host.engine.listing() == before


def test_what_another_job_has_rolled_back_meanwhile_is_not_rolled_back_again(host: UpdateHost) -> None:
    updated(host, NAME)
    proposal = offered(host)
    roll_back(host, proposal)
    before = host.engine.listing()

    with pytest.raises(ReviewVoid):
        roll_back(host, proposal, THIRD)

    assert host.engine.listing() == before


def test_a_daemon_that_is_away_is_told_before_anything_is_touched(host: UpdateHost) -> None:
    updated(host, NAME)
    proposal = offered(host)
    host.engine.break_down()

    with pytest.raises(EngineUnavailable):
        roll_back(host, proposal)


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
    host = UpdateHost(engine)
    _, other = updated(host, NAME, OTHER)
    new = host.holder(NAME)
    proposal = offered(host, UndoUpdate(FIRST))
    engine.is_refusing = True

    failed, done = roll_back(host, proposal).results

    assert failed == MoveResult(NAME, proposal.moves[0].present, problem="No.")
    assert (done.name, done.problem) == (OTHER, "")
    assert (host.holder(NAME), host.holder(OTHER)) == (new, other)
    assert host.holder(kept_name(SECOND, NAME)) is None
    assert host.holder(kept_name(FIRST, NAME)) is not None


def test_a_name_that_another_job_works_on_is_left_alone(host: UpdateHost) -> None:
    updated(host, NAME)
    new = host.holder(NAME)
    proposal = offered(host)

    with host.dependencies.turns.at_once((NAME,)):
        (result,) = roll_back(host, proposal).results

    assert result.problem == f"Another job is at work on `{NAME}` right now."
    assert host.holder(NAME) == new


def test_a_kept_tag_that_cannot_be_removed_does_not_make_it_fail() -> None:
    class UnremovableImageEngine(FakeEngine):
        def remove_image(self, reference: str) -> None:
            raise Problem(f"{reference} stays.", hint="Ask why.")

    host = UpdateHost(UnremovableImageEngine())
    (old,) = updated(host, NAME)

    with logs_to(StringIO()):
        (result,) = roll_back(host, offered(host)).results

    assert result.problem == ""
    assert host.holder(NAME) == old


# ── kill -9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_roll_back_that_is_killed_at_any_point_is_finished(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        host = UpdateHost(engine)
        old = updated(host, NAME, OTHER)
        new = (host.holder(NAME), host.holder(OTHER))
        proposal = offered(host, UndoUpdate(FIRST))
        engine.count_from_now()
        engine.dies_at, engine.is_done = at, is_done
        try:
            roll_back(host, proposal)
            break
        except ProcessKilled:
            engine.revive()
            deaths += 1
        outcome = roll_back(host, proposal)
        assert [result.problem for result in outcome.results] == ["", ""], at
        assert [result.kept_as for result in outcome.results] == [kept_name(SECOND, name) for name in (NAME, OTHER)], at
        assert (host.holder(NAME), host.holder(OTHER)) == old, at
        assert (host.holder(kept_name(SECOND, NAME)), host.holder(kept_name(SECOND, OTHER))) == new, at
        assert host.holder(kept_name(FIRST, NAME)) is None, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def test_what_changed_after_a_crash_is_told_of_that_name_alone(host: UpdateHost) -> None:
    old = updated(host, NAME, OTHER)
    proposal = offered(host, UndoUpdate(FIRST))
    first: Move = proposal.moves[0]
    roll_back(host, replace(proposal, moves=(first,)))
    host.pulled(OTHER)

    done, changed = roll_back(host, proposal).results

    assert (done.problem, host.holder(NAME)) == ("", old[0])
    assert "has changed since the review" in changed.problem
