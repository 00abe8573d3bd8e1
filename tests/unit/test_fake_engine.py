"""What the fake engine has beyond the contract: scripts, counters, and a daemon that breaks down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from commands.engine.interface import BuildEvent, BuildOrder, RunOutcome
from commands.errors import EngineUnavailable, ImageNotFound, PullFailed
from commands.model.events import ImageBuilt, LogLine, StepStarted
from commands.model.images import ImageId
from commands.model.references import Reference
from tests.engine_bench import EngineBench, failed
from tests.fakes.engine import Control, FakeEngine


def test_a_broken_down_engine_ends_what_runs_and_refuses_until_it_is_repaired() -> None:
    fake = FakeEngine()
    image = fake.add_image("base:1")
    bench = EngineBench(fake, "base:1")

    told, problem = failed(fake.build(bench.order("RUN echo a; sleep 30")), at_line=fake.break_down)

    assert LogLine(2, "a") in told
    assert isinstance(problem, EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        fake.find_image("base:1")
    fake.repair()
    assert fake.find_image("base:1") == image


def test_a_run_that_a_break_down_ends_is_told_as_such() -> None:
    fake = FakeEngine()
    fake.add_image("base:1")
    bench = EngineBench(fake, "base:1")
    order = bench.script("sleep 30")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fake.run, order)
        patience = Event()
        while not fake.containers:
            patience.wait(0.01)
        fake.break_down()

    assert isinstance(running.exception(), EngineUnavailable)
    assert fake.containers == 0


def test_a_script_takes_the_place_of_the_dockerfile_and_waits_to_be_cancelled() -> None:
    def stuck(order: BuildOrder, control: Control) -> Iterator[BuildEvent]:
        yield StepStarted(1)
        yield LogLine(1, order.build_id)
        control.wait()

    fake = FakeEngine(build_script=stuck)
    order = EngineBench(fake, "none").order()

    told, _ = failed(fake.build(order), at_line=lambda: fake.cancel_build(order.build_id))

    assert told == [StepStarted(1), LogLine(1, order.build_id)]
    assert fake.cancelled == [order.build_id]


def test_builds_at_once_are_counted() -> None:
    meeting = Barrier(3, timeout=10)

    def meet(_: BuildOrder, __: Control) -> Iterator[BuildEvent]:
        meeting.wait()
        yield ImageBuilt(ImageId("sha256:0"))

    fake = FakeEngine(build_script=meet)
    bench = EngineBench(fake, "none")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: list(fake.build(bench.order())), range(3)))

    assert (fake.most_builds, fake.running_builds, len(fake.builds)) == (3, 0, 3)


def test_a_run_script_gets_the_order() -> None:
    fake = FakeEngine(run_script=lambda order: RunOutcome(0, " ".join(order.command), ""))
    fake.add_image("base:1")
    order = EngineBench(fake, "base:1").script("anything")

    assert fake.run(order).output == "sh -c anything"
    assert fake.runs == [order]


def test_a_hub_offers_images_and_problems() -> None:
    refusal = PullFailed("The hub is away.", hint="Wait.")
    fake = FakeEngine(hub={"away:1": refusal, "there:latest": FakeEngine().add_image()})

    with pytest.raises(PullFailed, match="away"):
        fake.pull(Reference("away", tag="1"), lambda _: None)
    with pytest.raises(ImageNotFound):
        fake.pull(Reference("nowhere", tag="1"), lambda _: None)
    assert fake.pull(Reference("there"), lambda _: None).repo_tags == ("there:latest",)
