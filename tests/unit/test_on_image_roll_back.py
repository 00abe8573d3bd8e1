"""The way back: which images are offered, and what is told with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Finding, Move, Refusal, RollBack, Severity, Users
from commands.errors import ArgumentError, EngineUnavailable
from commands.host.history import kept_name, kept_tag
from commands.host.selection import Found
from commands.host.subjects import mark_of
from commands.image_actions.roll_back import answer, line_of, request_for
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
    arguments = dict(part.split("=", 1) for part in line.removeprefix("roll_back ").split())
    job = arguments.get("job")
    request = UndoUpdate(job) if job else request_for(arguments["image"], arguments.get("to"))
    return answer(request, sources_on(engine), lambda _: None)


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


# ── What is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (RollBackImage(Reference("registry.example/a", "3.12")), f"roll_back image={NAME}"),
        (
            RollBackImage(Reference("registry.example/a", "3.12"), to=f"before-{FIRST}-3.12"),
            f"roll_back image={NAME} to=before-{FIRST}-3.12",
        ),
        (UndoUpdate(FIRST), f"roll_back job={FIRST}"),
    ],
)
def test_a_request_is_shown_as_a_line(request_: RollBackImage | UndoUpdate, line: str) -> None:
    assert line_of(request_) == line


@pytest.mark.parametrize(
    ("name", "image"),
    [
        (NAME, Reference("registry.example/a", "3.12")),
        ("a:latest", Reference("a", "latest")),
        ("h.example:5000/a:1.0-BASE", Reference("h.example:5000/a", "1.0-BASE")),
        ("h.example:5000/a", Reference("h.example:5000/a")),
    ],
)
def test_a_name_of_the_host_can_be_asked_for(name: str, image: Reference) -> None:
    assert request_for(name) == RollBackImage(image)


@given(st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,127}", fullmatch=True))
def test_every_tag_that_an_image_is_kept_by_can_be_chosen(tag: str) -> None:
    kept = kept_tag(FIRST, tag)

    assert request_for(f"a:{tag}", kept) == RollBackImage(Reference("a", tag), to=kept)


@pytest.mark.parametrize("name", ["A:1", "a:1:2", ":1", "--all", "../x", "", "warroom/uv:1"])
def test_a_name_that_nobody_may_ask_for_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError):
        request_for(name)


# ── One name ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_latest_of_the_earlier_images_is_offered_and_the_others_to_choose_from(engine: FakeEngine) -> None:
    history(engine, FIRST, THIRD, SECOND)
    present = mark(engine, NAME)
    latest, middle, oldest = (
        Move(NAME, present, mark(engine, kept_name(job, NAME)), kept_name(job, NAME)) for job in (THIRD, SECOND, FIRST)
    )

    assert answered(engine, f"image={NAME}") == RollBack(f"Roll back `{NAME}`?", (latest,), (middle, oldest))
    assert answered(engine, f"image={NAME} to={kept_tag(SECOND, '3.12')}") == RollBack(
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

    assert [move.earlier_tag for move in offered(engine, f"image={NAME}").moves] == [kept_name(FIRST, NAME)]


def test_a_name_that_is_gone_can_come_back(engine: FakeEngine) -> None:
    history(engine, FIRST)
    engine.remove_image(NAME)

    (move,) = offered(engine, f"image={NAME}").moves

    assert (move.present, move.earlier_tag, move.users) == (None, kept_name(FIRST, NAME), Users())


@pytest.mark.parametrize(("running", "words"), [(1, "runs on"), (2, "run on")])
def test_containers_that_run_on_the_present_image_are_warned_of(engine: FakeEngine, running: int, words: str) -> None:
    history(engine, FIRST)
    present = mark(engine, NAME)
    for number in range(running):
        engine.add_container(f"web-{number}", present.id)
    engine.add_container("done", present.id, state="exited")

    proposal = offered(engine, f"image={NAME}")

    (finding,) = proposal.findings
    assert (finding.rule, finding.severity) == ("running-users", Severity.WARNING)
    assert words in finding.message
    assert proposal.moves[0].users.stopped == ("done",)


@pytest.mark.parametrize("line", ["image=other:1", "image=registry.example/a:latest", f"job={BEFORE}"])
def test_without_an_earlier_image_there_is_nothing_to_go_back_to(engine: FakeEngine, line: str) -> None:
    history(engine, FIRST)
    engine.add_image("other:1")

    refusal = answered(engine, line)

    assert isinstance(refusal, Refusal)
    assert refusal.title == "Nothing to roll back to"
    assert "kept" in refusal.message


def test_an_image_that_is_no_longer_kept_is_told_as_such(engine: FakeEngine) -> None:
    history(engine, FIRST)

    refusal = answered(engine, f"image={NAME} to={kept_tag(SECOND, '3.12')}")

    assert isinstance(refusal, Refusal)
    assert refusal.message == f"`{NAME}` no longer has an earlier image `before-{SECOND}-3.12`."


def test_a_daemon_that_is_away_says_so(engine: FakeEngine) -> None:
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        answered(engine, f"image={NAME}")


# ── All names of a job ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_name_that_a_job_moved_goes_back(engine: FakeEngine) -> None:
    history(engine, FIRST)
    history(engine, FIRST, BEFORE, name="a:latest")

    proposal = offered(engine, f"job={FIRST}")

    moves = [(move.name, move.earlier_tag) for move in proposal.moves]
    assert moves == [("a:latest", f"a:before-{FIRST}"), (NAME, kept_name(FIRST, NAME))]
    assert (proposal.title, proposal.others, proposal.findings) == ("Roll back 2 images?", (), ())


def test_a_name_that_moved_again_since_is_warned_of(engine: FakeEngine) -> None:
    history(engine, FIRST, SECOND)

    proposal = offered(engine, f"job={FIRST}")

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

    assert [move.name for move in offered(engine, f"job={FIRST}").moves] == [NAME]
