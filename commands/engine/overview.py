"""Parsers for the daemon's lists: images, containers, an image's history, disk use, registries.

They are lenient: a malformed entry is skipped and logged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from commands.engine.inspection import UNKNOWN_TIME, Names, or_empty
from commands.engine.interface import RegistryRules
from commands.engine.throwaway import THROWAWAY
from commands.model.images import Container, ImageId, Layer, ListedImage
from commands.model.references import HUB

log = structlog.get_logger()

Read = TypeVar("Read")


def _moment(seconds: object) -> datetime:
    """Convert seconds since the epoch; a daemon omits an unknown time or makes it negative."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        return UNKNOWN_TIME
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return UNKNOWN_TIME


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


_Number = Annotated[int, BeforeValidator(_number)]
_Mapping = Annotated[dict[str, Any], BeforeValidator(or_empty)]


class _ImageEntry(BaseModel):
    id: str = Field(alias="Id", min_length=1)
    repo_tags: Names = Field((), alias="RepoTags")
    repo_digests: Names = Field((), alias="RepoDigests")
    created: Annotated[datetime, BeforeValidator(_moment)] = Field(UNKNOWN_TIME, alias="Created")
    size: _Number = Field(0, alias="Size")
    labels: Annotated[dict[str, str], BeforeValidator(or_empty)] = Field({}, alias="Labels")

    def as_listed(self) -> ListedImage:
        return ListedImage(ImageId(self.id), self.repo_tags, self.repo_digests, self.created, self.size, self.labels)


class _ContainerEntry(BaseModel):
    id: str = Field(alias="Id", min_length=1)
    names: Names = Field((), alias="Names")
    # Not `Image`: that is the name it was started by, or an ID after that name has moved.
    image: str = Field("", alias="ImageID")
    state: str = Field("", alias="State")
    labels: _Mapping = Field({}, alias="Labels")

    def as_container(self) -> Container:
        own = (name.removeprefix("/") for name in self.names)
        # A name with a slash inside is an alias from another container's legacy link.
        name = next((name for name in own if name and "/" not in name), self.id[:12])
        return Container(self.id, name, ImageId(self.image), self.state)


class _HistoryEntry(BaseModel):
    created_by: Annotated[str, BeforeValidator(lambda text: text or "")] = Field("", alias="CreatedBy")
    size: _Number = Field(0, alias="Size")

    def as_layer(self) -> Layer:
        return Layer(self.created_by, self.size)


class _Usage(BaseModel):
    total: int = Field(alias="TotalSize", ge=0)


class _DiskUse(BaseModel):
    layers: int | None = Field(None, alias="LayersSize", ge=0)
    # Docker 29 (API 1.52) reports it here.
    images: _Usage | None = Field(None, alias="ImageUsage")


class _Index(BaseModel):
    mirrors: Names = Field((), alias="Mirrors")
    secure: bool = Field(True, alias="Secure")


class _Registries(BaseModel):
    indexes: Annotated[dict[str, _Index], BeforeValidator(or_empty)] = Field({}, alias="IndexConfigs")
    insecure: Names = Field((), alias="InsecureRegistryCIDRs")
    mirrors: Names = Field((), alias="Mirrors")


class _Info(BaseModel):
    index: Annotated[str, BeforeValidator(lambda address: address or "")] = Field("", alias="IndexServerAddress")
    registries: Annotated[_Registries, BeforeValidator(or_empty)] = Field(_Registries(), alias="RegistryConfig")


_ENTRIES = TypeAdapter(list[Any] | None)


def listing_in(answer: bytes) -> tuple[ListedImage, ...]:
    """Parse the answer of `GET /images/json`, newest image first; raises `ValueError` if it is malformed."""
    images = (image.as_listed() for image in _readable(answer, _ImageEntry.model_validate, "image"))
    # By ID within the same second: the daemon's order changes between requests.
    return tuple(sorted(images, key=lambda image: (-image.created.timestamp(), image.id)))


def containers_in(answer: bytes) -> tuple[Container, ...]:
    """Parse the answer of `GET /containers/json`, without throw-away containers; raises `ValueError` if malformed."""
    containers = _readable(answer, _ContainerEntry.model_validate, "container")
    return tuple(one.as_container() for one in containers if THROWAWAY not in one.labels)


def layers_in(answer: bytes) -> tuple[Layer, ...]:
    """Parse the answer of `GET /images/{name}/history`, lowest layer first; raises `ValueError` if malformed."""
    return tuple(reversed([one.as_layer() for one in _readable(answer, _HistoryEntry.model_validate, "layer")]))


def disk_use_in(answer: bytes) -> int:
    """Parse the bytes of all images from the answer of `GET /system/df`; raises `ValueError` if they are missing."""
    use = _DiskUse.model_validate_json(answer)
    if use.images is not None:
        return use.images.total
    if use.layers is None:
        raise ValueError("no size of the layers")
    return use.layers


def registry_rules_in(answer: bytes) -> RegistryRules:
    """Parse the registries in the answer of `GET /info`; raises `ValueError` if it is malformed."""
    info = _Info.model_validate_json(answer)
    registries = info.registries
    hub = registries.indexes.get(HUB)
    return RegistryRules(
        hub=urlsplit(info.index).netloc or f"index.{HUB}",
        mirrors=_distinct((*hub.mirrors, *registries.mirrors) if hub else registries.mirrors),
        insecure=_distinct(
            [*(name for name, index in registries.indexes.items() if not index.secure), *registries.insecure]
        ),
    )


def _readable(answer: bytes, read: Callable[[object], Read], kind: str) -> Iterator[Read]:
    for entry in _ENTRIES.validate_json(answer) or ():
        try:
            yield read(entry)
        except ValidationError as fault:
            # Without the entry's values: a label may contain a secret.
            known = entry.get("Id") if isinstance(entry, Mapping) else None
            places = [".".join(map(str, error["loc"])) for error in fault.errors(include_input=False)]
            log.warning("entry_unreadable", kind=kind, id=str(known)[:80], places=places[:5])


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
