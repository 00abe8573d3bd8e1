"""Requests to registries and their answers: the only place for HTTP to them.

It uses the adapters of `requests` without sessions: no cookies, no `.netrc`, no redirects, and only explicit
credentials.
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
"""Maximum bytes of a body; the longest expected one is a token."""

_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError)
_SILENCES = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class Trouble(Enum):
    """The reason for a missing answer."""

    SILENT = auto()
    UNTRUSTED = auto()
    BROKEN = auto()


class Unanswered(Exception):
    """There is no usable answer. `reason` is part of a sentence in plain words."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request. The names of `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Persistent connections to hosts. Thread-safe."""

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
        """Send one request and return its answer with any status; raises `Unanswered`.

        The host of `way` selects the trusted certificates: for a token service it is the registry's host.
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
        """Close the connections; the next request reconnects."""
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
            raise Unanswered(Trouble.UNTRUSTED, f"`{fault.file}` has no readable certificates") from fault
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
    # `requests` reads the process environment (HTTPS_PROXY, NO_PROXY and their lower-case forms); its rules for
    # bypassing a proxy accept no other source.
    return {} if is_loopback(urlsplit(url).netloc) else get_environ_proxies(url, no_proxy=None)


_BROKEN = "the connection broke"


def _is_silence(fault: BaseException) -> bool:
    # In urllib3 a refused connection is a subclass of its timeouts.
    return isinstance(fault, _SILENCES) and not isinstance(fault, urllib3.exceptions.NewConnectionError)


def _words(fault: BaseException) -> str | None:
    match fault:
        case ConnectionRefusedError():
            return "connection refused"
        case urllib3.exceptions.NameResolutionError() | UnicodeError():
            return "its name cannot be resolved"
        case urllib3.exceptions.LocationParseError() | requests.exceptions.InvalidURL():
            return "its address is not valid"
        case requests.exceptions.ProxyError():
            return "the configured proxy refuses the connection"
        case ssl.SSLError():
            return "the TLS handshake failed"
        case _:
            return None
