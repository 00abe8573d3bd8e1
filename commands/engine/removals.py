"""Images removed from a Docker daemon, and why one is not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from commands.engine.connection import Connection, DaemonRefused
from commands.errors import ImageInUse, Problem
from commands.model.images import Container

_USER = re.compile(
    r"(?:container (?P<before>[0-9a-f]{12,64}) is using|by (?:running |stopped )?container (?P<after>[0-9a-f]{12,64}))"
)
_CHILDREN = "dependent child images"


@dataclass(frozen=True, slots=True)
class Removals:
    """Removes images; `work_seconds` is how long the daemon may take, `containers` lists those that it has."""

    connection: Connection
    work_seconds: float
    containers: Callable[[], tuple[Container, ...]]

    def remove(self, reference: str) -> None:
        """Remove a name, and the image with its last name, as `Engine.remove_image`."""
        try:
            self._remove(reference)
        except DaemonRefused as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                raise self._in_use(reference, refusal) from refusal
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    def discard(self, image: str) -> bool:
        """Remove an image that has no name; False when it is gone or needed by now."""
        try:
            # No pruning: it would take parents along that are to be kept.
            self._remove(image, params={"noprune": "1"})
        except DaemonRefused as refusal:
            # Removed, tagged or used by somebody since it was listed.
            if refusal.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                return False
            raise
        return True

    def _remove(self, reference: str, *, params: Mapping[str, str] | None = None) -> None:
        self.connection.ask(
            "DELETE",
            f"/images/{quote(reference)}",
            doing=f"remove `{reference}`",
            seconds=self.work_seconds,
            params=params,
        )

    def _in_use(self, reference: str, refusal: DaemonRefused) -> Problem:
        """Say who needs an image; a refusal that speaks of nobody is left as it is."""
        user = _USER.search(refusal.reason)
        if user is not None:
            name = self._name_of(user["before"] or user["after"])
            return ImageInUse(
                f"`{reference}` is not removed: the container `{name}` uses it.",
                hint=f"Remove that container first, when nobody needs it any more (`docker rm {name}`).",
                details=(refusal.reason,),
            )
        if _CHILDREN in refusal.reason:
            return ImageInUse(
                f"`{reference}` is not removed: other images are built on it.",
                hint="Remove those first, when nobody needs them any more.",
                details=(refusal.reason,),
            )
        return refusal

    def _name_of(self, container: str) -> str:
        known = (one.name for one in self.containers() if one.id.startswith(container))
        return next(known, container[:12])
