"""Pulls on a Docker daemon: follow a pull, verify that the image is there, and cancel it on request."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from commands.engine.connection import LONGEST_REASON, Connection, DaemonRefused, disk_full, no_space
from commands.engine.cut import Cut
from commands.engine.interface import PullProgress
from commands.engine.logins import Logins
from commands.engine.pulling import PullStory, pull_problem
from commands.errors import Problem, PullStopped
from commands.model.images import LocalImage
from commands.model.references import Reference

log = structlog.get_logger()

TRANSFER_SECONDS = 300.0
"""Maximum time without output while an image is pulled or imported."""

_CANCELLED = "context canceled"
"""The daemon's error for a pull that it cancelled, by itself or because the client disconnected."""


class Pulls:
    """The pulls that this process follows; `find` looks up an image on the daemon."""

    def __init__(self, connection: Connection, logins: Logins, *, find: Callable[[str], LocalImage | None]) -> None:
        self._connection = connection
        self._logins = logins
        self._find = find
        self._lock = threading.Lock()
        self._cuts: dict[str, Cut] = {}

    def fetch(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        """Pull, as `Engine.pull`."""
        # Without a tag the daemon would fetch all of them.
        wanted = reference if reference.tag or reference.digest else Reference(reference.repository, tag="latest")
        with self._register(pull_id) as cut:
            try:
                return self._pull(wanted, report, cut)
            except Problem as problem:
                # The daemon's error depends on when the connection was cut; what counts is that somebody asked.
                if cut.is_made:
                    raise _pull_stopped(wanted) from problem
                raise

    def cancel(self, pull_id: str) -> None:
        """End a pull, as `Engine.cancel_pull`."""
        with self._lock:
            cut = self._cuts.get(pull_id)
        if cut is not None:
            # The daemon notices that the client has disconnected and cancels: a layer at once, a request for a
            # manifest (20.10.24) only when the registry answers, but then it does not store anything either.
            cut.make()

    @contextmanager
    def _register(self, pull_id: str | None) -> Iterator[Cut]:
        cut = Cut()
        if pull_id is None:
            yield cut
            return
        with self._lock:
            self._cuts[pull_id] = cut
        try:
            yield cut
        finally:
            with self._lock:
                self._cuts.pop(pull_id, None)

    def _pull(self, wanted: Reference, report: Callable[[PullProgress], None], cut: Cut) -> LocalImage:
        story = PullStory()
        try:
            self._follow(wanted, story, report, cut)
        except DaemonRefused as refusal:
            raise self._problem(wanted, refusal.reason) from refusal
        if story.error is not None:
            raise self._problem(wanted, story.error)
        return self._verify(wanted, wanted.digest or story.digest)

    def _follow(self, wanted: Reference, story: PullStory, report: Callable[[PullProgress], None], cut: Cut) -> None:
        with self._connection.stream(
            "/images/create",
            doing=f"pull `{wanted}`",
            idle_seconds=TRANSFER_SECONDS,
            params={"fromImage": wanted.repository, "tag": wanted.digest or wanted.tag or ""},
            headers=self._logins.header(wanted.registry),
            cut=cut,
        ) as records:
            for record in records:
                progress = story.hear(record)
                if progress is not None:
                    report(progress)
                if cut.is_made:  # A connection over SSH cannot be cut from outside.
                    raise _pull_stopped(wanted)

    def _problem(self, wanted: Reference, reason: str) -> Problem:
        log.warning("pull_failed", image=str(wanted), reason=reason[:LONGEST_REASON])
        if no_space(reason):
            return disk_full()
        if _CANCELLED in reason:
            # A daemon that shuts down cancels its pulls; then this request fails.
            self._connection.ask("GET", "/_ping", doing="answer after it cancelled a pull")
        return pull_problem(wanted, reason)

    def _verify(self, wanted: Reference, digest: str | None) -> LocalImage:
        # A pull that is interrupted can end without an error and leave the old image under the name.
        image = self._find(str(wanted))
        if image is None:
            raise self._problem(wanted, "the daemon has no such image after the pull")
        if digest is None or not any(known.endswith(f"@{digest}") for known in image.repo_digests):
            raise self._problem(wanted, f"the daemon holds another image than the one it pulled ({digest})")
        return image


def _pull_stopped(wanted: Reference) -> PullStopped:
    return PullStopped(
        f"The pull of `{wanted}` was stopped.",
        hint="The daemon may keep the layers that are complete, so the next pull is faster.",
    )
