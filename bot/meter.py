"""The bot's metrics for `/metrics`. The only user of prometheus-client; no metric is global."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from commands.errors import Problem

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The content type of `text`: the exposition format that every scraper reads."""
_ACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds; Slack gives up after 3."""
_BUILD_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

MOST_RESULTS = 100
"""The most errors of Slack that are counted by name: what answers in Slack's place may make up a new one each time."""
_ALWAYS = frozenset({"ok", "unreachable"})


class Build:
    """A timed build; the caller sets its outcome."""

    outcome = "broke"
    """The outcome if the caller sets none."""


class Meter:
    """The metrics of one bot. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._registry = registry = CollectorRegistry()
        self._commands = Counter(
            "warroom_commands", "Commands that have ended, by how.", ["command", "outcome"], registry=registry
        )
        self._acks = Histogram(
            "warroom_ack_seconds",
            "From the arrival of a command, click or form to its acknowledgement.",
            ["kind"],
            buckets=_ACK_BUCKETS,
            registry=registry,
        )
        self._queue = Gauge("warroom_queue_length", "Confirmed builds that wait for a slot.", registry=registry)
        self._running = Gauge("warroom_builds_running", "Builds that run now.", registry=registry)
        self._builds = Histogram(
            "warroom_build_seconds",
            "Builds, verification included, by how they ended.",
            ["outcome"],
            buckets=_BUILD_BUCKETS,
            registry=registry,
        )
        self._calls = Counter(
            "warroom_slack_calls", "Calls of Slack's Web API, by result.", ["method", "result"], registry=registry
        )
        self._results: set[str] = set()
        self._turn = threading.Lock()
        self._limited = Counter(
            "warroom_slack_rate_limited", "Calls that Slack refused for the rate (429).", registry=registry
        )

    def command_ended(self, command: str, outcome: str) -> None:
        """Count a command once: when its dialog has ended, or when it was not accepted."""
        self._commands.labels(command, outcome).inc()

    @contextmanager
    def acking(self, kind: str) -> Iterator[None]:
        """Time an acknowledgement; `kind` is `command`, `click` or `form`."""
        start = self._clock()
        try:
            yield
        finally:
            self._acks.labels(kind).observe(self._clock() - start)

    @contextmanager
    def building(self) -> Iterator[Build]:
        """Time a build."""
        start, build = self._clock(), Build()
        self._running.inc()
        try:
            yield build
        finally:
            self._running.dec()
            self._builds.labels(build.outcome).observe(self._clock() - start)

    def slack_called(self, method: str, result: str, *, limited: bool = False) -> None:
        """Count a call; `result` is `ok`, Slack's error code, or `unreachable`."""
        self._calls.labels(method, self._known_result(result)).inc()
        if limited:
            self._limited.inc()

    def _known_result(self, result: str) -> str:
        """Return the result, or `other` if too many different ones have been counted."""
        with self._turn:
            if result in _ALWAYS or result in self._results:
                return result
            if len(self._results) >= MOST_RESULTS:
                return "other"
            self._results.add(result)
            return result

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Call `length` for the queue's length at each scrape."""
        self._queue.set_function(lambda: _number(length))

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


def _number(length: Callable[[], int]) -> float:
    try:
        return length()
    except Problem:
        # The database is down, as `/ready` reports; the other metrics are still valid.
        return math.nan
