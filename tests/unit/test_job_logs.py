from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.stages import DialogId
from bot.logs import MASK, Redactor
from commands.errors import StateUnwritable
from commands.text import is_hidden

JOB = DialogId("d-1")
SECRET = "hunter2-and-more"


@pytest.fixture
def logs(tmp_path: Path) -> JobLogFiles:
    return JobLogFiles(tmp_path / "logs", Redactor([SECRET]))


def written(logs: JobLogFiles, *lines: str) -> str:
    for line in lines:
        logs.write(JOB, line)
    return logs.read(JOB)


def test_a_log_is_read_as_it_was_written(logs: JobLogFiles) -> None:
    assert written(logs, "Reading package lists...", "", "Entpacke wget für amd64 🎉") == (
        "Reading package lists...\n\nEntpacke wget für amd64 🎉\n"
    )


def test_a_job_without_a_log_has_an_empty_one(logs: JobLogFiles) -> None:
    assert logs.read(JOB) == ""


def test_each_job_has_a_log_of_its_own(logs: JobLogFiles) -> None:
    logs.write(JOB, "mine")
    logs.write(DialogId("d-2"), "yours")

    assert (logs.read(JOB), logs.read(DialogId("d-2"))) == ("mine\n", "yours\n")


def test_a_log_outlives_the_process(tmp_path: Path) -> None:
    JobLogFiles(tmp_path, Redactor()).write(JOB, "before")

    assert written(JobLogFiles(tmp_path, Redactor()), "after") == "before\nafter\n"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;5;196mred", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\text", "text"),
        ("10%\r20%", "10%20%"),
        ("a\tb", "a\tb"),
        ("\x9b2Jgone", "gone"),
        ("bell\x07 back\x08 null\x00 delete\x7f", "bell back null delete"),
        ("half a character \ud800", "half a character "),
    ],
)
def test_control_characters_are_left_out(logs: JobLogFiles, line: str, kept: str) -> None:
    assert written(logs, line) == f"{kept}\n"


@pytest.mark.parametrize(
    "line",
    [
        f"token {SECRET}",
        f"token {SECRET[:4]}\x1b[0m{SECRET[4:]}",
        f"\x1b[1m{SECRET}\x1b[0m",
        f"token {SECRET[:4]}\u200b{SECRET[4:]}",
        "\u2060".join(SECRET),
    ],
)
def test_secrets_are_masked_also_where_something_unseen_splits_them(logs: JobLogFiles, line: str) -> None:
    text = written(logs, line)

    assert SECRET not in text
    assert MASK in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(line=st.text(st.characters()))
def test_no_line_breaks_the_log_or_controls_a_terminal(logs: JobLogFiles, line: str) -> None:
    logs.write(JOB, line)

    text = logs.read(JOB)
    assert text.endswith("\n")
    assert not [char for char in text if is_hidden(char) and char not in "\n\t"]


def test_of_an_endless_log_the_end_is_read(tmp_path: Path) -> None:
    logs = JobLogFiles(tmp_path, Redactor(), longest=100)

    text = written(logs, *(f"line {number} äöü" for number in range(1000)))

    assert text.startswith("[the first lines were cut]\nline ")
    assert text.endswith("line 998 äöü\nline 999 äöü\n")
    assert len(text) < 150


def test_a_log_as_long_as_allowed_is_read_whole(tmp_path: Path) -> None:
    assert written(JobLogFiles(tmp_path, Redactor(), longest=10), "123456789") == "123456789\n"


def test_a_character_of_which_half_is_written_yet_does_no_harm(tmp_path: Path, logs: JobLogFiles) -> None:
    logs.write(JOB, "whole")
    with (tmp_path / "logs" / "d-1.log").open("ab") as file:
        file.write("ü".encode()[:1])

    assert logs.read(JOB) == "whole\n\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("job", ["", "../d-1", "a/b", "d 1", "d\n1", "x" * 65, "ä"])
@pytest.mark.parametrize("act", [lambda logs, job: logs.write(job, "x"), lambda logs, job: logs.read(job)])
def test_what_is_no_id_names_no_file(
    logs: JobLogFiles, act: Callable[[JobLogFiles, DialogId], object], job: str
) -> None:
    with pytest.raises(ValueError, match="not the id of a job"):
        act(logs, DialogId(job))


def test_the_logs_are_for_nobody_else(tmp_path: Path, logs: JobLogFiles) -> None:
    logs.write(JOB, "x")

    assert (tmp_path / "logs").stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_read_is_a_problem_with_advice(tmp_path: Path, logs: JobLogFiles) -> None:
    (tmp_path / "logs" / "d-1.log").mkdir(parents=True)

    with pytest.raises(StateUnwritable):
        logs.read(JOB)


def test_a_line_that_cannot_be_written_is_counted_and_ends_nothing(tmp_path: Path, logs: JobLogFiles) -> None:
    path = tmp_path / "logs" / f"{JOB}.log"
    logs.write(JOB, "before")
    whole = path.read_bytes()
    path.unlink()
    path.symlink_to("/dev/full")
    for line in ("lost", "lost too"):
        logs.write(JOB, line)
    path.unlink()
    path.write_bytes(whole)

    gap = "[2 lines could not be written here: No space left on device]"
    assert logs.read(JOB) == f"before\n{gap}\n"
    assert written(logs, "after", "more") == f"before\n{gap}\nafter\nmore\n"


@pytest.mark.parametrize("hindrance", ["a folder in its place", "a file in place of the folder", "a link to nowhere"])
def test_whatever_keeps_the_log_from_being_written_leaves_a_gap(tmp_path: Path, hindrance: str) -> None:
    folder, logs = tmp_path / "logs", JobLogFiles(tmp_path / "logs", Redactor())
    match hindrance:
        case "a folder in its place":
            (folder / f"{JOB}.log").mkdir(parents=True)
        case "a file in place of the folder":
            folder.write_text("")
        case _:
            folder.mkdir()
            (folder / f"{JOB}.log").symlink_to(tmp_path / "nowhere" / "log")
    logs.write(JOB, "lost")
    rmtree(folder) if folder.is_dir() else folder.unlink()

    assert written(logs, "after").startswith("[1 line could not be written here: ")
    assert written(logs, "more").endswith("]\nafter\nmore\n")


def test_a_log_stops_at_its_largest_size_and_says_so(tmp_path: Path) -> None:
    logs = JobLogFiles(tmp_path / "logs", Redactor(), largest=20)

    assert written(logs, "0123456789", "0123456789", "x") == (
        "0123456789\n[2 lines could not be written here: the log may have at most 20 bytes]\n"
    )
