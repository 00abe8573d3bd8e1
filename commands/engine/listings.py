"""The lists of a Docker daemon, each in one request."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from commands.engine.connection import Connection, DaemonRefused
from commands.engine.interface import RegistryRules
from commands.engine.overview import containers_in, disk_use_in, layers_in, listing_in, registry_rules_in
from commands.engine.throwaway import image_absent
from commands.model.images import Container, ImageId, Layer, ListedImage

_BY_TYPE = (1, 42)
"""The first API version that can count images only; containers and volumes take far longer."""


@dataclass(frozen=True, slots=True)
class Listings:
    """Requests lists."""

    connection: Connection

    def images(self) -> tuple[ListedImage, ...]:
        """List every image, as in `Engine.listing`."""
        return self.connection.read(listing_in, "/images/json", doing="list its images")

    def containers(self) -> tuple[Container, ...]:
        """List the containers, as in `Engine.containers`."""
        return self.connection.read(containers_in, "/containers/json", doing="list its containers", params={"all": "1"})

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        """List an image's layers, as in `Engine.history`."""
        path = f"/images/{quote(image)}/history"
        try:
            return self.connection.read(layers_in, path, doing=f"tell the history of `{image}`")
        except DaemonRefused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                raise image_absent(image) from refusal
            raise

    def disk_use(self, *, seconds: float) -> int:
        """Return the bytes of all images, as in `Engine.disk_use`."""
        answer = self.connection.ask(
            "GET",
            "/system/df",
            doing="count what its images take",
            seconds=seconds,
            params={"type": "image"} if self._counts_by_type() else None,
        )
        return self.connection.parse_answer(disk_use_in, answer)

    def registry_rules(self) -> RegistryRules:
        """Return how the daemon reaches registries, as in `Engine.registry_rules`."""
        return self.connection.read(registry_rules_in, "/info", doing="describe itself")

    def _counts_by_type(self) -> bool:
        try:
            return tuple(map(int, self.connection.api_version.split("."))) >= _BY_TYPE
        except ValueError:
            return False
