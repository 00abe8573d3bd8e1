"""Wheels and sources of a test's own, small and always the same bytes."""

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

BACKEND = """
import os, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return ["toy-need"]

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import toy_need
    told = dict(line.split(": ") for line in open("PKG-INFO").read().splitlines())
    name, version = told["Name"], told["Version"]
    wheel = f"{name}-{version}-py3-none-any.whl"
    told = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w") as packed:
        packed.writestr(f"{name}.py", open("code.py").read())
        packed.writestr(f"{told}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        packed.writestr(f"{told}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        packed.writestr(f"{told}/RECORD", "")
    return wheel
"""
"""A build backend that asks for one more package before it builds."""


def wheel(
    name: str, version: str = "1.0", *, needs: Sequence[str] = (), modules: Mapping[str, str] | None = None
) -> bytes:
    """Pack a wheel for every machine."""
    told = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        **(modules or {f"{name}.py": ""}),
        f"{told}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{told}/WHEEL": "Wheel-Version: 1.0\nGenerator: toy\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{told}/RECORD": "",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return packed.getvalue()


def source(files: Mapping[str, str | bytes]) -> bytes:
    """Pack an archive of sources, `.tar.gz`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            content = text if isinstance(text, bytes) else text.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def toy_source(name: str = "toy_source", *, at_build: str = "", code: str = "") -> bytes:
    """Pack a source that `BACKEND` builds; `at_build` is run by the build, `code` is its module."""
    root = f"{name}-1.0"
    pyproject = '[build-system]\nrequires = ["toy-backend"]\nbuild-backend = "local"\nbackend-path = ["."]\n'
    return source(
        {
            f"{root}/PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{root}/pyproject.toml": pyproject,
            f"{root}/local.py": f"from toy_backend import *\n{at_build}\n",
            f"{root}/code.py": code,
        }
    )


def toy_files(*, at_build: str = "", code: str = "") -> dict[str, bytes]:
    """Give all files of an index in which one package has to be built."""
    return {
        "toy_source-1.0.tar.gz": toy_source(at_build=at_build, code=code),
        "toy_backend-1.0-py3-none-any.whl": wheel("toy_backend", modules={"toy_backend.py": BACKEND}),
        "toy_need-1.0-py3-none-any.whl": wheel("toy_need"),
        "toy_plain-1.0-py3-none-any.whl": wheel("toy_plain"),
    }
