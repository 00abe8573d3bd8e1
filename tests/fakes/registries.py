"""All registries in memory, as `Registry`: a test says what each name stands for and which registry is at fault."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from commands.errors import ImageNotFound, Problem, RegistryLimited, RegistryNotAllowed
from commands.model.images import Digest
from commands.model.references import HUB, Reference
from commands.registry.interface import Quota, Remote
from tests.fakes.host import Gate


class FakeRegistries:
    """Used by many threads at once. `digests` and `problems` are by full name; what has neither is not found.

    `quotas` are by registry. With a `mirror` the answers for names without a registry come from there. `asked` are the
    names for which a HEAD would have been sent, in order; each look-up passes the gate of its registry in
    `gates`, if it has one. `most_at_once` is how many ran side by side. `forbidden` are registries that may
    not be asked.
    """

    def __init__(self, *, mirror: str | None = None) -> None:
        self.mirror = mirror
        self.digests: dict[str, Digest] = {}
        self.problems: dict[str, Problem] = {}
        self.quotas: dict[str, Quota] = {}
        self.gates: dict[str, Gate] = {}
        self.asked: list[str] = []
        self.most_at_once = 0
        self.forbidden: set[str] = set()
        self._at_once = 0
        self._lock = threading.Lock()
        self._limits: dict[str, float | None] = {}
        self._waiting: set[str] = set()

    def put(self, name: str, content: str = "new") -> Digest:
        """Let a name stand for something; the same content has the same digest under each tag of a repository."""
        self.digests[name] = digest_of_content(name.rpartition(":")[0], content)
        return self.digests[name]

    def limit(self, registry: str, seconds: float | None) -> None:
        """Have a registry refuse everything: with `seconds` it is asked once, and not again."""
        self._limits[registry] = seconds

    def require(self, reference: Reference) -> None:
        """Refuse what is forbidden."""
        if reference.registry in self.forbidden:
            raise RegistryNotAllowed(f"{reference.registry} may not be asked.", hint="Name it.")

    def look_up(self, reference: Reference) -> Remote:
        """Answer as `Registry` says."""
        self.require(reference)
        name = f"{reference.repository}:{reference.tag or 'latest'}"
        with self._counted(reference.registry, name):
            if gate := self.gates.get(reference.registry):
                gate.pass_through()
            return self._answer(reference, name)

    @contextmanager
    def _counted(self, registry: str, name: str) -> Iterator[None]:
        with self._lock:
            if registry not in self._waiting:
                self.asked.append(name)
            if self._limits.get(registry):
                self._waiting.add(registry)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, reference: Reference, name: str) -> Remote:
        registry = reference.registry
        if registry in self._limits:
            raise RegistryLimited(f"{registry} has had enough for now.", hint="Wait.", seconds=self._limits[registry])
        if problem := self.problems.get(name):
            raise problem
        if name not in self.digests:
            raise ImageNotFound(f"{registry} has no image `{name}`.", hint="Check the name.")
        digest = self.digests[name]
        repository = f"{self.mirror}/{reference.path}" if self.mirror and registry == HUB else reference.repository
        source = Reference(repository, digest=digest)
        return Remote(digest, source, self.quotas.get(source.registry))


def digest_of_content(repository: str, content: str) -> Digest:
    """Make up the digest of a repository's content."""
    return Digest(f"sha256:{hashlib.sha256(f'{repository} {content}'.encode()).hexdigest()}")
