"""Connections that trust exactly what they are told to, and that a host cannot hold for ever."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection

_CONNECTIONS = 8
"""Connections to one host that are kept open at most."""


_PATIENCE = 60.0
"""Seconds for the headers of a connection without a time-out, of which there are none."""


class Adapter(requests.adapters.HTTPAdapter):
    """What `requests` sends through. `context` checks certificates; None takes any, so no login may go through."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context or _unchecked()
        encrypted = _EncryptedPool if context else _UncheckedPool
        self._pools = {"http": _PlainPool, "https": encrypted}
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Make what keeps the connections."""
        super().init_poolmanager(*arguments, **named, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:  # noqa: ANN401  # as in `requests`
        """Make what keeps those through a proxy."""
        manager = super().proxy_manager_for(proxy, **named, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, *_: object, **__: object) -> None:
        """Add nothing to the context: `requests` would bring a list of its own."""


@contextmanager
def _bounded(connection: urllib3.connection.HTTPConnection) -> Iterator[None]:
    """Raise `TimeoutError` for a host that takes more than twice as long for its headers as it may be silent.

    Time-outs end a silence only: one byte now and then would keep them off for days.
    """
    is_over = threading.Event()

    def hang_up() -> None:
        is_over.set()
        # The connection may be gone by now.
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timeout = connection.timeout
    watch = threading.Timer(2 * timeout if isinstance(timeout, int | float) else _PATIENCE, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
    # Headers that end in the middle are whole ones to http.client.
    if is_over.is_set():
        raise TimeoutError


class _Plain(urllib3.connection.HTTPConnection):
    def getresponse(self) -> Any:  # noqa: ANN401  # urllib3 keeps the type to itself
        with _bounded(self):
            return super().getresponse()


class _Encrypted(urllib3.connection.HTTPSConnection):
    def getresponse(self) -> Any:  # noqa: ANN401  # urllib3 keeps the type to itself
        with _bounded(self):
            return super().getresponse()


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


class _UncheckedPool(_EncryptedPool):
    def _validate_conn(self, conn: Any) -> None:  # noqa: ANN401  # urllib3 keeps the type to itself
        # urllib3 would warn at each request. It is the daemon's own setting, and no login goes along.
        if conn.is_closed:
            conn.connect()


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
