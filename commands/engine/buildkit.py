"""BuildKit's records of a running build, as events. Pure: records in, events out.

In the records of `POST /build?version=2` progress comes as `moby.buildkit.trace`: a
`StatusResponse` of BuildKit's public `api/services/control/control.proto`, of which `_FIELDS` names what is read here.
"""

import base64
import binascii
import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError, Message

from commands.engine.streams import Lines, MalformedStream
from commands.model.events import PLANNED, LogLine, StepDone, StepFailed, StepKey, StepStarted
from commands.model.images import ImageId

EVIDENCE_LINES = 20
"""How many of the last lines of a failed step are shown."""

CANCELLED = "context canceled"
"""BuildKit's error of a cancelled vertex."""

StepEvent = StepStarted | StepDone | StepFailed | LogLine
"""The events of a step of the Dockerfile."""

_FIELDS: dict[str, tuple[tuple[int, str, str], ...]] = {
    # message: (number, name, type); a type in brackets is repeated. Unlisted fields are skipped.
    "Timestamp": ((1, "seconds", "INT64"), (2, "nanos", "INT32")),
    "Vertex": (
        (1, "digest", "STRING"),
        (3, "name", "STRING"),
        (4, "cached", "BOOL"),
        (5, "started", "Timestamp"),
        (6, "completed", "Timestamp"),
        (7, "error", "STRING"),
    ),
    "VertexLog": ((1, "vertex", "STRING"), (3, "stream", "INT64"), (4, "msg", "BYTES")),
    "StatusResponse": ((1, "vertexes", "[Vertex]"), (3, "logs", "[VertexLog]")),
}


@dataclass(frozen=True, slots=True)
class Vertex:
    """The present state of one operation: times in seconds since the epoch, `error` empty unless it failed."""

    digest: str
    name: str
    cached: bool = False
    started: float | None = None
    completed: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class VertexLog:
    """A part of an operation's output; it may begin and end within a line or a character."""

    vertex: str
    stream: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """One report of changes."""

    vertices: tuple[Vertex, ...]
    logs: tuple[VertexLog, ...]


def decode_trace(aux: object) -> Trace:
    """Read the `aux` of a `moby.buildkit.trace` record; raises `MalformedStream`."""
    status = _status_response()()
    try:
        status.ParseFromString(base64.b64decode(str(aux), validate=True))
    except (binascii.Error, ValueError, DecodeError) as fault:
        raise MalformedStream("not a progress report of BuildKit") from fault
    return _trace(status)


def _trace(status: Any) -> Trace:  # noqa: ANN401  # a protobuf class that is made at run time has no static type
    return Trace(
        vertices=tuple(
            Vertex(v.digest, v.name, v.cached, _seconds(v, "started"), _seconds(v, "completed"), v.error)
            for v in status.vertexes
        ),
        logs=tuple(VertexLog(log.vertex, log.stream, log.msg) for log in status.logs),
    )


def _seconds(vertex: Any, name: str) -> float | None:  # noqa: ANN401  # as above
    if not vertex.HasField(name):
        return None
    moment = getattr(vertex, name)
    return float(moment.seconds + moment.nanos / 1e9)


@cache
def _status_response() -> type[Message]:
    messages = [{"name": name, "field": [_field(*one) for one in fields]} for name, fields in _FIELDS.items()]
    file = {"name": "progress.proto", "package": "progress", "syntax": "proto3", "messageType": messages}
    pool = descriptor_pool.DescriptorPool()
    pool.Add(json_format.ParseDict(file, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("progress.StatusResponse"))


def _field(number: int, name: str, kind: str) -> dict[str, object]:
    plain = kind.strip("[]")
    described = {"name": name, "number": number, "label": "LABEL_OPTIONAL" if plain == kind else "LABEL_REPEATED"}
    if plain in _FIELDS:
        return {**described, "type": "TYPE_MESSAGE", "typeName": f".progress.{plain}"}
    return {**described, "type": f"TYPE_{plain}"}


_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*\S+(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"\[(?:(?P<stage>\S+) )? *(?P<number>\d+)/(?P<count>\d+)\] (?P<instruction>.*)", re.DOTALL)


def last_stage(dockerfile: str) -> str:
    """Return BuildKit's name of the Dockerfile's stage that becomes the image."""
    names: list[str | None] = _FROM.findall(dockerfile)
    return (names[-1] if names else None) or f"stage-{max(len(names) - 1, 0)}"


@dataclass(frozen=True, slots=True)
class StepVertex:
    """A vertex that is an instruction of the Dockerfile, as in `[2/4] RUN …` or `[stage-1 2/4] RUN …`.

    The instructions of a base's `ONBUILD` come after FROM and are counted with the others. The total does not count
    them in some versions, and counts too many in others; newer ones write `[2/4] ONBUILD RUN …`.
    """

    stage: str | None
    number: int
    count: int
    instruction: str


def step_of(name: str) -> StepVertex | None:
    """Read a vertex's name; None for what BuildKit does on its own account."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return StepVertex(match["stage"], int(match["number"]), int(match["count"]), match["instruction"])


@dataclass(slots=True)
class _Known:
    """The reports on one vertex so far."""

    vertex: Vertex
    started: bool = False
    ended: bool = False
    streams: dict[int, Lines] = field(default_factory=dict)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=EVIDENCE_LINES))


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a build: BuildKit's `error`, the failed operation (empty if unknown), its last lines.

    `count` is how many steps BuildKit has named in that operation's stage; 0 if it is unknown.
    """

    error: str
    operation: str = ""
    tail: tuple[str, ...] = ()
    count: int = 0


class BuildStory:
    """Folds the records of one build: `read_record` yields the events; then `image_id`, `failure` or neither is set.

    Every step starts once and ends once, however often BuildKit repeats itself. Steps of `stage`, which becomes the
    image, are those of the plan. BuildKit names a step that two stages share (the same FROM) after one of them.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage.casefold()
        self._known: dict[str, _Known] = {}
        self._cancelled: list[_Known] = []
        self.image_id: ImageId | None = None
        self.failure: Failure | None = None

    def read_record(self, record: dict[str, Any]) -> Iterator[StepEvent]:
        """Take one record in; raises `MalformedStream`."""
        match record:
            case {"error": str(error)}:
                self.failure = self._failure(error)
                yield from self._end_cancelled()
            case {"id": "moby.buildkit.trace", "aux": aux}:
                yield from self._follow(decode_trace(aux))
            case {"id": "moby.image.id", "aux": {"ID": str(image_id)}}:
                self.image_id = ImageId(image_id)
            case _:
                pass  # Other records exist, such as the classic builder's `stream`; nothing here depends on them.

    def end_open_steps(self, now: float) -> Iterator[StepEvent]:
        """Yield the ends of the steps that are still open; `now` is in seconds since the epoch."""
        for known in self._known.values():
            if known.started and not known.ended:
                yield from self._end(replace(known.vertex, completed=now, error=known.vertex.error or "broken off"))
        yield from self._end_cancelled()

    def _follow(self, trace: Trace) -> Iterator[StepEvent]:
        # One report may hold the starts, outputs and ends of several steps in separate lists.
        unread = list(trace.logs)
        for vertex in sorted(trace.vertices, key=_when_started):
            yield from self._start(vertex)
            if vertex.completed is not None:
                for log in [log for log in unread if log.vertex == vertex.digest]:
                    unread.remove(log)
                    yield from self._print(log)
                yield from self._end(vertex)
        for log in unread:
            yield from self._print(log)

    def _start(self, vertex: Vertex) -> Iterator[StepEvent]:
        known = self._known.setdefault(vertex.digest, _Known(vertex))
        known.vertex = vertex
        step = step_of(vertex.name)
        if step is not None and vertex.started is not None and not known.started:
            known.started = True
            key = self._key(step)
            title = "" if key.stage == PLANNED else " ".join(step.instruction.split())
            yield StepStarted(key.number, stage=key.stage, title=title)

    def _print(self, log: VertexLog) -> Iterator[StepEvent]:
        known = self._known.setdefault(log.vertex, _Known(Vertex(log.vertex, name="")))
        yield from self._lines(known, known.streams.setdefault(log.stream, Lines()).feed(log.text))

    def _end(self, vertex: Vertex) -> Iterator[StepEvent]:
        known = self._known[vertex.digest]
        known.vertex = vertex
        if known.ended:
            return
        known.ended = True
        for stream in known.streams.values():
            yield from self._lines(known, stream.end())
        if CANCELLED in vertex.error:
            # A later report may name another step as the cause.
            self._cancelled.append(known)
        else:
            yield from self._end_events(known, interrupted=False)

    def _end_cancelled(self) -> Iterator[StepEvent]:
        ended, self._cancelled = self._cancelled, []
        interrupted = bool(self._causes())
        for known in ended:
            yield from self._end_events(known, interrupted=interrupted)

    def _end_events(self, known: _Known, *, interrupted: bool) -> Iterator[StepEvent]:
        vertex, step = known.vertex, step_of(known.vertex.name)
        if step is None or not known.started:
            return
        stage, number = self._key(step)
        seconds = max((vertex.completed or 0) - (vertex.started or 0), 0.0)
        if vertex.error:
            yield StepFailed(number, seconds, stage=stage, interrupted=interrupted)
        else:
            yield StepDone(number, seconds, cached=vertex.cached, stage=stage)

    def _lines(self, known: _Known, lines: tuple[str, ...]) -> Iterator[StepEvent]:
        known.tail.extend(lines)
        step = step_of(known.vertex.name)
        if step is not None:
            stage, number = self._key(step)
            yield from (LogLine(number, line, stage=stage) for line in lines)

    def _key(self, step: StepVertex) -> StepKey:
        if step.stage is None or step.stage.casefold() == self._stage:
            return StepKey(PLANNED, step.number)
        return StepKey(step.stage, step.number)

    def _causes(self) -> list[_Known]:
        # A failure also ends the steps that run in parallel: these report that they were cancelled.
        return [known for known in self._failed_vertices() if CANCELLED not in known.vertex.error]

    def _failed_vertices(self) -> list[_Known]:
        return [known for known in self._known.values() if known.vertex.error]

    def _failure(self, error: str) -> Failure:
        causes = self._causes() or self._failed_vertices()
        if not causes:
            return Failure(error)
        operation = causes[0].vertex.name
        return Failure(error, operation, tuple(causes[0].tail), self._count(step_of(operation)))

    def _count(self, step: StepVertex | None) -> int:
        named = (step_of(known.vertex.name) for known in self._known.values())
        return max((other.number for other in named if step and other and other.stage == step.stage), default=0)


def _when_started(vertex: Vertex) -> float:
    return math.inf if vertex.started is None else vertex.started
