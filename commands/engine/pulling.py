"""Folds the daemon's records about a running pull into its progress. Pure."""

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
_LIMITED = "The registry's rate limit is used up: wait, or `docker login` as the user that this program runs as."
_LOGIN = "The registry requires a login: `docker login` as the user that this program runs as."
_BROKEN_OFF = "The registry, or a proxy in between, closed the connection: try again. Complete layers are kept."
_SLOW = "The registry answers too slowly: try again later, and check the network of the daemon's machine."
_NO_REGISTRY = (
    "The server does not answer like a registry. It may not be one, or a proxy answers instead: check the name, and "
    "ask its operator."
)
_AT_FAULT = "The registry answers with an internal error: try again later, or ask its operator."
_HINTS = {
    "toomanyrequests": _LIMITED,
    "too many requests": _LIMITED,
    "rate limit": _LIMITED,
    "unauthorized": _LOGIN,
    "authentication required": _LOGIN,
    "no basic auth credentials": _LOGIN,
    "denied": "This login may not read the image: ask its owner, or `docker login` with an account that may.",
    "x509": "The daemon does not trust the registry's certificate: see the daemon's `certs.d` folder.",
    "no such host": "The daemon's machine cannot resolve the registry's name: check its DNS and its proxy.",
    "http response to https client": "The registry has no TLS: add it to the daemon's `insecure-registries`.",
    # Its message, or the body of an answer without a code, says nothing that can be relied on.
    " unknown: ": _NO_REGISTRY,
    "connection refused": "Nothing listens at the registry's address: check that it runs, and the port.",
    "connection reset": _BROKEN_OFF,
    "broken pipe": _BROKEN_OFF,
    " eof": _BROKEN_OFF,  # as a separate word, because image names may contain it
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
_ABSENT_DIGEST = "The registry may have deleted it since the lookup: look the tag up again."
_HINT = "Check that the daemon's machine reaches the registry (network, proxy), then try again."


@dataclass(slots=True)
class _Layer:
    done: bool = False
    loaded: bool = False
    sized: bool = False
    bytes_done: int = 0
    bytes: int = 0


class PullStory:
    """Folds the records of one pull; `error` and `digest` are as the daemon reported them."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}
        self._last = PullProgress(0, 0, 0, 0)
        self.error: str | None = None
        self.digest: str | None = None

    def hear(self, record: dict[str, Any]) -> PullProgress | None:
        """Add a record and return the progress if it changed."""
        match record:
            case {"error": str(error)}:
                self.error = error
            case {"status": str(status), "id": str(layer)} if status in _LAYER_KNOWN:
                self._note(layer, status, record.get("progressDetail"))
            case {"status": str(status)} if status.startswith(_DIGEST):
                self.digest = status.removeprefix(_DIGEST).strip()
            case _:
                pass  # "Pulling from library/x", "Status: …": only for people.
        return self._new_progress()

    def _note(self, name: str, status: str, detail: object) -> None:
        layer = self._layers.setdefault(name, _Layer())
        layer.done = layer.done or status in _LAYER_DONE
        layer.loaded = layer.loaded or status in _LAYER_LOADED
        match detail:
            case {"current": int(current), "total": int(total)} if status == "Downloading":
                layer.bytes_done, layer.bytes = current, max(current, total)
                layer.sized = total > 0
            case _:
                pass  # Extraction counts in another unit, and the other states have no counts.
        if layer.loaded:
            layer.bytes_done = layer.bytes

    def _new_progress(self) -> PullProgress | None:
        layers = self._layers.values()
        progress = PullProgress(
            layers_done=sum(layer.done for layer in layers),
            layers=len(layers),
            bytes_done=sum(layer.bytes_done for layer in layers),
            bytes=sum(layer.bytes for layer in layers),
            # A small layer may be complete before its size is known: then it needs no size.
            all_sized=bool(layers) and all(layer.sized or layer.loaded for layer in layers),
        )
        changed = progress != self._last
        self._last = progress
        return progress if changed else None


def pull_problem(reference: Reference, reason: str) -> Problem:
    """Return the problem of a failed pull, in the bot's own words.

    It shows nothing of `reason`, which may quote the answer of any host.
    """
    lowered = f" {own_words(reason).casefold()}"
    if any(sign in lowered for sign in _ABSENT):
        return ImageNotFound(
            f"There is no image `{reference}` that this daemon may pull.",
            hint=_ABSENT_DIGEST if reference.digest else _ABSENT_NAME,
        )
    hint = next((hint for sign, hint in _HINTS.items() if sign in lowered), _HINT)
    return PullFailed(f"The image `{reference}` could not be pulled.", hint=hint)
