"""Shell completion in bash and through kubectl."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support.live_cluster import World, a_grant, after

SCRIPTS = Path(sys.executable).parent
PRESS_TAB = """
source <(argogrant completion bash)
COMP_WORDS=(argogrant {words}) COMP_CWORD={last}
_argogrant_completion argogrant
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def environment(world: World) -> dict[str, str]:
    """Environment of a shell, with one grant in the namespace."""
    world.apply(a_grant("alice-deploys", expiresAt=after(600)))
    return surroundings(world.plane)


def surroundings(plane: ControlPlane) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        "KUBECONFIG": str(plane.kubeconfig(context_namespace="argogrant")),
    }


def said(command: list[str], environment: dict[str, str]) -> list[str]:
    answer = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


def test_bash_completes_the_name_of_a_grant(environment: dict[str, str]) -> None:
    script = PRESS_TAB.format(words="show ali", last=2)

    assert said(["bash", "-c", script], environment) == ["alice-deploys"]


def test_kubectl_completes_the_name_of_a_grant(environment: dict[str, str]) -> None:
    words = ["kubectl", "__complete", "argogrant", "show", "ali"]

    assert said(words, environment)[:2] == ["alice-deploys", ":4"]


def test_kubectl_runs_the_plugin(environment: dict[str, str]) -> None:
    words = ["kubectl", "argogrant", "list", "-o", "name"]

    assert said(words, environment) == ["accessgrant.argogrant.dev/alice-deploys"]
