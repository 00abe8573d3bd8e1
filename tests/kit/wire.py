"""The wire between a bot and its Docker daemon, cut when the bot counts as killed."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeVar

from commands.engine.interface import (
    BuildEvent,
    BuildOrder,
    EngineDescription,
    FilesRead,
    Login,
    PullProgress,
    ReadOrder,
    RegistryRules,
    RunOrder,
    RunOutcome,
    Swept,
)
from commands.model.images import Container, ImageId, Layer, ListedImage, LocalImage
from commands.model.references import Reference
from tests.fakes.host import PATIENCE_SECONDS, Host

Answer = TypeVar("Answer")
Moment = tuple[Literal["before", "after"], str]
"""A call of the engine, by the method's name."""


class BotKilled(BaseException):
    """Ends every thread of a killed bot that touches the daemon: nothing in the program may catch it."""


class CuttableEngine:
    """An `Engine` as one bot has it. After `cut`, or from the moment in `cut_at` on, whoever uses it meets his end."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._engine = host.engine
        self._cut_at: Moment | None = None
        self._left = 0
        self._is_cut = threading.Event()

    def cut_at(self, moment: Moment, *, nth: int = 1) -> None:
        """Cut it when that moment comes for the nth time."""
        self._cut_at, self._left = moment, nth

    def cut(self) -> None:
        """End everything that the bot has under way on the daemon, as the daemon does when a client is gone."""
        self._is_cut.set()
        self._host.hang_up = self._end_if_cut

    def wait_until_cut(self) -> None:
        """Wait for the moment."""
        assert self._is_cut.wait(PATIENCE_SECONDS), f"the bot did not come to {self._cut_at}"

    def _end_if_cut(self) -> None:
        if self._is_cut.is_set():
            raise BotKilled

    def _call(self, name: str, call: Callable[[], Answer]) -> Answer:
        self._end_if_cut()
        self._come(("before", name))
        answer = call()
        self._come(("after", name))
        return answer

    def _come(self, moment: Moment) -> None:
        if self._cut_at == moment:
            self._left -= 1
            if self._left == 0:
                self._is_cut.set()
        self._end_if_cut()

    # ── The engine ──────────────────────────────────────────────────────────────────────────────────────────────

    def describe(self) -> EngineDescription:
        return self._call("describe", self._engine.describe)

    def find_image(self, reference: str) -> LocalImage | None:
        return self._call("find_image", lambda: self._engine.find_image(reference))

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        return self._call("images", lambda: self._engine.images(labels))

    def names(self) -> tuple[str, ...]:
        return self._call("names", self._engine.names)

    def listing(self) -> tuple[ListedImage, ...]:
        return self._call("listing", self._engine.listing)

    def containers(self) -> tuple[Container, ...]:
        return self._call("containers", self._engine.containers)

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        return self._call("history", lambda: self._engine.history(image))

    def disk_use(self, *, seconds: float) -> int:
        return self._call("disk_use", lambda: self._engine.disk_use(seconds=seconds))

    def registry_rules(self) -> RegistryRules:
        return self._call("registry_rules", self._engine.registry_rules)

    def login(self, registry: str) -> Login | None:
        return self._call("login", lambda: self._engine.login(registry))

    def read_files(self, order: ReadOrder) -> FilesRead:
        return self._call("read_files", lambda: self._engine.read_files(order))

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        return self._call("pull", lambda: self._engine.pull(reference, report, pull_id=pull_id))

    def cancel_pull(self, pull_id: str) -> None:
        self._call("cancel_pull", lambda: self._engine.cancel_pull(pull_id))

    def build(self, order: BuildOrder) -> Iterator[BuildEvent]:
        events = self._call("build", lambda: self._engine.build(order))
        for event in events:
            self._end_if_cut()
            yield event
        self._call("build's end", lambda: None)

    def cancel_build(self, build_id: str) -> None:
        self._call("cancel_build", lambda: self._engine.cancel_build(build_id))

    def run(self, order: RunOrder) -> RunOutcome:
        return self._call("run", lambda: self._engine.run(order))

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        self._call("tag", lambda: self._engine.tag(image, repository, tag))

    def remove_image(self, reference: str) -> None:
        self._call("remove_image", lambda: self._engine.remove_image(reference))

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        return self._call("import_image", lambda: self._engine.import_image(filesystem, repository, tag, labels))

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        return self._call("sweep", lambda: self._engine.sweep(label, value, keep=keep))
