"""The file system of a base, to be imported on a daemon that has nothing yet."""

from pathlib import Path

import docker
from docker.utils import kwargs_from_env


def exported_root(docker_host: str | None, base: str, folder: Path) -> Path:
    """Export the base of a daemon as a tar into a folder; without an address that of the environment is asked."""
    address = {"base_url": docker_host} if docker_host else kwargs_from_env()
    raw = docker.APIClient(version="auto", **address)
    container = raw.create_container(base, ["true"])["Id"]
    path = folder / "base.tar"
    try:
        with path.open("wb") as file:
            file.writelines(raw.export(container))
    finally:
        raw.remove_container(container)
        raw.close()
    return path
