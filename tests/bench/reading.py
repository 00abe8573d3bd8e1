"""How long it takes to read what a host with very much on it tells: `python -m tests.bench.reading`.

In this process and without a daemon: the answer that lists 5,000 images, pages of such a list, and the files of an
image with 500 Python distributions and as many OS packages.
"""

import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

from commands.docker_images import page_of
from commands.engine.interface import FilesRead
from commands.engine.overview import listing_in
from commands.inventory.reading import inventory_in
from commands.model.requests import Query

TIMES = 15


def listed(count: int) -> bytes:
    """Write a daemon's list of so many images with two names each."""
    entries = [
        {
            "Id": f"sha256:{number:064x}",
            "Created": 1_700_000_000 + number // 3,
            "Labels": {"warroom.job": str(number), "text": "x" * 60},
            "RepoTags": [f"team/image{number}:1", f"team/image{number}:latest"],
            "RepoDigests": [f"team/image{number}@sha256:{number:064x}"],
        }
        for number in range(count)
    ]
    return json.dumps(entries).encode()


def files(count: int) -> FilesRead:
    """Write the databases of an image with so many packages of each kind, with long descriptions."""
    description = b"\n\n" + b"All work and no play makes Jack a dull boy.\n" * 2000
    folder = "usr/local/lib/python3.12/site-packages"
    python = {f"{folder}/p{n}-1.dist-info/METADATA": b"Name: p%d\nVersion: 1\n" % n + description for n in range(count)}
    package = "Package: p{}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1"
    status = "\n\n".join(package.format(number) for number in range(count)).encode()
    return FilesRead({**python, "var/lib/dpkg/status": status})


def timed(what: str, act: Callable[[], object]) -> None:
    """Do it many times, and print how long it took."""
    taken = []
    for _ in range(TIMES):
        start = perf_counter()
        act()
        taken.append(1000 * (perf_counter() - start))
    print(f"{what}: median {median(taken):.0f} ms, slowest {max(taken):.0f} ms")


def main() -> None:
    """Measure and print."""
    answer, packed = listed(5_000), files(500)
    images = listing_in(answer)
    timed("a list of 5,000 images", lambda: listing_in(answer))
    timed("its first page", lambda: page_of(images, Query()))
    timed("its last page", lambda: page_of(images, Query(page=10_000)))
    timed("a filter", lambda: page_of(images, Query(text="image42", made_here=True)))
    timed("500 distributions and OS packages", lambda: inventory_in(packed))


if __name__ == "__main__":
    main()
