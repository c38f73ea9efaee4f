"""Completion in real shells, in which colons and quotes separate words."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.terminal import InteractiveShell

WORLD = """
import sys
from argogrant.cli import object_names
ROLES = ["role:admin", "role:reader", "deployer", "proj:team-a:deployer"]
async def roles(_): return ROLES
async def names(*_): return ["alice-deploys", "alice-reads", "bob"]
object_names._roles, object_names._names = roles, names
from argogrant.cli.main import app
app()
"""
START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
}
SET_UP = {
    "bash": "bind 'set enable-bracketed-paste off';"
    " source <(argogrant completion bash)",
    "zsh": "autoload -U compinit && compinit -u -D; source <(argogrant completion zsh)",
}
LINES = [
    pytest.param("requ", "request ", id="a command"),
    pytest.param("list --all-n", "list --all-namespaces ", id="an option"),
    pytest.param("list -o y", "list -o yaml ", id="a value of an enumeration"),
    pytest.param("show b", "show bob ", id="the name of a grant"),
    pytest.param("revoke bob alice-r", "revoke bob alice-reads ", id="a second grant"),
    pytest.param(
        "request --role role:a", "request --role role:admin ", id="after a colon"
    ),
    pytest.param(
        "request --role r", "request --role role:", id="up to what two roles share"
    ),
    pytest.param(
        "request --role role:", "request --role role:", id="a colon, and two roles"
    ),
    pytest.param(
        "request --role proj:team-a:d",
        "request --role proj:team-a:deployer ",
        id="after two colons",
    ),
    pytest.param(
        "request --role=role:r",
        "request --role=role:reader ",
        id="after an equals sign and a colon",
    ),
    pytest.param("request --role=d", "request --role=deployer ", id="an equals sign"),
    pytest.param(
        "request --reason 'a b' --role role:r",
        "request --reason 'a b' --role role:reader ",
        id="after a quoted word",
    ),
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command, which knows some grants and roles."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "world.py").write_text(WORLD)
    command = folder / "argogrant"
    command.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {folder / "world.py"} "$@"\n'
    )
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="module", params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest, programs: Path) -> Iterator[InteractiveShell]:
    """An interactive shell that has loaded the script."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    command = [program, *START[request.param]]
    with InteractiveShell(command, programs).started() as shell:
        shell.run(SET_UP[request.param])
        yield shell


@pytest.mark.parametrize(("typed", "line"), LINES)
def test_tab_completes(shell: InteractiveShell, typed: str, line: str) -> None:
    # zsh adds the space that follows a whole word when the next one is typed.
    assert (
        shell.press_tab(f"argogrant {typed}").rstrip() == f"argogrant {line}".rstrip()
    )


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param("requ", ["request"], id="a command"),
        pytest.param("list --all-n", ["--all-namespaces"], id="an option"),
        pytest.param("show b", ["bob"], id="the name of a grant"),
        pytest.param("request --role role:a", ["role:admin"], id="after a colon"),
        pytest.param(
            "request --role role:", ["role:admin", "role:reader"], id="two roles"
        ),
        pytest.param(
            "request --role=role:r", ["--role=role:reader"], id="after an equals sign"
        ),
        pytest.param(
            "request --reason 'a b' --role proj:team-a:d",
            ["proj:team-a:deployer"],
            id="after a quoted word and two colons",
        ),
    ],
)
def test_fish_offers_whole_words(typed: str, words: list[str], programs: Path) -> None:
    """fish prints what it offers after Tab."""
    program = shutil.which("fish")
    if program is None:
        pytest.skip("fish is not installed")
    script = f'argogrant completion fish | source; complete -C "argogrant {typed}"'
    shown = subprocess.run(
        [program, "--no-config", "-c", script],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.partition("\t")[0] for line in shown.stdout.splitlines()] == words
