"""The program's log, written where a test can read it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

from bot.logs import Redactor, set_up_logs


@contextmanager
def logs_to(stream: TextIO, redact: Redactor | None = None) -> Iterator[None]:
    """Send every log to `stream` as JSON, then set everything back."""
    root, dbos = logging.getLogger(), logging.getLogger("dbos")
    before = (root.level, root.handlers[:], dbos.handlers[:], dbos.propagate)
    set_up_logs(redact or Redactor(), form="json", level="debug", stream=stream)
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.setLevel(before[0])
        root.handlers[:], dbos.handlers[:], dbos.propagate = before[1], before[2], before[3]
