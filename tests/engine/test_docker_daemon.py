"""The real engine where a fake cannot follow: processes, limits, and a daemon that stops, hangs or fills up."""

import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import BuildEvent, Swept
from commands.engine.throwaway import OUTPUT_LIMIT
from commands.errors import (
    BuildFailed,
    BuildStopped,
    BuildTimedOut,
    DiskFull,
    EngineUnavailable,
    Problem,
)
from commands.model.events import LogLine, StepFailed, StepStarted
from tests.kit.engine_space import LABEL, EngineSpace, cleared, failed, packed
from tests.kit.limits import ended_after
from tests.kit.private_engine import PrivateEngine, private_engine, tiny_root
from tests.kit.program import PATIENCE, becomes, is_running, kill
from tests.kit.program_on_engine import long_seconds

pytestmark = pytest.mark.engine

TINY = "tiny:1"


@pytest.fixture
def space(daemon: DockerDaemon, base_reference: str, build_network: str | None) -> Iterator[EngineSpace]:
    with cleared(EngineSpace(daemon, base_reference, build_network)) as one:
        yield one


def ends(word: str) -> bool:
    """Say whether a process ends that would run for an hour."""
    return becomes(lambda: not is_running(word))


def appears(word: str) -> bool:
    """Say whether a process of this machine gets this word as an argument."""
    return becomes(lambda: is_running(word))


# --- builds


def test_lines_arrive_while_the_step_runs(space: EngineSpace) -> None:
    seconds = long_seconds(space.mark)
    lines = (
        event
        for event in space.engine.build(space.order(f"RUN echo {space.mark}; sleep {seconds}; echo end"))
        if isinstance(event, LogLine)
    )

    assert next(lines) == LogLine(2, space.mark)
    # The step cannot have ended: it does so now.
    assert appears(seconds)
    kill(seconds)
    # Beside what the shell says of the kill, on another stream: before or after.
    assert LogLine(2, "end") in list(lines)


def test_the_process_of_a_cancelled_build_is_gone(space: EngineSpace) -> None:
    seconds = long_seconds(space.mark)
    order = space.order(f"RUN echo {space.mark}; sleep {seconds}")

    def cancel() -> None:
        assert appears(seconds)
        space.engine.cancel_build(order.build_id)

    _, problem = failed(space.engine.build(order), at_line=cancel)

    assert isinstance(problem, BuildStopped)
    assert ends(seconds)


def test_a_build_whose_events_are_closed_early_is_gone(space: EngineSpace) -> None:
    seconds = long_seconds(space.mark)
    events = space.engine.build(space.order(f"RUN echo {space.mark}; sleep {seconds}"))
    assert isinstance(events, Generator)

    with closing(events):
        next(event for event in events if isinstance(event, LogLine))
        assert appears(seconds)

    assert ends(seconds)


def test_a_build_that_timed_out_is_gone(space: EngineSpace) -> None:
    seconds = long_seconds(space.mark)

    def silent(idle_seconds: float) -> tuple[list[BuildEvent], Problem]:
        order = space.order(f"RUN echo {space.mark}; sleep {seconds}", idle_seconds=idle_seconds)
        return failed(space.engine.build(order))

    _, problem = ended_after(2, silent, lambda ended: LogLine(2, space.mark) in ended[0])

    assert isinstance(problem, BuildTimedOut)
    assert ends(seconds)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
def test_a_build_that_is_stopped_in_its_first_moments_ends_as_stopped(space: EngineSpace, after: float) -> None:
    order, pause = space.order(f"RUN echo {space.mark}; sleep 3600"), threading.Event()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(failed, space.engine.build(order))
        pause.wait(after)
        while not ended.done():
            space.engine.cancel_build(order.build_id)
            pause.wait(0.05)

    assert isinstance(ended.result()[1], BuildStopped)


def test_a_file_of_the_context_can_be_mounted_into_a_step(space: EngineSpace) -> None:
    order = space.order("RUN --mount=type=bind,source=note,target=/note cat /note")
    dockerfile = f"FROM {space.base}\nRUN --mount=type=bind,source=note,target=/note cat /note\n"
    context = packed({"Dockerfile": dockerfile.encode(), "note": f"zwölf {space.mark}\n".encode()})

    told = list(space.engine.build(replace(order, context=context)))

    assert LogLine(2, f"zwölf {space.mark}") in told


def test_a_build_argument_reaches_the_step(space: EngineSpace) -> None:
    order = replace(space.order("ARG note", "RUN echo $note"), build_args={"note": f"noted {space.mark}"})

    assert LogLine(2, f"noted {space.mark}") in list(space.engine.build(order))


def test_a_context_that_is_none_is_refused(space: EngineSpace) -> None:
    for context in (b"no tar", packed({"another": b""})):
        told, problem = failed(space.engine.build(replace(space.order(), context=context)))

        assert told == []
        assert isinstance(problem, BuildFailed)


# --- runs


def test_a_container_has_no_network_no_privileges_and_no_way_to_get_some(space: EngineSpace) -> None:
    script = "ls /sys/class/net; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"

    outcome = space.engine.run(space.script(script))

    assert outcome.output == "lo\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"


def test_a_container_that_takes_too_much_memory_is_ended(space: EngineSpace) -> None:
    outcome = space.engine.run(space.script("tail /dev/zero", memory=64 << 20))

    assert outcome.out_of_memory
    assert not outcome.timed_out
    assert outcome.exit_code not in (0, None)


def test_a_container_cannot_start_more_processes_than_it_may(space: EngineSpace) -> None:
    outcome = space.engine.run(space.script("for i in $(seq 40); do sleep 1 & done; wait", pids=20))

    assert "fork" in outcome.errors


def test_an_entrypoint_is_not_run_and_the_images_own_user_is_kept(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}", 'ENTRYPOINT ["echo", "entrypoint"]', "USER nobody")

    outcome = space.engine.run(space.script("id -un; echo $A", image=image_id, environment={"A": "a b"}))

    assert (outcome.exit_code, outcome.output) == (0, "nobody\na b\n")


def test_of_much_output_the_end_is_kept(space: EngineSpace) -> None:
    outcome = space.engine.run(space.script("yes 0123456789 | head -c 12000000; echo; echo end"))

    assert len(outcome.output) <= OUTPUT_LIMIT
    assert outcome.output.endswith("\nend\n")


def test_a_file_that_is_put_in_may_be_run_and_leaves_its_folder_as_it_was(space: EngineSpace) -> None:
    order = space.script("stat -c %a /tmp; exec /tmp/tool", files={"/tmp/tool": b"#!/bin/sh\necho ran\n"})

    assert space.engine.run(order).output == "1777\nran\n"


def test_a_container_that_cannot_start_is_removed(space: EngineSpace) -> None:
    with pytest.raises(Problem, match="no-such-user"):
        space.engine.run(space.script("true", user="no-such-user"))

    assert space.engine.sweep(LABEL, space.mark) == Swept(0, 0)


# --- daemons that stop, hang and fill up


@pytest.fixture
def private() -> Iterator[PrivateEngine]:
    with private_engine() as one:
        yield one


@pytest.fixture
def private_space(private: PrivateEngine) -> Iterator[EngineSpace]:
    yield from benches_on(private)


def benches_on(private: PrivateEngine) -> Iterator[EngineSpace]:
    engine = DockerDaemon(private.host, lookup_seconds=PATIENCE)
    engine.import_image(tiny_root("sh", "sleep", "echo", "dd"), "tiny", "1", {})
    yield EngineSpace(engine, TINY, network="host")
    engine.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_that_ends_in_mid_build_is_told_and_used_again_when_it_is_back(
    private: PrivateEngine, private_space: EngineSpace, number: signal.Signals
) -> None:
    seconds = long_seconds(private_space.mark)
    order = private_space.order(f"RUN echo begun; sleep {seconds}")

    told, problem = failed(private_space.engine.build(order), at_line=lambda: private.send(number))
    # A daemon that is killed leaves what a build step runs to itself.
    assert number == signal.SIGTERM or appears(seconds)
    kill(seconds)

    assert isinstance(problem, EngineUnavailable), problem.message
    assert private.host in problem.message
    assert told[-3:] == [StepStarted(2), LogLine(2, "begun"), StepFailed(2, 0)]
    private.end(number)
    with pytest.raises(EngineUnavailable, match="No Docker daemon answers"):
        private_space.engine.describe()
    private.start()
    assert private_space.engine.find_image(private_space.built("RUN echo again")) is not None


def test_a_daemon_that_hangs_is_told_while_it_does(private: PrivateEngine, private_space: EngineSpace) -> None:
    order = private_space.order("RUN true", idle_seconds=2)

    private.send(signal.SIGSTOP)
    assert becomes(lambda: is_stopped(private))
    try:
        with closing(DockerDaemon(private.host, lookup_seconds=2)) as impatient:
            with pytest.raises(EngineUnavailable, match="took too long to inspect"):
                impatient.find_image(TINY)
            _, problem = failed(impatient.build(order))
    finally:
        private.send(signal.SIGCONT)

    assert isinstance(problem, EngineUnavailable)
    assert private_space.engine.find_image(TINY) is not None


def is_stopped(private: PrivateEngine) -> bool:
    """Say whether the last thread of a daemon has got the signal: until then it may answer still."""
    assert private.process
    threads = Path(f"/proc/{private.process.pid}/task")
    return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T" for thread in threads.iterdir())


def test_a_run_leaves_no_volume(private: PrivateEngine, private_space: EngineSpace) -> None:
    image_id = private_space.built("VOLUME /kept")
    raw = docker.APIClient(base_url=private.host, version="auto")

    private_space.engine.run(private_space.script("echo x > /kept/x", image=image_id))

    assert not raw.volumes()["Volumes"]
    raw.close()


@pytest.fixture(scope="module")
def full_space() -> Iterator[EngineSpace]:
    with private_engine(small=64 << 20) as private:
        yield from benches_on(private)


def test_a_disk_that_a_step_fills_is_told_in_the_steps_words(full_space: EngineSpace) -> None:
    told, problem = failed(full_space.engine.build(full_space.order("RUN dd if=/dev/zero of=/big bs=1M")))

    # Whether that is so is decided where it is known whose words they are: a step can print them without any need.
    assert isinstance(problem, BuildFailed), problem.message
    assert any("No space left on device" in line for line in problem.details)
    assert told[-1] == StepFailed(2, 0)


def test_a_disk_that_the_build_context_fills_is_told_as_such(full_space: EngineSpace) -> None:
    dockerfile = f"FROM {TINY}\nCOPY big /\n".encode()
    order = replace(full_space.order(), context=packed({"Dockerfile": dockerfile, "big": bytes(80 << 20)}))

    _, problem = failed(full_space.engine.build(order))

    assert isinstance(problem, DiskFull), problem.message


def test_a_disk_that_an_import_fills_is_told_as_such(full_space: EngineSpace) -> None:
    with pytest.raises(DiskFull):
        full_space.engine.import_image(packed({"big": bytes(80 << 20)}), "big", "1", {})
