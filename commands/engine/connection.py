"""The connection to a Docker daemon: sends requests and translates faults into problems.

It calls the Engine API by path: the SDK's own calls have no timeouts on streams and ignore errors in them.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import IO, Any, TypeVar

import requests
import structlog
import urllib3.exceptions

from commands.engine.cut import Cut
from commands.engine.streams import MalformedStream, records
from commands.engine.transport import MISCONFIGURED, Client, endpoint_of, new_client
from commands.errors import DiskFull, EngineUnavailable, Misconfigured, Problem

log = structlog.get_logger()

_OLDEST_API = "1.41"
"""Docker 20.10, the first whose `POST /build?version=2` needs no session. A newer daemon's own version is used."""

LONGEST_REASON = 2000
"""Maximum characters of an error in the log."""

_PIECE = 1 << 20
"""Maximum bytes of one chunk of a download."""

QUOTES = "response body"
"""The daemon quotes another host's answer after these words: that text must not influence an error message."""

# The codes of the distribution project (`registry/api/errcode`); the registry's own text follows. Docker 28 writes
# `unknown: ` before the body of an answer that no registry would give.
_REGISTRY_CODE = re.compile(
    r"\b(?:unknown|invalid|unauthorized|denied|toomanyrequests|unavailable|unsupported): ", re.IGNORECASE
)

_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
Answer = TypeVar("Answer")


class DaemonSilent(EngineUnavailable):
    """The daemon keeps the connection open but does not answer in time."""


class NotUnderstood(EngineUnavailable):
    """The answer does not follow the API of a Docker daemon."""


class DaemonRefused(Problem):
    """The daemon answered with an error: `status` is the HTTP status, `reason` the daemon's message."""

    def __init__(self, doing: str, status: int, reason: str) -> None:
        super().__init__(
            f"The Docker daemon could not {doing}: {reason}",
            hint="See the daemon's own log (`journalctl -u docker`).",
        )
        self.status = status
        self.reason = reason


def own_words(reason: str) -> str:
    """Return the daemon's own part of an error, without the quoted answer of another host."""
    start, quotes, _ = reason.partition(QUOTES)
    own = f"{start}{quotes}"
    code = _REGISTRY_CODE.search(own)
    return own[: code.end()] if code else own


def no_space(text: str) -> bool:
    """Return whether an error of the daemon means that its disk is full."""
    return "no space left on device" in own_words(text).casefold()


def disk_full(*details: str) -> DiskFull:
    """Return the problem of a full disk; `details` are the daemon's own lines."""
    return DiskFull(
        "The Docker daemon has no space left on its disk.",
        hint="Free some (`docker system df` shows what takes it, `docker builder prune` empties the build cache), "
        "then try again.",
        details=details,
    )


class Connection:
    """A connection that opens on first use and reconnects after the daemon was down.

    Thread-safe. Every call has a timeout: `lookup_seconds` for a lookup, and a separate one for each longer task.
    """

    def __init__(self, docker_host: str | None, *, lookup_seconds: float) -> None:
        self._docker_host = docker_host
        self._lookup_seconds = lookup_seconds
        self._lock = threading.Lock()
        self._client: Client | None = None

    @property
    def endpoint(self) -> str:
        """The daemon's address, known without connecting to it."""
        with self._translate_faults("find the daemon"):
            return endpoint_of(self._docker_host)

    @property
    def api_version(self) -> str:
        """The version of the API that is used with the daemon."""
        with self._translate_faults("tell its version"):
            return self._get_client().api_version

    def ask(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        seconds: float | None = None,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        data: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Call the API and return the whole body; raises `DaemonRefused` if the daemon answers with an error."""
        with self._translate_faults(doing):
            response = self._send(
                method,
                path,
                client=self._get_client(),
                seconds=seconds or self._lookup_seconds,
                params=params,
                json=json,
                data=data,
                headers=headers,
            )
            _raise_for_status(response, doing)
            return response.content

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        doing: str,
        idle_seconds: float,
        params: Mapping[str, str | list[str]],
        data: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        cut: Cut | None = None,
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Post to the API and yield the answer's records; the connection is closed at the end even if not fully read.

        Connection faults, here and in the body of the `with`, are translated as in `ask`. `cut` cancels the request
        from another thread, which looks like a lost connection here.
        """
        how = {"params": params, "data": data, "headers": headers}
        with self._answering("POST", path, doing=doing, idle_seconds=idle_seconds, cut=cut, **how) as response:
            yield records(response.raw.stream(decode_content=True))

    @contextmanager
    def download(self, path: str, *, doing: str, idle_seconds: float) -> Iterator[Iterator[bytes]]:
        """Yield the chunks of an answer as they arrive; otherwise like `stream`."""
        with self._answering("GET", path, doing=doing, idle_seconds=idle_seconds) as response:
            yield response.raw.stream(_PIECE)

    @contextmanager
    def _answering(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        idle_seconds: float,
        cut: Cut | None = None,
        **how: Any,
    ) -> Iterator[requests.Response]:
        with self._translate_faults(doing), self._line(cut) as client:
            response = self._send(method, path, client=client, seconds=idle_seconds, stream=True, **how)
            try:
                _raise_for_status(response, doing)
                yield response
            finally:
                response.close()

    @contextmanager
    def _line(self, cut: Cut | None) -> Iterator[Client]:
        """Yield the shared client, or a separate one for a request that can be cancelled."""
        shared = self._get_client()
        if cut is None:
            yield shared
            return
        own = new_client(self._docker_host, shared.api_version, watch=cut.watch)
        try:
            yield own
        finally:
            own.close()

    def read(
        self,
        reader: Callable[[bytes], Answer],
        path: str,
        *,
        doing: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get a path and parse the answer; `reader` raises `ValueError` if the answer is malformed."""
        return self.parse_answer(reader, self.ask("GET", path, doing=doing, params=params, headers=headers))

    def parse_answer(self, reader: Callable[[bytes], Answer], answer: bytes) -> Answer:
        """Parse an answer; `reader` raises `ValueError` if it is malformed."""
        try:
            return reader(answer)
        except ValueError as fault:
            raise self._not_understood() from fault

    def close(self) -> None:
        """Close the connections; the next call reconnects."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(
        self,
        method: str,
        path: str,
        *,
        client: Client,
        seconds: float,
        **how: Any,
    ) -> requests.Response:
        url = f"{client.base_url}/v{client.api_version}{path}"
        # The first timeout limits connecting and, in urllib3, each pause while the request body is sent.
        connecting = seconds if how.get("data") else self._lookup_seconds
        return client.request(method, url, timeout=(connecting, seconds), **how)

    def _get_client(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> Client:
        probe = new_client(self._docker_host, _OLDEST_API)
        try:
            answer = probe.get(f"{probe.base_url}/version", timeout=self._lookup_seconds)
            version = answer.json()["ApiVersion"]
        except (ValueError, KeyError, TypeError) as fault:
            raise MalformedStream("no version") from fault
        finally:
            probe.close()
        log.info("engine_connected", endpoint=self.endpoint, api_version=version)
        return new_client(self._docker_host, str(version))

    def _not_understood(self) -> NotUnderstood:
        return NotUnderstood(
            f"The server at `{self.endpoint}` is not a Docker daemon that this program understands.",
            hint=f"Set DOCKER_HOST to the address of a Docker daemon of version 20.10 (API {_OLDEST_API}) or newer.",
        )

    @contextmanager
    def _translate_faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except MISCONFIGURED as fault:
            raise Misconfigured(
                f"The Docker daemon cannot be addressed: {fault}",
                hint="Set DOCKER_HOST to an address such as `unix:///var/run/docker.sock` or `tcp://host:2376`.",
            ) from fault
        except MalformedStream as fault:
            raise self._not_understood() from fault
        except _FAULTS as fault:
            raise _unavailable(fault, self.endpoint, doing) from fault


def _raise_for_status(response: requests.Response, doing: str) -> None:
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return
    reason = _reason(response)
    if no_space(reason):
        # Only in the log: after a pull it may quote a registry.
        log.warning("disk_full", reason=reason[:LONGEST_REASON])
        raise disk_full()
    raise DaemonRefused(doing, response.status_code, reason)


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text.strip() or f"HTTP status {response.status_code}"


def _unavailable(fault: Exception, endpoint: str, doing: str) -> EngineUnavailable:
    if _within(fault, PermissionError):
        return EngineUnavailable(
            f"The Docker daemon at `{endpoint}` does not let this user in.",
            hint="Add the user to the group `docker` (`sudo usermod -aG docker USER`, then log in again), or set "
            "DOCKER_HOST to a daemon that the user may use.",
        )
    if _within(fault, FileNotFoundError, ConnectionRefusedError):
        return EngineUnavailable(
            f"No Docker daemon answers at `{endpoint}`.",
            hint="Start it (`systemctl start docker`), or set DOCKER_HOST to the address of one that runs.",
        )
    if _within(fault, TimeoutError, urllib3.exceptions.TimeoutError):
        return DaemonSilent(
            f"The Docker daemon at `{endpoint}` took too long to {doing}.",
            hint="It may be overloaded or hung: look at its log (`journalctl -u docker`), then try again.",
        )
    return EngineUnavailable(
        f"The connection to the Docker daemon at `{endpoint}` was lost while it was to {doing}.",
        hint="See whether it runs (`systemctl status docker`), then try again.",
        details=(str(fault),),
    )


def _within(fault: BaseException, *kinds: type[BaseException]) -> bool:
    """Return whether a fault is of these kinds or wraps one; requests and urllib3 wrap in several ways."""
    inner = [fault.__cause__, fault.__context__, getattr(fault, "reason", None), *fault.args]
    # Skip our own problems: one that was being handled at the time is not the cause.
    wrapped = (one for one in inner if isinstance(one, BaseException) and not isinstance(one, Problem))
    return isinstance(fault, kinds) or any(_within(one, *kinds) for one in wrapped)
