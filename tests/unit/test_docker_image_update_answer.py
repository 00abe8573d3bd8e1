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
def bench() -> UpdateRequests:
    return UpdateRequests()


# ── One image that was pulled ───────────────────────────────────────────────────────────────────────────────────────


def test_an_image_that_moved_in_its_registry_would_be_pulled_by_digest(bench: UpdateRequests) -> None:
    image = bench.pulled("hub.test/a:1")
    digest = bench.hub.put("hub.test/a:1")

    said = bench.answer("image=hub.test/a:1")

    pull = Pull(Reference("hub.test/a", digest=digest), digest)
    assert said == Update("Update `hub.test/a:1`?", (Candidate("hub.test/a:1", mark(image), digest, pull),))
    assert bench.hub.asked == ["hub.test/a:1"]
    assert bench.said == ["Asking hub.test about 1 image", "Asking hub.test about 1 image: 1 done"]


def test_an_image_that_did_not_move_is_kept(bench: UpdateRequests) -> None:
    image = bench.pulled("hub.test/a:1")
    digest = bench.hub.put("hub.test/a:1", "old")

    said = bench.answer("image=hub.test/a:1")

    assert said == NothingToDo("`hub.test/a:1` is up to date", (Candidate("hub.test/a:1", mark(image), digest, SAME),))
    assert bench.hub.asked == ["hub.test/a:1"]


def test_any_of_the_digests_that_an_image_has_will_do(bench: UpdateRequests) -> None:
    digests = (known_as("hub.test/a:1", "older"), known_as("hub.test/a:1", "old"))
    bench.engine.add_image("hub.test/a:1", repo_digests=digests)
    bench.hub.put("hub.test/a:1", "old")

    assert plans(bench.nothing("image=hub.test/a")) == {"hub.test/a:1": SAME}


def test_an_image_is_asked_for_by_its_id_too(bench: UpdateRequests) -> None:
    image = bench.pulled("hub.test/a:1")
    bench.hub.put("hub.test/a:1")

    assert bench.update(f"image={image.id}").title == "Update `hub.test/a:1`?"


def test_nothing_is_changed_on_the_host(bench: UpdateRequests) -> None:
    bench.pulled("hub.test/a:1")
    bench.hub.put("hub.test/a:1")
    before = bench.engine.images({})

    bench.update("image=hub.test/a:1")

    assert bench.engine.images({}) == before
    assert (bench.engine.pulls, bench.engine.builds, bench.engine.runs) == ([], [], [])


def test_a_mirror_answers_for_a_name(bench: UpdateRequests) -> None:
    bench.pulled("python:3")
    bench.hub.mirror = "mirror.test:5000"
    digest = bench.hub.put("python:3")

    pull = Pull(Reference("mirror.test:5000/library/python", digest=digest), digest)
    assert plans(bench.update("image=python:3")) == {"python:3": pull}


@pytest.mark.parametrize("content", ["old", "new"])
def test_an_image_that_came_from_a_mirror_is_compared_with_it(bench: UpdateRequests, content: str) -> None:
    digest = bench.hub.put("python:3", content)
    own = digest_of_content("python", "old")
    bench.engine.add_image("python:3", repo_digests=(f"mirror.test/library/python@{own}",))
    bench.hub.mirror = "mirror.test"

    said = bench.answer("image=python:3")

    expected = SAME if content == "old" else Pull(Reference("mirror.test/library/python", digest=digest), digest)
    assert isinstance(said, Update | NothingToDo)
    assert [(each.plan, each.remote) for each in said.images] == [(expected, digest)]


# ── What there is nothing to update from ────────────────────────────────────────────────────────────────────────────


def test_what_was_built_here_by_hand_has_no_source(bench: UpdateRequests) -> None:
    image = bench.engine.add_image("mine:1")

    said = bench.answer("image=mine:1")

    candidate = Candidate("mine:1", mark(image), None, NEVER)
    assert said == NothingToDo("`mine:1` has nothing to update from", (candidate,))
    assert bench.hub.asked == []


def test_an_image_without_a_name_has_no_source(bench: UpdateRequests) -> None:
    image = bench.engine.add_image(repo_digests=(known_as("hub.test/a:1", "old"),))
    short = image.id.removeprefix("sha256:")

    reason = NoSource("it has no name and tag, so nothing says what a newer one would be")
    assert plans(bench.nothing(f"image={image.id}")) == {short[:12]: reason}


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
    bench: UpdateRequests, name: str, digests: tuple[str, ...], others: tuple[str, ...], reason: str
) -> None:
    bench.engine.add_image(name, *others, repo_digests=digests)

    assert plans(bench.nothing(f"image={name}")) == {name: NoSource(reason)}
    assert bench.hub.asked == []


@pytest.mark.parametrize("is_known", [True, False])
def test_what_only_looks_as_if_it_came_from_a_mirror_has_no_source(bench: UpdateRequests, is_known: bool) -> None:
    bench.engine.add_image(
        "team/app:1", "other.test/team/app:1", repo_digests=(known_as("other.test/team/app:1", "x"),)
    )
    if is_known:
        bench.hub.put("team/app:1")

    reason = NoSource("it is a second name of `other.test/team/app:1`")
    assert plans(bench.nothing("image=team/app:1")) == {"team/app:1": reason}
    assert bench.hub.asked == ["team/app:1"]


def test_what_may_have_come_from_a_mirror_that_is_down_is_not_known(bench: UpdateRequests) -> None:
    bench.engine.add_image("python:3", repo_digests=(known_as("mirror.test/library/python:3", "x"),))
    bench.hub.problems["python:3"] = PROBLEMS[3]

    assert plans(bench.nothing("all=true")) == {"python:3": Unchecked(PROBLEMS[3].message, PROBLEMS[3].hint)}


# ── What cannot be found, or not be checked ─────────────────────────────────────────────────────────────────────────


def test_an_unknown_image_is_refused_with_the_only_one_that_is_like_it(bench: UpdateRequests) -> None:
    bench.pulled("demisto/python3:latest")

    assert bench.refuse("image=demisto/pyton3") == Refusal(
        "`demisto/pyton3` is not here",
        "This Docker host has no image `demisto/pyton3`.",
        "Paste this instead:",
        ("/docker_image_update image=demisto/python3:latest",),
    )


def test_an_unknown_image_is_refused_with_those_that_are_like_it(bench: UpdateRequests) -> None:
    bench.pulled("demisto/python3:latest")
    bench.pulled("demisto/python3-deb:1")

    refusal = bench.refuse("image=demisto/pyton3")

    hint = "Did you mean `demisto/python3:latest` or `demisto/python3-deb:1`? `/docker_images` lists the images."
    assert (refusal.hint, refusal.details) == (hint, ())


def test_an_image_like_none_is_refused_with_the_way_to_all_of_them(bench: UpdateRequests) -> None:
    assert bench.refuse("image=something") == Refusal(
        "`something` is not here",
        "This Docker host has no image `something`.",
        "`/docker_images` lists the images.",
    )


def test_who_asks_for_an_image_called_all_is_told_how_to_ask_for_all(bench: UpdateRequests) -> None:
    assert bench.refuse("image=all").details == ("/docker_image_update all=true",)
    bench.engine.add_image("all:latest")
    assert bench.nothing("image=all").title == "`all:latest` has nothing to update from"


def test_an_ambiguous_name_is_refused_with_its_tags(bench: UpdateRequests) -> None:
    for tag in range(7):
        bench.pulled(f"a:{tag}")

    assert bench.refuse("image=a") == Refusal(
        "`a` is not one image",
        "`a` has several tags here, but no `latest`.",
        "Choose `a:6`, `a:5`, `a:4`, `a:3`, `a:2` or 2 more.",
    )


def test_an_ambiguous_id_is_refused_with_longer_ones(bench: UpdateRequests) -> None:
    for image, digits in ((bench.pulled("a:1"), "9c1e6b"), (bench.pulled("b:1"), "9c1e6c")):
        del bench.engine._images[image.id]
        other = replace(image, id=ImageId(f"sha256:{digits}{'0' * 58}"))
        bench.engine._images[other.id] = other

    assert bench.refuse("image=9c1e") == Refusal(
        "`9c1e` is not one image",
        "Several images have IDs that begin with `9c1e`.",
        "Choose `9c1e6c000000` or `9c1e6b000000`.",
    )


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_a_registry_that_fails_is_told_in_its_own_words(bench: UpdateRequests, problem: Problem) -> None:
    bench.pulled("hub.test/a:1")
    bench.hub.problems["hub.test/a:1"] = problem

    assert bench.refuse("image=hub.test/a:1") == Refusal(
        "`hub.test/a:1` could not be checked", problem.message, problem.hint, problem.details
    )
    unchecked = Unchecked(problem.message, problem.hint)
    assert bench.nothing("all=true").title == "`hub.test/a:1` could not be checked"
    assert plans(bench.nothing("all=true")) == {"hub.test/a:1": unchecked}


@pytest.mark.parametrize("line", ["image=hub.test/a:1", "all=true"])
def test_a_daemon_that_does_not_answer_is_a_problem_of_the_surroundings(bench: UpdateRequests, line: str) -> None:
    bench.pulled("hub.test/a:1")
    bench.hub.problems["hub.test/a:1"] = EngineUnavailable("No Docker daemon answers.", hint="Start it.")

    with pytest.raises(EngineUnavailable):
        bench.answer(line)
    bench.engine.break_down()
    with pytest.raises(EngineUnavailable):
        bench.answer(line)


# ── Who else uses what changes ──────────────────────────────────────────────────────────────────────────────────────


def test_who_uses_a_changing_image_is_told(bench: UpdateRequests) -> None:
    changing, kept = bench.pulled("hub.test/a:1"), bench.pulled("hub.test/b:1")
    bench.hub.put("hub.test/a:1")
    bench.hub.put("hub.test/b:1", "old")
    bench.engine.add_image("hub.test/child:1", below=changing.layers)
    for name, image, state in (("web", changing, "running"), ("old", changing, "exited"), ("db", kept, "running")):
        bench.engine.add_container(name, image.id, state=state)

    said = bench.update("all=true")

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
def test_several_containers_are_told_in_one_sentence(bench: UpdateRequests, count: int, message: str) -> None:
    image = bench.pulled("hub.test/a:1")
    bench.hub.put("hub.test/a:1")
    for number in range(count):
        bench.engine.add_container(f"web{number}", image.id)

    assert bench.update("image=hub.test/a:1").findings == (Finding("containers-go-on", Severity.WARNING, message),)


def test_containers_of_images_that_stay_are_nothing_to_warn_of(bench: UpdateRequests) -> None:
    image = bench.pulled("hub.test/a:1")
    bench.hub.put("hub.test/a:1", "old")
    bench.engine.add_container("web", image.id)

    assert bench.nothing("all=true").findings == ()


def test_an_image_that_vanishes_meanwhile_has_no_users(bench: UpdateRequests) -> None:
    image = bench.pulled("hub.test/a:1")
    bench.hub.put("hub.test/a:1")

    def remove(_: str) -> None:
        bench.engine.remove_image(image.id)

    said = answer(parse("image=hub.test/a:1"), bench.sources, remove)

    assert isinstance(said, Update)
    assert said.changing[0].users == Users()
