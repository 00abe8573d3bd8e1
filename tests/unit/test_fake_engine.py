"""What the fake engine has beyond the contract: scripts, counters, and a daemon that breaks down."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import pytest

from commands.engine.interface import (
    BuildEvent,
    BuildOrder,
    FilesRead,
    Login,
    PullProgress,
    ReadOrder,
    RunOrder,
    RunOutcome,
)
from commands.errors import (
    DiskFull,
    EngineUnavailable,
    ImageInUse,
    ImageNotFound,
    Misconfigured,
    Problem,
    PullFailed,
    PullStopped,
)
from commands.model.events import ImageBuilt, LogLine, StepStarted
from commands.model.images import Container, ImageId, Layer, LocalImage
from commands.model.references import Reference
from tests.fakes.control import Control
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.engine_space import EngineSpace, failed


def test_a_broken_down_engine_ends_what_runs_and_refuses_until_it_is_repaired() -> None:
    fake = FakeEngine()
    image = fake.add_image("base:1")
    space = EngineSpace(fake, "base:1")

    told, problem = failed(fake.build(space.order("RUN echo a; sleep 30")), at_line=fake.break_down)

    assert LogLine(2, "a") in told
    assert isinstance(problem, EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        fake.find_image("base:1")
    fake.repair()
    assert fake.find_image("base:1") == image


def test_a_run_that_a_break_down_ends_is_told_as_such() -> None:
    fake = FakeEngine()
    fake.add_image("base:1")
    space = EngineSpace(fake, "base:1")
    order = space.script("sleep 30")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fake.run, order)
        pause = Event()
        while not fake.throwaways:
            pause.wait(0.01)
        fake.break_down()

    assert isinstance(running.exception(), EngineUnavailable)
    assert fake.throwaways == 0


def test_a_container_of_a_run_is_not_listed_but_holds_its_image() -> None:
    seen: list[tuple[Container, ...]] = []

    def script(order: RunOrder) -> RunOutcome:
        seen.append(fake.containers())
        with pytest.raises(ImageInUse, match="container-1"):
            fake.remove_image(order.image)
        return RunOutcome(0, "", "")

    fake = FakeEngine(run_script=script)
    image = fake.add_image("base:1")
    web = fake.add_container("web", fake.add_image("other:1").id)

    fake.run(EngineSpace(fake, "base:1").script("true", image=image.id))

    assert seen == [(web,)]


def test_a_script_takes_the_place_of_the_dockerfile_and_waits_to_be_cancelled() -> None:
    def stuck(order: BuildOrder, control: Control) -> Iterator[BuildEvent]:
        yield StepStarted(1)
        yield LogLine(1, order.build_id)
        control.wait()

    fake = FakeEngine(build_script=stuck)
    order = EngineSpace(fake, "none").order()

    told, _ = failed(fake.build(order), at_line=lambda: fake.cancel_build(order.build_id))

    assert told == [StepStarted(1), LogLine(1, order.build_id)]
    assert fake.cancelled == [order.build_id]


def test_builds_at_once_are_counted() -> None:
    meeting = Barrier(3, timeout=PATIENCE_SECONDS)

    def meet(_: BuildOrder, __: Control) -> Iterator[BuildEvent]:
        meeting.wait()
        yield ImageBuilt(ImageId("sha256:0"))

    fake = FakeEngine(build_script=meet)
    space = EngineSpace(fake, "none")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: list(fake.build(space.order())), range(3)))

    assert (fake.most_builds, fake.running_builds, len(fake.builds)) == (3, 0, 3)


def test_a_run_script_gets_the_order() -> None:
    fake = FakeEngine(run_script=lambda order: RunOutcome(0, " ".join(order.command), ""))
    fake.add_image("base:1")
    order = EngineSpace(fake, "base:1").script("anything")

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


def test_a_hub_serves_by_tag_and_by_digest_also_what_a_tag_stood_for_before() -> None:
    fake = FakeEngine()
    old = fake.offer("team/a:1")
    new = fake.offer("team/a:1")
    digest = old.repo_digests[0].partition("@")[2]

    assert fake.pull(Reference("team/a", tag="1"), lambda _: None) == replace(new, repo_tags=("team/a:1",))
    assert fake.pull(Reference("team/a", digest=digest), lambda _: None) == old
    assert fake.pulls == [Reference("team/a", tag="1"), Reference("team/a", digest=digest)]


def test_a_pull_of_what_is_there_leaves_its_other_names() -> None:
    fake = FakeEngine()
    image = fake.pull(reference_of(fake.offer("team/a:1")), lambda _: None)
    fake.tag(image.id, "team/a", "kept")

    assert fake.pull(Reference("team/a", tag="1"), lambda _: None).repo_tags == ("team/a:kept", "team/a:1")


def reference_of(image: LocalImage) -> Reference:
    repository, _, digest = image.repo_digests[0].partition("@")
    return Reference(repository, digest=digest)


def held_up(reference: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
    """Tell a little and then nothing, like a registry that has gone silent."""
    report(PullProgress(0, 1, 0, 10))
    control.wait()
    raise AssertionError(reference)


@pytest.mark.parametrize(
    ("end", "kind"),
    [(lambda fake: fake.cancel_pull("pull-1"), PullStopped), (lambda fake: fake.break_down(), EngineUnavailable)],
)
def test_a_pull_that_hangs_is_ended_from_outside(end: Callable[[FakeEngine], None], kind: type[Problem]) -> None:
    fake = FakeEngine(pull_script=held_up)
    told: list[PullProgress] = []

    def hear(progress: PullProgress) -> None:
        told.append(progress)
        assert fake.running_pulls == 1
        end(fake)

    with pytest.raises(kind):
        fake.pull(Reference("team/a", tag="1"), hear, pull_id="pull-1")

    assert (told, fake.running_pulls) == ([PullProgress(0, 1, 0, 10)], 0)


def test_a_pull_that_was_cancelled_while_its_image_arrived_is_stopped_all_the_same() -> None:
    fake = FakeEngine()
    fake.offer("team/a:1")

    with pytest.raises(PullStopped):
        fake.pull(Reference("team/a", tag="1"), lambda _: fake.cancel_pull("1"), pull_id="1")

    assert (fake.listing(), fake.cancelled) == ((), ["1", "1"])


def test_pulls_at_once_are_counted() -> None:
    meeting = Barrier(3, timeout=PATIENCE_SECONDS)
    fake = FakeEngine()
    images = [fake.offer(f"team/{name}:1") for name in "abc"]

    def meet(reference: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        meeting.wait()
        return fake.follow_hub(reference, report, control)

    fake.pull_script = meet
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda image: fake.pull(reference_of(image), lambda _: None), images))

    assert (fake.most_pulls, fake.running_pulls, len(fake.pulls)) == (3, 0, 3)


def test_answers_are_what_a_test_says() -> None:
    fake = FakeEngine()
    image = fake.add_image("a:1", size=7)
    fake.histories[image.id] = (Layer("ADD a", 7),)
    fake.files[image.id] = {"a": b"1", "b": b"2"}
    fake.logins = {"r.test": Login("somebody", "1"), "odd.test": Misconfigured("No helper.", hint="Install it.")}
    order = ReadOrder(image.id, {}, lambda path: path == "a")

    assert fake.disk_use(seconds=1) == 7
    assert fake.history(image.id) == (Layer("ADD a", 7),)
    assert fake.read_files(order) == FilesRead({"a": b"1"})
    assert fake.reads == [order]
    assert fake.login("r.test") == Login("somebody", "1")
    with pytest.raises(Misconfigured):
        fake.login("odd.test")
    fake.disk = DiskFull("Full.", hint="Free some.")
    with pytest.raises(DiskFull):
        fake.disk_use(seconds=1)


def test_an_image_in_use_loses_every_name_but_the_last() -> None:
    fake = FakeEngine()
    image = fake.add_image("a:1", "a:2", repo_digests=("a@sha256:1",))
    fake.add_container("web", image.id, state="exited")

    fake.remove_image("a:1")
    with pytest.raises(ImageInUse, match="`web`"):
        fake.remove_image("a:2")
    fake.remove_container("web")
    fake.remove_image("a:2")

    assert fake.listing() == ()
