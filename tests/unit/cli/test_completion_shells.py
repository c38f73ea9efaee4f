"""Completion in real shells, in which colons and quotes separate words."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane import programs as control_plane
from controlplane import shells
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
    "fish": ["--no-config", "-i"],
}
SET_UP = {
    "bash": "bind 'set enable-bracketed-paste off';"
    " source <(argogrant completion bash)",
    "zsh": "autoload -U compinit && compinit -u -D; source <(argogrant completion zsh)",
    "fish": "set -g fish_autosuggestion_enabled 0; argogrant completion fish | source",
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
    pytest.param("show 'b", "show 'bob' ", id="in an open quote"),
    pytest.param(
        "request --role 'role:a",
        "request --role 'role:admin' ",
        id="in an open quote, after a colon",
    ),
    pytest.param(
        "list --kubeconfig conf", "list --kubeconfig config.yaml ", id="a file"
    ),
    pytest.param(
        "list --kubeconfig=conf",
        "list --kubeconfig=config.yaml ",
        id="a file after an equals sign",
    ),
    pytest.param(
        "list --kubeconfig ~/conf",
        "list --kubeconfig ~/config.yaml ",
        id="a file in the home folder",
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
    (folder / "config.yaml").touch()
    return folder


def program(name: str) -> Path:
    """Return a shell, or skip the test."""
    found = shells.program(name)
    if found is None:
        pytest.skip(
            f"{name} is not installed, and `{control_plane.BUILD_COMMAND}` could not "
            f"fetch it"
        )
    return found


@contextmanager
def started(
    name: str, programs: Path, set_up: str | None = None
) -> Iterator[InteractiveShell]:
    """Run a shell in the folder of its programs meanwhile."""
    command = [str(program(name)), *START[name]]
    with InteractiveShell(command, programs).started() as shell:
        shell.run(f"cd; {set_up or SET_UP[name]}")
        yield shell


@pytest.fixture(scope="module", params=list(START))
def shell(request: pytest.FixtureRequest, programs: Path) -> Iterator[InteractiveShell]:
    """An interactive shell that has loaded the script."""
    with started(request.param, programs) as shell:
        yield shell


@pytest.mark.parametrize(("typed", "line"), LINES)
def test_tab_completes(shell: InteractiveShell, typed: str, line: str) -> None:
    # zsh adds the space that follows a whole word when the next one is typed.
    assert (
        shell.press_tab(f"argogrant {typed}").rstrip() == f"argogrant {line}".rstrip()
    )


def test_zsh_loads_script_from_function_path(programs: Path) -> None:
    """zsh reads the script as the body of a function when it is first needed."""
    functions = programs / "functions"
    functions.mkdir()
    set_up = (
        "argogrant completion zsh > functions/_argogrant; "
        "fpath=(~/functions $fpath); autoload -U compinit && compinit -u -D"
    )
    with started("zsh", programs, set_up) as shell:
        assert shell.press_tab("argogrant show b").rstrip() == "argogrant show bob"


def test_zsh_lists_descriptions(programs: Path) -> None:
    with started("zsh", programs) as shell:
        shell.type("argogrant rev\t")

        shell.sees("revoke  -- Revoke grants at once and permanently.")
        shell.sees("review  -- List access that came back without a grant.")


def offered_by_fish(programs: Path, typed: str) -> list[str]:
    """Return the lines that fish offers after Tab."""
    script = f'argogrant completion fish | source; complete -C "argogrant {typed}"'
    shown = subprocess.run(
        [program("fish"), "--no-config", "-c", script],
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(programs),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.splitlines()


def test_fish_offers_descriptions(programs: Path) -> None:
    assert offered_by_fish(programs, "rev") == [
        "revoke\tRevoke grants at once and permanently.",
        "review\tList access that came back without a grant.",
    ]


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
            "request --role ",
            ["role:admin", "role:reader", "deployer", "proj:team-a:deployer"],
            id="all roles, in their order",
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
    offered = offered_by_fish(programs, typed)

    assert [line.partition("\t")[0] for line in offered] == words
