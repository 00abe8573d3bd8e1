"""Parsers for the daemon's answers about images and containers.

They are lenient with images: an odd one on a host must not hide the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from commands.model.images import ImageId, LocalImage, Platform

UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)
"""Placeholder for a time that the daemon does not know."""


def _names(value: object) -> object:
    """Drop the placeholders for "no name": `<none>:<none>`, `<none>@<none>`, null."""
    if not isinstance(value, list):
        return []
    return [name for name in value if isinstance(name, str) and not name.startswith("<none>")]


def _moment(value: object) -> datetime:
    """Parse a time; the daemon omits an unknown one or writes the year 1."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return UNKNOWN_TIME
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.astimezone(UTC), UNKNOWN_TIME) if moment.year > 1 else UNKNOWN_TIME


def or_empty(value: object) -> object:
    """Replace null, which Go writes for an empty mapping, by an empty mapping."""
    return {} if value is None else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""A list of names that may be null or contain placeholders."""


class _Config(BaseModel):
    labels: Annotated[dict[str, str], BeforeValidator(or_empty)] = Field({}, alias="Labels")
    user: Annotated[str, BeforeValidator(lambda user: user or "")] = Field("", alias="User")
    on_build: Names = Field((), alias="OnBuild")


class _RootFs(BaseModel):
    layers: Names = Field((), alias="Layers")


class _Image(BaseModel):
    id: str = Field(alias="Id")
    repo_tags: Names = Field((), alias="RepoTags")
    repo_digests: Names = Field((), alias="RepoDigests")
    created: Annotated[datetime, BeforeValidator(_moment)] = Field(UNKNOWN_TIME, alias="Created")
    size: int = Field(0, alias="Size")
    config: Annotated[_Config, BeforeValidator(or_empty)] = Field(_Config(), alias="Config")
    os: str = Field("linux", alias="Os")
    architecture: str = Field("", alias="Architecture")
    root_fs: Annotated[_RootFs, BeforeValidator(or_empty)] = Field(_RootFs(), alias="RootFS")


class _Identified(BaseModel):
    id: str = Field(alias="Id")


class _Ended(BaseModel):
    status_code: int = Field(alias="StatusCode")


class _ContainerState(BaseModel):
    status: str = Field(alias="Status")
    out_of_memory: bool = Field(alias="OOMKilled")


class _Container(BaseModel):
    state: _ContainerState = Field(alias="State")


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The state of a container; `being_removed` while its removal runs."""

    being_removed: bool
    out_of_memory: bool


_LISTING = TypeAdapter(list[_Identified] | None)
_MAPPING: TypeAdapter[Mapping[str, Any]] = TypeAdapter(dict[str, Any])


def image_in(answer: bytes) -> LocalImage:
    """Parse the answer of `GET /images/{name}/json`; raises `ValueError` if it is malformed."""
    image = _Image.model_validate_json(answer)
    return LocalImage(
        id=ImageId(image.id),
        repo_tags=image.repo_tags,
        repo_digests=image.repo_digests,
        created=image.created,
        size=image.size,
        labels=image.config.labels,
        user=image.config.user,
        on_build=image.config.on_build,
        platform=Platform(image.os, image.architecture),
        layers=image.root_fs.layers,
    )


def ids_in(answer: bytes) -> tuple[str, ...]:
    """Parse the IDs in a list of images or containers; raises `ValueError` if it is malformed."""
    return tuple(dict.fromkeys(one.id for one in _LISTING.validate_json(answer) or ()))


def id_in(answer: bytes) -> str:
    """Parse the ID of a created object; raises `ValueError` if there is none."""
    return _Identified.model_validate_json(answer).id


def exit_code_in(answer: bytes) -> int:
    """Parse the answer of `POST /containers/{id}/wait`; raises `ValueError` if it is malformed."""
    return _Ended.model_validate_json(answer).status_code


def state_in(answer: bytes) -> ContainerState:
    """Parse the answer of `GET /containers/{id}/json`; raises `ValueError` if it is malformed."""
    state = _Container.model_validate_json(answer).state
    return ContainerState(being_removed=state.status in ("removing", "dead"), out_of_memory=state.out_of_memory)


def mapping_in(answer: bytes) -> Mapping[str, Any]:
    """Parse an answer that is one JSON object; raises `ValueError` if it is malformed."""
    return _MAPPING.validate_json(answer)
