"""The card of one image: every fact from where it is known, and what is told where it is not."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from commands.command import Card, Move, Origin, Refusal, Row, Users
from commands.docker_image_create import parse as parse_creation
from commands.docker_image_create import read_form
from commands.docker_images import page_of
from commands.engine.interface import FilesRead, ReadOrder
from commands.errors import EngineUnavailable
from commands.host.history import kept_name
from commands.host.selection import parse_wanted
from commands.image_actions.details import answer, line_of, request_for
from commands.model.images import Digest, ImageId, Layer, ListedImage, LocalImage, Mark
from commands.model.packages import Inventory
from commands.model.references import Reference
from commands.model.requests import CreateImage, LookAtImage, Query
from commands.recipe.labels import make_labels
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on
from tests.kit.examples import NOW, SPEC

LABELS = {"warroom.job": "d-2"}
MADE = make_labels(SPEC, job="d-1", requester="U0ALICE", channel="C0WARROOM", created=NOW)
FILES = {
    "usr/lib/python3/dist-packages/mechanize-0.4.10.dist-info/METADATA": b"Name: mechanize\nVersion: 0.4.10\n",
    "var/lib/dpkg/status": b"Package: wget\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\n",
}
DIGEST = Digest(f"sha256:{'d1' * 32}")
EARLIER_JOB, EARLIEST_JOB = "0199a1b2c3d4e5f6072", "0199a1b2c3d4e5f6071"


@dataclass(slots=True)
class DetailsHost:
    """A host, and what was said while the facts were looked up."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    said: list[str] = field(default_factory=list)

    def ask(self, line: str) -> Card | Refusal:
        """Ask as the button does; the line is how the request is shown."""
        sources = replace(sources_on(self.engine), labels=LABELS)
        return answer(LookAtImage(parse_wanted(line.removeprefix("details image="))), sources, self.said.append)

    def card(self, name: str) -> Card:
        """Ask, and expect a card."""
        card = self.ask(f"details image={name}")
        assert isinstance(card, Card), card
        return card


@pytest.fixture
def host() -> DetailsHost:
    return DetailsHost()


def mark(image: LocalImage, digest: Digest | None = None) -> Mark:
    return Mark(image.id, digest, image.created, image.size)


# ── The line ────────────────────────────────────────────────────────────────────────────────────────────────────────

DIGITS = "ab" * 32


@pytest.mark.parametrize(
    ("repository", "tag", "line"),
    [
        ("a/b", "1", "details image=a/b:1"),
        ("registry:5000/a", "RC-1", "details image=registry:5000/a:RC-1"),
        ("a", "x" * 128, f"details image=a:{'x' * 128}"),
        (None, None, "details image=abababababab"),
        ("a", None, "details image=abababababab"),
        ("схема", "1", "details image=abababababab"),
        ("a", "<!channel>", "details image=abababababab"),
        ("a", "1 image=b", "details image=abababababab"),
        ("scratch", "1", "details image=abababababab"),
        ("a", "IMAGE", "details image=abababababab"),
    ],
)
def test_a_row_can_be_asked_for_whatever_its_name_is(repository: str | None, tag: str | None, line: str) -> None:
    row = Row(ImageId(f"sha256:{DIGITS}"), repository, tag, 1, NOW, made_here=False)

    wanted = request_for(row)

    assert line_of(wanted) == line
    assert parse_wanted(line.removeprefix("details image=")) == wanted.image


# ── The card ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_card_of_a_foreign_image_has_all_but_an_origin(host: DetailsHost) -> None:
    image = host.engine.add_image(
        "team/tool:1", labels={"maintainer": "x"}, repo_digests=("other@sha256:1", f"team/tool@{DIGEST}")
    )
    above = host.engine.add_image("team/above:1", below=image.layers)
    host.engine.add_container("web", image.id)
    host.engine.add_container("once", image.id, state="exited")
    host.engine.add_container("elsewhere", above.id)
    host.engine.histories[image.id] = (Layer("ADD file", 900_000), Layer("RUN true", 0))
    host.engine.files[image.id] = FILES

    assert host.card("team/tool:1") == Card(
        name="team/tool:1",
        image=image,
        mark=mark(image, DIGEST),
        origin=None,
        users=Users(running=("web",), stopped=("once",), images=("team/above:1",)),
        earlier=(),
        layers=(Layer("ADD file", 900_000), Layer("RUN true", 0)),
        packages=Inventory({"mechanize": "0.4.10"}, {"wget": "1.21"}, "dpkg"),
        labels={"maintainer": "x"},
    )
    assert host.said[-1] == "Reading the packages of team/tool:1"
    assert [order.labels for order in host.engine.reads] == [LABELS]


def test_a_card_of_an_image_of_the_bot_tells_who_asked_when_and_how(host: DetailsHost) -> None:
    host.engine.add_image(SPEC.reference, "example_name:latest", labels=MADE)
    line = (
        "/docker_image_create name=example_name dependencies=mechanize packages=wget"
        " base=demisto/python3-deb:3.12.13.11694875"
    )

    origin = host.card("example_name:latest").origin

    assert origin == Origin(
        requester="U0ALICE",
        channel="C0WARROOM",
        at=NOW,
        job="d-1",
        line=line,
        base="demisto/python3-deb:3.12.13.11694875",
        request=CreateImage("example_name", SPEC.base.reference, SPEC.requirements, SPEC.os_packages),
    )
    assert parse_creation(line.removeprefix("/docker_image_create")) == origin.request


def test_what_is_built_on_an_image_of_the_bot_is_not_the_bots(host: DetailsHost) -> None:
    host.engine.add_image(SPEC.reference, labels=MADE)
    host.engine.add_image("example_name:mine", labels=MADE)
    host.engine.add_image("other:1", labels=MADE)

    assert host.card("example_name:mine").origin is None
    assert host.card("other:1").origin is None
    assert host.card(SPEC.reference).origin is not None


@pytest.mark.parametrize(
    "request_label",
    [
        "",
        "{",
        "null",
        '{"name": "a"}',
        '{"name": "a:1", "base": "b"}',
        '{"name": "--all", "base": "b"}',
        '{"name": "a", "base": "b", "dependencies": ["x; rm -rf /"]}',
        '{"name": "a", "base": "b", "packages": ["--allow-downgrades"]}',
        '{"name": "a", "base": "b", "packages": ["x\\nbase=evil"]}',
        '{"name": "a", "base": "b", "dependencies": ["' + "x" * 2_000 + '"]}',
    ],
)
def test_a_label_that_is_no_request_gives_no_line(host: DetailsHost, request_label: str) -> None:
    labels = {**MADE, "warroom.request": request_label, "org.opencontainers.image.created": "soon"}
    host.engine.add_image(SPEC.reference, labels=labels)

    origin = host.card(SPEC.reference).origin

    assert origin is not None
    assert (origin.line, origin.at, origin.requester) == (None, None, "U0ALICE")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a/b", "dependencies": "requests[socks,security]>=2.31,<3, pandas", "packages": "curl=8.1-r0,wget"},
        {"name": "registry:5000/a", "base": f"python:3@{DIGEST}"},
    ],
)
def test_the_line_asks_for_just_what_was_asked_for(host: DetailsHost, fields: dict[str, str]) -> None:
    asked = read_form({"base": "b:1", **fields})
    base = replace(SPEC.base, reference=asked.base or Reference("b"))
    spec = replace(SPEC, name=asked.name, base=base, requirements=asked.dependencies, os_packages=asked.packages)
    labels = make_labels(spec, job="d-1", requester="U0ALICE", channel="C0", created=NOW)
    host.engine.add_image(spec.reference, labels=labels)

    origin = host.card(spec.reference).origin

    assert origin is not None
    assert origin.line is not None
    assert parse_creation(origin.line.removeprefix("/docker_image_create")) == asked


# ── What was before ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_earlier_images_of_another_name_of_the_image_are_told_too(host: DetailsHost) -> None:
    earlier = host.engine.add_image(kept_name(EARLIER_JOB, "tool:latest"))
    host.engine.add_image("tool:1.0.0.2", "tool:latest")

    (move,) = host.card("tool:1.0.0.2").earlier

    assert (move.name, move.earlier.id) == ("tool:latest", earlier.id)


def test_earlier_images_of_the_name_are_told_the_latest_first(host: DetailsHost) -> None:
    earliest = host.engine.add_image(kept_name(EARLIEST_JOB, "tool:latest"))
    earlier = host.engine.add_image(kept_name(EARLIER_JOB, "tool:latest"))
    host.engine.add_image(kept_name(EARLIER_JOB, "tool:2"))
    host.engine.add_image(kept_name(EARLIER_JOB, "other:latest"))
    present = host.engine.add_image("tool:latest")
    host.engine.add_container("web", present.id)

    users = Users(running=("web",))
    assert host.card("tool:latest").earlier == (
        Move("tool:latest", mark(present), mark(earlier), kept_name(EARLIER_JOB, "tool:latest"), users),
        Move("tool:latest", mark(present), mark(earliest), kept_name(EARLIEST_JOB, "tool:latest"), users),
    )


def test_an_image_that_is_back_is_not_before_itself(host: DetailsHost) -> None:
    host.engine.add_image("tool:latest", kept_name(EARLIER_JOB, "tool:latest"))

    assert host.card("tool:latest").earlier == ()


# ── Odd images ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "digests"),
    [
        ((), ()),
        ((), (f"team/tool@{DIGEST}",)),
        (("a:<none>",), ()),
        (("схема:\u202eгод`<!channel>",), ()),
        (("a:" + "x" * 128,), ()),
        (("a:1", "a:2", "localhost:5000/a:1"), ("odd", f"a@{DIGEST}")),
    ],
)
def test_every_row_of_the_list_has_a_card(host: DetailsHost, names: tuple[str, ...], digests: tuple[str, ...]) -> None:
    image = host.engine.add_image(*names, repo_digests=digests)

    for row in page_of(host.engine.listing(), Query()).rows:
        card = host.ask(line_of(request_for(row)))
        assert isinstance(card, Card)
        assert card.image.id == row.image
        # The buttons of the card ask by this name.
        assert host.card(card.name).image.id == row.image
    assert host.card(image.id.removeprefix("sha256:")).image == image


def test_a_card_may_be_asked_for_by_digest(host: DetailsHost) -> None:
    image = host.engine.add_image("tool:1", repo_digests=(f"tool@{DIGEST}",))

    assert host.card(f"tool@{DIGEST}").image == image


# ── What is not there ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_image_is_refused_with_what_is_like_it(host: DetailsHost) -> None:
    host.engine.add_image("team/python3:1")

    assert host.ask("details image=team/pyhton3:1") == Refusal(
        "`team/pyhton3:1` is not here",
        "This Docker host has no image `team/pyhton3:1`.",
        "Did you mean `team/python3:1`? `/docker_images` lists the images.",
    )
    assert host.ask("details image=abcdef") == Refusal(
        "`abcdef` is not here", "This Docker host has no image `abcdef`.", "`/docker_images` lists the images."
    )


def test_of_several_images_none_is_taken(host: DetailsHost) -> None:
    host.engine.add_image("a:1")
    host.engine.add_image("a:2")

    assert host.ask("details image=a") == Refusal(
        "`a` is not one image", "`a` has several tags here, but no `latest`.", "Choose `a:2` or `a:1`."
    )
    by_id = host.ask("details image=0000")
    assert isinstance(by_id, Refusal)
    assert by_id.message == "Several images have IDs that begin with `0000`."


class VanishingImagesEngine(FakeEngine):
    """A daemon whose images are removed by somebody at the moment that `gone_at` names."""

    def __init__(self, gone_at: str) -> None:
        super().__init__()
        self.gone_at = gone_at

    def listing(self) -> tuple[ListedImage, ...]:
        listing = super().listing()
        self._empty("list")
        return listing

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        self._empty("history")
        return super().history(image)

    def read_files(self, order: ReadOrder) -> FilesRead:
        self._empty("read_files")
        return super().read_files(order)

    def _empty(self, moment: str) -> None:
        if moment == self.gone_at:
            self._images.clear()


@pytest.mark.parametrize("gone_at", ["list", "history"])
def test_an_image_that_is_removed_meanwhile_is_told_as_gone(gone_at: str) -> None:
    host = DetailsHost(VanishingImagesEngine(gone_at))
    host.engine.add_image("tool:1")

    assert host.ask("details image=tool:1") == Refusal(
        "`tool:1` no longer exists", "It was just removed.", "`/docker_images` lists the images."
    )


def test_packages_that_cannot_be_read_are_a_gap_on_the_card() -> None:
    host = DetailsHost(VanishingImagesEngine("read_files"))
    host.engine.add_image("tool:1")

    packages = host.card("tool:1").packages

    assert packages.gap.startswith("The packages could not be read: ")
    assert replace(packages, gap="") == Inventory({}, None)


def test_a_daemon_that_does_not_answer_is_a_problem_not_a_card(host: DetailsHost) -> None:
    host.engine.break_down()

    with pytest.raises(EngineUnavailable):
        host.ask("details image=tool:1")


def test_an_image_without_a_known_time_has_a_card(host: DetailsHost) -> None:
    image = host.engine.add_image("tool:1")
    host.engine._images[image.id] = replace(image, created=datetime.fromtimestamp(0, UTC))

    assert host.card("tool:1").mark.created == datetime.fromtimestamp(0, UTC)
