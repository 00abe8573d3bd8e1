import threading

import pytest

from commands.command import (
    Finding,
    Keep,
    NothingToDo,
    Pull,
    Refusal,
    Severity,
    Unchecked,
)
from commands.docker_image_update import answer, parse
from commands.host.asking import AT_ONCE
from commands.model.references import Reference
from commands.registry.interface import Quota
from tests.fakes.host import PATIENCE_SECONDS, Gate
from tests.kit.update_requests import (
    KEPT,
    NEVER,
    PROBLEMS,
    SAME,
    UpdateRequests,
    known_as,
    plans,
)


@pytest.fixture
def requests() -> UpdateRequests:
    return UpdateRequests()


# ── All images ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_twenty_images_two_have_changed(requests: UpdateRequests) -> None:
    for number in range(20):
        name = f"{('one', 'two', 'three')[number % 3]}.test/a{number:02}:1"
        requests.pulled(name)
        requests.hub.put(name, "new" if number in (3, 14) else "old")

    said = requests.update("all=true")

    assert said.title == "Update 2 of 20 images?"
    assert [(each.name, type(each.plan)) for each in said.changing] == [
        ("one.test/a03:1", Pull),
        ("three.test/a14:1", Pull),
    ]
    assert len(requests.hub.asked) == len(set(requests.hub.asked)) == 20
    assert requests.said == [
        "Asking 3 registries about 20 images",
        *(f"Asking 3 registries about 20 images: {done} done" for done in range(1, 21)),
    ]


def test_what_changes_comes_first_then_what_is_not_known(requests: UpdateRequests) -> None:
    for name in ("hub.test/d:1", "hub.test/b:1", "hub.test/c:1", "hub.test/a:1"):
        requests.pulled(name)
        requests.hub.put(name, "old" if "d" in name or "c:" in name else "new")
    requests.hub.problems["hub.test/a:1"] = PROBLEMS[3]
    requests.engine.add_image("aaa:1")

    assert plans(requests.update("all=true")) == {
        "hub.test/b:1": Pull(
            Reference("hub.test/b", digest=requests.hub.digests["hub.test/b:1"]), requests.hub.digests["hub.test/b:1"]
        ),
        "hub.test/a:1": Unchecked(PROBLEMS[3].message, PROBLEMS[3].hint),
        "hub.test/c:1": SAME,
        "hub.test/d:1": SAME,
        "aaa:1": NEVER,
    }
    assert list(plans(requests.update("all=true"))) == [
        "hub.test/b:1",
        "hub.test/a:1",
        "hub.test/c:1",
        "hub.test/d:1",
        "aaa:1",
    ]


def test_each_name_of_an_image_is_looked_up(requests: UpdateRequests) -> None:
    requests.pulled("hub.test/a:1", "hub.test/a:1.2")
    requests.hub.put("hub.test/a:1", "new")
    requests.hub.put("hub.test/a:1.2", "old")

    said = requests.update("all=true")

    assert [(each.name, type(each.plan)) for each in said.images] == [("hub.test/a:1", Pull), ("hub.test/a:1.2", Keep)]
    assert sorted(requests.hub.asked) == ["hub.test/a:1", "hub.test/a:1.2"]


def test_what_is_no_subject_of_an_update_is_left_out(requests: UpdateRequests) -> None:
    requests.pulled(f"hub.test/a:{KEPT}-1")
    requests.engine.add_image("warroom.invalid/uv:0.9-amd64")
    requests.engine.add_image()
    requests.engine.add_image(repo_digests=(known_as("hub.test/a:1", "old"),))

    note = Finding("nameless", Severity.NOTE, "2 images have no name and are left out.")
    assert requests.nothing("all=true") == NothingToDo("There are no images to update", (), (note,))
    assert requests.hub.asked == []


def test_an_empty_host_has_nothing_to_update(requests: UpdateRequests) -> None:
    assert requests.nothing("all=true") == NothingToDo("There are no images to update", ())


def test_odd_names_break_nothing(requests: UpdateRequests) -> None:
    odd = ("<none>:<none>", "Odd/NAME:1", f"odd:{'t' * 128}", "noton", ":", "a@b:c", "x" * 300 + ":1", "-x:1")
    for name in odd:
        requests.engine.add_image(name, repo_digests=(f"{name.rpartition(':')[0]}@sha256:{'4f' * 32}",))
    requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")

    said = requests.update("all=true")

    assert said.title == f"Update 1 of {len(odd) + 1} images?"
    assert sorted(requests.hub.asked) == ["hub.test/a:1", f"odd:{'t' * 128}"]


@pytest.mark.parametrize(
    ("contents", "title"),
    [
        ({"a": "old"}, "`hub.test/a:1` is up to date"),
        ({"a": "old", "b": "old", "c": "old"}, "All 3 images are up to date"),
        ({"a": None, "b": None}, "Nothing could be checked"),
        ({"a": "old", "b": None}, "1 of 2 images could not be checked"),
        ({"a": "old", "b": "old", "c": "mine"}, "2 images up to date, 1 with nothing to update from"),
        ({"a": "mine", "b": "mine"}, "None of 2 images has anything to update from"),
    ],
)
def test_the_title_says_in_short_why_nothing_is_to_be_done(
    requests: UpdateRequests, contents: dict[str, str | None], title: str
) -> None:
    for name, content in contents.items():
        if content == "mine":
            requests.engine.add_image(f"hub.test/{name}:1")
        else:
            requests.pulled(f"hub.test/{name}:1")
        if content == "old":
            requests.hub.put(f"hub.test/{name}:1", "old")

    assert requests.nothing("all=true").title == title


# ── Many at once ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_registries_are_asked_eight_questions_at_once(requests: UpdateRequests) -> None:
    for number in range(20):
        requests.pulled(f"hub.test/a{number}:1")
        requests.hub.put(f"hub.test/a{number}:1", "old")
    door = requests.hub.gates["hub.test"] = Gate()
    door.shut()
    asking = threading.Thread(target=requests.answer, args=("all=true",))
    asking.start()

    door.wait_for(AT_ONCE)
    door.open()
    asking.join()

    assert (AT_ONCE, requests.hub.most_at_once) == (8, 8)


def test_a_slow_registry_does_not_hold_up_the_others(requests: UpdateRequests) -> None:
    for number in range(20):
        for registry in ("fast.test", "slow.test"):
            requests.pulled(f"{registry}/a{number}:1")
            requests.hub.put(f"{registry}/a{number}:1", "old")
    slow = requests.hub.gates["slow.test"] = Gate()
    slow.shut()
    fast_is_done, told = threading.Event(), list[str]()

    def listen(doing: str) -> None:
        told.append(doing)
        if doing.endswith(": 20 done"):
            fast_is_done.set()

    asking = threading.Thread(target=answer, args=(parse("all=true"), requests.sources, listen))
    asking.start()

    assert fast_is_done.wait(PATIENCE_SECONDS)
    slow.wait_for(AT_ONCE)
    slow.open()
    asking.join()
    assert told[-1] == "Asking 2 registries about 40 images: 40 done"


def test_a_registry_that_fails_does_not_hold_up_the_others(requests: UpdateRequests) -> None:
    for registry in ("bad.test", "good.test"):
        for number in range(10):
            requests.pulled(f"{registry}/a{number}:1")
            requests.hub.put(f"{registry}/a{number}:1", "old")
            requests.hub.problems[f"bad.test/a{number}:1"] = PROBLEMS[2]

    said = requests.nothing("all=true")

    assert [type(each.plan) for each in said.images] == [Unchecked] * 10 + [Keep] * 10
    assert said.title == "10 of 20 images could not be checked"


def test_who_interrupts_the_asking_is_obeyed(requests: UpdateRequests) -> None:
    class InterruptedUpdate(BaseException):
        pass

    for number in range(50):
        requests.pulled(f"hub.test/a{number}:1")
        requests.hub.put(f"hub.test/a{number}:1", "old")

    def interrupt(doing: str) -> None:
        if doing.endswith(": 3 done"):
            raise InterruptedUpdate

    with pytest.raises(InterruptedUpdate):
        answer(parse("all=true"), requests.sources, interrupt)
    assert len(requests.hub.asked) < 50


# ── How much a registry still allows ────────────────────────────────────────────────────────────────────────────────


def quota_finding(severity: Severity, message: str) -> tuple[Finding, ...]:
    return (Finding("registry-quota", severity, message),)


@pytest.mark.parametrize(
    ("remaining", "pulls", "findings"),
    [
        (None, 3, ()),
        (100, 3, ()),
        (14, 3, ()),
        (13, 3, quota_finding(Severity.NOTE, "`hub.test` will allow 10 more pulls for now after this update.")),
        (4, 3, quota_finding(Severity.NOTE, "`hub.test` will allow 1 more pull for now after this update.")),
        (3, 3, quota_finding(Severity.NOTE, "`hub.test` will allow no more pulls for now after this update.")),
        (
            2,
            2,
            quota_finding(
                Severity.WARNING,
                "`hub.test` allows 2 more pulls for now: 1 of 3 newer images cannot be pulled.",
            ),
        ),
        (
            1,
            1,
            quota_finding(
                Severity.WARNING, "`hub.test` allows 1 more pull for now: 2 of 3 newer images cannot be pulled."
            ),
        ),
    ],
)
def test_no_more_is_pulled_than_a_registry_allows(
    requests: UpdateRequests, remaining: int | None, pulls: int, findings: tuple[Finding, ...]
) -> None:
    if remaining is not None:
        requests.hub.quotas["hub.test"] = Quota(remaining, limit=100, seconds=21_600)
    for name in ("hub.test/c:1", "hub.test/a:1", "hub.test/b:1", "other.test/d:1"):
        requests.pulled(name)
        requests.hub.put(name)

    said = requests.update("all=true")

    names = ["hub.test/a:1", "hub.test/b:1", "hub.test/c:1"]
    assert [each.name for each in said.changing] == [*names[:pulls], "other.test/d:1"]
    for name in names[pulls:]:
        plan = plans(said)[name]
        assert isinstance(plan, Unchecked)
        assert plan.reason.startswith(f"There is a newer one, but the registry allows only {pulls} more pull")
    assert said.findings == findings


def test_an_image_that_its_registry_no_longer_allows_is_refused(requests: UpdateRequests) -> None:
    requests.hub.quotas["hub.test"] = Quota(0)
    requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")

    assert requests.refuse("image=hub.test/a:1") == Refusal(
        "`hub.test/a:1` cannot be updated now",
        "There is a newer one, but the registry allows no more pulls for now.",
        "Try again later, or log the bot in to the registry: that may allow more pulls.",
    )
    assert requests.nothing("all=true").findings == quota_finding(
        Severity.WARNING, "`hub.test` allows no more pulls for now: 1 of 1 newer images cannot be pulled."
    )


def test_a_quota_that_nothing_takes_from_is_not_told(requests: UpdateRequests) -> None:
    requests.hub.quotas["hub.test"] = Quota(1)
    requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1", "old")

    assert requests.nothing("all=true").findings == ()
