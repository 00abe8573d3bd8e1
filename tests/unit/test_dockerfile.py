import io
import re
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.model.images import ImageId, ImageSpec, PackageManager
from commands.model.packages import LockedPackage, OsPackage
from commands.model.references import Reference
from commands.recipe.context import context_for
from commands.recipe.dockerfile import write_dockerfile
from tests.kit.build_specs import BASE_ID, DIGEST, a_base, a_package, a_source_package, a_spec

UV = "warroom.invalid/uv:1.2.3-amd64"

SEED = """\
# Which packages: os/os-packages.txt and python/*.txt, beside this file.
FROM demisto/python3-deb:3.12.13.1

# Installing takes root.
USER root

# The installer reads the names from a file. apt.conf keeps lists, downloads and logs out of the image,
# and works beside the docker-clean settings of Debian's own images.
RUN --mount=type=bind,source=os,target=/mnt \\
    --mount=type=cache,id=warroom-2-apt-lists-BASE,target=/mnt/lists,sharing=private \\
    --mount=type=cache,id=warroom-2-apt-cache-BASE,target=/mnt/cache,sharing=private \\
    export DEBIAN_FRONTEND=noninteractive \\
    && apt-get -c /mnt/apt.conf update \\
    && xargs apt-get -c /mnt/apt.conf install -y --no-install-recommends -- < /mnt/os-packages.txt

# Exactly the locked files, each checked against its hash. They, and uv from an image of its own, are
# mounted and do not stay. Then bytecode, so that modules import fast for users who cannot write it.
# This step runs no code of any package.
RUN --mount=type=bind,source=python,target=/mnt \\
    --mount=type=bind,from=warroom.invalid/uv:1.2.3-amd64,target=/mnt/uv \\
    folders=$(/usr/bin/python3 -I /mnt/folders.py) \\
    && export TMPDIR=$(mktemp -d) \\
    && NO_COLOR=1 \\
    /mnt/uv/uv --no-config pip install --offline --no-index --find-links /mnt/files --no-cache \\
    --python /usr/bin/python3 --break-system-packages \\
    --no-deps --require-hashes --no-build -r /mnt/wheels.txt \\
    && /usr/bin/python3 -I -S /mnt/compile.py "$folders" \\
    && rm -r "$TMPDIR"

# What has no wheel. Code of these packages runs here; what they need to be built is mounted with them, and
# there is neither login nor cache.
RUN --mount=type=bind,source=python,target=/mnt \\
    --mount=type=bind,from=warroom.invalid/uv:1.2.3-amd64,target=/mnt/uv \\
    export SSL_CERT_FILE=/mnt/ca-bundle.crt; \\
    folders=$(/usr/bin/python3 -I /mnt/folders.py) \\
    && export TMPDIR=$(mktemp -d) \\
    && NO_COLOR=1 \\
    /mnt/uv/uv --no-config pip install --offline --no-index --find-links /mnt/files --no-cache \\
    --python /usr/bin/python3 --break-system-packages \\
    --no-deps --require-hashes -r /mnt/sources.txt \\
    && /usr/bin/python3 -I -S /mnt/compile.py "$folders" \\
    && rm -r "$TMPDIR"

# As the base has it.
USER demisto

# How the image can tell its own name.
ENV DOCKER_IMAGE=example_name:1.0.0.1700000000
""".replace("BASE", BASE_ID.removeprefix("sha256:"))
LOCKED = (*a_spec().locked, a_source_package("docopt", "0.6.2"))


def test_the_seeds_example_is_readable_from_top_to_bottom() -> None:
    recipe = write_dockerfile(a_spec(base=a_base(user="demisto"), locked=LOCKED), uv_image=UV, ca_bundle=True)
    assert recipe.text == SEED
    assert recipe.steps == (
        "Base demisto/python3-deb:3.12.13.1",
        "OS packages: wget",
        "Python packages: 2",
        "Build from source: docopt",
    )


def test_triggers_of_the_base_are_steps_after_the_base() -> None:
    base = replace(a_base(), on_build=("ENV A=1", "RUN  make\tall", "WORKDIR /srv"))

    recipe = write_dockerfile(a_spec(base=base, locked=()), uv_image=UV)

    assert recipe.steps == (
        "Base demisto/python3-deb:3.12.13.1",
        "Trigger of the base: RUN make all",
        "Trigger of the base: WORKDIR /srv",
        "OS packages: wget",
    )
    assert not any("make" in line for line in instructions(recipe.text))


def test_nothing_to_install_leaves_a_base_with_a_name() -> None:
    recipe = write_dockerfile(a_spec(locked=(), os_packages=(), base=a_base(user="demisto")), uv_image=UV)
    assert instructions(recipe.text) == [
        "FROM demisto/python3-deb:3.12.13.1",
        "ENV DOCKER_IMAGE=example_name:1.0.0.1700000000",
    ]
    assert recipe.steps == ("Base demisto/python3-deb:3.12.13.1",)


def test_the_base_is_pinned_by_digest_where_it_has_one() -> None:
    recipe = write_dockerfile(a_spec(base=a_base(digest=DIGEST)), uv_image=UV)
    assert f"FROM demisto/python3-deb@{DIGEST}" in instructions(recipe.text)


def test_a_registry_with_a_port_stands_in_from() -> None:
    base = a_base(reference=Reference("registry.example:5000/team/x", "1"))
    assert "FROM registry.example:5000/team/x:1" in write_dockerfile(a_spec(base=base), uv_image=UV).text


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "root:root"])
def test_a_base_that_runs_as_root_needs_no_user_lines(user: str) -> None:
    assert "USER" not in write_dockerfile(a_spec(base=a_base(user=user)), uv_image=UV).text


@pytest.mark.parametrize("user", ["demisto", "1000", "1000:1000", "www-data:www-data", "app_1"])
def test_the_bases_user_comes_back_after_the_installations(user: str) -> None:
    lines = instructions(write_dockerfile(a_spec(base=a_base(user=user)), uv_image=UV).text)
    assert [line for line in lines if line.startswith("USER")] == ["USER root", f"USER {user}"]
    assert lines.index(f"USER {user}") > max(place for place, line in enumerate(lines) if line.startswith("RUN"))


def test_the_name_that_differs_each_time_stands_last_so_that_everything_before_it_is_cached() -> None:
    one = write_dockerfile(a_spec(tag="1.0.0.1"), uv_image=UV).text
    other = write_dockerfile(a_spec(tag="1.0.0.2"), uv_image=UV).text
    assert one.replace("1.0.0.1", "1.0.0.2") == other
    assert instructions(one)[:-1] == instructions(other)[:-1]


def test_os_packages_come_before_python_packages() -> None:
    text = write_dockerfile(a_spec(), uv_image=UV).text
    assert text.index("< /mnt/os-packages.txt") < text.index("-r /mnt/wheels.txt")


def test_alpines_installer_reads_the_same_list() -> None:
    base = a_base(package_manager=PackageManager.APK)
    assert (
        "RUN --mount=type=bind,source=os,target=/mnt"
        " --mount=type=cache,id=warroom-2-apk-" + "b" * 64 + ",target=/mnt/cache,sharing=private"
        " export SSL_CERT_FILE=/mnt/ca-bundle.crt SSL_CA_CERT_FILE=/mnt/ca-bundle.crt;"
        " apk update --cache-dir /mnt/cache --no-progress"
        " && xargs apk add --cache-dir /mnt/cache --no-progress < /mnt/os-packages.txt"
    ) in instructions(write_dockerfile(a_spec(base=base, locked=()), uv_image=UV, ca_bundle=True).text)


def test_alpines_installer_adds_nothing_when_a_list_was_not_fetched() -> None:
    base = a_base(package_manager=PackageManager.APK)
    text = write_dockerfile(a_spec(base=base, locked=()), uv_image=UV).text
    update, also, add = re.split(r"\s(&&)\s", text[text.index("apk update") :])
    assert (update.split()[:2], also, add.split()[:3]) == (["apk", "update"], "&&", ["xargs", "apk", "add"])
    assert "--update-cache" not in text


def test_os_packages_without_an_installer_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no package manager"):
        write_dockerfile(a_spec(base=a_base(package_manager=None)), uv_image=UV)


def test_without_a_bundle_nothing_is_said_about_certificates() -> None:
    assert "ca-bundle" not in write_dockerfile(a_spec(), uv_image=UV).text


def test_no_python_step_has_a_login_an_index_or_a_cache() -> None:
    steps = python_steps(a_spec(locked=LOCKED))
    assert len(steps) == 2
    for step in steps:
        assert "uv --no-config pip install --offline --no-index --find-links /mnt/files --no-cache" in step
        assert "type=cache" not in step
        assert not re.search(r"(?<!--no-)index|https?:|ARG |\.toml", step)


def test_wheels_are_installed_without_running_code_of_theirs() -> None:
    wheels, sources = python_steps(a_spec(locked=LOCKED))
    assert "--no-build -r /mnt/wheels.txt" in wheels
    assert "-I -S /mnt/compile.py" in wheels
    assert wheels.index("/mnt/folders.py") < wheels.index("pip install")
    assert "--no-build" not in sources


@pytest.mark.parametrize(
    ("locked", "titles"),
    [
        ((a_package("six"),), ["Python packages: 1"]),
        ((a_source_package("docopt"),), ["Build from source: docopt"]),
        ((a_source_package("docopt"), a_package("six")), ["Python packages: 1", "Build from source: docopt"]),
        (tuple(a_source_package(f"p{n}") for n in range(6)), ["Build from source: p0, p1, p2, p3 and 2 more"]),
    ],
)
def test_there_is_a_step_for_wheels_and_one_for_sources_where_there_are_any(
    locked: tuple[LockedPackage, ...], titles: list[str]
) -> None:
    recipe = write_dockerfile(a_spec(locked=locked, os_packages=()), uv_image=UV)
    assert recipe.steps[1:] == tuple(titles)


@pytest.mark.parametrize("installer", [PackageManager.APT, PackageManager.APK])
def test_only_builds_on_the_very_same_image_share_a_cache(installer: PackageManager) -> None:
    def caches(digit: str) -> set[str]:
        base = replace(a_base(package_manager=installer), image_id=ImageId(f"sha256:{digit * 64}"))
        # As by its digest: what the tag or the digest says is not what the cache goes by.
        text = write_dockerfile(a_spec(base=replace(base, digest=DIGEST)), uv_image=UV).text
        found = set(re.findall(r"type=cache,id=(\S+?),", text))
        assert all(digit * 64 in one for one in found)
        return found

    assert caches("1")
    assert not caches("1") & caches("2")


@pytest.mark.parametrize("image_id", ["", "sha256:abc", "sha256:" + "a" * 64 + ",source=/", "b" * 64, "x"])
def test_an_odd_image_id_raises_instead_of_becoming_part_of_a_mount(image_id: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a Dockerfile"):
        write_dockerfile(a_spec(base=replace(a_base(), image_id=ImageId(image_id))), uv_image=UV)


def test_no_frontend_is_fetched_from_a_hub() -> None:
    assert "syntax=" not in write_dockerfile(a_spec(), uv_image=UV).text


def test_many_os_packages_make_a_short_title() -> None:
    packages = tuple(OsPackage(f"package{number}") for number in range(46))
    recipe = write_dockerfile(a_spec(os_packages=packages), uv_image=UV)
    assert recipe.steps[1] == "OS packages: package0, package1, package2, package3 and 42 more"


NAMES = st.from_regex(r"zz[a-z0-9]{4,20}", fullmatch=True)


@given(python=st.lists(NAMES, max_size=5, unique=True), os=st.lists(NAMES, max_size=5, unique=True))
def test_what_somebody_asked_for_never_stands_in_the_dockerfile(python: list[str], os: list[str]) -> None:
    spec = a_spec(
        locked=tuple(a_package(name) for name in python), os_packages=tuple(OsPackage(name, "1:2-3") for name in os)
    )
    recipe = write_dockerfile(spec, uv_image=UV)
    assert not [name for name in (*python, *os) if name in recipe.text]
    assert len(recipe.steps) == sum(line.startswith(("FROM", "RUN")) for line in instructions(recipe.text))


@given(wheels=st.booleans(), sources=st.booleans(), os=st.booleans(), ca=st.booleans(), apk=st.booleans())
def test_every_file_that_a_step_reads_is_in_the_context(
    *, wheels: bool, sources: bool, os: bool, ca: bool, apk: bool
) -> None:
    base = a_base(package_manager=PackageManager.APK if apk else PackageManager.APT)
    full = a_spec()
    locked = (full.locked if wheels else ()) + (LOCKED[-1:] if sources else ())
    spec = a_spec(base=base, locked=locked, os_packages=full.os_packages if os else ())
    recipe = write_dockerfile(spec, uv_image=UV, ca_bundle=ca)
    context = context_for(spec, recipe, ca_bundle=b"bundle" if ca else None)
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        present = set(archive.getnames())
    for step in instructions(recipe.text):
        if step.startswith("RUN"):
            (source,) = re.findall(r"source=(\w+)", step)
            read = {
                path.removeprefix("uv/") if path == "uv/uv" else path for path in re.findall(r"/mnt/([\w./-]+)", step)
            }
            assert {f"{source}/{path}" for path in read} <= present


HOSTILE = ["x\nRUN evil", "x y", "$(evil)", "x;evil", "x`evil`", "", "-x", "x\\", 'x"', "ｘ", "x\n"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_raises_instead_of_becoming_a_line(text: str) -> None:
    specs: list[tuple[ImageSpec, str]] = [
        (a_spec(name=text), UV),
        (a_spec(tag=text), UV),
        (a_spec(base=a_base(executable=text)), UV),
        (a_spec(base=a_base(reference=Reference(text, None))), UV),
        (a_spec(), text),
        *([(a_spec(base=a_base(user=text)), UV)] if text else []),
    ]
    for spec, uv_image in specs:
        with pytest.raises(ValueError, match="cannot stand in a Dockerfile"):
            write_dockerfile(spec, uv_image=uv_image)


@pytest.mark.parametrize(
    "path", ["/usr/bin/python3;x", "/usr/bin/python3 -c", "/usr/bin/", "/usr/$HOME/python", "/a\nb"]
)
def test_an_odd_path_of_python_raises(path: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a Dockerfile"):
        write_dockerfile(a_spec(base=a_base(executable=path)), uv_image=UV)


def python_steps(spec: ImageSpec) -> list[str]:
    text = write_dockerfile(spec, uv_image=UV, ca_bundle=True).text
    return [step for step in instructions(text) if "source=python" in step]


def instructions(text: str) -> list[str]:
    """Give a Dockerfile's instructions, one a line, without comments."""
    joined = re.sub(r" \\\n +", " ", text)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]
