"""As much of Slack's Web API as a test scripts: each method answers what it is told to, on a free port of loopback."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.host import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What a method answers."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    after: threading.Event | None = None
    """The answer waits for it, as that of a server that hangs."""


@contextmanager
def slack_api(answers: Mapping[str, ScriptedAnswer], seen: list[str] | None = None) -> Iterator[str]:
    """Serve these answers by method, and give the API's address; `seen` gets the method of each call."""
    called = [] if seen is None else seen

    class SlackApiHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            method = self.path.rpartition("/")[2]
            called.append(method)
            answer = answers[method]
            if answer.after is not None:
                answer.after.wait(PATIENCE_SECONDS)
            # A client that the test let wait has gone.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._answer(answer)

        def _answer(self, answer: ScriptedAnswer) -> None:
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), SlackApiHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/"
        finally:
            server.shutdown()
            thread.join()
