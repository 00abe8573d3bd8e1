"""The bodies of requests: the only place that reads them, with a limit on length and time.

Authenticate the sender before reading a body: the server buffers nothing of a body that it does not read.
"""

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES: Final = 1024 * 1024
"""More than any call of Slack's Web API holds, or anything that people send; files have another limit."""
MOST_BYTES_OF_ANYBODY: Final = 4096
"""The limit for requests without a token: signing in sends it in the body."""
SECONDS: Final = 60.0
"""How long the whole body of a request may take: an upload of 100 MB takes one over loopback."""

_TOO_LARGE: Final = 413
_TOO_SLOW: Final = 408


async def body_of(request: Request, *, most: int = MOST_BYTES, seconds: float = SECONDS) -> bytes:
    """Read the whole body; the answer to one that is too long or too slow is 413 or 408."""
    if _announced_length(request) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, most)
    except TimeoutError:
        raise HTTPException(_TOO_SLOW, f"The body did not come within {seconds:g} s. Send it again.", _CLOSES) from None


async def _read(request: Request, most: int) -> bytes:
    # The announced length may be missing or wrong, so the bytes are counted.
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise _too_large(most)
    return bytes(content)


def _announced_length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _too_large(most: int) -> HTTPException:
    return HTTPException(_TOO_LARGE, f"A body has {most:,} bytes here at most. Send less.")


_CLOSES: Final = {"Connection": "close"}
