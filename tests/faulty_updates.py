"""Every fault that an update may meet, played from the typed line to the end: by the bot as it runs, on a real daemon.

The only place that defines these cases: the tests compare what comes of each, a bench prints it as a table.
"""

import json
import re
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from uuid import uuid4

import docker

from bot.room.events import Message
from bot.room.rates import RateLimits
from bot.room.server import Room
from bot.room.workspace import ALICE, BOB
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Bot, Doors, make_bot, make_registry
from commands.engine.docker_daemon import DockerDaemon
from commands.model.images import Platform
from tests.bench.updates import network_of
from tests.engine_bench import LABEL, packed
from tests.fakes.loopback import listening
from tests.fakes.registry import FakeRegistry, serving
from tests.private_engine import PrivateEngine, private_engine
from tests.program import scene
from tests.scenario.driver import EVERYWHERE, HASTE, Dialog, Person, make_settings, title, words

BIG = 400_000
"""Bytes of a layer that has a middle."""
SMALL_DISK = 64 << 20
"""Bytes of a disk on which a daemon starts, and a small image fits."""
USER, SECRET, WRONG_SECRET = "reader", "swordfish-8d1f", "kipper-5c2e"

_DIGEST = re.compile(r"sha256:[0-9a-f]{12,64}…?")


# ── Where it is played ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class House:
    """A bot at work on a daemon, two people who talk to it, and a folder in which they may leave registry logins.

    `logged` gives all that the bot has logged.
    """

    alice: Person
    bob: Person
    raw: docker.APIClient
    platform: Platform
    folder: Path
    logged: Callable[[], str]
    private: PrivateEngine | None = None

    def log_in(self, registry: str, user: str, secret: str) -> None:
        """Leave a login where `docker login` leaves it."""
        auth = b64encode(f"{user}:{secret}".encode()).decode()
        self._logins.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))

    def log_out(self) -> None:
        """Take all logins away."""
        self._logins.unlink(missing_ok=True)

    @property
    def _logins(self) -> Path:
        return self.folder / "docker" / "config.json"

    def everything_told(self) -> str:
        """Give all that the bot has shown, logged or stored."""
        shown = [str(state) for states in self.alice.history.values() for state in states]
        files = [path for path in self.folder.glob("state/**/*") if path.is_file()]
        assert files
        return "\n".join((*shown, self.logged(), *(path.read_bytes().decode(errors="replace") for path in files)))


@contextmanager
def house(host: str, folder: Path, private: PrivateEngine | None = None) -> Iterator[House]:
    """Put a bot to work on the daemon at this address, as a process of its own."""
    environment = {"WARROOM_STATE_DIR": str(folder / "state"), "WARROOM_DOCKER_HOST": host, **_logins_in(folder)}
    with (
        scene(environment) as play,
        play.bot() as bot,
        _with_people(play.room, host, folder, lambda: bot.errors, private) as one,
    ):
        yield one


@contextmanager
def hasty_house(host: str, folder: Path) -> Iterator[House]:
    """Put a bot to work in this process: it keeps to no rate limit, so that what is measured is not Slack's pace."""
    settings = make_settings(folder / "state", folder / "cache", docker_host=host)
    with (
        Room(commands=[command.name for command in COMMANDS], limits=RateLimits.boundless()) as room,
        closing(DockerDaemon(host, environment=_logins_in(folder))) as engine,
        closing(_hasty_bot(room, settings, engine)) as bot,
    ):
        bot.start()
        with _with_people(room, host, folder, str) as one:
            yield one


def _hasty_bot(room: Room, settings: Settings, engine: DockerDaemon) -> Bot:
    doors = Doors(room.bot_token, room.app_token, room.api_url, EVERYWHERE)
    return make_bot(settings, doors, engine=engine, registry=make_registry(settings, engine), pace=HASTE)


def _logins_in(folder: Path) -> dict[str, str]:
    (folder / "docker").mkdir(parents=True, exist_ok=True)
    return {"DOCKER_CONFIG": str(folder / "docker")}


@contextmanager
def _with_people(
    room: Room, host: str, folder: Path, logged: Callable[[], str], private: PrivateEngine | None = None
) -> Iterator[House]:
    with (
        closing(docker.APIClient(base_url=host, version="auto")) as raw,
        closing(DockerDaemon(host)) as engine,
        closing(Person(room, ALICE.id)) as alice,
        closing(Person(room, BOB.id)) as bob,
    ):
        yield House(alice, bob, raw, engine.describe().platform, folder, logged, private)


@contextmanager
def private_house(folder: Path, *, disk: int | None = None) -> Iterator[House]:
    """Put a bot to work on a daemon of its own, which may come to harm."""
    with private_engine(small=disk) as private, network_of(private), house(private.host, folder, private) as one:
        yield one


@dataclass(slots=True)
class Site:
    """One image of a daemon, and its registry."""

    house: House
    registry: FakeRegistry
    mark: str = field(default_factory=lambda: uuid4().hex[:12])
    versions: dict[str, str] = field(default_factory=dict)
    """What the image is called here that has a digest."""
    started: float = 0.0

    @property
    def alice(self) -> Person:
        """Who asks."""
        return self.house.alice

    @property
    def repository(self) -> str:
        """The image's repository, within the registry."""
        return f"warroom-test/{self.mark}"

    @property
    def name(self) -> str:
        """The image's name on the daemon."""
        return f"{self.registry.address}/{self.repository}:latest"

    def put(self, version: str, *contents: bytes | int) -> None:
        """Let the tag in the registry stand for an image that is called so here."""
        own = f"{self.mark} {version}".encode()
        self.registry.put_layers(self.repository, "latest", own, *contents, labels={LABEL: self.mark})
        self.versions[self.registry.digest(self.repository, "latest")] = version

    def outdate(self, *contents: bytes | int) -> None:
        """Have an old image on the daemon and a new one, with these layers besides its own, in the registry."""
        self.put("old")
        self.house.raw.pull(self.name)
        self.put("new", *contents)
        self.registry.requests.clear()
        self.registry.blob_asked.clear()

    def ask(self, person: Person | None = None) -> Dialog:
        """Type the line."""
        self.started = self.started or monotonic()
        return (person or self.alice).type(f"/docker_image_update image={self.name}")

    def review(self, person: Person | None = None) -> Dialog:
        """Type the line, and wait until it may be confirmed."""
        dialog = self.ask(person)
        dialog.until("review")
        return dialog

    def begin(self) -> Dialog:
        """Have an update under way, so far that a layer was asked for."""
        dialog = self.review()
        dialog.click("update")
        assert self.registry.blob_asked.wait(30)
        return dialog

    def holds(self) -> dict[str, str]:
        """Say what the daemon holds: which image has which tag of the repository, and what is left without one."""
        held: dict[str, str] = {}
        own = {"label": f"{LABEL}={self.mark}"}
        # They inherit the labels of their image.
        assert self.house.raw.containers(all=True, filters=own) == []
        for image in self.house.raw.images(filters=own):
            version = next((self.versions[digest] for digest in _digests(image)), "another")
            for name in image["RepoTags"] or ["nameless"]:
                held[_shown_tag(name)] = version
        return held

    def plain(self, *lines: str) -> str:
        """Write a text without what differs each time."""
        text = (
            "\n".join(lines).replace(self.name, "IMAGE").replace(f"{self.registry.address}/{self.repository}", "IMAGE")
        )
        text = _DIGEST.sub("DIGEST", text).replace(self.registry.address, "REGISTRY")
        return text.replace(self.house.private.host, "DAEMON") if self.house.private else text

    def line(self, message: Message, part: str) -> str:
        """Find the line of a message in which these words are."""
        return self.plain(next(line for line in words(message).splitlines() if part in line))

    def told(self, message: Message) -> "Told":
        """Tell what came of it, as the end of a dialog says it."""
        return Told(
            self.plain(title(message)),
            self.plain(*(line for line in words(message).splitlines() if line.endswith("."))),
            self.holds(),
            self.registry.manifest_heads,
            monotonic() - self.started,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a fault: the sentences of the dialog at its end, and which image has which tag on the daemon.

    In the texts, what differs each time is `IMAGE`, `REGISTRY`, `DIGEST`, `DAEMON`. `heads` counts how often the
    registry was asked for a digest.
    """

    title: str
    text: str
    holds: Mapping[str, str]
    heads: int = field(compare=False, default=0)
    seconds: float = field(compare=False, default=0.0)


@contextmanager
def site(of: House) -> Iterator[Site]:
    """Open a registry for one image; what is on the daemon of it is removed at the end."""
    with serving(of.platform) as registry:
        one = Site(of, registry)
        try:
            yield one
        finally:
            of.log_out()
            for image in of.raw.images(filters={"label": f"{LABEL}={one.mark}"}):
                of.raw.remove_image(image["Id"], force=True)


def _digests(image: Mapping[str, list[str] | None]) -> list[str]:
    return [known.partition("@")[2] for known in image["RepoDigests"] or []]


def _shown_tag(name: str) -> str:
    tag = name.rpartition(":")[2]
    return "before-JOB" if tag.startswith("before-") else tag


# ── The registry refuses ────────────────────────────────────────────────────────────────────────────────────────────


Play = Callable[[Site], Told]
"""Brings a fault about, and tells what came of it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and how it is brought about."""

    fault: str
    play: Play


def limit_at_the_check(site: Site) -> Told:
    """Ask twice a registry that wants to be left alone for a while."""
    site.outdate()
    site.registry.limit_heads(90)
    first = site.ask().until("refused")
    site.ask().until("refused")
    return site.told(first)


def limit_at_a_layer(site: Site) -> Told:
    """Confirm, and have no layer given."""
    site.outdate()
    dialog = site.review()
    site.registry.limited = True
    dialog.click("update")
    return site.told(dialog.until("failed"))


def error_after_a_layer(site: Site) -> Told:
    """Confirm, and have the last of three layers refused when the others are there."""
    site.outdate(BIG, BIG)
    site.registry.error_on_layer(2)
    dialog = site.review()
    dialog.click("update")
    failed = dialog.until("failed")
    served = site.registry.layers(site.repository, "latest")[:2]
    assert [site.registry.gets_of(layer) for layer in served] == [1, 1]
    return site.told(failed)


def reset_that_passes(site: Site) -> Told:
    """Have the connection broken off once; the daemon waits for 5 s and goes on where it was."""
    site.outdate(BIG)
    site.registry.break_blobs_after(BIG // 4)
    dialog = site.begin()
    assert site.registry.blob_broken.wait(30)
    site.registry.heal()
    return site.told(dialog.until("updated", seconds=60))


def reset_and_stop(site: Site) -> Told:
    """Have the connection broken off, and press Stop while the daemon waits to try again."""
    site.outdate(BIG)
    site.registry.break_blobs_after(BIG // 4)
    dialog = site.begin()
    assert site.registry.blob_broken.wait(30)
    return _stopped(site, dialog)


def slow_and_stop(site: Site) -> Told:
    """Press Stop while bytes trickle."""
    site.outdate(BIG)
    site.registry.slow_blobs(BIG // 20)
    dialog = site.begin()
    dialog.until_says("layers")
    return _stopped(site, dialog)


def _stopped(site: Site, dialog: Dialog) -> Told:
    """Press Stop; the time is that from the click on."""
    site.started = monotonic()
    dialog.click("stop", by=site.house.bob)
    return site.told(dialog.until("stopped"))


# ── The registry changes its mind ───────────────────────────────────────────────────────────────────────────────────


def moved_before_the_click(site: Site) -> Told:
    """Confirm what is outdated already, and then what is offered instead."""
    site.outdate()
    dialog = site.review()
    site.put("newest")
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    dialog.click("update")
    told = site.told(dialog.until("updated"))
    return replace(told, text=f"{site.line(again, 'since the review')}\n{told.text}")


def moved_after_the_check(site: Site) -> Told:
    """Have the tag moved when the bot has asked for it the last time."""
    site.outdate()
    dialog = site.review()
    site.registry.after_head(lambda: site.put("newest"))
    dialog.click("update")
    return site.told(dialog.until("updated"))


def gone_after_the_check(site: Site) -> Told:
    """Have the tag moved then, and what it stood for deleted."""
    site.outdate()
    dialog = site.review()
    confirmed = site.registry.digest(site.repository, "latest")

    def change() -> None:
        site.put("newest")
        site.registry.blobs.pop(confirmed, None)

    site.registry.after_head(change)
    dialog.click("update")
    return site.told(dialog.until("failed"))


# ── The registry wants to know who asks ─────────────────────────────────────────────────────────────────────────────


def no_login(site: Site) -> Told:
    """Ask a registry that wants a login."""
    site.outdate()
    site.registry.password(USER, SECRET)
    return site.told(site.ask().until("refused"))


def wrong_login(site: Site) -> Told:
    """Ask it with a login that it does not take."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, WRONG_SECRET)
    return site.told(site.ask().until("refused"))


def right_login(site: Site) -> Told:
    """Ask it with one that it takes."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, SECRET)
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("updated"))


def login_ends_after_the_check(site: Site) -> Told:
    """Have the login taken back when the bot has asked for the last time."""
    site.outdate()
    site.registry.password(USER, SECRET)
    site.house.log_in(site.registry.address, USER, SECRET)
    dialog = site.review()
    site.registry.after_head(lambda: site.registry.password(USER, WRONG_SECRET))
    dialog.click("update")
    return site.told(dialog.until("failed"))


# ── The daemon, and other people ────────────────────────────────────────────────────────────────────────────────────


def deleted_before_the_click(site: Site) -> Told:
    """Delete the image that is under review."""
    site.outdate()
    dialog = site.review()
    site.house.raw.remove_image(site.name)
    dialog.click("update")
    refused = dialog.until("refused")
    # The hint names images of the host that are called alike.
    return replace(site.told(refused), text=site.line(refused, "has no image"))


def renamed_in_mid_pull(site: Site) -> Told:
    """Give the name to an image from elsewhere while the pull is under way."""
    site.outdate(BIG)
    site.registry.stall_blobs()
    dialog = site.begin()
    repository, _, tag = site.name.rpartition(":")
    site.house.raw.tag(_of_somebody_else(site), repository, tag)
    site.registry.resume()
    return site.told(dialog.until("failed"))


def _of_somebody_else(site: Site) -> str:
    content, label = packed({"content": site.mark.encode()}), f"LABEL {LABEL}={site.mark}"
    imported = site.house.raw.import_image_from_data(content, changes=[label])
    return str(json.loads(imported)["status"])


def two_at_once(site: Site) -> Told:
    """Confirm two updates, the second when the first is under way; tells of the second."""
    site.outdate(BIG)
    second = site.review(site.house.bob)
    site.registry.stall_blobs()
    first = site.begin()
    second.click("update")
    waiting = second.until_says("another update")
    site.registry.resume()
    first.until("updated")
    told = site.told(second.until("updated"))
    assert site.registry.gets_of(site.registry.layers(site.repository, "latest")[1]) == 1
    return replace(told, text=f"{site.line(waiting, 'another update').rpartition(' · ')[2]}\n{told.text}")


def full_disk(site: Site) -> Told:
    """Pull what does not fit."""
    site.outdate(SMALL_DISK)
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("failed", seconds=60))


def daemon_killed(site: Site) -> Told:
    """Kill the daemon in mid-layer, and start it again."""
    site.outdate(BIG)
    private = site.house.private
    assert private
    site.registry.stall_blobs()
    dialog = site.begin()
    private.end(signal.SIGKILL)
    failed = dialog.until("failed", seconds=60)
    private.start()
    return site.told(failed)


def update_again(site: Site) -> Told:
    """Type the line once more, when all is well again."""
    site.registry.heal()
    dialog = site.review()
    dialog.click("update")
    return site.told(dialog.until("updated"))


@contextmanager
def reachable_again(site: Site) -> Iterator[None]:
    """Have the registry in the network of a daemon that was started anew, too: that is a new one."""
    private = site.house.private
    assert private
    with ExitStack() as stack:
        with network_of(private):
            server = stack.enter_context(listening(port=int(site.registry.address.rpartition(":")[2])))
        server.respond = site.registry.respond
        yield


CASES = (
    Case("429 with `Retry-After` at the check, asked twice", limit_at_the_check),
    Case("429 at a layer", limit_at_a_layer),
    Case("an error in mid-pull, after two layers of three", error_after_a_layer),
    Case("connection reset in mid-layer, once", reset_that_passes),
    Case("connection reset in mid-layer, again and again; Stop", reset_and_stop),
    Case("slow bytes; Stop", slow_and_stop),
    Case("the tag moves between review and confirmation", moved_before_the_click),
    Case("the tag moves between check and pull", moved_after_the_check),
    Case("the same, and the registry drops what was confirmed", gone_after_the_check),
    Case("401, no login here", no_login),
    Case("401, a wrong login here", wrong_login),
    Case("401, the right login here", right_login),
    Case("401 at the pull, after the check was let in", login_ends_after_the_check),
    Case("the image is deleted between review and confirmation", deleted_before_the_click),
    Case("another program moves the name in mid-pull", renamed_in_mid_pull),
    Case("two people update one image at once", two_at_once),
)
FULL_DISK = Case("no disk", full_disk)
DAEMON_KILLED = Case("the daemon is killed in mid-pull and started again", daemon_killed)
