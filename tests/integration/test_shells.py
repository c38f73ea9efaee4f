"""Shells of the completion tests, on machines that cannot fetch them."""

from pathlib import Path

import pytest

from controlplane import shells


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all programs of a machine, which has none, and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def add_program(machine: Path, name: str, script: str = "exit 1") -> Path:
    program = machine / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("apt_get", "reason"),
    [
        pytest.param(None, "No such file or directory: 'apt-get'", id="no apt-get"),
        pytest.param(
            "echo 'E: Unable to locate package fish' >&2; exit 100",
            "E: Unable to locate package fish",
            id="apt-get fails",
        ),
    ],
)
def test_machine_that_cannot_fetch_shells_prints_why(
    machine: Path, apt_get: str | None, reason: str
) -> None:
    if apt_get is not None:
        add_program(machine, "apt-get", apt_get)
    lines: list[str] = []
    shells.fetch(lines.append)

    assert lines[-1].startswith("Not fetched, so their tests are skipped:")
    assert reason in lines[-1]
    assert [shells.program(name) for name in shells.PACKAGES] == [None, None]


def test_installed_shells_are_not_fetched(machine: Path) -> None:
    installed = [add_program(machine, name) for name in shells.PACKAGES]
    lines: list[str] = []
    shells.fetch(lines.append)

    assert lines == []
    assert [shells.program(name) for name in shells.PACKAGES] == installed
