"""Who may come in: loopback host names and the three tokens, compared in constant time."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The bot's two tokens, as in Slack, and the one of the people's side."""

    bot: str
    app: str
    user: str

    @classmethod
    def random(cls, new_secret: Callable[[], str]) -> Self:
        """Make tokens that nobody can guess."""
        return cls(bot=f"xoxb-{new_secret()}", app=f"xapp-1-{new_secret()}", user=f"room-{new_secret()}")


def is_loopback(host: str) -> bool:
    """Tell whether this host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bearer(headers: Headers) -> str:
    """Read the token that a request carries; an empty string if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same(token: str, expected: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(token.encode(), expected.encode())


class LoopbackOnly:
    """Refuse requests whose Host is not this machine: a foreign page could make a browser send them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403 (a WebSocket is refused in its handshake)."""
        if is_loopback(_host_name(Headers(scope=scope).get("host", ""))):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse("This room answers on loopback only. Use http://127.0.0.1.\n", 403)
            await refusal(scope, receive, send)


def _host_name(host: str) -> str:
    """Take the port away; an IPv6 address stands in brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
