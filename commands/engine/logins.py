"""Registry logins from this machine's Docker configuration file and its credential helpers.

They are read for each request, so that a `docker login` takes effect at once. The Docker SDK is not used for helpers:
it waits for them without a timeout and puts their output into its errors.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from commands.engine.interface import Login
from commands.engine.transport import HUB_ADDRESS, MISCONFIGURED, stored_login
from commands.errors import Misconfigured
from commands.model.references import HUB

# Not `oras`: it waits for a credential helper without a timeout, and sends an identity token as a password.
HELPER_SECONDS = 30.0
"""Timeout of a credential helper; one that asks a company's server takes some seconds."""

_ABSENT = "credentials not found"
"""A helper's output for an unknown registry; from `errors.go` of Docker's credential helpers."""

_TOKEN_USER = "<token>"  # noqa: S105  # the user name that marks the secret as an identity token

_Word = Annotated[str, StringConstraints(strict=True)]


class _HelperAnswer(BaseModel):
    username: _Word = Field("", alias="Username")
    secret: _Word = Field("", alias="Secret")


class Logins:
    """Finds logins as the Docker CLI does in this environment (`DOCKER_CONFIG`, `HOME`, `PATH`).

    An empty environment has no logins.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def find(self, registry: str) -> Login | None:
        """Return the login of a registry, as in `Engine.login`."""
        file = self._file()
        if file is None:
            return None
        try:
            stored = stored_login(str(file), registry)
        except MISCONFIGURED as fault:
            raise Misconfigured(
                f"The registry logins in `{file}` cannot be read: {fault}.",
                hint="Fix that file, or log in again (`docker login`), as the user that this program runs as.",
            ) from None
        helped = self._login_from_helper(stored.helper, registry, file) if stored.helper else None
        return helped or _login(stored.username, stored.password, stored.identity_token)

    def header(self, registry: str) -> dict[str, str]:
        """Return the header with which a daemon logs in to a registry; empty without a login."""
        login = self.find(registry)
        if login is None:
            return {}
        words = {"serveraddress": HUB_ADDRESS if registry == HUB else registry}
        if login.identity_token:
            words["identitytoken"] = login.identity_token
        else:
            words |= {"username": login.username, "password": login.password}
        return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(words).encode()).decode("ascii")}

    def _file(self) -> Path | None:
        if not self._environment:
            return None
        home = Path(self._environment.get("HOME") or "~").expanduser()
        folder = self._environment.get("DOCKER_CONFIG")
        files = (Path(folder) if folder else home / ".docker") / "config.json", home / ".dockercfg"
        return next((file for file in files if file.is_file()), None)

    def _login_from_helper(self, helper: str, registry: str, file: Path) -> Login | None:
        program = f"docker-credential-{helper}"
        path = shutil.which(program, path=self._environment.get("PATH"))
        if path is None:
            raise Misconfigured(
                f"The credential helper `{program}` that `{file}` names is not installed.",
                hint="Install it where this program finds it (PATH), or remove it from `credsStore` or `credHelpers`.",
            )
        answer = self._ask(path, program, HUB_ADDRESS if registry == HUB else registry)
        if answer is None:
            return None
        try:
            told = _HelperAnswer.model_validate_json(answer)
        except ValidationError:  # Its text contains the secret.
            raise _helper_problem(program, "gave an answer that is not a login") from None
        if told.username == _TOKEN_USER:
            return _login("", "", told.secret)
        return _login(told.username, told.secret, "")

    def _ask(self, path: str, program: str, server: str) -> bytes | None:
        try:
            # The program is named by the machine's configuration.
            ended = subprocess.run(
                [path, "get"],
                input=server.encode(),
                env=dict(self._environment),
                capture_output=True,
                timeout=HELPER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _helper_problem(program, f"did not answer within {HELPER_SECONDS:g} s") from None
        except OSError as fault:
            raise _helper_problem(program, f"could not be started ({fault.strerror})") from None
        if ended.returncode == 0:
            return ended.stdout
        if _ABSENT in (ended.stdout + ended.stderr).decode(errors="replace").casefold():
            return None
        raise _helper_problem(program, f"failed with exit code {ended.returncode}")


def _login(username: str, password: str, identity_token: str) -> Login | None:
    if identity_token:
        return Login(username, "", identity_token)
    return Login(username, password) if username or password else None


def _helper_problem(program: str, how: str) -> Misconfigured:
    # Without its output, which may contain the secret.
    return Misconfigured(
        f"The credential helper `{program}` {how}.",
        hint=f"Try it by hand (`echo REGISTRY | {program} get`), as the user that this program runs as.",
    )
