"""How two inventories differ, and how that is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.inventory.difference import as_text, as_text_inventory, difference
from commands.model.packages import Change, Difference, Inventory, PackageChanges

DEBIAN = Inventory({"mechanize": "0.4.8", "six": "1.16.0"}, {"curl": "7.88.1-10", "tzdata": "2024a"}, "dpkg")
NEWER = Inventory(
    {"mechanize": "0.4.9", "lxml": "5.2.0", "html5lib": "1.1"}, {"curl": "7.88.1-12", "wget": "1.21.3-1"}, "dpkg"
)
ALPINE = Inventory({}, {"curl": "8.5.0-r0"}, "apk")
BARE = Inventory({"six": "1.16.0"}, None)

NO_CHANGE = PackageChanges()


def test_an_upgrade_is_a_change_and_everything_is_sorted_by_name() -> None:
    assert difference(DEBIAN, NEWER, size=-7) == Difference(
        size=-7,
        python=PackageChanges(
            added=("html5lib 1.1", "lxml 5.2.0"),
            removed=("six 1.16.0",),
            changed=(Change("mechanize", "0.4.8", "0.4.9"),),
        ),
        os_packages=PackageChanges(
            added=("wget 1.21.3-1",),
            removed=("tzdata 2024a",),
            changed=(Change("curl", "7.88.1-10", "7.88.1-12"),),
        ),
    )


def test_a_version_that_came_beside_another_is_a_change() -> None:
    before, after = Inventory({"six": "1.15"}, {}, "apk"), Inventory({"six": "1.15, 1.16"}, {}, "apk")

    assert difference(before, after, size=0).python == PackageChanges(changed=(Change("six", "1.15", "1.15, 1.16"),))


@pytest.mark.parametrize(
    ("before", "after", "gap"),
    [
        (BARE, DEBIAN, "The older image has no package database (dpkg or apk), so OS packages cannot be compared."),
        (DEBIAN, BARE, "The newer image has no package database (dpkg or apk), so OS packages cannot be compared."),
        (BARE, BARE, "Neither image has a package database (dpkg or apk), so OS packages cannot be compared."),
    ],
)
def test_without_a_package_database_it_is_said_which_image_lacks_it(
    before: Inventory, after: Inventory, gap: str
) -> None:
    found = difference(before, after, size=0)

    assert (found.os_packages, found.gaps) == (None, (gap,))


def test_an_image_that_was_read_in_part_is_not_said_to_have_no_database() -> None:
    partly = Inventory({}, None, gap="It took too long.")

    assert difference(partly, DEBIAN, size=0).gaps == (
        "Older image: It took too long.",
        (
            "The older image has no package database (dpkg or apk) that could be read, "
            "so OS packages cannot be compared."
        ),
    )


def test_another_distribution_is_compared_and_told_of() -> None:
    found = difference(DEBIAN, ALPINE, size=0)

    assert found.os_packages == PackageChanges(
        removed=("tzdata 2024a",), changed=(Change("curl", "7.88.1-10", "8.5.0-r0"),)
    )
    (gap,) = found.gaps
    assert gap == (
        "The older image has packages of dpkg, the newer one of apk: it is another distribution, "
        "where the same name can mean another package."
    )


@pytest.mark.parametrize(
    ("before", "after", "gaps"),
    [
        ("A.", "", ("Older image: A.",)),
        ("", "B.", ("Newer image: B.",)),
        ("A.", "B.", ("Older image: A.", "Newer image: B.")),
        ("A.", "A.", ("Both images: A.",)),
    ],
)
def test_gaps_say_whose_they_are(before: str, after: str, gaps: tuple[str, ...]) -> None:
    assert difference(Inventory({}, {}, "apk", before), Inventory({}, {}, "apk", after), size=0).gaps == gaps


PACKAGES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "1, 2"]))
INVENTORIES = st.builds(
    lambda python, os_packages: Inventory(python, os_packages, "" if os_packages is None else "dpkg"),
    PACKAGES,
    st.none() | PACKAGES,
)


@given(INVENTORIES)
def test_an_image_does_not_differ_from_itself(one: Inventory) -> None:
    found = difference(one, one, size=0)

    assert not found.python
    assert not found.os_packages


@given(INVENTORIES, INVENTORIES)
def test_the_way_back_is_the_mirror_of_the_way_there(before: Inventory, after: Inventory) -> None:
    there, back = difference(before, after, size=3), difference(after, before, size=-3)

    assert back.python == mirrored(there.python)
    assert back.os_packages == (None if there.os_packages is None else mirrored(there.os_packages))


def mirrored(changes: PackageChanges) -> PackageChanges:
    back = tuple(Change(change.name, change.after, change.before) for change in changes.changed)
    return PackageChanges(added=changes.removed, removed=changes.added, changed=back)


@given(PACKAGES, PACKAGES)
def test_every_package_that_differs_is_told_exactly_once(before: dict[str, str], after: dict[str, str]) -> None:
    found = difference(Inventory(before, {}, "apk"), Inventory(after, {}, "apk"), size=0).python

    listed = [package.split()[0] for package in (*found.added, *found.removed)]
    told = [*listed, *(change.name for change in found.changed)]
    assert sorted(told) == sorted(name for name in before | after if before.get(name) != after.get(name))


# --- as text


def test_a_difference_is_written_in_full() -> None:
    assert as_text(difference(DEBIAN, NEWER, size=0), "my/tool:1.1", "my/tool:1.2") == (
        "What changed from my/tool:1.1 to my/tool:1.2\n"
        "\n"
        "Python packages: 1 changed, 2 added, 1 removed\n"
        "\n"
        "  changed:\n"
        "    mechanize 0.4.8 → 0.4.9\n"
        "\n"
        "  added:\n"
        "    html5lib 1.1\n"
        "    lxml 5.2.0\n"
        "\n"
        "  removed:\n"
        "    six 1.16.0\n"
        "\n"
        "OS packages: 1 changed, 1 added, 1 removed\n"
        "\n"
        "  changed:\n"
        "    curl 7.88.1-10 → 7.88.1-12\n"
        "\n"
        "  added:\n"
        "    wget 1.21.3-1\n"
        "\n"
        "  removed:\n"
        "    tzdata 2024a\n"
    )


def test_what_does_not_differ_and_what_is_not_compared_is_said() -> None:
    assert as_text(difference(BARE, BARE, size=0), "a:1", "a:2") == (
        "What changed from a:1 to a:2\n"
        "\n"
        "Python packages: no difference\n"
        "\n"
        "OS packages: not compared\n"
        "\n"
        "Notes:\n"
        "  Neither image has a package database (dpkg or apk), so OS packages cannot be compared.\n"
    )


def test_an_inventory_is_written_in_full() -> None:
    assert as_text_inventory(DEBIAN, "my/tool:1.1") == (
        "What is installed in my/tool:1.1\n"
        "\n"
        "Python packages: 2\n"
        "  mechanize 0.4.8\n"
        "  six 1.16.0\n"
        "\n"
        "OS packages (dpkg): 2\n"
        "  curl 7.88.1-10\n"
        "  tzdata 2024a\n"
    )


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ("", "OS packages: the image has no package database (dpkg or apk)\n"),
        (
            "It took too long.",
            (
                "OS packages: the image has no package database (dpkg or apk) that could be read\n"
                "\n"
                "Notes:\n"
                "  It took too long.\n"
            ),
        ),
    ],
)
def test_an_inventory_without_a_database_says_so(gap: str, words: str) -> None:
    assert as_text_inventory(Inventory({}, None, gap=gap), "a:1") == (
        f"What is installed in a:1\n\nPython packages: 0\n\n{words}"
    )
