"""What the daemon tells about a pull while it runs. Pure: records in, progress out."""

from dataclasses import dataclass
from typing import Any

from commands.engine.connection import QUOTES, own_words
from commands.engine.interface import PullProgress
from commands.errors import ImageNotFound, Problem, PullFailed
from commands.model.references import Reference

_LAYER_DONE = ("Pull complete", "Already exists")
_LAYER_LOADED = ("Download complete", "Verifying Checksum", "Extracting", *_LAYER_DONE)
_LAYER_KNOWN = ("Pulling fs layer", "Waiting", "Downloading", *_LAYER_LOADED)
_DIGEST = "Digest: "

_ABSENT = (
    "manifest unknown",
    "name unknown",
    "not found",
    "pull access denied",
    "repository does not exist",
    "no matching manifest",
)
_LIMITED = "The registry's limit is used up: wait, or `docker login` as the user that this program runs as."
_LOGIN = "The registry wants a login: `docker login`, as the user that this program runs as."
_BROKEN_OFF = "The registry, or a proxy on the way, broke the transfer off: try again. What arrived whole is kept."
_SLOW = "The registry answers too slowly: try again later, and check the network of the daemon's machine."
_NO_REGISTRY = (
    "What answers there does not answer as a registry does. It may be none, or a proxy answers in its place: check the "
    "name, and ask who runs it."
)
_AT_FAULT = "The registry answers with an error of its own: try again later, or ask who runs it."
_HINTS = {
    "toomanyrequests": _LIMITED,
    "too many requests": _LIMITED,
    "rate limit": _LIMITED,
    "unauthorized": _LOGIN,
    "authentication required": _LOGIN,
    "no basic auth credentials": _LOGIN,
    "denied": "This login may not read the image: ask who owns it, or `docker login` as somebody who may.",
    "x509": "The daemon does not trust the registry's certificate: see the daemon's `certs.d` folder.",
    "no such host": "The daemon's machine cannot look the registry's name up: check its DNS and its proxy.",
    "http response to https client": "The registry has no TLS: name it in the daemon's `insecure-registries`.",
    "connection refused": "Nobody answers at the registry's address: check that it runs, and the port.",
    "connection reset": _BROKEN_OFF,
    "broken pipe": _BROKEN_OFF,
    " eof": _BROKEN_OFF,  # as a word of its own, which names of images may hold
    "i/o timeout": _SLOW,
    "handshake timeout": _SLOW,
    "deadline exceeded": _SLOW,
    "timeout exceeded": _SLOW,
    QUOTES: _NO_REGISTRY,
    "unexpected http status": _AT_FAULT,
    "unexpected http response": _AT_FAULT,
    "unsupported manifest": _NO_REGISTRY,
    "unsupported media type": _NO_REGISTRY,
    "manifest invalid": _NO_REGISTRY,
}
_ABSENT_NAME = "Check the name and the tag; a private image needs `docker login`."
_ABSENT_DIGEST = "The registry may have deleted it since it was looked up: ask again what its tag stands for."
_HINT = "Check that the daemon's machine reaches the registry (network, proxy), then try again."


@dataclass(slots=True)
class _Layer:
    done: bool = False
    loaded: bool = False
    sized: bool = False
    bytes_done: int = 0
    bytes: int = 0


class PullStory:
    """Folds the records of one pull: `hear` gives the progress when it changed; `error` and `digest` as told."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}
        self._last = PullProgress(0, 0, 0, 0)
        self.error: str | None = None
        self.digest: str | None = None

    def hear(self, record: dict[str, Any]) -> PullProgress | None:
        """Take one record in."""
        match record:
            case {"error": str(error)}:
                self.error = error
            case {"status": str(status), "id": str(layer)} if status in _LAYER_KNOWN:
                self._note(layer, status, record.get("progressDetail"))
            case {"status": str(status)} if status.startswith(_DIGEST):
                self.digest = status.removeprefix(_DIGEST).strip()
            case _:
                pass  # "Pulling from library/x", "Status: …": for people.
        return self._changed()

    def _note(self, name: str, status: str, detail: object) -> None:
        layer = self._layers.setdefault(name, _Layer())
        layer.done = layer.done or status in _LAYER_DONE
        layer.loaded = layer.loaded or status in _LAYER_LOADED
        match detail:
            case {"current": int(current), "total": int(total)} if status == "Downloading":
                layer.bytes_done, layer.bytes = current, max(current, total)
                layer.sized = total > 0
            case _:
                pass  # Extracting counts in its own unit, and the other states count nothing.
        if layer.loaded:
            layer.bytes_done = layer.bytes

    def _changed(self) -> PullProgress | None:
        layers = self._layers.values()
        progress = PullProgress(
            layers_done=sum(layer.done for layer in layers),
            layers=len(layers),
            bytes_done=sum(layer.bytes_done for layer in layers),
            bytes=sum(layer.bytes for layer in layers),
            # A small layer is there before its size was told: then nothing of it is left to count.
            all_sized=bool(layers) and all(layer.sized or layer.loaded for layer in layers),
        )
        changed = progress != self._last
        self._last = progress
        return progress if changed else None


def pull_problem(reference: Reference, reason: str) -> Problem:
    """Say in words of our own why an image did not arrive.

    Nothing of `reason` is shown: it may hold what any host wrote into its answer.
    """
    lowered = f" {own_words(reason).casefold()}"
    if any(sign in lowered for sign in _ABSENT):
        return ImageNotFound(
            f"There is no image `{reference}` that this daemon may pull.",
            hint=_ABSENT_DIGEST if reference.digest else _ABSENT_NAME,
        )
    hint = next((hint for sign, hint in _HINTS.items() if sign in lowered), _HINT)
    return PullFailed(f"The image `{reference}` could not be pulled.", hint=hint)
