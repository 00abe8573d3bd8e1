"""What goes wrong while something that went wrong already is being cleared up."""

from pathlib import Path

import pytest

from commands.actions import carry_out
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.engine.docker_daemon import DockerDaemon
from commands.errors import EngineUnavailable, Problem
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import dependencies_on
from tests.kit.examples import PROPOSAL


def test_the_problem_of_a_job_is_not_told_as_its_own_cause() -> None:
    dependencies = dependencies_on(FakeEngine())
    with pytest.raises(Problem) as caught:
        carry_out(PROPOSAL, JobContext("d-1", "U0ALICE", "C0WARROOM"), dependencies, lambda _: None, Cancellation())
    assert caught.value.__cause__ is not caught.value


def test_a_daemon_that_is_gone_is_told_as_such_whatever_happened_before(tmp_path: Path) -> None:
    engine = DockerDaemon(f"unix://{tmp_path}/docker.sock")
    before = EngineUnavailable("It took too long.", hint="Wait.")
    before.__cause__ = before
    try:
        raise before
    except EngineUnavailable:
        with pytest.raises(EngineUnavailable, match="No Docker daemon answers"):
            engine.sweep("warroom.job", "d-1")
