"""Logs as events with fields on stderr, and the redaction of secrets in all text that leaves the program."""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable
from html import escape
from time import monotonic
from typing import Final, Literal, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.encodings import Disguises, Views
from bot.redaction import redacted
from commands.errors import StateUnwritable
from commands.text import spell_out

MASK = "[redacted]"

_SHAPES: Final = (
    # Slack's tokens.
    (("xox", "xapp-"), re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{6,}"), MASK),
    # `user:password@` in an address.
    (("@",), re.compile(r"(://)[^\s/'\"]+(?=@)"), rf"\1{MASK}"),
    # HTTP headers, and registry logins in Docker's configuration.
    (
        ("authorization",),
        re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|token)\s+)?)[^\s,;'\"]+"),
        rf"\1{MASK}",
    ),
    (("bearer",), re.compile(r"(?i)(\bbearer\s+)(?=\S*\d)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{MASK}"),
    (
        ('"auth', "registry-auth"),
        re.compile(r"(?i)((?:\"auth|x-registry-auth)\"?\s*:\s*\"?)[^\s,;'\"]+"),
        rf"\1{MASK}",
    ),
    (("passwd", "password"), re.compile(r"(?i)(passw(?:or)?d[\"']?\s*[:=]\s*[\"']?)[^\s,;'\"]+"), rf"\1{MASK}"),
)
"""Patterns of secrets, each after the substrings, in lower case, that a text needs for a match: a cheap pre-check."""
_SHORTEST_SECRET: Final = 6
"""Shorter values would mask ordinary words."""


class Redactor:
    """Masks known secrets, quoted or encoded in any way, and everything that matches a pattern of secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        forms = {form for secret in known for form in _forms(secret)}
        # Longest first: of two secrets with a common prefix the longer one is masked completely.
        self._plain = sorted(forms, key=len, reverse=True)
        in_order = sorted(known, key=lambda secret: (-len(secret), secret))
        self._disguises = Disguises(in_order, shortest=_SHORTEST_SECRET, mask=MASK)

    def __call__(self, text: str) -> str:
        """Return the text with every secret masked."""
        for form in self._plain:
            if form in text:
                text = text.replace(form, MASK)
        views = Views.of(text)
        text = self._disguises.redact(text, views)
        for clues, shape, mask in _SHAPES:
            if any(clue in views.letters for clue in clues):
                text = shape.sub(mask, text)
        return text

    def processor(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Mask every string of a log event, nested ones too (a structlog processor)."""
        return redacted(event, self, rest=self._told)

    def _told(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case bytes():
                return self(value.decode(errors="replace"))
            case set() | frozenset():
                return redacted(list(value), self, rest=self._told)
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
    last: tuple[Processor, ...] = (
        (structlog.processors.JSONRenderer(default=str),)
        if form == "json"
        else (_on_one_line, structlog.dev.ConsoleRenderer(colors=stream.isatty()))
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact.processor, *last],
    )
    sink = logging.StreamHandler(stream)
    sink.setFormatter(formatter)
    sink.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))
    # Otherwise it logs to its own console handler, without redaction.
    dbos = logging.getLogger("dbos")
    dbos.handlers[:] = [sink]
    dbos.propagate = False


class Repeats(logging.Filter):
    """Lets an equal line pass once in `seconds`, with the number of those that were held back.

    It limits what repeats itself while a database is away: dbos logs each failed attempt, 25 lines a second, and each
    of the bot's own attempts comes with a traceback.
    """

    def __init__(self, *, seconds: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._turn = threading.Lock()
        self._passed: dict[tuple[str, int, str], float] = {}
        self._held: dict[tuple[str, int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line passes."""
        line = _line_of(record)
        if line is None or record.levelno < logging.WARNING:
            return True
        with self._turn:
            now = self._clock()
            if now - self._passed.get(line, -self._seconds) < self._seconds:
                self._held[line] = self._held.get(line, 0) + 1
                return False
            if len(self._passed) >= _LINES:
                self._passed.clear()
                self._held.clear()
            self._passed[line] = now
            held = self._held.pop(line, 0)
        if held:
            _add_number(record, held)
        return True


def _line_of(record: logging.LogRecord) -> tuple[str, int, str] | None:
    """Return what makes a line equal to another one; None if each such line is of interest."""
    if record.name in _REPEATING:
        # Equal apart from numbers: waiting times, attempts, ports.
        return record.pathname, record.lineno, _NUMBERS.sub("", record.getMessage()[:_ALIKE])
    if isinstance(record.msg, dict):
        cause = str(record.msg.get("exception", "")).rpartition("\n")[2]
        if StateUnwritable.__name__ in cause:
            return record.name, 0, f"{record.msg.get('event')} {cause}"
    return None


def _add_number(record: logging.LogRecord, held: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "equal_lines_before": held}
    else:
        record.msg, record.args = f"{record.getMessage()} ({held} equal lines before it)", None


_REPEATING: Final = frozenset({"dbos", "psycopg", "psycopg.pool", "sqlalchemy.pool"})
"""Loggers of libraries that log each failed attempt."""
_NUMBERS: Final = re.compile(r"[0-9.]+")
_ALIKE: Final = 80
"""How many characters of a line make it equal to another one of the same place in the program."""
_LINES: Final = 1_000
"""How many lines are remembered."""


def _forms(secret: str) -> set[str]:
    """List the forms of a value quoted for a URL, JSON, Python or Slack."""
    in_json = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, quote(secret, safe=""), quote(secret), *in_json, repr(secret)[1:-1], escape(secret, quote=False)}


def _on_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Spell out hidden and control characters, so that typed text cannot imitate another event or other words."""
    return {
        key: spell_out(value if isinstance(value, str) else repr(value), keep="\n" if key in _TRACES else "")
        for key, value in event.items()
    }


_TRACES = ("exception", "stack")
"""Fields with several lines."""

_QUIET = {
    "dbos": logging.WARNING,  # prints greetings and advertisements at INFO
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "urllib3": logging.WARNING,
    "uvicorn": logging.WARNING,
    "websockets": logging.WARNING,
    "websockets.client": logging.CRITICAL,  # a traceback for each line that carries nothing; the bot logs its own line
}
"""Libraries whose lower levels are noise."""
