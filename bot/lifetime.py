"""The life of the whole bot in one process: start, failure, close."""

from contextlib import ExitStack
from time import monotonic

import structlog

from bot.dialogs.jobs import Jobs
from bot.doctor.running import Check
from bot.housekeeping import Housekeeper
from bot.meter import Meter
from bot.slack.channel import Channel
from bot.slack.connection import SlackConnection
from commands.errors import Problem, ShuttingDown

log = structlog.get_logger()

_CLOSING_SECONDS = 7.0
"""How long closing may take after the grace period."""
_SENDING_SECONDS = 10.0
"""How long a closing bot sends what is pending."""


class Bot:
    """The whole bot: `start` continues the work of the last process, `close` leaves unfinished work to the next one."""

    def __init__(
        self,
        jobs: Jobs,
        channel: Channel,
        connection: SlackConnection,
        housekeeper: Housekeeper,
        resources: ExitStack,
        *,
        checks: tuple[Check, ...],
        meter: Meter,
        grace_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._channel = channel
        self._connection = connection
        self._housekeeper = housekeeper
        self._resources = resources
        self.checks = checks
        """The conditions for the bot to be ready."""
        self.meter = meter
        self.closes_within = grace_seconds + _CLOSING_SECONDS
        """The seconds in which `close` ends, unless something hangs."""

    def start(self) -> None:
        """Open the connection and start; on an error, close the bot and raise `Misconfigured` or `StateUnwritable`."""
        try:
            self._channel.start()
            self._jobs.start()
            self._connection.open()
            self._housekeeper.start()
        except BaseException:
            # Otherwise its threads would keep the process alive, and its lock would block the next process.
            self.close()
            raise
        log.info("bot_started")

    @property
    def failure(self) -> Problem | None:
        """The problem for which the bot must end, found after its start."""
        if self._jobs.replaced.is_set():
            return ShuttingDown(
                "Another process has taken over the work of this bot, so this one ended.",
                hint="Run one bot of each name (`WARROOM_OWNER`) on a database.",
            )
        return self._connection.failure

    def close(self) -> tuple[str, ...]:
        """Accept nothing new, wait for running builds for the grace period, send what is pending, and end.

        Return the tasks that did not end. Their threads live until the process ends, and so does the lock on the state:
        the next process must not work beside them.
        """
        log.info("bot_stopping")
        end = monotonic() + self.closes_within
        self._housekeeper.close()
        left = self._jobs.close()
        self._channel.close(max(0.0, min(_SENDING_SECONDS, end - monotonic())))
        self._connection.close()
        if not left:
            self._resources.close()
        log.info("bot_stopped", left=left)
        return left
