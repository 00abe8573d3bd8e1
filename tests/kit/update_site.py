"""Where faults of updates are played: a bot at work on a real daemon, people who talk to it, a registry that fails."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from uuid import uuid4

import docker

from bot.lifetime import Bot
from bot.room.events import RoomMessage
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.workspace import ALICE, BOB
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Credentials, make_bot, make_registry
from commands.engine.docker_daemon import DockerDaemon
from commands.model.images import Platform
from tests.bench.updates import network_of
from tests.fakes.loopback import listening
from tests.fakes.registry import FakeRegistry, serving
from tests.kit.driver import EVERYWHERE, HASTE, RoomUser, ShownDialog, make_settings, title, words
from tests.kit.engine_space import LABEL
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import PATIENCE, open_program_room

SMALL_DISK = 64 << 20
"""Bytes of a disk on which a daemon starts, and a small image fits."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{12,64}…?")


@dataclass(frozen=True, slots=True)
class BotOnDaemon:
    """A bot at work on a daemon, two people who talk to it, and a folder in which they may leave registry logins.

    `logged` gives all that the bot has logged.
    """

    alice: RoomUser
    bob: RoomUser
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
def bot_on_daemon(host: str, folder: Path, private: PrivateEngine | None = None) -> Iterator[BotOnDaemon]:
    """Put a bot to work on the daemon at this address, as a process of its own."""
    environment = {
        "WARROOM_STATE_DIR": str(folder / "state"),
        "WARROOM_DOCKER_HOST": host,
        # A private daemon that was started again is in another network: the bot is not to find it by itself.
        **({"WARROOM_ENGINE_WAIT_SECONDS": "0.01"} if private else {}),
        **_logins_in(folder),
    }
    with (
        open_program_room(environment) as program_room,
        program_room.bot() as bot,
        _with_people(program_room.room, host, folder, lambda: bot.errors, private) as one,
    ):
        yield one


@contextmanager
def hasty_bot_on_daemon(host: str, folder: Path, **changes: object) -> Iterator[BotOnDaemon]:
    """Put a bot to work in this process: it keeps to no rate limit, so that what is measured is not Slack's pace.

    `changes` are settings.
    """
    settings = make_settings(folder / "state", folder / "cache", docker_host=host, **changes)
    with (
        Room(
            commands=[command.name for command in COMMANDS], limits=RateLimits.boundless(), ack_seconds=PATIENCE
        ) as room,
        closing(DockerDaemon(host, environment=_logins_in(folder))) as engine,
        closing(_hasty_bot(room, settings, engine)) as bot,
    ):
        bot.start()
        with _with_people(room, host, folder, str) as one:
            yield one


def _hasty_bot(room: Room, settings: Settings, engine: DockerDaemon) -> Bot:
    credentials = Credentials(room.bot_token, room.app_token, room.api_url, EVERYWHERE)
    return make_bot(settings, credentials, engine=engine, registry=make_registry(settings, engine), pace=HASTE)


def _logins_in(folder: Path) -> dict[str, str]:
    (folder / "docker").mkdir(parents=True, exist_ok=True)
    return {"DOCKER_CONFIG": str(folder / "docker")}


@contextmanager
def _with_people(
    room: Room, host: str, folder: Path, logged: Callable[[], str], private: PrivateEngine | None = None
) -> Iterator[BotOnDaemon]:
    with (
        closing(docker.APIClient(base_url=host, version="auto")) as raw,
        closing(DockerDaemon(host)) as engine,
        closing(RoomUser(room, ALICE.id)) as alice,
        closing(RoomUser(room, BOB.id)) as bob,
    ):
        yield BotOnDaemon(alice, bob, raw, engine.describe().platform, folder, logged, private)


@contextmanager
def bot_on_private_daemon(folder: Path, *, disk: int | None = None) -> Iterator[BotOnDaemon]:
    """Put a bot to work on a daemon of its own, which may come to harm."""
    with (
        private_engine(small=disk) as private,
        network_of(private),
        bot_on_daemon(private.host, folder, private) as one,
    ):
        yield one


@dataclass(slots=True)
class RegistryImage:
    """One image of a daemon, and its registry."""

    bot: BotOnDaemon
    registry: FakeRegistry
    mark: str = field(default_factory=lambda: uuid4().hex[:12])
    versions: dict[str, str] = field(default_factory=dict)
    """What the image is called here that has a digest."""
    started: float = 0.0

    @property
    def alice(self) -> RoomUser:
        """Who asks."""
        return self.bot.alice

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
        self.bot.raw.pull(self.name)
        self.put("new", *contents)
        self.registry.requests.clear()
        self.registry.blob_asked.clear()

    def ask(self, person: RoomUser | None = None) -> ShownDialog:
        """Type the line."""
        self.started = self.started or monotonic()
        return (person or self.alice).type(f"/docker_image_update image={self.name}")

    def review(self, person: RoomUser | None = None) -> ShownDialog:
        """Type the line, and wait until it may be confirmed."""
        dialog = self.ask(person)
        dialog.until("review")
        return dialog

    def begin(self) -> ShownDialog:
        """Have an update under way, so far that a layer was asked for."""
        dialog = self.review()
        dialog.click("update")
        assert self.registry.blob_asked.wait(PATIENCE)
        return dialog

    def holds(self) -> dict[str, str]:
        """Say what the daemon holds: which image has which tag of the repository, and what is left without one."""
        held: dict[str, str] = {}
        own = {"label": f"{LABEL}={self.mark}"}
        # They inherit the labels of their image.
        assert self.bot.raw.containers(all=True, filters=own) == []
        for image in self.bot.raw.images(filters=own):
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
        return text.replace(self.bot.private.host, "DAEMON") if self.bot.private else text

    def line(self, message: RoomMessage, part: str) -> str:
        """Find the line of a message in which these words are."""
        return self.plain(next(line for line in words(message).splitlines() if part in line))

    def told(self, message: RoomMessage) -> "FaultResult":
        """Tell what came of it, as the end of a dialog says it."""
        return FaultResult(
            self.plain(title(message)),
            self.plain(*(line for line in words(message).splitlines() if line.endswith("."))),
            self.holds(),
            self.registry.manifest_heads,
            monotonic() - self.started,
        )


@dataclass(frozen=True, slots=True)
class FaultResult:
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
def site(of: BotOnDaemon) -> Iterator[RegistryImage]:
    """Open a registry for one image; what is on the daemon of it is removed at the end."""
    with serving(of.platform) as registry:
        one = RegistryImage(of, registry)
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


@contextmanager
def reachable_again(image: RegistryImage) -> Iterator[None]:
    """Have the registry in the network of a daemon that was started anew, too: that is a new one."""
    private = image.bot.private
    assert private
    with ExitStack() as stack:
        with network_of(private):
            server = stack.enter_context(listening(port=int(image.registry.address.rpartition(":")[2])))
        server.respond = image.registry.respond
        yield
