"""Who may come in: loopback names, no foreign pages, and the three tokens, compared in constant time.

Whoever gets in commands Docker, which is as good as root. A web page from anywhere may make a browser on this machine
send requests here, so a request has to say that it means this room (`Host`) and comes from its own page (`Origin`).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Self

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.hosts import host_name, is_loopback

_CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # With these two the browser itself refuses to turn any text into HTML.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


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


class PeoplesDoor:
    """Lets people in: programs by the user token, the page by a cookie that it got for that token."""

    def __init__(self, token: str, port: int) -> None:
        self._token = token
        # Browsers share cookies among the ports of a host, so each room uses another cookie name.
        self.cookie_name: Final = f"warroom_{port}"
        # Not the token itself: what else listens on this host may be sent the cookie, but never learns the token.
        self._session = hmac.new(token.encode(), b"session of the page", hashlib.sha256).hexdigest()

    def session_for(self, token: str) -> str | None:
        """Give the cookie's value to who has the token."""
        return self._session if same(token, self._token) else None

    def lets_in(self, connection: HTTPConnection) -> bool:
        """Tell whether this request comes from a program with the token, or from the room's own page."""
        if token := bearer(connection.headers):
            return same(token, self._token)
        # A browser sends the cookie even for a request of a foreign page; this header says which page sent it.
        own_page = connection.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        return own_page and same(connection.cookies.get(self.cookie_name, ""), self._session)


def bearer(headers: Headers) -> str:
    """Read the token that a request carries; an empty string if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same(token: str, expected: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(token.encode(), expected.encode())


class Door:
    """Stands before everything: refuses foreign hosts and pages, and tells browsers what the page may do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403 (a WebSocket is refused in its handshake)."""
        refusal = _refusal(Headers(scope=scope))
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        answer = self._app if refusal is None else PlainTextResponse(f"{refusal}\n", 403)
        await answer(scope, receive, _guarded_send(send))


def _refusal(headers: Headers) -> str | None:
    host, origin = headers.get("host", ""), headers.get("origin")
    if not is_loopback(host_name(host)):
        return "This room answers on loopback only. Use http://127.0.0.1."
    # Programs send no Origin. The port counts: another server on this host is another origin.
    if origin is not None and origin != f"http://{host}":
        return "This room takes requests from its own page only, and from programs with a token."
    return None


def _guarded_send(send: Send) -> Send:
    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded
