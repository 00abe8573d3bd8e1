"""What BuildKit tells about a build while it runs, as events. Pure: records in, events out.

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
from commands.model.events import LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import ImageId

EVIDENCE_LINES = 20
"""How many of the last lines of a failing step are worth showing."""

CANCELLED = "context canceled"
"""What BuildKit says of what was ended from outside."""

StepEvent = StepStarted | StepDone | StepFailed | LogLine
"""What is told of a step of the Dockerfile."""

_FIELDS: dict[str, tuple[tuple[int, str, str], ...]] = {
    # message: (number, name, type); a type in brackets is repeated. Fields that are not named here are skipped.
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
    """One operation of a build, as of now: times in seconds since the epoch, `error` empty unless it failed."""

    digest: str
    name: str
    cached: bool = False
    started: float | None = None
    completed: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class VertexLog:
    """A piece of the output of an operation; it may begin and end inside of a line or a character."""

    vertex: str
    stream: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """One report on what changed."""

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
    """Say how BuildKit names the stage of a Dockerfile that becomes the image."""
    names: list[str | None] = _FROM.findall(dockerfile)
    return (names[-1] if names else None) or f"stage-{max(len(names) - 1, 0)}"


@dataclass(frozen=True, slots=True)
class StepVertex:
    """A vertex that is an instruction of the Dockerfile, as in `[2/4] RUN …` or `[stage-1 2/4] RUN …`."""

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
    """What was heard of one vertex so far."""

    vertex: Vertex
    started: bool = False
    ended: bool = False
    streams: dict[int, Lines] = field(default_factory=dict)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=EVIDENCE_LINES))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a build failed: BuildKit's `error`, the operation that failed (empty if it named none), its last lines."""

    error: str
    operation: str = ""
    tail: tuple[str, ...] = ()


class BuildStory:
    """Folds the records of one build: `hear` gives the events; afterwards `image_id` or `failure` is set, or neither.

    Every step of the stage is told as started once and as ended once, however often BuildKit repeats itself. A step
    that it shares with another stage (the same FROM) is not told: BuildKit names it after the other.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage.casefold()
        self._known: dict[str, _Known] = {}
        self.image_id: ImageId | None = None
        self.failure: Failure | None = None

    def hear(self, record: dict[str, Any]) -> Iterator[StepEvent]:
        """Take one record in; raises `MalformedStream`."""
        match record:
            case {"error": str(error)}:
                self.failure = self._failure(error)
            case {"id": "moby.buildkit.trace", "aux": aux}:
                yield from self._follow(decode_trace(aux))
            case {"id": "moby.image.id", "aux": {"ID": str(image_id)}}:
                self.image_id = ImageId(image_id)
            case _:
                pass  # Other records exist, such as the classic builder's `stream`; nothing here depends on them.

    def broken_off(self, now: float) -> Iterator[StepEvent]:
        """End the steps of which no end will be heard; `now` in seconds since the epoch."""
        for known in self._known.values():
            if known.started and not known.ended:
                yield from self._end(replace(known.vertex, completed=now, error=known.vertex.error or "broken off"))

    def _follow(self, trace: Trace) -> Iterator[StepEvent]:
        # One report may hold the start, output and end of several steps, each kind in a list of its own.
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
        number = self._number(vertex.name)
        if number is not None and vertex.started is not None and not known.started:
            known.started = True
            yield StepStarted(number)

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
        number = self._number(vertex.name)
        if number is not None and known.started:
            seconds = max((vertex.completed or 0) - (vertex.started or 0), 0.0)
            yield StepFailed(number, seconds) if vertex.error else StepDone(number, seconds, cached=vertex.cached)

    def _lines(self, known: _Known, lines: tuple[str, ...]) -> Iterator[StepEvent]:
        known.tail.extend(lines)
        number = self._number(known.vertex.name)
        if number is not None:
            yield from (LogLine(number, line) for line in lines)

    def _number(self, name: str) -> int | None:
        step = step_of(name)
        if step is None or (step.stage or self._stage).casefold() != self._stage:
            return None
        return step.number

    def _failure(self, error: str) -> Failure:
        failed = [known for known in self._known.values() if known.vertex.error]
        # What fails drags others along that were running beside it: those say that they were cancelled.
        causes = [known for known in failed if CANCELLED not in known.vertex.error] or failed
        if not causes:
            return Failure(error)
        return Failure(error, causes[0].vertex.name, tuple(causes[0].tail))


def _when_started(vertex: Vertex) -> float:
    return math.inf if vertex.started is None else vertex.started
