"""Connections that trust only the given certificates and that a host cannot keep open for ever."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection

_CONNECTIONS = 8
"""Maximum number of pooled connections to one host."""


_DEFAULT_SECONDS = 60.0
"""Time limit for the headers on a connection without a timeout, which does not occur."""


class Adapter(requests.adapters.HTTPAdapter):
    """The transport of `requests`. `context` verifies certificates; None accepts any, so it must not carry a login."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context or _unchecked_context()
        encrypted = _EncryptedPool if context else _UncheckedPool
        self._pools = {"http": _PlainPool, "https": encrypted}
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Create the connection pools."""
        super().init_poolmanager(*arguments, **named, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:  # noqa: ANN401  # as in `requests`
        """Create the connection pools for a proxy."""
        manager = super().proxy_manager_for(proxy, **named, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, *_: object, **__: object) -> None:
        """Keep the context unchanged: `requests` would add its own CA list."""


@contextmanager
def _limit_headers(connection: urllib3.connection.HTTPConnection) -> Iterator[None]:
    """Raise `TimeoutError` if the headers take more than twice the connection's timeout.

    A socket timeout only limits a pause: a host that sends single bytes could hold the connection for days.
    """
    is_over = threading.Event()

    def hang_up() -> None:
        is_over.set()
        # The connection may already be closed.
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timeout = connection.timeout
    watch = threading.Timer(2 * timeout if isinstance(timeout, int | float) else _DEFAULT_SECONDS, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    except (OSError, HTTPException) as error:
        # A connection that is hung up before the status line arrived looks like a broken one.
        if is_over.is_set():
            raise TimeoutError from error
        raise
    finally:
        watch.cancel()
    # http.client accepts truncated headers as complete.
    if is_over.is_set():
        raise TimeoutError


class _Plain(urllib3.connection.HTTPConnection):
    def getresponse(self) -> Any:  # noqa: ANN401  # urllib3 keeps the type to itself
        with _limit_headers(self):
            return super().getresponse()


class _Encrypted(urllib3.connection.HTTPSConnection):
    def getresponse(self) -> Any:  # noqa: ANN401  # urllib3 keeps the type to itself
        with _limit_headers(self):
            return super().getresponse()


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


class _UncheckedPool(_EncryptedPool):
    def _validate_conn(self, conn: Any) -> None:  # noqa: ANN401  # urllib3 keeps the type to itself
        # urllib3 would warn at each request. The daemon's settings allow it, and no login is sent.
        if conn.is_closed:
            conn.connect()


def _unchecked_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
