"""Builds on a Docker daemon, with BuildKit over the HTTP API."""

import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

import structlog

from commands.engine.buildkit import CANCELLED, BuildStory, Failure, StepEvent, last_stage
from commands.engine.connection import Connection, DaemonRefused, DaemonSilent, disk_full, no_space
from commands.engine.contexts import sendable
from commands.engine.interface import BuildEvent, BuildOrder
from commands.engine.verdicts import build_failed
from commands.errors import BuildStopped, BuildTimedOut, EngineUnavailable, Problem
from commands.model.events import ImageBuilt
from commands.model.images import ImageId

log = structlog.get_logger()


class Builds:
    """The builds that this process follows; `holds` checks that the daemon has an image, `clock` is epoch seconds."""

    def __init__(self, connection: Connection, *, holds: Callable[[ImageId], bool], clock: Callable[[], float]) -> None:
        self._connection = connection
        self._holds = holds
        self._clock = clock
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    def follow(self, order: BuildOrder) -> Iterator[BuildEvent]:
        """Build, as in `Engine.build`."""
        story = BuildStory(last_stage(_dockerfile(order.context)))
        with self._register(order.build_id) as stop:
            yield from self._follow_to_end(order, story, stop)
        yield from story.end_open_steps(self._clock())
        if story.failure is not None:
            raise self._problem(story.failure, asked=stop.is_set())
        yield self._built_event(story.image_id)

    def cancel(self, build_id: str) -> None:
        """Cancel a build, as in `Engine.cancel_build`."""
        with self._lock:
            stop = self._stops.get(build_id)
        if stop is not None:
            stop.set()
        self._connection.ask("POST", "/build/cancel", doing="cancel a build", params={"id": build_id})

    def _follow_to_end(self, order: BuildOrder, story: BuildStory, stop: threading.Event) -> Iterator[StepEvent]:
        try:
            yield from self._stream_events(order, story, stop)
        except GeneratorExit:
            self._abandon(order.build_id)
            raise
        except DaemonSilent as silence:
            yield from story.end_open_steps(self._clock())
            self.cancel(order.build_id)  # If the daemon hangs here too, that error is raised instead.
            raise BuildTimedOut(
                f"The build printed nothing for {order.idle_seconds:g} s and was ended.",
                hint="See the last lines of its log: a step may wait for input or for the network.",
            ) from silence
        except DaemonRefused as refusal:
            # A failure before the first record, such as an early cancellation, arrives as an HTTP status.
            yield from story.read_record({"error": refusal.reason})
        except Problem:
            yield from story.end_open_steps(self._clock())
            raise

    def _stream_events(self, order: BuildOrder, story: BuildStory, stop: threading.Event) -> Iterator[StepEvent]:
        with (
            sendable(order.context, order.files) as context,
            self._connection.stream(
                "/build",
                doing="build",
                idle_seconds=order.idle_seconds,
                params=_parameters(order),
                data=context,
                headers={"Content-Type": "application/x-tar"},
            ) as records,
        ):
            known_to_daemon = False
            for record in records:
                if not known_to_daemon and stop.is_set():
                    # The daemon drops a cancellation that arrives before the build: send it again.
                    self.cancel(order.build_id)
                known_to_daemon = True
                yield from story.read_record(record)

    @contextmanager
    def _register(self, build_id: str) -> Iterator[threading.Event]:
        with self._lock:
            stop = self._stops.setdefault(build_id, threading.Event())
        try:
            yield stop
        finally:
            with self._lock:
                self._stops.pop(build_id, None)

    def _abandon(self, build_id: str) -> None:
        try:
            self.cancel(build_id)
        except Problem as problem:
            # There is no caller left to raise to, and the daemon ends a build when its connection is closed.
            log.warning("build_not_cancelled", build_id=build_id, reason=problem.message)

    def _problem(self, failure: Failure, *, asked: bool) -> Problem:
        # Not the output of a step: programs of the base and of packages may print anything.
        if no_space(failure.error):
            return disk_full(failure.error)
        if CANCELLED not in failure.error:
            return build_failed(failure)
        if not asked:
            # A daemon that shuts down cancels its builds too; then this request fails.
            self._connection.ask("GET", "/_ping", doing="answer after it cancelled a build")
        return BuildStopped("The build was stopped.", hint="Nothing of it was kept. Start it again if needed.")

    def _built_event(self, image_id: ImageId | None) -> ImageBuilt:
        if image_id is None:
            raise EngineUnavailable(
                f"The Docker daemon at `{self._connection.endpoint}` ended the build without naming an image.",
                hint="See whether it was restarted (`journalctl -u docker`), then try again.",
            )
        if not self._holds(image_id):
            raise EngineUnavailable(
                f"The Docker daemon at `{self._connection.endpoint}` built `{image_id}` but no longer has it.",
                hint="Somebody may have removed it (`docker image prune`): try again.",
            )
        return ImageBuilt(image_id)


def _parameters(order: BuildOrder) -> dict[str, str | list[str]]:
    # Without `t`: an image gets its tag only after the verification.
    parameters: dict[str, str | list[str]] = {
        "version": "2",
        "buildid": order.build_id,
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps(dict(order.labels)),
        "buildargs": json.dumps(dict(order.build_args)),
    }
    if order.no_cache:
        parameters["nocache"] = "1"
    if order.network is not None:
        parameters["networkmode"] = order.network
    return parameters


def _dockerfile(context: bytes) -> str:
    """Read the Dockerfile from a build context; return "" if it is unreadable, which the daemon will report."""
    try:
        with tarfile.open(fileobj=BytesIO(context)) as tar:
            file = tar.extractfile("Dockerfile")
            return "" if file is None else file.read().decode(errors="replace")
    except (tarfile.TarError, KeyError):
        return ""
