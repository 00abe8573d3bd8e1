"""Runs commands in throw-away containers on a Docker daemon."""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any

from commands.engine.connection import Connection, DaemonRefused, DaemonSilent
from commands.engine.inspection import exit_code_in, id_in, state_in
from commands.engine.interface import RunOrder, RunOutcome
from commands.engine.replies import replying, split_streams
from commands.errors import ImageNotFound
from commands.model.images import ImageId

OUTPUT_LIMIT = 1_000_000
"""Maximum bytes of stdout, and of stderr; the last ones are kept."""

_LOG_FILES = {"Type": "json-file", "Config": {"max-size": "4m", "max-file": "2"}}
"""Size limits of a container's log, so that a runaway program cannot fill the daemon's disk."""

THROWAWAY = "warroom.throwaway"
"""Marks the bot's own containers; other labels do not, because people's containers inherit an image's labels."""

_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_KILLED = 137  # 128 + SIGKILL


@dataclass(frozen=True, slots=True)
class Throwaway:
    """Runs commands; `work_seconds` is the daemon's time limit to create, fill, start or remove a container."""

    connection: Connection
    work_seconds: float

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command, as in `Engine.run`."""
        container = self.create(order.image, _configuration(order))
        try:
            if order.files:
                self.put(container, order.files)
            return self._start(container) or self._wait_and_reply(container, order)
        except DaemonRefused as refusal:
            if _is_gone(refusal):  # A sweep removed it, which counts as ended from outside.
                return RunOutcome(exit_code=None, output="", errors="")
            raise
        finally:
            self.remove(container)

    def create(self, image: ImageId, configuration: Mapping[str, Any]) -> str:
        """Create a container from the API's `ContainerConfig` and return its id; raises `ImageNotFound`."""
        try:
            answer = self.connection.ask(
                "POST",
                "/containers/create",
                doing=f"create a container of `{image}`",
                seconds=self.work_seconds,
                json=configuration,
            )
        except DaemonRefused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                raise image_absent(image) from refusal
            raise
        return self.connection.parse_answer(id_in, answer)

    def remove(self, container: str) -> bool:
        """Remove a container, running or not, with its volumes; return False if it was already gone."""
        try:
            self._ask("DELETE", container, "", doing="remove a container", params={"force": "1", "v": "1"})
        except DaemonRefused as refusal:
            if _is_gone(refusal):
                return False
            raise
        return True

    def put(self, container: str, files: Mapping[str, bytes]) -> None:
        """Copy files into a container, running or not, one after the other."""
        self._ask(
            "PUT", container, "/archive", doing="put files into a container", params={"path": "/"}, data=_tar(files)
        )

    def _start(self, container: str) -> RunOutcome | None:
        """Start the container; return an outcome only if the image has no such command."""
        try:
            self._ask("POST", container, "/start", doing="start a container")
        except DaemonRefused as refusal:
            exit_code = _shell_code(refusal.reason)
            if exit_code is None:
                raise
            return RunOutcome(exit_code, output="", errors=refusal.reason)
        return None

    def _wait_and_reply(self, container: str, order: RunOrder) -> RunOutcome:
        if order.reply is None:
            return self._outcome(container, order)
        with replying(self.connection, container, order, put=self.put, end=self._kill):
            return self._outcome(container, order)

    def _outcome(self, container: str, order: RunOrder) -> RunOutcome:
        exit_code = self._wait(container, order.seconds)
        if exit_code is None:
            self._kill(container)
        state = self.connection.read(state_in, f"/containers/{container}/json", doing="inspect a container")
        both = {"stdout": "1", "stderr": "1"}
        logs = self._ask("GET", container, "/logs", doing="give a container's output", params=both)
        output, errors = (text[-OUTPUT_LIMIT:].decode(errors="replace") for text in split_streams(logs))
        return RunOutcome(
            exit_code=None if state.being_removed else exit_code,
            output=output,
            errors=errors,
            timed_out=exit_code is None,
            # Some kernels do not report it to the daemon, but nothing else sends SIGKILL in there.
            out_of_memory=state.out_of_memory or (exit_code == _KILLED and not state.being_removed),
        )

    def _wait(self, container: str, seconds: float) -> int | None:
        try:
            answer = self.connection.ask(
                "POST", f"/containers/{container}/wait", doing="wait for a container", seconds=seconds
            )
        except DaemonSilent:
            return None
        return self.connection.parse_answer(exit_code_in, answer)

    def _kill(self, container: str) -> None:
        try:
            self._ask("POST", container, "/kill", doing="end a container")
        except DaemonRefused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:  # It ended just now.
                raise

    def _ask(
        self,
        method: str,
        container: str,
        path: str,
        *,
        doing: str,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> bytes:
        path = f"/containers/{container}{path}"
        return self.connection.ask(method, path, doing=doing, seconds=self.work_seconds, params=params, data=data)


def image_absent(image: ImageId) -> ImageNotFound:
    """Return the problem that the daemon has no image of this ID."""
    return ImageNotFound(
        f"The image `{image}` is not on the Docker daemon.",
        hint="Somebody may have removed it: pull it or build it again.",
    )


def _configuration(order: RunOrder) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "Image": order.image,
        "Cmd": list(order.command),
        "Entrypoint": [],  # An empty list clears the image's own; null would keep it.
        "Env": [f"{name}={value}" for name, value in order.environment.items()],
        "Labels": {**order.labels, THROWAWAY: ""},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": order.network or "none",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": order.memory,
            "MemorySwap": order.memory,  # of both together, so no swap
            "PidsLimit": order.pids,
            "NanoCpus": int(order.cpus * 1e9),
            "LogConfig": _LOG_FILES,
            **_read_only_options(order.scratch),
        },
    }
    return configuration if order.user is None else {**configuration, "User": order.user}


def _read_only_options(scratch: int | None) -> dict[str, Any]:
    if scratch is None:
        return {}
    return {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": f"rw,exec,size={scratch}"}}  # noqa: S108 - in the container


def _tar(files: Mapping[str, bytes]) -> bytes:
    # Files only: the daemon creates missing folders, and an entry for an existing folder would change its mode.
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, BytesIO(content))
    return packed.getvalue()


def _shell_code(reason: str) -> int | None:
    """Return a shell's exit code for a command that does not start, or None if the command is not the cause."""
    lowered = reason.casefold()
    if "executable file not found" in lowered or "no such file or directory" in lowered:
        return _NOT_FOUND
    return _NOT_EXECUTABLE if "permission denied" in lowered else None


def _is_gone(refusal: DaemonRefused) -> bool:
    return refusal.status == HTTPStatus.NOT_FOUND or (
        refusal.status == HTTPStatus.CONFLICT and "removal" in refusal.reason
    )
