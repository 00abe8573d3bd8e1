"""Removal of images from a Docker daemon, and the reasons why the daemon refuses."""

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
    """Removes images; `work_seconds` is the daemon's time limit, `containers` lists its containers."""

    connection: Connection
    work_seconds: float
    containers: Callable[[], tuple[Container, ...]]

    def remove(self, reference: str) -> None:
        """Remove a tag, and the image with its last tag, as in `Engine.remove_image`."""
        try:
            self._remove(reference)
        except DaemonRefused as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                raise self._in_use(reference, refusal) from refusal
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    def discard(self, image: str) -> bool:
        """Remove an untagged image; return False if it is gone or in use by now."""
        try:
            # Without pruning, which would also remove untagged parents that must stay.
            self._remove(image, params={"noprune": "1"})
        except DaemonRefused as refusal:
            # Somebody removed, tagged or used it since it was listed.
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
        """Explain what uses an image; return the refusal unchanged if it names no user."""
        user = _USER.search(refusal.reason)
        if user is not None:
            name = self._name_of(user["before"] or user["after"])
            return ImageInUse(
                f"`{reference}` is not removed: the container `{name}` uses it.",
                hint=f"Remove that container first if nobody needs it (`docker rm {name}`).",
                details=(refusal.reason,),
            )
        if _CHILDREN in refusal.reason:
            return ImageInUse(
                f"`{reference}` is not removed: other images are built on it.",
                hint="Remove those first if nobody needs them.",
                details=(refusal.reason,),
            )
        return refusal

    def _name_of(self, container: str) -> str:
        known = (one.name for one in self.containers() if one.id.startswith(container))
        return next(known, container[:12])
