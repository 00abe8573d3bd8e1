"""Read a WebSocket to its end."""

from collections.abc import AsyncIterator

from starlette.websockets import WebSocket


async def text_frames(socket: WebSocket) -> AsyncIterator[str]:
    """Give the text frames that the other side sends, until it disconnects; other frames are skipped.

    Not starlette's `iter_text`: that one raises when a frame arrives after the close began.
    """
    while (frame := await socket.receive())["type"] != "websocket.disconnect":
        if (text := frame.get("text")) is not None:
            yield text
