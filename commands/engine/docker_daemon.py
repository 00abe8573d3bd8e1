"""The Docker daemon as an `Engine`, over its HTTP API."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import quote

import structlog

from commands.engine.building import Builds
from commands.engine.connection import LONGEST_REASON, Connection, DaemonRefused, NotUnderstood, disk_full, no_space
from commands.engine.inspection import ids_in, image_in, mapping_in
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
from commands.engine.listings import Listings
from commands.engine.logins import Logins
from commands.engine.pulling import pull_problem
from commands.engine.pulls import TRANSFER_SECONDS, Pulls
from commands.engine.reading import Reader
from commands.engine.removals import Removals
from commands.engine.throwaway import THROWAWAY, Throwaway
from commands.errors import ImageNotFound
from commands.model.images import Container, Digest, ImageId, Layer, ListedImage, LocalImage, Platform
from commands.model.references import Reference

log = structlog.get_logger()

WORK_SECONDS = 120.0
"""Timeout of the daemon to create, remove or start something."""

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
"""An empty environment, which has no logins."""

_ID = re.compile(r"sha256:[0-9a-f]{64}")


class DockerDaemon:
    """The real engine. `docker_host` is an address, or None for the Docker CLI's default.

    It connects on first use, so a daemon that is down now may be up for the next call. Thread-safe. `clock` returns
    seconds since the epoch. `environment` is where the Docker CLI would find its configuration file and credential
    helpers; an empty one has no logins.
    """

    def __init__(
        self,
        docker_host: str | None,
        *,
        lookup_seconds: float = 10.0,
        clock: Callable[[], float] = time.time,
        environment: Mapping[str, str] = _NO_ENVIRONMENT,
    ) -> None:
        self._connection = Connection(docker_host, lookup_seconds=lookup_seconds)
        self._builds = Builds(self._connection, holds=lambda image: self.find_image(image) is not None, clock=clock)
        self._throwaway = Throwaway(self._connection, WORK_SECONDS)
        self._reader = Reader(self._connection, self._throwaway)
        self._logins = Logins(environment)
        self._pulls = Pulls(self._connection, self._logins, find=self.find_image)
        self._listings = Listings(self._connection)
        self._removals = Removals(self._connection, WORK_SECONDS, self._listings.containers)

    @property
    def endpoint(self) -> str:
        """The daemon's address, known even while it is down."""
        return self._connection.endpoint

    def close(self) -> None:
        """Close the pooled connections; the engine remains usable."""
        self._connection.close()

    def describe(self) -> EngineDescription:
        """Return the daemon's address, versions and storage."""
        version = self._connection.read(mapping_in, "/version", doing="tell its version")
        info = self._connection.read(mapping_in, "/info", doing="describe itself")
        return EngineDescription(
            endpoint=self.endpoint,
            version=str(version.get("Version", "")),
            api_version=str(version.get("ApiVersion", "")),
            platform=Platform(str(version.get("Os", "")), str(version.get("Arch", ""))),
            storage=str(info.get("Driver", "")),
            root=str(info.get("DockerRootDir", "")),
        )

    def find_image(self, reference: str) -> LocalImage | None:
        """Look up an image by reference or ID; return None if the daemon has no such image."""
        exact = _exact(reference)
        return None if exact is None else self._inspect(exact)

    def _inspect(self, image: str) -> LocalImage | None:
        try:
            return self._connection.read(image_in, f"/images/{quote(image)}/json", doing=f"inspect `{image}`")
        except DaemonRefused as refusal:
            # An invalid reference matches no image either.
            if refusal.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
                return None
            raise

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        """List the images that have all these labels (a value of "" matches any value), newest first."""
        listed = self._list_ids("/images/json", doing="list its images", label=_words(labels))
        found = (self._find_listed(image) for image in listed)
        return tuple(sorted((image for image in found if image), key=lambda image: image.created, reverse=True))

    def names(self) -> tuple[str, ...]:
        """List all tags of all images, newest image first, without inspecting the images."""
        return tuple(dict.fromkeys(name for image in self.listing() for name in image.repo_tags))

    def listing(self) -> tuple[ListedImage, ...]:
        """List every image, newest first, in one request; malformed entries are skipped."""
        return self._listings.images()

    def containers(self) -> tuple[Container, ...]:
        """List every container, running or not."""
        return self._listings.containers()

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        """List the layers in an image's history, lowest first; raises `ImageNotFound`."""
        return self._listings.history(image)

    def disk_use(self, *, seconds: float) -> int:
        """Return the bytes of all images, counting shared layers once; `seconds` is the daemon's time limit."""
        return self._listings.disk_use(seconds=seconds)

    def registry_rules(self) -> RegistryRules:
        """Return how the daemon reaches registries."""
        return self._listings.registry_rules()

    def login(self, registry: str) -> Login | None:
        """Return the login of this registry from the Docker configuration; raises `Misconfigured`."""
        return self._logins.find(registry)

    def read_files(self, order: ReadOrder) -> FilesRead:
        """Read files from an image through a container that is never started; raises `ImageNotFound`."""
        return self._reader.read(order)

    def _list_ids(self, path: str, *, doing: str, **filters: list[str]) -> tuple[str, ...]:
        # `all` adds stopped containers; in the list of images it adds the intermediate images of the legacy builder.
        params = {"all": "1", "filters": json.dumps(filters)}
        return self._connection.read(ids_in, path, doing=doing, params=params)

    def _find_listed(self, image: str) -> LocalImage | None:
        # The image may vanish after it was listed; a malformed one must not hide the others.
        try:
            return self._inspect(image)
        except NotUnderstood as problem:
            log.warning("image_unreadable", image=image, reason=str(problem.__cause__))
            return None

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        """Pull an image; raises `ImageNotFound`, `PullFailed` or `PullStopped`."""
        return self._pulls.fetch(reference, report, pull_id=pull_id)

    def cancel_pull(self, pull_id: str) -> None:
        """Cancel a pull, even if its registry no longer answers; ignores a pull that is unknown or over."""
        self._pulls.cancel(pull_id)

    def registry_digest(self, reference: Reference) -> Digest:
        """Return an image's digest in its registry, without pulling; raises `ImageNotFound` or `PullFailed`."""
        path = f"/distribution/{quote(str(reference))}/json"
        try:
            return self._connection.read(
                _digest_in,
                path,
                doing=f"ask the registry for `{reference}`",
                headers=self._logins.header(reference.registry),
            )
        except DaemonRefused as refusal:
            log.warning("registry_not_asked", image=str(reference), reason=refusal.reason[:LONGEST_REASON])
            raise pull_problem(reference, refusal.reason) from refusal

    def build(self, order: BuildOrder) -> Iterator[BuildEvent]:
        """Build and yield events live; `ImageBuilt` comes last, after the daemon confirmed that it has the image."""
        return self._builds.follow(order)

    def cancel_build(self, build_id: str) -> None:
        """Cancel a build; ignores a build that is unknown or over. Returns before the build has ended."""
        self._builds.cancel(build_id)

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command in a throw-away container and remove it; raises `ImageNotFound`."""
        return self._throwaway.run(order)

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        """Tag an image; moves the tag if another image has it. Raises `ImageNotFound`."""
        try:
            self._connection.ask(
                "POST",
                f"/images/{quote(image)}/tag",
                doing=f"name an image `{repository}:{tag}`",
                seconds=WORK_SECONDS,
                params={"repo": repository, "tag": tag},
            )
        except DaemonRefused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                raise ImageNotFound(
                    f"The image `{image}` is not on the Docker daemon any more.",
                    hint="Somebody may have removed it: build it again.",
                ) from refusal
            raise

    def remove_image(self, reference: str) -> None:
        """Remove a tag, and the image with its last tag; raises `ImageInUse`."""
        exact = _exact(reference)
        if exact is not None:
            self._removals.remove(exact)

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Import a tar of a root file system as an image; raises `ValueError` for a label of more than one line."""
        name = f"{repository}:{tag}"
        with self._connection.stream(
            "/images/create",
            doing=f"import `{name}`",
            idle_seconds=TRANSFER_SECONDS,
            params={"fromSrc": "-", "repo": repository, "tag": tag, "changes": _label_instructions(labels)},
            data=filesystem,
            headers={"Content-Type": "application/x-tar"},
        ) as records:
            errors = [str(record["error"]) for record in records if "error" in record]
        if errors:
            raise (
                disk_full(errors[0])
                if no_space(errors[0])
                else DaemonRefused(f"import `{name}`", HTTPStatus.INTERNAL_SERVER_ERROR, errors[0])
            )
        image = self.find_image(name)
        if image is None:
            raise DaemonRefused(f"import `{name}`", HTTPStatus.NOT_FOUND, "the image is missing after the import")
        return image.id

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove a job's leftovers: its containers, running or not, and its untagged images.

        The daemon does not list a running build as a container: end it with `cancel_build`.
        """
        labels = _words({label: value})
        own = [*labels, THROWAWAY]
        containers = self._list_ids("/containers/json", doing="list its containers", label=own)
        removed = [self._throwaway.remove(container) for container in containers]
        nameless = self._list_ids("/images/json", doing="list its images", label=labels, dangling=["true"])
        return Swept(sum(removed), sum(self._removals.discard(image) for image in nameless if image not in keep))


def _exact(reference: str) -> str | None:
    """Return a reference that the daemon cannot mistake for the start of an ID, or None if it is not a reference.

    For Docker `cafe` also matches an image whose ID starts with `cafe`, and `..` would change the request's path.
    """
    if reference.startswith("sha256:"):
        return reference if _ID.fullmatch(reference) else None
    *folders, name = reference.split("/")
    if not all(part.strip(".") for part in (*folders, name)):
        return None
    return reference if ":" in name or "@" in name else f"{reference}:latest"


def _digest_in(answer: bytes) -> Digest:
    descriptor = mapping_in(answer).get("Descriptor")
    if not isinstance(descriptor, Mapping) or "digest" not in descriptor:
        raise ValueError("no digest")
    return Digest(str(descriptor["digest"]))


def _words(labels: Mapping[str, str]) -> list[str]:
    """Format labels for the daemon's filters."""
    return [f"{key}={value}" if value else key for key, value in labels.items()]


def _label_instructions(labels: Mapping[str, str]) -> list[str]:
    return [f"LABEL {_quote(key)}={_quote(value)}" for key, value in labels.items()]


def _quote(text: str) -> str:
    """Quote a word for a Dockerfile, in which backslash, quote and dollar are special."""
    if "\n" in text:
        raise ValueError(f"A label cannot have more than one line: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
