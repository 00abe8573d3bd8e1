"""Serve the configured package indexes on loopback to a program in a container, without their logins.

Usage: `relay.py WORD QUESTION PROGRAM…`, where QUESTION is JSON: `indexes` is their number, `environment` more
variables for `uv`, `folder` the folder of the answers. Each request is printed on stdout, in a line that begins with
WORD; the bot asks the index and copies in `NUMBER.body`, then `NUMBER.head`. A line `WORD-ended ` follows with what the
program printed, as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.005
STEERING = ("UV_", "PIP_")
ERRORS_MOST = 100_000
"""The most characters of a program's errors, of which the bot keeps fewer."""


def write(text: str) -> None:
    """Write to the stdout that the process started with; `sys.stdout` may be replaced or have another encoding."""
    with open(1, "wb", closefd=False) as stdout:
        stdout.write(text.encode())


class Asking:
    """Sends requests to the bot. Thread-safe."""

    def __init__(self, word: str, folder: Path) -> None:
        self.word = word
        self.folder = folder
        self.numbers = itertools.count()
        self.lock = threading.Lock()

    def ask(self, method: str, path: str, part: str) -> tuple[dict[str, Any], bytes]:
        """Request a path, or a part of it as in a Range header; return the head and the body."""
        with self.lock:
            number = next(self.numbers)
            question = {"number": number, "method": method, "path": path, "part": part}
            write(f"\n{self.word} {json.dumps(question)}\n")
        head = self.head(self.folder / f"{number}.head")
        return head, (self.folder / f"{number}.body").read_bytes()

    def head(self, file: Path) -> dict[str, Any]:
        """Wait for the complete head and return it."""
        while True:
            try:
                head: dict[str, Any] = json.loads(file.read_bytes())
            except (FileNotFoundError, ValueError):
                time.sleep(LOOK_SECONDS)
            else:
                return head


def server(asking: Asking, token: str) -> ThreadingHTTPServer:
    """Listen on a free loopback port; paths begin with `token`, because other programs may share this network."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            first, _, path = self.path.lstrip("/").partition("/")
            if first != token:
                self.send_error(404)
                return
            head, body = asking.ask(self.command, f"/{path}", self.headers.get("Range", ""))
            self.send_response(head["status"])
            for name, value in head["headers"].items():
                self.send_header(name, value)
            if self.command == "GET" or "Content-Length" not in head["headers"]:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Log nothing: the bot reads this output."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Requests)


def environment(question: dict[str, Any], address: str) -> dict[str, str]:
    """Return the program's environment, without the image's own settings of installers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    *further, default = (f"{address}/{number}" for number in range(question["indexes"]))
    indexes = {"UV_DEFAULT_INDEX": default, **({"UV_INDEX": " ".join(further)} if further else {})}
    return {**kept, **question["environment"], **indexes, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def main(word: str, question: dict[str, Any], program: list[str]) -> int:
    """Serve until the program has ended; return its exit code."""
    token = secrets.token_hex(16)
    with server(Asking(word, Path(question["folder"])), token) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_address[1]}/{token}"
        # The program that the bot names; no shell.
        ended = subprocess.run(
            program, env=environment(question, address), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    texts = {"output": ended.stdout.decode("utf-8", "replace"), "errors": ended.stderr.decode("utf-8", "replace")}
    texts["errors"] = texts["errors"][:ERRORS_MOST]
    write(f"\n{word}-ended {json.dumps(texts)}\n")
    return ended.returncode if ended.returncode >= 0 else 128 - ended.returncode


if __name__ == "__main__":
    os._exit(main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]))
