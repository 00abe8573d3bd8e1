"""Specifications for the tests of what an image is made from."""

from commands.model.images import BaseImage, Digest, ImageId, ImageSpec, PackageManager, Platform, PythonRuntime
from commands.model.packages import LockedPackage, OsPackage, PythonRequirement
from commands.model.references import Reference
from tests.fakes.files import a_source, a_wheel

BASE_ID = ImageId("sha256:" + "b" * 64)
DIGEST = Digest("sha256:" + "d" * 64)
REFERENCE = Reference("demisto/python3-deb", "3.12.13.1")


def a_base(
    *,
    reference: Reference = REFERENCE,
    digest: Digest | None = None,
    user: str = "",
    executable: str = "/usr/bin/python3",
    package_manager: PackageManager | None = PackageManager.APT,
    architecture: str = "amd64",
) -> BaseImage:
    return BaseImage(
        reference=reference,
        image_id=BASE_ID,
        digest=digest,
        python=PythonRuntime("3.12.13", executable, "glibc", "2.36"),
        package_manager=package_manager,
        user=user,
        platform=Platform("linux", architecture),
        layers=(),
    )


def a_package(name: str, version: str = "1.0", *, requested: bool = True) -> LockedPackage:
    return LockedPackage(name, version, a_wheel(name, version), requested)


def a_source_package(name: str, version: str = "1.0", *, requested: bool = True) -> LockedPackage:
    """Give a package that has to be built, by setuptools."""
    needs = (a_wheel("setuptools", "80.9.0"), a_wheel("wheel", "0.45.1"))
    return LockedPackage(name, version, a_source(name, version), requested, needs)


def a_spec(
    *,
    name: str = "example_name",
    tag: str = "1.0.0.1700000000",
    base: BaseImage | None = None,
    requirements: tuple[str, ...] | None = None,
    locked: tuple[LockedPackage, ...] = (
        LockedPackage("html5lib", "1.1", a_wheel("html5lib", "1.1"), requested=False),
        LockedPackage("mechanize", "0.4.10", a_wheel("mechanize", "0.4.10"), requested=True),
    ),
    os_packages: tuple[OsPackage, ...] = (OsPackage("wget"),),
) -> ImageSpec:
    asked = requirements if requirements is not None else tuple(one.name for one in locked if one.requested)
    return ImageSpec(
        name=name,
        tag=tag,
        base=base or a_base(),
        requirements=tuple(PythonRequirement(one) for one in asked),
        locked=locked,
        os_packages=os_packages,
    )
