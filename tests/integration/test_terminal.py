"""Commands on a real terminal, and completion in a real shell."""

import os
import sys
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from controlplane import ControlPlane
from support.live_cluster import World, a_grant, after, eventually
from support.terminal import (
    CTRL_C,
    InteractiveShell,
    run_on_terminal,
    started,
)
from support.typist import COMMAND, Typist

LONG = "team-a-production-deployer-of-the-payment-service-x7k2m"
OTHER = "team-a-production-deployer-of-the-payment-service-x7k2n"
SUBJECT = "山田太郎-with-a-long-name@example.com"


@pytest.fixture
def world_with_grants(world: World) -> World:
    for name in (LONG, OTHER):
        world.apply(a_grant(name, SUBJECT, expiresAt=after(600)))
    return world


@pytest.fixture
def surroundings(world_with_grants: World) -> dict[str, str]:
    plane: ControlPlane = world_with_grants.plane
    return {
        **{name: value for name, value in os.environ.items() if name != "COLUMNS"},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KUBECONFIG": str(plane.kubeconfig(context_namespace="argogrant")),
        "TERM": "xterm",
    }


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_names_are_whole_on_a_terminal(
    surroundings: dict[str, str], width: int
) -> None:
    status, screen = run_on_terminal([*COMMAND, "list"], surroundings, width=width)
    lines = click.unstyle(screen).splitlines()

    assert status == 0
    assert [line.split()[0] for line in lines] == ["NAME", LONG, OTHER]
    assert max(map(cell_len, lines)) <= max(
        width, len(LONG) + len("  Starting  in 9m59s")
    )


def test_first_ctrl_c_ends_a_question(surroundings: dict[str, str]) -> None:
    command = [*COMMAND, "deny", f"accessgrant/{LONG}"]
    with started(command, surroundings) as (terminal, process):
        terminal.sees("Deny this grant? [y/N]:")
        terminal.types(CTRL_C)

        assert process.wait(timeout=30) == 130
        assert "Traceback" not in terminal.text


def test_grant_is_chosen_by_its_number(
    world_with_grants: World, surroundings: dict[str, str]
) -> None:
    with started([*COMMAND, "revoke"], surroundings) as (terminal, process):
        terminal.sees("Number of the grant to revoke:")
        terminal.types("2\n")

        assert process.wait(timeout=30) == 0
        assert f"{OTHER} revoked" in terminal.sees(f"from {SUBJECT}")
    assert not world_with_grants.grant(LONG)["spec"].get("revoked")


def role_names(world: World) -> list[str]:
    """Roles that the API server lists in the status of the ArgoCDInstance."""
    roles = world.instance().get("status", {}).get("roles", [])
    return [role["name"] for role in roles]


def test_bash_completes_a_role_after_its_colon(world: World, tmp_path: Path) -> None:
    eventually(lambda: "role:deployer" in role_names(world), within=30)
    kubeconfig = world.plane.kubeconfig(context_namespace="argogrant")
    (tmp_path / "argogrant").symlink_to(Path(sys.executable).parent / "argogrant")
    bash = ["bash", "--norc", "--noprofile", "-i"]
    with InteractiveShell(
        bash, tmp_path, KUBECONFIG=str(kubeconfig)
    ).started() as shell:
        shell.run("source <(argogrant completion bash)")
        line = shell.press_tab("argogrant request --role role:depl")

    assert line == "argogrant request --role role:deployer "


def test_output_for_a_program_has_no_colour(world_with_grants: World) -> None:
    kubeconfig = world_with_grants.plane.kubeconfig(context_namespace="argogrant")
    listed = Typist(kubeconfig).does("list")

    assert "\x1b" not in listed
    assert LONG in listed
