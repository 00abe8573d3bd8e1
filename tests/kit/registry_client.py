"""A client of registries for tests: a time of its own, and rules and logins that a test gives."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from commands.engine.interface import Login, RegistryRules
from commands.errors import Problem
from commands.model.images import Digest
from commands.model.references import Reference
from commands.registry.http_registry import HttpRegistry
from commands.registry.interface import Quota, Remote
from tests.fakes.loopback import Respond
from tests.fakes.scripted_registry import DIGEST, ScriptedRegistry, scripted

HEAD = ("HEAD", "/v2/a/b/manifests/1", None)
NOW = 1_800_000_000.0


@dataclass(slots=True)
class RegistryClientSetup:
    """A client with a time of its own, or that of `clock`. `rules` are the daemon's, `logins` those of the machine."""

    rules: RegistryRules = field(default_factory=lambda: RegistryRules(hub="hub.invalid"))
    logins: dict[str, Login] = field(default_factory=dict)
    now: float = 0.0
    clock: Callable[[], float] | None = None
    logins_asked: list[str] = field(default_factory=list)

    def login(self, registry: str) -> Login | None:
        self.logins_asked.append(registry)
        return self.logins.get(registry)

    @contextmanager
    def client(
        self,
        *,
        mirror: str | None = None,
        certificates: Path | None = None,
        ca_bundle: Path | None = None,
        seconds: float = 10.0,
    ) -> Iterator[HttpRegistry]:
        with closing(
            HttpRegistry(
                lambda: self.rules,
                self.login,
                mirror=mirror,
                certificates=certificates,
                ca_bundle=ca_bundle,
                clock=lambda: NOW + self.now,
                monotonic=self.clock or (lambda: self.now),
                seconds=seconds,
            )
        ) as client:
            yield client


def at(host: ScriptedRegistry, tag: str | None = "1") -> Reference:
    return Reference(f"{host.address}/a/b", tag=tag)


def remote(repository: str, quota: Quota | None = None) -> Remote:
    return Remote(Digest(DIGEST), Reference(repository, digest=DIGEST), quota)


def problem_of(reply: Respond, expected: type[Problem]) -> Problem:
    with RegistryClientSetup().client() as client, scripted(reply) as host, pytest.raises(expected) as raised:
        client.look_up(at(host))
    assert host.address in raised.value.message
    return raised.value
