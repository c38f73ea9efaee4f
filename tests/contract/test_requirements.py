"""Pinned requirements: what ``pyproject.toml`` needs on any platform, and no more."""

import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = PROJECT["project"]["dependencies"]
FILES = {
    "requirements.txt": DEPENDENCIES,
    "requirements-dev.txt": [*DEPENDENCIES, *PROJECT["dependency-groups"]["dev"]],
}
PLATFORMS = (
    {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"},
    {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"},
    {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"},
)
PYTHONS = (
    {"python_version": "3.11", "python_full_version": "3.11.0"},
    {"python_version": "3.14", "python_full_version": "3.14.0"},
)
COMPILE = "Run `make requirements`."


def pins(text: str) -> list[Requirement]:
    """Return the pinned requirements of a file, without their hashes."""
    return [
        Requirement(line.removesuffix("\\"))
        for line in text.splitlines()
        if line and not line.startswith((" ", "#"))
    ]


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in requirements}


def needed(direct: Sequence[str]) -> set[str]:
    """Return the distributions that requirements need, and those that these need.

    The metadata of the installed distributions say what each needs. One that another
    platform needs is often not installed here, and counts without what it needs.
    """
    queue = [Requirement(one) for one in direct]
    seen: set[tuple[str, str]] = set()
    while queue:
        one = queue.pop()
        name = canonicalize_name(one.name)
        for extra in {"", *one.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                queue += dependencies(name, extra)
    return {name for name, _ in seen}


def dependencies(name: str, extra: str) -> list[Requirement]:
    """Return what a distribution needs for itself or for one of its extras."""
    try:
        texts = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    return [one for one in map(Requirement, texts) if applies(one, extra)]


def applies(requirement: Requirement, extra: str) -> bool:
    """Return whether a platform or a version of Python has a requirement."""
    return requirement.marker is None or any(
        requirement.marker.evaluate({**platform, **python, "extra": extra})
        for platform, python in product(PLATFORMS, PYTHONS)
    )


@pytest.mark.parametrize("file", FILES)
def test_pin_without_a_dependent_is_absent(file: str) -> None:
    pinned = names(pins((ROOT / file).read_text()))

    assert pinned - needed(FILES[file]) == set(), COMPILE


@pytest.mark.parametrize("file", FILES)
def test_every_needed_distribution_is_pinned(file: str) -> None:
    pinned = names(pins((ROOT / file).read_text()))

    assert needed(FILES[file]) - pinned == set(), COMPILE


@pytest.mark.parametrize("file", FILES)
def test_pin_is_a_version_that_the_project_accepts(file: str) -> None:
    accepted = {
        canonicalize_name(one.name): one.specifier
        for one in map(Requirement, FILES[file])
    }
    refused = [
        str(pin)
        for pin in pins((ROOT / file).read_text())
        for specifier in pin.specifier
        if not accepted.get(canonicalize_name(pin.name), pin.specifier).contains(
            specifier.version
        )
    ]

    assert refused == [], COMPILE


def test_operator_and_its_tests_have_the_same_pins() -> None:
    own, tested = (
        {str(pin) for pin in pins((ROOT / file).read_text())} for file in FILES
    )

    assert own - tested == set(), COMPILE


@pytest.mark.parametrize("file", FILES)
def test_requirements_name_no_registry(file: str) -> None:
    text = (ROOT / file).read_text()

    assert [word for word in ("://", "index-url", "find-links") if word in text] == []


def test_removed_dependency_leaves_pins_that_the_check_finds() -> None:
    """These are kopf, and what only kopf needs."""
    others = [one for one in DEPENDENCIES if not one.startswith("kopf")]
    pinned = names(pins((ROOT / "requirements.txt").read_text()))

    assert pinned - needed(others) == {
        "kopf",
        "iso8601",
        "jsonpatch",
        "jsonpointer",
        "python-json-logger",
    }
