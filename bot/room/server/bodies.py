"""The bodies of requests: the only place that reads them, none longer and none for longer than it may be.

Ask for one after its sender is known to be let in: what is never asked for stays in the other side's hands.
"""

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES: Final = 1024 * 1024
"""More than any call of Slack's Web API holds, or anything that people send; files have a bound of their own."""
MOST_BYTES_OF_ANYBODY: Final = 4096
"""Where no token is asked for: signing in brings it in the body."""
SECONDS: Final = 60.0
"""How long the whole body of a request may take: an upload of 100 MB takes one over loopback."""

_TOO_LARGE: Final = 413
_TOO_SLOW: Final = 408


async def body_of(request: Request, *, most: int = MOST_BYTES, seconds: float = SECONDS) -> bytes:
    """Read the body whole; one that is too long or too slow is answered with 413 or 408."""
    if _announced(request) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, most)
    except TimeoutError:
        raise HTTPException(_TOO_SLOW, f"The body did not come within {seconds:g} s. Send it again.", _CLOSES) from None


async def _read(request: Request, most: int) -> bytes:
    # A length may be missing, or be a lie: what comes is counted.
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise _too_large(most)
    return bytes(content)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _too_large(most: int) -> HTTPException:
    return HTTPException(_TOO_LARGE, f"A body has {most:,} bytes here at most. Send less.")


_CLOSES: Final = {"Connection": "close"}
