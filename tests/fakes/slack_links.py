"""Slack's side of Socket Mode on loopback, as a test scripts it: the greeting, the envelopes, the end."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.fakes.host import PATIENCE_SECONDS


@dataclass(slots=True)
class SlackLinks:
    """The open WebSockets. `others` are the connections of other bots that each greeting counts too."""

    url: str = ""
    others: int = 0
    greeting: Mapping[str, Any] | None = None
    """What is sent in place of the usual greeting."""
    opened: "Queue[ServerConnection]" = field(default_factory=Queue)
    heard: "Queue[dict[str, Any]]" = field(default_factory=Queue)
    now_open: list[ServerConnection] = field(default_factory=list)

    def next_link(self) -> ServerConnection:
        """Wait for another WebSocket."""
        return self.opened.get(timeout=PATIENCE_SECONDS)

    def next_acknowledgement(self) -> dict[str, Any]:
        """Wait for another frame from the bot."""
        return self.heard.get(timeout=PATIENCE_SECONDS)

    def keep(self, link: ServerConnection) -> None:
        """Greet, then read to the end."""
        self.now_open.append(link)
        usual = {"type": "hello", "num_connections": len(self.now_open) + self.others}
        with suppress(ConnectionClosed):
            link.send(json.dumps(self.greeting or usual))
            self.opened.put(link)
            for frame in link:
                self.heard.put(json.loads(frame))
        self.now_open.remove(link)


@contextmanager
def slack_links() -> Iterator[SlackLinks]:
    """Listen on a free port."""
    links = SlackLinks()
    with serve(links.keep, "127.0.0.1", 0, close_timeout=0.1) as server:
        links.url = "ws://{}:{}/link?ticket=1".format(*server.socket.getsockname())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield links
        for link in tuple(links.now_open):
            link.close()
        server.shutdown()
        thread.join()
