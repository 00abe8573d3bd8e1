from dataclasses import replace

import pytest

from commands.command import (
    Candidate,
    Finding,
    NoSource,
    NothingToDo,
    Pull,
    Refusal,
    Severity,
    Unchecked,
    Update,
    Users,
)
from commands.docker_image_update import answer, parse
from commands.errors import (
    EngineUnavailable,
    Problem,
)
from commands.model.images import ImageId
from commands.model.references import Reference
from tests.fakes.registries import digest_of_content
from tests.kit.update_requests import KEPT, NEVER, PROBLEMS, SAME, UpdateRequests, known_as, mark, plans


@pytest.fixture
def requests() -> UpdateRequests:
    return UpdateRequests()


# ── One image that was pulled ───────────────────────────────────────────────────────────────────────────────────────


def test_an_image_that_moved_in_its_registry_would_be_pulled_by_digest(requests: UpdateRequests) -> None:
    image = requests.pulled("hub.test/a:1")
    digest = requests.hub.put("hub.test/a:1")

    said = requests.answer("image=hub.test/a:1")

    pull = Pull(Reference("hub.test/a", digest=digest), digest)
    assert said == Update("Update `hub.test/a:1`?", (Candidate("hub.test/a:1", mark(image), digest, pull),))
    assert requests.hub.asked == ["hub.test/a:1"]
    assert requests.said == ["Asking hub.test about 1 image", "Asking hub.test about 1 image: 1 done"]


def test_an_image_that_did_not_move_is_kept(requests: UpdateRequests) -> None:
    image = requests.pulled("hub.test/a:1")
    digest = requests.hub.put("hub.test/a:1", "old")

    said = requests.answer("image=hub.test/a:1")

    assert said == NothingToDo("`hub.test/a:1` is up to date", (Candidate("hub.test/a:1", mark(image), digest, SAME),))
    assert requests.hub.asked == ["hub.test/a:1"]


def test_any_of_the_digests_that_an_image_has_will_do(requests: UpdateRequests) -> None:
    digests = (known_as("hub.test/a:1", "older"), known_as("hub.test/a:1", "old"))
    requests.engine.add_image("hub.test/a:1", repo_digests=digests)
    requests.hub.put("hub.test/a:1", "old")

    assert plans(requests.nothing("image=hub.test/a")) == {"hub.test/a:1": SAME}


def test_an_image_is_asked_for_by_its_id_too(requests: UpdateRequests) -> None:
    image = requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")

    assert requests.update(f"image={image.id}").title == "Update `hub.test/a:1`?"


def test_nothing_is_changed_on_the_host(requests: UpdateRequests) -> None:
    requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")
    before = requests.engine.images({})

    requests.update("image=hub.test/a:1")

    assert requests.engine.images({}) == before
    assert (requests.engine.pulls, requests.engine.builds, requests.engine.runs) == ([], [], [])


def test_a_mirror_answers_for_a_name(requests: UpdateRequests) -> None:
    requests.pulled("python:3")
    requests.hub.mirror = "mirror.test:5000"
    digest = requests.hub.put("python:3")

    pull = Pull(Reference("mirror.test:5000/library/python", digest=digest), digest)
    assert plans(requests.update("image=python:3")) == {"python:3": pull}


@pytest.mark.parametrize("content", ["old", "new"])
def test_an_image_that_came_from_a_mirror_is_compared_with_it(requests: UpdateRequests, content: str) -> None:
    digest = requests.hub.put("python:3", content)
    own = digest_of_content("python", "old")
    requests.engine.add_image("python:3", repo_digests=(f"mirror.test/library/python@{own}",))
    requests.hub.mirror = "mirror.test"

    said = requests.answer("image=python:3")

    expected = SAME if content == "old" else Pull(Reference("mirror.test/library/python", digest=digest), digest)
    assert isinstance(said, Update | NothingToDo)
    assert [(each.plan, each.remote) for each in said.images] == [(expected, digest)]


# ── What there is nothing to update from ────────────────────────────────────────────────────────────────────────────


def test_what_was_built_here_by_hand_has_no_source(requests: UpdateRequests) -> None:
    image = requests.engine.add_image("mine:1")

    said = requests.answer("image=mine:1")

    candidate = Candidate("mine:1", mark(image), None, NEVER)
    assert said == NothingToDo("`mine:1` has nothing to update from", (candidate,))
    assert requests.hub.asked == []


def test_an_image_without_a_name_has_no_source(requests: UpdateRequests) -> None:
    image = requests.engine.add_image(repo_digests=(known_as("hub.test/a:1", "old"),))
    short = image.id.removeprefix("sha256:")

    reason = NoSource("it has no name and tag, so nothing says what a newer one would be")
    assert plans(requests.nothing(f"image={image.id}")) == {short[:12]: reason}


@pytest.mark.parametrize(
    ("name", "digests", "others", "reason"),
    [
        ("mine:1", ("python@sha256:" + "4f" * 32,), ("python:3",), "it is a second name of `python:3`"),
        ("mine:1", ("python@sha256:" + "4f" * 32,), (), "its name was given on this host: it came from `python`"),
        ("a/python:3", ("python@sha256:" + "4f" * 32,), ("python:3",), "it is a second name of `python:3`"),
        (f"python:{KEPT}", ("python@sha256:" + "4f" * 32,), (), "it is an earlier image, kept to roll back to"),
    ],
)
def test_a_name_that_no_registry_gave_has_no_source(
    requests: UpdateRequests, name: str, digests: tuple[str, ...], others: tuple[str, ...], reason: str
) -> None:
    requests.engine.add_image(name, *others, repo_digests=digests)

    assert plans(requests.nothing(f"image={name}")) == {name: NoSource(reason)}
    assert requests.hub.asked == []


@pytest.mark.parametrize("is_known", [True, False])
def test_what_only_looks_as_if_it_came_from_a_mirror_has_no_source(requests: UpdateRequests, is_known: bool) -> None:
    requests.engine.add_image(
        "team/app:1", "other.test/team/app:1", repo_digests=(known_as("other.test/team/app:1", "x"),)
    )
    if is_known:
        requests.hub.put("team/app:1")

    reason = NoSource("it is a second name of `other.test/team/app:1`")
    assert plans(requests.nothing("image=team/app:1")) == {"team/app:1": reason}
    assert requests.hub.asked == ["team/app:1"]


def test_what_may_have_come_from_a_mirror_that_is_down_is_not_known(requests: UpdateRequests) -> None:
    requests.engine.add_image("python:3", repo_digests=(known_as("mirror.test/library/python:3", "x"),))
    requests.hub.problems["python:3"] = PROBLEMS[3]

    assert plans(requests.nothing("all=true")) == {"python:3": Unchecked(PROBLEMS[3].message, PROBLEMS[3].hint)}


# ── What cannot be found, or not be checked ─────────────────────────────────────────────────────────────────────────


def test_an_unknown_image_is_refused_with_the_only_one_that_is_like_it(requests: UpdateRequests) -> None:
    requests.pulled("demisto/python3:latest")

    assert requests.refuse("image=demisto/pyton3") == Refusal(
        "`demisto/pyton3` is not here",
        "This Docker host has no image `demisto/pyton3`.",
        "Paste this instead:",
        ("/docker_image_update image=demisto/python3:latest",),
    )


def test_an_unknown_image_is_refused_with_those_that_are_like_it(requests: UpdateRequests) -> None:
    requests.pulled("demisto/python3:latest")
    requests.pulled("demisto/python3-deb:1")

    refusal = requests.refuse("image=demisto/pyton3")

    hint = "Did you mean `demisto/python3:latest` or `demisto/python3-deb:1`? `/docker_images` lists the images."
    assert (refusal.hint, refusal.details) == (hint, ())


def test_an_image_like_none_is_refused_with_the_way_to_all_of_them(requests: UpdateRequests) -> None:
    assert requests.refuse("image=something") == Refusal(
        "`something` is not here",
        "This Docker host has no image `something`.",
        "`/docker_images` lists the images.",
    )


def test_who_asks_for_an_image_called_all_is_told_how_to_ask_for_all(requests: UpdateRequests) -> None:
    assert requests.refuse("image=all").details == ("/docker_image_update all=true",)
    requests.engine.add_image("all:latest")
    assert requests.nothing("image=all").title == "`all:latest` has nothing to update from"


def test_an_ambiguous_name_is_refused_with_its_tags(requests: UpdateRequests) -> None:
    for tag in range(7):
        requests.pulled(f"a:{tag}")

    assert requests.refuse("image=a") == Refusal(
        "`a` is not one image",
        "`a` has several tags here, but no `latest`.",
        "Choose `a:6`, `a:5`, `a:4`, `a:3`, `a:2` or 2 more.",
    )


def test_an_ambiguous_id_is_refused_with_longer_ones(requests: UpdateRequests) -> None:
    for image, digits in ((requests.pulled("a:1"), "9c1e6b"), (requests.pulled("b:1"), "9c1e6c")):
        del requests.engine._images[image.id]
        other = replace(image, id=ImageId(f"sha256:{digits}{'0' * 58}"))
        requests.engine._images[other.id] = other

    assert requests.refuse("image=9c1e") == Refusal(
        "`9c1e` is not one image",
        "Several images have IDs that begin with `9c1e`.",
        "Choose `9c1e6c000000` or `9c1e6b000000`.",
    )


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_a_registry_that_fails_is_told_in_its_own_words(requests: UpdateRequests, problem: Problem) -> None:
    requests.pulled("hub.test/a:1")
    requests.hub.problems["hub.test/a:1"] = problem

    assert requests.refuse("image=hub.test/a:1") == Refusal(
        "`hub.test/a:1` could not be checked", problem.message, problem.hint, problem.details
    )
    unchecked = Unchecked(problem.message, problem.hint)
    assert requests.nothing("all=true").title == "`hub.test/a:1` could not be checked"
    assert plans(requests.nothing("all=true")) == {"hub.test/a:1": unchecked}


@pytest.mark.parametrize("line", ["image=hub.test/a:1", "all=true"])
def test_a_daemon_that_does_not_answer_is_a_problem_of_the_surroundings(requests: UpdateRequests, line: str) -> None:
    requests.pulled("hub.test/a:1")
    requests.hub.problems["hub.test/a:1"] = EngineUnavailable("No Docker daemon answers.", hint="Start it.")

    with pytest.raises(EngineUnavailable):
        requests.answer(line)
    requests.engine.break_down()
    with pytest.raises(EngineUnavailable):
        requests.answer(line)


# ── Who else uses what changes ──────────────────────────────────────────────────────────────────────────────────────


def test_who_uses_a_changing_image_is_told(requests: UpdateRequests) -> None:
    changing, kept = requests.pulled("hub.test/a:1"), requests.pulled("hub.test/b:1")
    requests.hub.put("hub.test/a:1")
    requests.hub.put("hub.test/b:1", "old")
    requests.engine.add_image("hub.test/child:1", below=changing.layers)
    for name, image, state in (("web", changing, "running"), ("old", changing, "exited"), ("db", kept, "running")):
        requests.engine.add_container(name, image.id, state=state)

    said = requests.update("all=true")

    assert {each.name: each.users for each in said.images} == {
        "hub.test/a:1": Users(running=("web",), stopped=("old",), images=("hub.test/child:1",)),
        "hub.test/b:1": Users(),
        "hub.test/child:1": Users(),
    }
    message = "`web` keeps the old image until you recreate it."
    assert said.findings == (Finding("containers-go-on", Severity.WARNING, message),)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (2, "`web0` and `web1` keep the old image until you recreate them."),
        (
            7,
            "`web0`, `web1`, `web2`, `web3`, `web4` and 2 more keep the old image until you recreate them.",
        ),
    ],
)
def test_several_containers_are_told_in_one_sentence(requests: UpdateRequests, count: int, message: str) -> None:
    image = requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")
    for number in range(count):
        requests.engine.add_container(f"web{number}", image.id)

    assert requests.update("image=hub.test/a:1").findings == (Finding("containers-go-on", Severity.WARNING, message),)


def test_containers_of_images_that_stay_are_nothing_to_warn_of(requests: UpdateRequests) -> None:
    image = requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1", "old")
    requests.engine.add_container("web", image.id)

    assert requests.nothing("all=true").findings == ()


def test_an_image_that_vanishes_meanwhile_has_no_users(requests: UpdateRequests) -> None:
    image = requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")

    def remove(_: str) -> None:
        requests.engine.remove_image(image.id)

    said = answer(parse("image=hub.test/a:1"), requests.sources, remove)

    assert isinstance(said, Update)
    assert said.changing[0].users == Users()
