"""BuildKit's progress, held to streams that real daemons sent (`tests/recordings`: which, by what command)."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.engine.buildkit import BuildStory, Failure, StepEvent, StepVertex, decode_trace, last_stage, step_of
from commands.engine.streams import LINE_LIMIT, Lines, MalformedStream, records
from commands.engine.verdicts import build_failed
from commands.model.events import PLANNED, LogLine, StepDone, StepFailed, StepStarted

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("buildkit_*.json"))
ENGINES = pytest.mark.parametrize("engine", RECORDINGS, ids=[path.stem for path in RECORDINGS])
STAGES = RECORDINGS[0].parent / "stages_20.10.json"
"""Stages that run in parallel, and bases with `ONBUILD`."""


def recorded(engine: Path, name: str) -> tuple[str, bytes]:
    """Give a recording's Dockerfile and the bytes of its stream."""
    recording = json.loads(engine.read_text())["recordings"][name]
    return recording["dockerfile"], "".join(f"{line}\n" for line in recording["stream"]).encode()


def names(engine: Path) -> list[str]:
    return list(json.loads(engine.read_text())["recordings"])


def story_of(engine: Path, name: str, *, cut: int = 1 << 20) -> tuple[BuildStory, list[StepEvent]]:
    dockerfile, stream = recorded(engine, name)
    story = BuildStory(last_stage(dockerfile))
    pieces = (stream[start : start + cut] for start in range(0, len(stream), cut))
    return story, [event for record in records(pieces) for event in story.read_record(record)]


def unstamped(events: list[StepEvent]) -> list[StepEvent]:
    """Put seconds at zero and numbers that make a recording unique at `N`."""
    plain: list[StepEvent] = []
    for event in events:
        if isinstance(event, LogLine):
            words = ("N" if word.isdigit() and len(word) > 12 else word for word in event.text.split(" "))
            plain.append(replace(event, text=" ".join(words)))
        else:
            plain.append(replace(event, seconds=0) if isinstance(event, StepDone | StepFailed) else event)
    return plain


@ENGINES
def test_a_build_that_succeeds(engine: Path) -> None:
    story, events = story_of(engine, "succeeds")

    assert [replace(event, cached=False) if isinstance(event, StepDone) else event for event in unstamped(events)] == [
        StepStarted(1),
        StepDone(1, 0),
        StepStarted(2),
        LogLine(2, "N"),
        LogLine(2, "zölf 1"),
        LogLine(2, "2"),
        LogLine(2, "no end"),
        StepDone(2, 0),
        StepStarted(3),
        StepDone(3, 0),
    ]
    assert story.image_id is not None
    assert story.image_id.startswith("sha256:")
    assert story.failure is None


@ENGINES
def test_steps_that_were_done_before_are_cached(engine: Path) -> None:
    _, events = story_of(engine, "cached")

    assert unstamped(events)[2:] == [
        StepStarted(2),
        StepDone(2, 0, cached=True),
        StepStarted(3),
        StepDone(3, 0, cached=True),
    ]


@ENGINES
def test_the_steps_of_the_last_stage_are_those_of_the_plan(engine: Path) -> None:
    _, events = story_of(engine, "stages")

    assert [event for event in unstamped(events) if event.stage == PLANNED] == [
        StepStarted(2),
        LogLine(2, "N"),
        StepDone(2, 0),
        StepStarted(3),
        StepDone(3, 0),
    ]


@ENGINES
def test_a_step_of_another_stage_is_told_with_its_stage_and_instruction(engine: Path) -> None:
    _, events = story_of(engine, "stages")

    others = [event for event in unstamped(events) if event.stage == "tool"]
    started = [event for event in others if isinstance(event, StepStarted)]
    assert [event.key for event in others] == [("tool", 1), ("tool", 1), ("tool", 2), ("tool", 2)]
    assert [event.title.split()[0] for event in started] == ["FROM", "RUN"]
    assert others[-1] == StepDone(2, 0, stage="tool")


@ENGINES
def test_an_image_that_is_mounted_is_no_step(engine: Path) -> None:
    _, events = story_of(engine, "image_mount")

    assert [event.step for event in events if isinstance(event, StepStarted)] == [1, 2]
    assert unstamped(events)[-3:] == [StepStarted(2), LogLine(2, "N"), StepDone(2, 0)]


@ENGINES
def test_ten_steps_and_more_are_counted_alike(engine: Path) -> None:
    _, events = story_of(engine, "ten_steps")

    assert [event.step for event in events if isinstance(event, StepDone)] == list(range(1, 11))


@ENGINES
def test_a_step_that_fails(engine: Path) -> None:
    story, events = story_of(engine, "fails")

    assert unstamped(events)[-4:] == [StepStarted(2), LogLine(2, "N"), LogLine(2, "bad"), StepFailed(2, 0)]
    assert story.failure
    assert story.failure.operation.startswith("[2/3] RUN echo")
    problem = build_failed(story.failure)
    assert problem.message.startswith("Step 2 of 3, `RUN echo")
    assert problem.message.endswith("; echo bad >&2; exit 3`, ended with exit code 3.")
    assert problem.details[-1] == "bad"


@ENGINES
def test_a_build_that_is_cancelled_says_so(engine: Path) -> None:
    story, events = story_of(engine, "cancelled")

    assert story.failure
    assert story.failure.error == "context canceled"
    assert unstamped(events)[-1] == StepFailed(2, 0)


@ENGINES
@pytest.mark.parametrize(
    ("name", "message", "details"),
    [
        ("unknown_base", "The base image `127.0.0.1:1/no-such-base:1` is not on this Docker daemon", None),
        ("syntax_error", "unknown instruction: RUM", None),
        ("missing_file", "Step 2 of 2, `COPY missing /x`, failed", "/missing"),
    ],
)
def test_what_fails_before_it_runs_is_named(engine: Path, name: str, message: str, details: str | None) -> None:
    story, _ = story_of(engine, name)

    assert story.failure
    problem = build_failed(story.failure)
    assert message in problem.message
    assert "failed to solve" not in problem.message
    assert details is None or details in " ".join(problem.details)


@ENGINES
def test_every_step_starts_once_and_ends_once(engine: Path) -> None:
    for name in names(engine):
        assert_each_starts_and_ends_once(story_of(engine, name)[1], name)


@pytest.mark.parametrize("name", names(STAGES))
def test_every_step_of_every_stage_starts_once_and_ends_once(name: str) -> None:
    assert_each_starts_and_ends_once(story_of(STAGES, name)[1], name)


def assert_each_starts_and_ends_once(events: list[StepEvent], name: str) -> None:
    starts = [event.key for event in events if isinstance(event, StepStarted)]
    ends = [event.key for event in events if isinstance(event, StepDone | StepFailed)]
    assert sorted(starts) == sorted(ends) == sorted(set(starts)), name


def test_parallel_stages_with_the_same_numbers_are_kept_apart() -> None:
    _, events = story_of(STAGES, "parallel_stages")

    lines = [(event.key, event.text) for event in unstamped(events) if isinstance(event, LogLine)]
    assert sorted(lines) == [((PLANNED, 2), "ours 2 N"), (("tool", 2), "tool 2 N")]
    done = [event.key for event in events if isinstance(event, StepDone)]
    assert sorted(done) == [(PLANNED, 2), (PLANNED, 3), ("tool", 1), ("tool", 2), ("tool", 3)]


def test_the_stage_that_failed_is_blamed_and_not_the_one_that_it_interrupted() -> None:
    story, events = story_of(STAGES, "parallel_stage_fails")

    assert [event for event in unstamped(events) if isinstance(event, StepFailed)] == [
        StepFailed(2, 0, stage="tool"),
        StepFailed(2, 0, interrupted=True),
    ]
    assert story.failure
    assert story.failure.operation.startswith("[tool 2/2] RUN echo tool 2")
    assert story.failure.tail[-1] == "bad"


def test_a_build_that_is_broken_off_tells_of_what_was_cancelled_before() -> None:
    dockerfile, stream = recorded(STAGES, "parallel_stage_fails")
    story = BuildStory(last_stage(dockerfile))
    heard = [event for record in records([stream]) if "error" not in record for event in story.read_record(record)]

    assert not [event for event in heard if isinstance(event, StepFailed) and event.stage == PLANNED]
    assert unstamped(list(story.end_open_steps(now=0))) == [StepFailed(2, 0, interrupted=True)]


def test_triggers_of_the_base_are_the_steps_after_the_first() -> None:
    _, events = story_of(STAGES, "triggers_succeed")

    assert [event.key for event in events if isinstance(event, StepDone)] == [(PLANNED, n) for n in (1, 2, 3, 4, 5)]
    lines = [(event.step, event.text) for event in unstamped(events) if isinstance(event, LogLine)]
    assert lines == [(2, "trigger N"), (5, "ours N")]


@pytest.mark.parametrize(
    ("name", "message", "number"),
    [
        ("trigger_fails", "Step 2 of 5, `RUN echo trigger", 2),
        ("step_after_triggers_fails", "Step 5 of 6, `RUN echo ours", 5),
    ],
)
def test_a_failed_build_counts_the_triggers_of_the_base(name: str, message: str, number: int) -> None:
    story, events = story_of(STAGES, name)

    assert [event.key for event in events if isinstance(event, StepFailed)] == [(PLANNED, number)]
    assert story.failure
    assert build_failed(story.failure).message.startswith(message)


@ENGINES
@pytest.mark.parametrize("cut", [1, 2, 7, 64, 4096])
def test_it_does_not_matter_where_the_stream_is_cut(engine: Path, cut: int) -> None:
    assert story_of(engine, "succeeds", cut=cut)[1] == story_of(engine, "succeeds")[1]


@ENGINES
def test_the_fields_are_those_that_daemons_send(engine: Path) -> None:
    for name in names(engine):
        for aux in traces(recorded(engine, name)[1]):
            trace = decode_trace(aux)
            assert all(vertex.digest.startswith("sha256:") and vertex.name for vertex in trace.vertices)
            assert all(log.stream in (1, 2) and log.text for log in trace.logs)


def traces(stream: bytes) -> Iterator[str]:
    return (record["aux"] for record in records([stream]) if record.get("id") == "moby.buildkit.trace")


@ENGINES
def test_a_build_that_is_broken_off_ends_what_it_started(engine: Path) -> None:
    dockerfile, stream = recorded(engine, "cancelled")
    story = BuildStory(last_stage(dockerfile))
    heard: list[StepEvent] = []
    for record in records([stream]):
        heard.extend(story.read_record(record))
        if any(isinstance(event, LogLine) for event in heard):
            break

    ends = list(story.end_open_steps(now=0))

    assert ends == [StepFailed(2, 0)]
    assert list(story.end_open_steps(now=0)) == []


@pytest.mark.parametrize(
    "aux", [None, 7, "not base64!", base64.b64encode(b"\xff\xff\xff").decode(), base64.b64encode(b"\x0a\x05x").decode()]
)
def test_a_report_that_is_none_is_malformed(aux: object) -> None:
    with pytest.raises(MalformedStream):
        list(BuildStory("stage-0").read_record({"id": "moby.buildkit.trace", "aux": aux}))


@given(st.binary(max_size=200))
def test_no_report_breaks_the_decoder(noise: bytes) -> None:
    with suppress(MalformedStream):
        decode_trace(base64.b64encode(noise).decode())


@pytest.mark.parametrize("stream", [b"\xff\n", b"{\n", b"[]\n", b"7\n", b'"text"\n', b"<html>"])
def test_a_stream_of_something_else_is_malformed(stream: bytes) -> None:
    with pytest.raises(MalformedStream):
        list(records([stream]))


@pytest.mark.parametrize("record", [{}, {"stream": "old"}, {"id": "moby.image.id"}, {"id": 7}, {"error": None}])
def test_records_of_another_kind_say_nothing(record: dict[str, Any]) -> None:
    story = BuildStory("stage-0")

    assert (list(story.read_record(record)), story.image_id, story.failure) == ([], None, None)


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=2), max_size=5), st.integers(1, 9))
def test_records_survive_any_cut(values: list[dict[str, str]], cut: int) -> None:
    stream = "".join(json.dumps(value, ensure_ascii=False) + "\r\n" for value in values).encode()

    assert list(records(stream[start : start + cut] for start in range(0, len(stream), cut))) == values


@pytest.mark.parametrize(
    ("dockerfile", "stage"),
    [
        ("FROM a\n", "stage-0"),
        ("FROM a AS tool\nRUN x\nFROM b\n", "stage-1"),
        ("FROM a\nFROM --platform=linux/amd64 b as Final\n", "Final"),
        ("# FROM c\nfrom a\n", "stage-0"),
        ("", "stage-0"),
    ],
)
def test_the_last_stage_has_buildkits_name(dockerfile: str, stage: str) -> None:
    assert last_stage(dockerfile) == stage


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("[2/4] RUN a", StepVertex(None, 2, 4, "RUN a")),
        ("[ 2/14] RUN a [1/2] b", StepVertex(None, 2, 14, "RUN a [1/2] b")),
        ("[stage-1 2/4] RUN a\nb", StepVertex("stage-1", 2, 4, "RUN a\nb")),
        ("[tool  2/14] FROM x", StepVertex("tool", 2, 14, "FROM x")),
        ("[2/7] ONBUILD RUN a", StepVertex(None, 2, 7, "ONBUILD RUN a")),
        ("[5/2] RUN a", StepVertex(None, 5, 2, "RUN a")),
        ("[internal] load metadata for x", None),
        ("FROM docker.io/library/x", None),
        ("exporting to image", None),
        ("", None),
    ],
)
def test_the_name_of_a_vertex_says_which_step_it_is(name: str, step: StepVertex | None) -> None:
    assert step_of(name) == step


@given(st.text(st.characters(exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")), st.integers(1, 5))
def test_a_line_survives_any_cut(text: str, cut: int) -> None:
    lines, raw = Lines(), f"{text}\n".encode(errors="replace")

    told = [line for start in range(0, len(raw), cut) for line in lines.feed(raw[start : start + cut])]

    assert told == [raw.decode()[:-1]]
    assert lines.end() == ()


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"a\nb"], ["a", "b"]),
        ([b"a\r\nb\r\n"], ["a", "b"]),
        ([b"a\r", b"\nb"], ["a", "b"]),
        ([b"10%\r20%\r", b"30%\r\n"], ["10%", "20%", "30%"]),
        ([b"a\n\nb\n"], ["a", "", "b"]),
        ([b"\x85 form\x0cfeed\n".replace(b"\x85", "\u2028".encode())], ["\u2028 form\x0cfeed"]),
        ([b"\xff\n"], ["\ufffd"]),
        ([b"", b""], []),
    ],
)
def test_lines_end_as_terminals_end_them(pieces: list[bytes], told: list[str]) -> None:
    lines = Lines()

    assert [*(line for piece in pieces for line in lines.feed(piece)), *lines.end()] == told


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    lines = Lines()

    assert [line for _ in range(1000) for line in lines.feed("ö".encode() * 1000)] == []
    assert [*lines.feed(b"end\nnext\n"), *lines.end()] == ["ö" * LINE_LIMIT, "next"]


def test_an_instruction_is_quoted_without_its_mounts_on_one_line() -> None:
    failure = Failure("exit code: 1", "[1/2] RUN --mount=type=cache,target=/c  apt-get   update `x`", ("E: no",))

    assert build_failed(failure).message == "Step 1 of 2, `RUN apt-get update 'x'`, ended with exit code 1."
