"""The way back: which images are offered, and what is told with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Finding, Move, Refusal, RollBack, Severity, Users
from commands.errors import ArgumentError, EngineUnavailable
from commands.host.history import kept_name, kept_tag
from commands.host.selection import Found
from commands.host.subjects import mark_of
from commands.image_actions.roll_back import answer, line_for, line_of_job, line_to, parse
from commands.model.images import Mark
from commands.model.references import Reference
from commands.model.requests import RollBackImage, UndoUpdate
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on
from tests.kit.updates import BEFORE, FIRST, SECOND, THIRD

NAME = "registry.example/a:3.12"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def answered(engine: FakeEngine, line: str) -> RollBack | Refusal:
    return answer(parse(line.removeprefix("roll_back ")), sources_on(engine), lambda _: None)


def offered(engine: FakeEngine, line: str) -> RollBack:
    proposal = answered(engine, line)
    assert isinstance(proposal, RollBack)
    return proposal


def mark(engine: FakeEngine, name: str) -> Mark:
    return mark_of(Found(next(image for image in engine.listing() if name in image.repo_tags), name))


def history(engine: FakeEngine, *jobs: str, name: str = NAME) -> None:
    """Put images on the host that these jobs kept, and one that has the name."""
    for job in jobs:
        engine.add_image(kept_name(job, name))
    engine.add_image(name)


# ── What is typed ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (line_for(NAME), RollBackImage(Reference("registry.example/a", "3.12"))),
        (line_for("a:latest"), RollBackImage(Reference("a", "latest"))),
        (
            line_to(NAME, kept_tag(FIRST, "3.12")),
            RollBackImage(Reference("registry.example/a", "3.12"), to=f"before-{FIRST}-3.12"),
        ),
        (line_for("h.example:5000/a:1.0-BASE"), RollBackImage(Reference("h.example:5000/a", "1.0-BASE"))),
        ("roll_back image=h.example:5000/a", RollBackImage(Reference("h.example:5000/a"))),
        (line_of_job(FIRST), UndoUpdate(FIRST)),
    ],
)
def test_the_line_of_a_button_is_read_as_what_it_means(line: str, request_: RollBackImage | UndoUpdate) -> None:
    assert parse(line.removeprefix("roll_back ")) == request_


@given(st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,127}", fullmatch=True))
def test_every_tag_that_an_image_is_kept_by_can_be_chosen(tag: str) -> None:
    name = f"a:{tag}"
    line = line_to(name, kept_tag(FIRST, tag)).removeprefix("roll_back ")

    assert parse(line) == RollBackImage(Reference("a", tag), to=kept_tag(FIRST, tag))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "image=",
        "job=",
        f"to=before-{FIRST}",
        f"image=a job={FIRST}",
        f"job={FIRST} to=before-{FIRST}",
        "image=a to=latest",
        "image=a to=",
        "image=A:1",
        "image=a:1:2",
        "image=:1",
        "image=--all",
        "image=../x",
        "a",
        "image=a all=true",
    ],
)
def test_what_no_button_says_is_refused(line: str) -> None:
    with pytest.raises(ArgumentError):
        parse(line)


# ── One name ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_latest_of_the_earlier_images_is_offered_and_the_others_to_choose_from(engine: FakeEngine) -> None:
    history(engine, FIRST, THIRD, SECOND)
    present = mark(engine, NAME)
    latest, middle, oldest = (
        Move(NAME, present, mark(engine, kept_name(job, NAME)), kept_name(job, NAME)) for job in (THIRD, SECOND, FIRST)
    )

    assert answered(engine, line_for(NAME)) == RollBack(f"Roll back `{NAME}`?", (latest,), (middle, oldest))
    assert answered(engine, line_to(NAME, kept_tag(SECOND, "3.12"))) == RollBack(
        f"Roll back `{NAME}`?", (middle,), (latest, oldest)
    )


def test_a_name_without_a_tag_means_latest(engine: FakeEngine) -> None:
    history(engine, FIRST, name="a:latest")

    assert (
        offered(engine, "image=a") == offered(engine, "image=docker.io/library/a") == offered(engine, "image=a:latest")
    )


def test_an_image_that_was_kept_and_is_the_present_one_is_no_way_back(engine: FakeEngine) -> None:
    history(engine, FIRST)
    engine.add_image(NAME, kept_name(SECOND, NAME))

    assert [move.earlier_tag for move in offered(engine, line_for(NAME)).moves] == [kept_name(FIRST, NAME)]


def test_a_name_that_is_gone_can_come_back(engine: FakeEngine) -> None:
    history(engine, FIRST)
    engine.remove_image(NAME)

    (move,) = offered(engine, line_for(NAME)).moves

    assert (move.present, move.earlier_tag, move.users) == (None, kept_name(FIRST, NAME), Users())


@pytest.mark.parametrize(("running", "words"), [(1, "runs on"), (2, "run on")])
def test_containers_that_run_on_the_present_image_are_warned_of(engine: FakeEngine, running: int, words: str) -> None:
    history(engine, FIRST)
    present = mark(engine, NAME)
    for number in range(running):
        engine.add_container(f"web-{number}", present.id)
    engine.add_container("done", present.id, state="exited")

    proposal = offered(engine, line_for(NAME))

    (finding,) = proposal.findings
    assert (finding.rule, finding.severity) == ("running-users", Severity.WARNING)
    assert words in finding.message
    assert proposal.moves[0].users.stopped == ("done",)


@pytest.mark.parametrize("line", [line_for("other:1"), line_for("registry.example/a:latest"), line_of_job(BEFORE)])
def test_without_an_earlier_image_there_is_nothing_to_go_back_to(engine: FakeEngine, line: str) -> None:
    history(engine, FIRST)
    engine.add_image("other:1")

    refusal = answered(engine, line)

    assert isinstance(refusal, Refusal)
    assert refusal.title == "Nothing to roll back to"
    assert "kept" in refusal.message


def test_an_image_that_is_no_longer_kept_is_told_as_such(engine: FakeEngine) -> None:
    history(engine, FIRST)

    refusal = answered(engine, line_to(NAME, kept_tag(SECOND, "3.12")))

    assert isinstance(refusal, Refusal)
    assert refusal.message == f"`{NAME}` no longer has an earlier image `before-{SECOND}-3.12`."


def test_a_daemon_that_is_away_says_so(engine: FakeEngine) -> None:
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        answered(engine, line_for(NAME))


# ── All names of a job ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_name_that_a_job_moved_goes_back(engine: FakeEngine) -> None:
    history(engine, FIRST)
    history(engine, FIRST, BEFORE, name="a:latest")

    proposal = offered(engine, line_of_job(FIRST))

    moves = [(move.name, move.earlier_tag) for move in proposal.moves]
    assert moves == [("a:latest", f"a:before-{FIRST}"), (NAME, kept_name(FIRST, NAME))]
    assert (proposal.title, proposal.others, proposal.findings) == ("Roll back 2 images?", (), ())


def test_a_name_that_moved_again_since_is_warned_of(engine: FakeEngine) -> None:
    history(engine, FIRST, SECOND)

    proposal = offered(engine, line_of_job(FIRST))

    assert proposal.title == f"Roll back `{NAME}`?"
    assert proposal.findings == (
        Finding(
            "moved-since",
            Severity.WARNING,
            f"`{NAME}` was changed again since: this restores the image from before the update.",
        ),
    )


def test_names_that_are_back_already_are_left_out(engine: FakeEngine) -> None:
    history(engine, FIRST)
    engine.add_image("a:latest", f"a:before-{FIRST}")

    assert [move.name for move in offered(engine, line_of_job(FIRST)).moves] == [NAME]
