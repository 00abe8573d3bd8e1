"""The figures of a running bot that must stay flat, and how fast each grows."""

import http.client
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, linear_regression
from time import monotonic

import docker
from prometheus_client.parser import text_string_to_metric_families

from tests.kit.engine_space import LABEL

SETTLED = 1 / 3
"""The part of a soak after which every cache is full."""
FLAT = 0.1
"""What grew over the last two thirds by less than this part of its mean is flat: chores clear away in rounds."""

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SoakSample:
    """All figures at one time, in seconds since the start."""

    seconds: float
    figures: Figures


@dataclass(slots=True)
class SoakSampler:
    """Takes the figures of one bot: its process, its folders, its daemon, its metrics."""

    process: int
    state: Path
    cache: Path
    raw: docker.APIClient
    mark: str
    health_port: int
    started: float = field(default_factory=monotonic)
    samples: list[SoakSample] = field(default_factory=list)

    def sample(self, others: Figures) -> SoakSample:
        """Take all figures now; `others` are known to the caller."""
        figures = {
            **_of_process(self.process),
            **_of_files(self.state, self.cache),
            **_of_rows(self.state),
            **self._of_daemon(),
            **_of_metrics(self.health_port),
            **others,
        }
        taken = SoakSample(monotonic() - self.started, figures)
        self.samples.append(taken)
        return taken

    def _of_daemon(self) -> Figures:
        label = f"{LABEL}={self.mark}"
        return {
            "containers": len(self.raw.containers(all=True, filters={"label": label})),
            "images": len(self.raw.images(filters={"label": label})),
            "dangling images": len(self.raw.images(filters={"label": label, "dangling": True})),
        }


def _of_process(process: int) -> Figures:
    folder = Path(f"/proc/{process}")
    told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return {
        "RSS MB": int(told["VmRSS"].split()[0]) / 1024,
        "threads": int(told["Threads"]),
        "fds": len(list((folder / "fd").iterdir())),
    }


def _of_files(state: Path, cache: Path) -> Figures:
    sizes = {
        "dialogs.sqlite": [state / "dialogs.sqlite"],
        "dialogs wal": [state / "dialogs.sqlite-wal"],
        "jobs.sqlite": [state / "jobs.sqlite"],
        "jobs wal": [state / "jobs.sqlite-wal"],
        "backups": _files_in(state / "backups"),
        "logs": _files_in(state / "logs"),
        "cache": _files_in(cache),
    }
    counts = {
        "log files": len(_files_in(state / "logs")),
        "state files": len(_files_in(state)),
        "cache files": len(_files_in(cache)),
    }
    return {**{f"{name} KB": sum(map(_size, files)) / 1024 for name, files in sizes.items()}, **counts}


def _files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # It was removed since it was listed.
        return 0


def _of_rows(state: Path) -> Figures:
    rows = {}
    for file in (state / "dialogs.sqlite", state / "jobs.sqlite"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in tables:
                rows[f"rows {name}"] = float(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - the table's own name
    return {name: count for name, count in rows.items() if count}


def _of_metrics(port: int) -> Figures:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/metrics")
    text = line.getresponse().read().decode()
    line.close()
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    calls = [each for each in samples if each.name == "warroom_slack_calls_total"]
    return {
        "metric series": len(samples),
        "queue": sum(each.value for each in samples if each.name == "warroom_queue_length"),
        "calls": sum(each.value for each in calls),
        "failed calls": sum(each.value for each in calls if each.labels["result"] != "ok"),
    }


# ── How fast they grow ──────────────────────────────────────────────────────────────────────────────────────────────

COUNTERS = ("calls", "failed calls", "commands", "clicks", "late clicks", "answered", "unanswered", "undelivered")
"""Figures that only grow: their slope is a rate."""


def slope(samples: Sequence[SoakSample], name: str) -> float:
    """Return the growth per hour over the last two thirds, by least squares."""
    last = _settled(samples)
    if len(last) < 2:
        return 0.0
    per_second, _ = linear_regression([each.seconds for each in last], [each.figures.get(name, 0.0) for each in last])
    return per_second * 3600


def verdict(samples: Sequence[SoakSample], name: str) -> str:
    """Say whether a figure is flat over the last two thirds, or a rate."""
    if name in COUNTERS:
        return "counter"
    hours = samples[-1].seconds * (1 - SETTLED) / 3600
    mean = fmean(each.figures.get(name, 0.0) for each in _settled(samples))
    growth = slope(samples, name) * hours
    return "flat" if abs(growth) <= FLAT * mean or abs(growth) < 1 else "grows" if growth > 0 else "falls"


def _settled(samples: Sequence[SoakSample]) -> Sequence[SoakSample]:
    return [each for each in samples if each.seconds >= samples[-1].seconds * SETTLED]


def soak_table(samples: Sequence[SoakSample]) -> Iterator[str]:
    """Write the first, middle and last sample of every figure, the least and the most, and its slope."""
    first, middle, last = samples[0], samples[len(samples) // 2], samples[-1]
    minutes = " | ".join(f"{each.seconds / 60:.1f} min" for each in (first, middle, last))
    yield f"| figure | {minutes} | least | most | slope per hour | verdict |"
    yield f"|---|{'---|' * 7}"
    for name in dict.fromkeys(name for each in samples for name in each.figures):
        values = [each.figures.get(name, 0.0) for each in samples]
        some = [each.figures.get(name, 0.0) for each in (first, middle, last)]
        shown = [*some, min(values), max(values), slope(samples, name)]
        yield f"| {name} | {' | '.join(map(number, shown))} | {verdict(samples, name)} |"


def sample_rows(samples: Sequence[SoakSample], names: Sequence[str], every_seconds: float) -> Iterator[str]:
    """Write one row for each `every_seconds`."""
    yield f"| min | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    due = 0.0
    for each in samples:
        if each.seconds >= due:
            due = each.seconds + every_seconds - 1
            yield f"| {each.seconds / 60:.1f} | {' | '.join(number(each.figures.get(name, 0.0)) for name in names)} |"


def number(value: float) -> str:
    """Write a figure with as many digits as it needs."""
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.1f}"
