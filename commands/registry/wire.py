"""Requests to registries and their answers: the only place that speaks HTTP to them.

The adapters of `requests` are used without its sessions: no cookies, no `.netrc`, no redirects and no credentials but
those that are given.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies

from commands.errors import causes_of
from commands.registry.connections import Adapter
from commands.registry.sites import Way, is_loopback
from commands.registry.trust import Authorities, Trust, UnreadableCertificates

LONGEST_ANSWER = 64 << 10
"""Bytes of a body; the longest that is read is a token."""

_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError)
_SILENCES = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class Trouble(Enum):
    """Why there is no answer."""

    SILENT = auto()
    UNTRUSTED = auto()
    BROKEN = auto()


class Unanswered(Exception):
    """There is no answer, or none that can be taken. `reason` is in plain words, a part of a sentence."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The names of `headers` may be asked for in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to hosts, kept open between requests. Used by many threads at once."""

    def __init__(self, trust: Trust, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._trust = trust
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._adapters: dict[Authorities | None, Adapter] = {}

    def send(
        self,
        method: str,
        url: str,
        way: Way,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str | list[str]] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and give its answer, whatever its status; raises `Unanswered`.

        Of `way`, the host says whose certificates are trusted: that of a registry also for its token service.
        """
        with self._translate_faults():
            request = requests.Request(method, url, headers=dict(headers), params=params, data=form).prepare()
            response = self._adapter(way).send(
                request,
                stream=True,
                timeout=(self._seconds, self._seconds),
                verify=way.checked,
                proxies=_proxies(url),
            )
            return Answer(response.status_code, response.headers, self._body(response.raw))

    def close(self) -> None:
        """Close what is open; the next request opens it again."""
        with self._lock:
            adapters, self._adapters = self._adapters, {}
        for adapter in adapters.values():
            adapter.close()

    def _adapter(self, way: Way) -> Adapter:
        authorities = self._trust.authorities(way.host) if way.checked else None
        with self._lock:
            if authorities not in self._adapters:
                self._adapters[authorities] = Adapter(authorities.context() if authorities else None)
            return self._adapters[authorities]

    def _body(self, raw: Any) -> bytes:  # noqa: ANN401  # urllib3's, which `requests` does not name either
        body, end = b"", self._monotonic() + self._seconds
        while part := raw.read1(LONGEST_ANSWER):
            body += part
            if len(body) > LONGEST_ANSWER or self._monotonic() > end:
                raw.close()
                raise Unanswered(Trouble.BROKEN, "its answer is too long")
        raw.release_conn()
        return body

    @contextmanager
    def _translate_faults(self) -> Iterator[None]:
        try:
            yield
        except UnreadableCertificates as fault:
            raise Unanswered(Trouble.UNTRUSTED, f"`{fault.file}` holds no certificates that can be read") from fault
        except _FAULTS as fault:
            raise self._unanswered(fault) from fault

    def _unanswered(self, fault: Exception) -> Unanswered:
        causes = causes_of(fault)
        if untrusted := next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None):
            return Unanswered(Trouble.UNTRUSTED, untrusted.verify_message.rstrip("."))
        if any(_is_silence(one) for one in causes):
            return Unanswered(Trouble.SILENT, f"no answer within {self._seconds:g} s")
        return Unanswered(Trouble.BROKEN, next((words for one in causes if (words := _words(one))), _BROKEN))


def _proxies(url: str) -> dict[str, str]:
    # `requests` reads the environment by itself (HTTPS_PROXY, NO_PROXY and their lower-case forms): its rules for what
    # bypasses a proxy take no other one.
    return {} if is_loopback(urlsplit(url).netloc) else get_environ_proxies(url, no_proxy=None)


_BROKEN = "the connection broke"


def _is_silence(fault: BaseException) -> bool:
    # urllib3 counts a refused connection among its time-outs.
    return isinstance(fault, _SILENCES) and not isinstance(fault, urllib3.exceptions.NewConnectionError)


def _words(fault: BaseException) -> str | None:
    match fault:
        case ConnectionRefusedError():
            return "connection refused"
        case urllib3.exceptions.NameResolutionError() | UnicodeError():
            return "its name cannot be looked up"
        case urllib3.exceptions.LocationParseError() | requests.exceptions.InvalidURL():
            return "it has no address that can be reached"
        case requests.exceptions.ProxyError():
            return "the proxy of the environment does not let it through"
        case ssl.SSLError():
            return "no TLS connection came about"
        case _:
            return None
