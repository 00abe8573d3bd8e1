"""What `warroom check` says of each thing: well, to be known, or at fault with what to do."""

import fcntl
import io
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bot.dialogs.ledger import sqlite_url
from bot.doctor.base import base_is_usable
from bot.doctor.daemon import (
    LABEL,
    buildkit_works,
    daemon_answers,
    disk_has_room,
    free_bytes,
    where_docker_answers,
)
from bot.doctor.index import index_answers
from bot.doctor.limits import limits_in_force
from bot.doctor.report import Caution, Fault, Good, Line, Report, Verdict, fault_of
from bot.doctor.running import Check, run
from bot.doctor.state import database_answers, file_is_sound, folder_is_free, folder_is_writable
from bot.doctor.table import table
from bot.doctor.trust import bundle_is_usable
from bot.logs import Redactor
from commands.engine.interface import EngineDescription
from commands.errors import EngineUnavailable, Misconfigured, Problem, PullFailed
from commands.model.images import Digest
from commands.model.references import Reference
from tests.fakes.engine import PLATFORM, FakeEngine
from tests.fakes.host import DEFAULT_BASE, PATIENCE_SECONDS, Host, ImageContent
from tests.fakes.resolver import FakeResolver, Release
from tests.kit.driver import make_settings
from tests.kit.limits import ended_after

GB = 1 << 30
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


class DescribedEngine(FakeEngine):
    """An engine that describes itself as a test says."""

    def __init__(self, endpoint: str = "unix:///var/run/docker.sock", root: str = "/var/lib/docker") -> None:
        super().__init__()
        self._told = EngineDescription(endpoint, "28.5.2", "1.51", PLATFORM, "overlay2", root)

    def describe(self) -> EngineDescription:
        """Say so."""
        return self._told


def told(look: Callable[[], Verdict]) -> Verdict:
    """Give the verdict of one check as the program gets it."""
    (line,) = run([Check("it", look)], seconds=PATIENCE_SECONDS).lines
    return line.verdict


def mends(verdict: Verdict, *words: str) -> bool:
    """Say whether it is at fault and says to do something with these words."""
    return isinstance(verdict, Fault) and all(word in verdict.todo for word in words)


# ── A report ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_check_that_fails_hides_no_other() -> None:
    def broken() -> Verdict:
        raise Misconfigured("It is wrong.", hint="Mend it.", details=("line 3",))

    def defective() -> Verdict:
        raise KeyError("defect")

    report = run(
        [Check("a", broken), Check("b", defective), Check("c", lambda: Good("fine"))], seconds=PATIENCE_SECONDS
    )
    assert [type(line.verdict) for line in report.lines] == [Fault, Fault, Good]
    assert report.lines[0].verdict == Fault("It is wrong.\nline 3", "Mend it.")
    assert "KeyError" in report.lines[1].verdict.says


def test_a_check_that_hangs_is_told_as_late_and_the_others_are_not_waited_for() -> None:
    never = threading.Event()

    def hanging() -> Verdict:
        never.wait()
        return Good("late")

    checks = [Check("a", hanging), Check("b", lambda: Good("fine"))]
    report = ended_after(
        0.05, lambda seconds: run(checks, seconds=seconds), lambda told: told.lines[1].verdict.says == "fine"
    )
    assert report.lines[1].verdict == Good("fine")
    assert re.fullmatch(r"No answer within [0-9.]+ s\.", report.lines[0].verdict.says)
    never.set()


@pytest.mark.parametrize(
    ("verdicts", "ok"),
    [([Good("a")], True), ([Good("a"), Caution("b", "c")], True), ([Good("a"), Fault("b", "c")], False), ([], True)],
)
def test_only_a_fault_makes_a_report_not_ok(verdicts: list[Verdict], ok: bool) -> None:
    report = Report(tuple(Line("it", verdict) for verdict in verdicts))
    assert report.ok is ok
    assert report.as_json()["ok"] is ok


def test_a_program_gets_every_fact() -> None:
    report = Report((Line("a", Good("fine")), Line("b", Fault("broken", "mend it"))))
    assert report.as_json()["lines"] == [
        {"name": "a", "mark": "good", "says": "fine", "todo": ""},
        {"name": "b", "mark": "fault", "says": "broken", "todo": "mend it"},
    ]


def test_a_secret_in_the_words_of_a_database_is_masked() -> None:
    report = Report((Line("Database", Fault("cannot reach postgresql://me:hunter22@db", "Look.")),))
    assert "hunter22" not in str(report.clean(Redactor()).as_json())


def test_the_table_has_a_mark_for_each_line_and_what_to_do_below() -> None:
    console = Console(file=io.StringIO(), width=60)
    lines = (
        Line("Docker", Good("28.5.2 [bold]")),
        Line("Disk", Caution("4 GB", "Free some.")),
        Line("X", Fault("no", "Do.")),
    )
    console.print(table(Report(lines)))
    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "✓  Docker  28.5.2 [bold]",
        "!  Disk    4 GB",
        "           → Free some.",
        "✗  X       no",
        "           → Do.",
    ]


# ── Docker ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_daemon_is_named() -> None:
    verdict = told(lambda: daemon_answers(DescribedEngine()))
    assert verdict == Good("28.5.2 at unix:///var/run/docker.sock, API 1.51, linux/amd64")


def test_a_daemon_that_is_away_is_a_fault_once_and_leaves_the_rest_open() -> None:
    engine = FakeEngine()
    engine.break_down()
    assert mends(told(lambda: daemon_answers(engine)), "Start it")
    rest = told(lambda: where_docker_answers(engine, lambda: buildkit_works(engine, "mark", seconds=1)))
    assert rest == Caution("Not checked: Docker does not answer.", "Fix Docker first.")


def test_what_fails_on_a_daemon_that_answers_is_told_as_it_is() -> None:
    def lost() -> Verdict:
        raise EngineUnavailable("The connection was lost.", hint="Try again.")

    assert told(lambda: where_docker_answers(FakeEngine(), lost)) == Fault("The connection was lost.", "Try again.")


def test_buildkit_is_tried_and_nothing_of_it_stays() -> None:
    engine = FakeEngine()
    assert isinstance(told(lambda: buildkit_works(engine, "mark", seconds=1)), Good)
    assert engine.images({LABEL: ""}) == ()


def test_a_build_that_fails_or_makes_nothing_is_a_fault() -> None:
    def refused() -> Verdict:
        raise Problem("It could not build.", hint="Look at its log.")

    assert told(refused) == Fault("It could not build.", "Look at its log.")
    silent = FakeEngine(build_script=lambda _order, _control: iter(()))
    assert mends(told(lambda: buildkit_works(silent, "mark", seconds=1)), "log")


@pytest.mark.parametrize(("free", "kind"), [(80 * GB, Good), (9 * GB, Caution), (GB - 1, Fault), (None, Good)], ids=str)
def test_the_daemons_disk_is_judged_by_what_is_free(free: int | None, kind: type[Verdict]) -> None:
    verdict = told(lambda: disk_has_room(DescribedEngine(), lambda _: free))
    assert isinstance(verdict, kind)
    assert verdict.says.startswith("overlay2; ")
    assert ("free space unknown" in verdict.says) is (free is None)


def test_the_disk_of_a_daemon_on_another_machine_is_not_taken_for_this_ones() -> None:
    verdict = told(lambda: disk_has_room(DescribedEngine("tcp://host:2376"), lambda _: 0))
    assert isinstance(verdict, Good)


def test_a_folder_that_is_not_there_has_no_known_room(tmp_path: Path) -> None:
    assert free_bytes(str(tmp_path)) is not None
    assert free_bytes(str(tmp_path / "nowhere")) is None


# ── The base ────────────────────────────────────────────────────────────────────────────────────────────────────────


def looked_at(host: Host, name: str, digest: Digest | Problem, *, made_here: bool = False) -> Verdict:
    def registry_digest(_: Reference) -> Digest:
        if isinstance(digest, Problem):
            raise digest
        return digest

    return told(
        lambda: base_is_usable(
            host.engine,
            Reference.parse(name),
            registry_digest=registry_digest,
            made_here=made_here,
            labels={LABEL: "mark"},
            seconds=5,
        )
    )


NO_HUB = PullFailed("The image `away` could not be pulled.", hint="Check the network.")


def test_a_base_on_the_daemon_is_looked_into() -> None:
    verdict = looked_at(Host(), DEFAULT_BASE, NO_HUB)
    assert isinstance(verdict, Good)
    for word in (DEFAULT_BASE, "Python 3.11.2", "apt", "linux/amd64"):
        assert word in verdict.says


def test_a_base_that_is_not_there_is_asked_for_at_its_registry() -> None:
    verdict = looked_at(Host(), "away", Digest("sha256:0123456789abcdef"))
    assert verdict == Good("away is not on the daemon yet; the first command pulls it (0123456789ab)")


def test_a_base_that_cannot_be_had_is_a_fault() -> None:
    assert looked_at(Host(), "away", NO_HUB) == fault_of(NO_HUB)


def test_a_base_without_python_is_a_fault() -> None:
    host = Host()
    host.add_base("bare", ImageContent(python=None))
    assert mends(looked_at(host, "bare", NO_HUB), "Python 3")


# ── The index, the bundle ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_index_is_asked_also_without_a_base() -> None:
    resolver = FakeResolver({"uv": (Release("0.13.9"),)})
    moments = iter((1.0, 1.4))
    verdict = told(lambda: index_answers(resolver, configured="as set", clock=lambda: next(moments)))
    assert verdict == Good("as set; answered in 0.4 s, has uv 0.13.9")


def test_an_index_that_does_not_answer_or_lacks_uv_is_a_fault() -> None:
    def asked(resolver: FakeResolver) -> Verdict:
        return told(lambda: index_answers(resolver, configured="as set", clock=lambda: 0.0))

    assert mends(asked(FakeResolver(reachable=False)), "Try again")
    assert "uv" in asked(FakeResolver({})).says
    assert mends(asked(FakeResolver({})))


def test_a_bundle_is_loaded_as_tls_does() -> None:
    verdict = told(lambda: bundle_is_usable(BUNDLE, configured="the host's own"))
    assert isinstance(verdict, Good)
    assert str(BUNDLE) in verdict.says


def test_without_a_bundle_the_base_decides() -> None:
    assert isinstance(told(lambda: bundle_is_usable(None, configured="")), Caution)


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "text", "absent"])
def test_a_bundle_that_holds_no_certificates_is_a_fault(content: bytes | None, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    if content is not None:
        bundle.write_bytes(content)
    assert mends(told(lambda: bundle_is_usable(bundle, configured="as set")), "WARROOM_CA_BUNDLE")


# ── State ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    assert isinstance(told(lambda: folder_is_writable(tmp_path, setting="WARROOM_STATE_DIR")), Good)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    verdict = told(lambda: folder_is_writable(tmp_path / "a" / "b", setting="WARROOM_STATE_DIR"))
    assert isinstance(verdict, Good)
    assert "will be created" in verdict.says
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_refuses_files_is_a_fault() -> None:
    # Nobody, root included, may put a file there.
    assert mends(told(lambda: folder_is_writable(Path("/proc/1"), setting="WARROOM_STATE_DIR")), "WARROOM_STATE_DIR")


def test_a_state_folder_that_a_bot_has_is_told(tmp_path: Path) -> None:
    assert isinstance(told(lambda: folder_is_free(tmp_path)), Good)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        verdict = told(lambda: folder_is_free(tmp_path))
    assert isinstance(verdict, Caution)
    assert isinstance(told(lambda: folder_is_free(tmp_path)), Good)


def test_a_database_is_opened_as_the_bot_opens_it(tmp_path: Path) -> None:
    verdict = told(lambda: database_answers(sqlite_url(tmp_path / "d.sqlite"), shown="here"))
    assert verdict == Good("here, 0 unfinished dialogs")


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "d.sqlite").write_bytes(b"something else" * 100)
    assert mends(told(lambda: database_answers(sqlite_url(tmp_path / "d.sqlite"), shown="here")), "backups")
    assert mends(told(lambda: file_is_sound(tmp_path / "d.sqlite")), "backups")


def test_the_limits_are_told_in_peoples_units(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, tmp_path, builds_at_once=1, build_seconds=5400, idle_seconds=45)
    assert told(lambda: limits_in_force(settings)) == Good(
        "1 build at once; a build ends after 90 min, or 45 s of silence; a proposal waits 30 min; stopping waits 0 s"
    )
