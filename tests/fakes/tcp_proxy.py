"""A relay on loopback between the bot and a room, which breaks the WebSockets that pass through it in many ways."""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

_RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends a reset instead of an end."""
_CLOSE_FRAME = b"\x88\x02\x03\xe8"
"""A server's CLOSE frame, unmasked, with code 1000."""
_CHUNK = 65_536
_SECONDS = 60.0


class _Relayed:
    """One connection through the relay."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.is_link = False
        self.is_silent = False

    def fall_silent(self) -> None:
        """Carry nothing any more."""
        self.is_silent = True

    def break_off(self, *, reset: bool) -> None:
        """Close both sides, with a reset or with an end."""
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            # The other side may have closed it already.
            with suppress(OSError):
                if reset:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class TcpProxy:
    """Relays every connection to a room; what it does to links it does to the WebSockets that are open then."""

    def __init__(self, target: str) -> None:
        """Relay to this `host:port`; the room's own WebSocket addresses are replaced by the relay's."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._open: list[_Relayed] = []
        self._refuses_links = False
        self._links_opened = 0
        self.tunnels: list[bytes] = []
        """What asked for a tunnel, as of an HTTP proxy; each leads to the target."""
        self._turned_away = threading.Semaphore(0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())
        # Of the same length, so that the length of the answer stays right.
        self._rewrites = (f"ws://{target}/".encode(), f"ws://{self.address}/".encode())
        assert len(self._rewrites[0]) == len(self._rewrites[1])

    @property
    def api_url(self) -> str:
        """The address of the room's Web API through the relay."""
        return f"http://{self.address}/api/"

    @property
    def links(self) -> int:
        """How many WebSockets are open."""
        return self._call(lambda: len(self._links()))

    @property
    def links_opened(self) -> int:
        """How many WebSockets were opened so far, those that were turned away included."""
        return self._links_opened

    # ── Faults ──────────────────────────────────────────────────────────────────────────────────────────────────

    def reset(self, *, most: int | None = None) -> None:
        """Reset the links, or as many of the oldest."""
        self._on_links(lambda link: link.break_off(reset=True), most)

    def end(self) -> None:
        """End the links by FIN, without a CLOSE frame."""
        self._on_links(lambda link: link.break_off(reset=False))

    def send_close_frames(self) -> None:
        """Send the bot a CLOSE frame over each link."""
        self._on_links(lambda link: link.client.write(_CLOSE_FRAME))

    def silence(self) -> None:
        """Let the links stay open and carry nothing any more, in both directions."""
        self._on_links(_Relayed.fall_silent)

    def refuse_links(self, *, refuse: bool = True) -> None:
        """Turn new links away from now on, or accept them again."""
        self._refuses_links = refuse

    def wait_until_turned_away(self) -> None:
        """Wait until another link was turned away."""
        assert self._turned_away.acquire(timeout=_SECONDS), "no link was tried"

    # ── Relaying ────────────────────────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """End every connection and the relay."""

        async def stop() -> None:
            self._server.close()
            for relayed in tuple(self._open):
                relayed.break_off(reset=False)
            while self._open:
                await asyncio.sleep(0)

        self._run(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def _links(self) -> list[_Relayed]:
        return [relayed for relayed in self._open if relayed.is_link and not relayed.is_silent]

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._relay, "127.0.0.1", 0)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        relayed = _Relayed(writer, far_writer)
        self._open.append(relayed)
        try:
            await asyncio.gather(
                self._pump(relayed, reader, far_writer, self._asked),
                self._pump(relayed, far_reader, writer, self._answered),
            )
        finally:
            relayed.break_off(reset=False)
            self._open.remove(relayed)

    async def _pump(
        self,
        relayed: _Relayed,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[_Relayed, bytes], bytes],
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if not relayed.is_silent:
                    writer.write(change(relayed, chunk))
                    await writer.drain()
            if writer.can_write_eof() and not relayed.is_silent:
                writer.write_eof()

    def _asked(self, relayed: _Relayed, chunk: bytes) -> bytes:
        if chunk.startswith(b"CONNECT "):
            self.tunnels.append(chunk)
            relayed.client.write(b"HTTP/1.1 200 OK\r\n\r\n")
            return b""
        if not relayed.is_link and re.match(rb"GET /link\b", chunk):
            relayed.is_link = True
            self._links_opened += 1
            if self._refuses_links:
                relayed.break_off(reset=True)
                self._turned_away.release()
                raise ConnectionResetError
        return chunk

    def _answered(self, relayed: _Relayed, chunk: bytes) -> bytes:
        return chunk if relayed.is_link else chunk.replace(*self._rewrites)

    def _on_links(self, act: Callable[[_Relayed], None], most: int | None = None) -> None:
        def act_on_all() -> None:
            for link in self._links()[:most]:
                act(link)

        self._call(act_on_all)

    def _call(self, act: Callable[[], Result]) -> Result:
        async def call() -> Result:
            return act()

        return self._run(call())

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)


@contextmanager
def tcp_proxy(url: str) -> Iterator[TcpProxy]:
    """Relay to the room at this URL."""
    proxy = TcpProxy(url.removeprefix("http://"))
    try:
        yield proxy
    finally:
        proxy.close()
