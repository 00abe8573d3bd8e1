"""What the tests of the whole program on a real engine stand on: a base of their own, and what is left behind on it."""

from dataclasses import dataclass
from pathlib import Path

import docker

from commands.model.images import LocalImage
from tests.kit.engine_space import LABEL, EngineSpace


@dataclass(frozen=True, slots=True)
class OwnBase:
    """An engine, and a base on it that only this test uses: all that is made from it inherits the test's label."""

    space: EngineSpace
    raw: docker.APIClient
    state: Path

    @property
    def mark(self) -> str:
        """The value of the label."""
        return self.space.mark

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a program that works here, with a state of its own."""
        return {"WARROOM_STATE_DIR": str(self.state), "WARROOM_DEFAULT_BASE": self.space.base}

    @property
    def long_seconds(self) -> str:
        """A long time for `sleep` that no other process has as its argument."""
        return long_seconds(self.mark)

    def name(self, name: str) -> str:
        """Give an image name that nobody else uses."""
        return f"warroom-test/{self.mark}/{name}"

    def images(self) -> tuple[LocalImage, ...]:
        """List what was made from the test's base."""
        return tuple(image for image in self.space.engine.images(self.space.labels) if image.id != self.space.base_id)

    def left_behind(self) -> tuple[str, ...]:
        """Name what must not be there when all is over: containers, and images without a name."""
        label = f"{LABEL}={self.mark}"
        containers = self.raw.containers(all=True, filters={"label": label})
        nameless = self.raw.images(filters={"label": label, "dangling": True})
        return tuple(str(each["Id"]) for each in (*containers, *nameless))


def long_seconds(mark: str) -> str:
    """Give an hour for `sleep`, told apart from all others by its fraction."""
    return f"3600.{int(mark, 16)}"


def installer(*lines: str) -> str:
    """Write the Dockerfile instruction that puts a shell script in apt-get's place; lists are always up to date."""
    script = "\\n".join(("#!/bin/sh", 'case " $* " in *" update "*) exit 0 ;; esac', *lines, ""))
    return f"RUN printf '{script}' > /usr/local/sbin/apt-get && chmod 755 /usr/local/sbin/apt-get"
