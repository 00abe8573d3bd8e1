"""Logs as events with fields, on stderr; and the redaction of secrets, wherever text leaves the program."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[redacted]"

_SHAPES = (
    re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{6,}"),  # Slack's tokens
    re.compile(r"(?<=://)[^\s/@'\"]+(?=@)"),  # user:password@ in an address
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)\b(?<=password[=:])\s*[^\s,;'\"]+"),
)
_SHORTEST_SECRET = 6
"""Shorter values would black out ordinary words."""


class Redactor:
    """Masks known secrets and everything that has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return the text with every secret masked."""
        if self._known:
            text = self._known.sub(MASK, text)
        for shape in _SHAPES:
            text = shape.sub(MASK, text)
        return text

    def processor(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Mask every string of a log event, nested ones too (a structlog processor)."""
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        match value:
            case str():
                return self(value)
            case bytes():
                return self(value.decode(errors="replace"))
            case dict():
                return {key: self._clean(inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(inner) for inner in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self(str(value))


def set_up_logs(
    redact: Redactor,
    *,
    form: Literal["console", "json"] = "console",
    level: Literal["debug", "info", "warning", "error"] = "info",
    stream: TextIO = sys.stderr,
) -> None:
    """Send structlog's and every library's log through one formatter to `stream`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    last: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact.processor, last],
    )
    sink = logging.StreamHandler(stream)
    sink.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))
    # It has a console of its own otherwise, past our redaction.
    dbos = logging.getLogger("dbos")
    dbos.handlers[:] = [sink]
    dbos.propagate = False


_QUIET = {
    "dbos": logging.WARNING,  # greets and advertises at INFO
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "urllib3": logging.WARNING,
    "uvicorn": logging.WARNING,
    "websockets": logging.WARNING,
}
"""Libraries whose ordinary chatter is not news."""
