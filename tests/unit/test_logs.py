import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
import structlog
from dbos._logger import init_logger
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import MASK, Redactor, Repeats, set_up_logs
from commands.errors import StateUnwritable
from commands.text import is_hidden

SECRET = "hunter2-and-more"
Form = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]


@contextmanager
def logging_to(
    stream: io.StringIO, redact: Redactor | None = None, *, form: Form = "json", level: Level = "info"
) -> Iterator[None]:
    """Set logs up, and back again."""
    loggers = [logging.getLogger(name) for name in (None, "dbos")]
    before = [(each, each.level, each.handlers[:], each.propagate) for each in loggers]
    set_up_logs(redact or Redactor(), form=form, level=level, stream=stream)
    try:
        yield
    finally:
        structlog.reset_defaults()
        for each, was, handlers, propagate in before:
            each.setLevel(was)
            each.handlers[:], each.propagate = handlers, propagate


def logged(
    write: Callable[[], object], redact: Redactor | None = None, *, form: Form = "json", level: Level = "info"
) -> str:
    stream = io.StringIO()
    with logging_to(stream, redact, form=form, level=level):
        write()
    return stream.getvalue()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _raise(error: Exception) -> None:
    raise error


def stumble(words: str) -> None:
    """Raise and log, as the thread boundaries do."""
    try:
        _raise(ValueError(words))
    except ValueError:
        structlog.get_logger("bot.test").exception("it_broke")


# ── Set-up ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_one_json_line_with_its_fields() -> None:
    (event,) = events(
        logged(lambda: structlog.get_logger("bot.dialogs.jobs").info("job_finished", image_id="sha256:1", size=7))
    )

    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "job_finished",
        "image_id": "sha256:1",
        "size": 7,
        "level": "info",
        "logger": "bot.dialogs.jobs",
    }


def test_the_console_form_names_event_level_and_fields() -> None:
    text = logged(lambda: structlog.get_logger("bot.dialogs.jobs").warning("job_failed", job="d-1"), form="console")

    assert text.count("\n") == 1
    assert all(word in text for word in ("job_failed", "warning", "job=d-1"))
    assert "\x1b" not in text  # colours are for terminals


def test_the_job_stands_in_every_line_of_its_context_libraries_included() -> None:
    def write() -> None:
        with structlog.contextvars.bound_contextvars(job="d-1"):
            structlog.get_logger("bot.x").info("inside")
            logging.getLogger("docker.api").warning("from a library")
        structlog.get_logger("bot.x").info("outside")

    assert [event.get("job") for event in events(logged(write))] == ["d-1", "d-1", None]


@pytest.mark.parametrize(
    "name", ["dbos", "slack_bolt", "slack_sdk", "urllib3", "uvicorn", "uvicorn.error", "websockets"]
)
def test_the_chatter_of_libraries_is_left_out_and_their_warnings_come_redacted(name: str) -> None:
    def write() -> None:
        init_logger()  # what dbos does when it is made
        logging.getLogger(name).info("welcome to %s", name)
        logging.getLogger(name).warning("could not reach %s", SECRET)

    (event,) = events(logged(write, Redactor([SECRET])))
    assert (event["event"], event["logger"], event["level"]) == (f"could not reach {MASK}", name, "warning")


@pytest.mark.parametrize(
    ("level", "said"),
    [("debug", ["debug", "info", "warning", "error"]), ("info", ["info", "warning", "error"]), ("error", ["error"])],
)
def test_the_level_holds_for_us_and_for_libraries(level: Level, said: list[str]) -> None:
    def write() -> None:
        for name in ("debug", "info", "warning", "error"):
            getattr(structlog.get_logger("bot.x"), name)("ours")
            getattr(logging.getLogger("other"), name)("theirs")

    assert [event["level"] for event in events(logged(write, level=level))] == [each for each in said for _ in "12"]


def test_setting_up_twice_says_everything_once() -> None:
    def write() -> None:
        set_up_logs(Redactor(), form="json", stream=stream)
        structlog.get_logger("bot.x").info("once")
        logging.getLogger("dbos").warning("once")

    stream = io.StringIO()
    with logging_to(stream):
        write()
    assert len(events(stream.getvalue())) == 2


@given(st.text(), st.text(min_size=1, max_size=8).filter(lambda key: key not in {"event", "self"}))
def test_a_json_event_is_one_line_without_control_characters(value: str, key: str) -> None:
    text = logged(lambda: structlog.get_logger("bot.x").info("typed", line=value, inner={key: [value]}))

    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text[:-1].isascii()
    assert text[:-1].isprintable()


@given(st.text(st.characters(codec="utf-8")))
def test_a_console_event_is_one_line_that_commands_no_terminal(value: str) -> None:
    text = logged(
        lambda: structlog.get_logger("bot.x").info(f"typed {value}", line=value, more=[value]), form="console"
    )

    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert not [char for char in text[:-1] if is_hidden(char)]


def test_a_traceback_on_the_console_keeps_its_lines_and_loses_its_controls() -> None:
    text = logged(lambda: stumble("\x1b[2J gone"), form="console")

    assert text.count("\n") > 3
    assert "\x1b" not in text
    assert "\\x1b[2J gone" in text


# ── Secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("xoxb-123456789-abcDEF", "[redacted]"),
        ("token=xapp-1-A0-1-abcdef.", "token=[redacted]."),
        ("xoxe.xoxp-1-Mi0yLTEyMzQ", "xoxe.[redacted]"),
        ("https://me:pw@index.invalid/simple", "https://[redacted]@index.invalid/simple"),
        ("https://me:p@ss@index.invalid/simple", "https://[redacted]@index.invalid/simple"),
        ("postgresql+psycopg://bot:pw@db/warroom", "postgresql+psycopg://[redacted]@db/warroom"),
        ("https://token@index.invalid", "https://[redacted]@index.invalid"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("'Authorization': 'Basic dXNlcjpwYXNz'", "'Authorization': 'Basic [redacted]'"),
        ("authorization=abc", "authorization=[redacted]"),
        ("sent bearer abcdef123456 twice", "sent bearer [redacted] twice"),
        ('{"auth": "dXNlcjpwYXNz"}', '{"auth": "[redacted]"}'),
        ("X-Registry-Auth: eyJ1c2Vy", "X-Registry-Auth: [redacted]"),
        ("password=pw1, user=me", "password=[redacted], user=me"),
        ("password: pw1", "password: [redacted]"),
        ('{"password": "!pw1"}', '{"password": "[redacted]"}'),
        ("PASSWORD='p w'", "PASSWORD='[redacted] w'"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert Redactor()(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "/docker_image_create name=example_name dependencies=mechanize,requests>=2,<3 packages=wget",
        "dockerimage: demisto/python3-deb:3.12.13.11694875",
        "FROM demisto/python3-deb@sha256:" + "0f" * 32,
        "Step 3 of 4, *Python packages: 4*, failed after 2.9 s.",
        "unix:///var/run/docker.sock",
        "https://files.invalid/packages/mechanize-0.4.10-py3-none-any.whl#sha256=" + "ab" * 32,
        "see https://index.invalid/simple and mail me@index.invalid",
        "<@U0ALICE> the bearer of bad news; basic tokens; an author: me",
        "2026-11-23T20:00:00Z",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert Redactor([SECRET])(text) == text


def test_short_values_are_no_secrets() -> None:
    assert Redactor(["image", ""])("the image is ready") == "the image is ready"


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    assert Redactor(["secret-1", "secret-1-and-more"])("it is secret-1-and-more") == f"it is {MASK}"


@pytest.mark.parametrize(
    "quoted",
    [
        "p%C3%A4ss/w%2Brd%26%3C%22%5Cx",
        "p%C3%A4ss%2Fw%2Brd%26%3C%22%5Cx",
        '"päss/w+rd&<\\"\\\\x"',
        'päss/w+rd&amp;&lt;"\\x',
    ],
)
def test_a_secret_is_known_however_it_is_quoted(quoted: str) -> None:
    assert "rd" not in Redactor(['päss/w+rd&<"\\x'])(quoted)


class SecretHolder:
    """Something that is logged as an object, and shows a secret when it is written out."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"<Holder of {self.secret}>"


secrets = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=6, max_size=40).filter(
    lambda text: text.strip() == text and text not in f'{MASK}"event" "level": "timestamp": <Holder of ValueError: '
)


def _in_context(secret: str) -> None:
    with structlog.contextvars.bound_contextvars(where=secret):
        structlog.get_logger("bot.x").info("e")


def _their_exception(secret: str) -> None:
    try:
        _raise(OSError(secret))
    except OSError:
        logging.getLogger("other").exception("it broke")


PLACES: dict[str, Callable[[str], object]] = {
    "event": lambda secret: structlog.get_logger("bot.x").info(secret),
    "value": lambda secret: structlog.get_logger("bot.x").info("e", value=f"a{secret}b"),
    "key": lambda secret: structlog.get_logger("bot.x").info("e", **{f"k{secret}": 1}),
    "nested": lambda secret: structlog.get_logger("bot.x").info("e", value={"a": [{secret: (secret, {secret})}]}),
    "bytes": lambda secret: structlog.get_logger("bot.x").info("e", value=secret.encode()),
    "object": lambda secret: structlog.get_logger("bot.x").info("e", value=SecretHolder(secret)),
    "exception": stumble,
    "context": _in_context,
    "argument": lambda secret: logging.getLogger("other").warning("it is %s", secret),
    "their exception": _their_exception,
}


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("place", PLACES)
@given(secret=secrets)
def test_a_secret_never_comes_out(place: str, form: Form, secret: str) -> None:
    text = logged(lambda: PLACES[place](secret), Redactor([secret]), form=form)

    assert MASK in text
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text


@given(st.text(), secrets, st.text())
def test_redacting_twice_changes_nothing_more(before: str, secret: str, after: str) -> None:
    redact = Redactor([secret])
    once = redact(before + secret + after)

    assert secret not in once
    assert redact(once) == once


# ── Libraries that repeat themselves ────────────────────────────────────────────────────────────────────────────────


class Seconds:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Tell the seconds."""
        return self.now


def passed(lines: Iterable[tuple[float, str]], *, name: str = "dbos", level: int = logging.WARNING) -> list[str]:
    """Give what passes of the lines, each written at its second by the same place in a program."""
    clock = Seconds()
    repeats = Repeats(clock=clock)
    found = []
    for clock.now, text in lines:
        record = logging.LogRecord(name, level, "queue.py", 7, text, None, None)
        if repeats.filter(record):
            found.append(record.getMessage())
    return found


def test_a_line_that_a_library_repeats_passes_once_a_minute_with_the_number_of_the_others() -> None:
    attempts = [
        (second / 10, f"Connection failed. Retrying in {second}.5s (attempt {second})") for second in range(602)
    ]

    assert passed(attempts) == [
        "Connection failed. Retrying in 0.5s (attempt 0)",
        "Connection failed. Retrying in 600.5s (attempt 600) (599 equal lines before it)",
    ]


def test_a_line_that_says_something_else_passes() -> None:
    assert passed([(0, "Error in a"), (0, "Error in b"), (0, "Error in a")]) == ["Error in a", "Error in b"]


def test_lines_of_the_bot_all_pass() -> None:
    assert len(passed([(0, "job_failed")] * 3, name="bot.dialogs.tasks")) == 3


def test_an_event_that_the_state_keeps_causing_passes_once_a_minute() -> None:
    def write() -> None:
        for _ in range(3):
            away = StateUnwritable("The database does not answer.", hint="Start it.")
            structlog.get_logger().error("tick_failed", exc_info=away)
        structlog.get_logger().info("something_else")

    assert [each["event"] for each in events(logged(write))] == ["tick_failed", "something_else"]


def test_events_with_other_exceptions_all_pass() -> None:
    def write() -> None:
        for _ in range(3):
            structlog.get_logger().error("task_failed", exc_info=ValueError("a defect"))

    assert [each["event"] for each in events(logged(write))] == ["task_failed"] * 3


def test_a_library_that_never_stops_saying_something_new_fills_no_memory() -> None:
    words = [(0.0, "".join(chr(97 + int(digit)) for digit in str(number))) for number in range(2500)]

    assert len(passed(words)) == 2500
