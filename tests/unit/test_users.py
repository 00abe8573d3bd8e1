import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from commands.command import Users
from commands.errors import EngineUnavailable, Problem
from commands.host.users import AT_ONCE, MOST_INSPECTED, Lineage
from commands.model.images import LocalImage
from tests.fakes.engine import FakeEngine
from tests.fakes.host import Gate


class LookCountingEngine(FakeEngine):
    """Remembers which images were looked into; each look passes the `door`; what is `unreadable` raises."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[str] = []
        self.door = Gate()
        self.unreadable: set[str] = set()
        self.vanishing: set[str] = set()
        self.on_look: Callable[[str], None] = lambda _: None
        self._counting = threading.Lock()

    def find_image(self, reference: str) -> LocalImage | None:
        """See `FakeEngine`."""
        with self._counting:
            self.looks.append(reference)
        self.on_look(reference)
        self.door.pass_through()
        if reference in self.unreadable:
            raise Problem("It cannot be read.", hint="Remove it.")
        return None if reference in self.vanishing else super().find_image(reference)


@pytest.fixture
def engine() -> LookCountingEngine:
    return LookCountingEngine()


@pytest.fixture
def lineage(engine: LookCountingEngine) -> Lineage:
    return Lineage(engine)


def test_containers_are_told_by_name_running_and_stopped(engine: LookCountingEngine, lineage: Lineage) -> None:
    image, other = engine.add_image("a:1"), engine.add_image("b:1")
    states = {"web": "running", "idle": "paused", "again": "restarting", "old": "exited", "new": "created"}
    for name, state in states.items():
        engine.add_container(name, image.id, state=state)
    engine.add_container("stranger", other.id)

    assert lineage.users([image.id, other.id]) == {
        image.id: Users(running=("again", "idle", "web"), stopped=("new", "old")),
        other.id: Users(running=("stranger",)),
    }


def test_images_are_told_that_stand_on_it_however_high(engine: LookCountingEngine, lineage: Lineage) -> None:
    base = engine.add_image("base:1")
    child = engine.add_image("child:1", "child:latest", below=base.layers)
    engine.add_image("grandchild:1", below=child.layers)
    nameless = engine.add_image(below=base.layers)
    engine.add_image("stranger:1")

    short = nameless.id.removeprefix("sha256:")[:12]
    assert lineage.users([base.id, child.id]) == {
        base.id: Users(images=(short, "child:1", "grandchild:1")),
        child.id: Users(images=("grandchild:1",)),
    }


def test_of_two_with_the_same_layers_the_younger_stands_on_the_older(
    engine: LookCountingEngine, lineage: Lineage
) -> None:
    older, younger = engine.add_image("older:1"), engine.add_image("younger:1")
    engine._images[younger.id] = replace(younger, layers=older.layers)

    users = lineage.users([older.id, younger.id])

    assert users == {older.id: Users(images=("younger:1",)), younger.id: Users()}


def test_nothing_stands_on_an_image_without_layers(engine: LookCountingEngine, lineage: Lineage) -> None:
    empty = engine.add_image("empty:1")
    engine._images[empty.id] = replace(empty, layers=())
    engine.add_image("other:1")

    assert lineage.users([empty.id]) == {empty.id: Users()}


def test_an_image_that_is_gone_has_no_users(engine: LookCountingEngine, lineage: Lineage) -> None:
    image, vanishing = engine.add_image("a:1"), engine.add_image("b:1")
    engine.vanishing.add(vanishing.id)

    assert lineage.users([image.id, vanishing.id]) == {image.id: Users(), vanishing.id: Users()}


def test_an_image_that_cannot_be_read_hides_no_other(engine: LookCountingEngine, lineage: Lineage) -> None:
    base = engine.add_image("base:1")
    engine.add_image("child:1", below=base.layers)
    engine.unreadable.add(engine.add_image("odd:1").id)

    assert lineage.users([base.id]) == {base.id: Users(images=("child:1",), more_images=True)}


def test_layers_are_remembered(engine: LookCountingEngine, lineage: Lineage) -> None:
    base = engine.add_image("base:1")
    lineage.users([base.id])
    child = engine.add_image("child:1", below=base.layers)
    engine.looks.clear()

    assert lineage.users([base.id]) == {base.id: Users(images=("child:1",))}
    assert engine.looks == [child.id]


def test_the_layers_of_an_image_that_was_removed_are_forgotten(engine: LookCountingEngine, lineage: Lineage) -> None:
    base, gone = engine.add_image("base:1"), engine.add_image("gone:1")
    listing = engine.listing()
    lineage.users([base.id], listing)
    lineage.users([base.id], [each for each in listing if each.id != gone.id])
    engine.looks.clear()

    lineage.users([base.id], listing)

    assert engine.looks == [gone.id]


def test_a_list_that_is_older_than_another_still_names_the_users(engine: LookCountingEngine, lineage: Lineage) -> None:
    base = engine.add_image("base:1")
    older = engine.listing()
    child = engine.add_image("child:1", below=base.layers)
    newer = engine.listing()
    asked = threading.Event()

    def ask_with_the_older_list(reference: str) -> None:
        if reference == child.id and not asked.is_set():
            asked.set()
            lineage.users([base.id], older)

    engine.on_look = ask_with_the_older_list

    assert lineage.users([base.id], newer) == {base.id: Users(images=("child:1",))}
    assert asked.is_set()


def test_only_so_many_images_are_looked_into_at_a_time_the_newest_first(
    engine: LookCountingEngine, lineage: Lineage
) -> None:
    base = engine.add_image("base:1")
    engine.add_image("old:1", below=base.layers)
    for number in range(MOST_INSPECTED - 2):
        engine.add_image(f"other:{number}")
    engine.add_image("new:1", below=base.layers)

    first, second = lineage.users([base.id]), lineage.users([base.id])

    assert first == {base.id: Users(images=("new:1",), more_images=True)}
    assert second == {base.id: Users(images=("new:1", "old:1"))}
    assert len(engine.looks) == MOST_INSPECTED + 1


def test_images_are_looked_into_several_at_once(engine: LookCountingEngine, lineage: Lineage) -> None:
    images = [engine.add_image(f"a:{number}") for number in range(2 * AT_ONCE)]
    engine.door.shut()
    asking = threading.Thread(target=lineage.users, args=([images[0].id],))
    asking.start()

    engine.door.wait_for(AT_ONCE)
    assert len(engine.looks) == AT_ONCE
    engine.door.open()
    asking.join()
    assert len(engine.looks) == len(images)


def test_who_asks_about_nothing_costs_nothing(engine: LookCountingEngine, lineage: Lineage) -> None:
    engine.break_down()

    assert lineage.users([]) == {}


def test_a_daemon_that_is_down_is_told(engine: LookCountingEngine, lineage: Lineage) -> None:
    image = engine.add_image("a:1")
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        lineage.users([image.id])
