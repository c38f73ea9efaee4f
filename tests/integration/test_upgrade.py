"""An upgrade from an operator that bound for every namespace that it served."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from support import doc_pages, operator_process, two_namespaces
from support.live_cluster import (
    INSTANCE,
    OVERLAY,
    RIGHTS,
    RULES,
    World,
    a_grant,
    eventually,
)
from support.two_namespaces import (
    IN_PROJECT,
    SERVED,
    TEAM,
    in_namespace,
    team_grant,
    team_instance,
    team_says,
)

PAGE = doc_pages.ROOT / "docs/how-to/upgrade.md"
OPTIONS = (*operator_process.FREQUENT_RESYNCS, *SERVED)
OTHER_ARGOCD = "argocd-a"
"""Namespace of an Argo CD of which only the ConfigMap exists."""


def documented_command() -> list[str]:
    """Return the arguments of the command that names the namespaces."""
    (text,) = (
        block.text
        for block in doc_pages.blocks_of(PAGE, PAGE.read_text())
        if "annotate" in block.text
    )
    return shlex.split(text)[1:]


def written(world: World) -> tuple[Any, ...]:
    """Return what gives access: both managed keys, and the AppProject."""
    return world.overlay(), other_key(world), world.appproject("team-a")


def other_key(world: World) -> str:
    found = world.plane.api(OTHER_ARGOCD).find(
        "configmap", "argocd-rbac-cm", namespace=OTHER_ARGOCD
    )
    text: str = (found or {})["data"].get(OVERLAY, "")
    return text


def install_other_argocd(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", OTHER_ARGOCD, check=False)
    metadata = {"name": "argocd-rbac-cm", "namespace": OTHER_ARGOCD}
    plane.apply(
        *(
            in_namespace(OTHER_ARGOCD, b)
            for b in yaml.safe_load_all(RIGHTS.read_text())
        ),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"policy.csv": RULES},
        },
        {
            **INSTANCE,
            "metadata": {"name": "other", "namespace": "argogrant"},
            "spec": {"namespace": OTHER_ARGOCD},
        },
    )


@pytest.fixture
def former(installed: ControlPlane, tmp_path: Path) -> Iterator[World]:
    """Bindings of two namespaces as an earlier operator left them.

    It wrote the same texts, and knew no annotation.
    """
    world = World(installed)
    install_other_argocd(installed)
    with two_namespaces.installed(installed):
        bind_in_both(world, tmp_path)
        yield world


def bind_in_both(world: World, folder: Path) -> None:
    world.reset()
    world.allow(TEAM)
    world.apply(
        team_instance(bindProjectRolesIn="AppProject"),
        team_grant("global", "carol"),
        team_grant("member", "erin", role=IN_PROJECT),
        a_grant("own", instance="other"),
    )
    with operator_process.running(world.plane, folder / "former.log", *OPTIONS):
        world.wait_until_bound("own")
        for name in ("global", "member"):
            eventually(
                lambda name=name: team_says(world, "accessgrant", name)[0] == "Bound",
                within=30,
            )
    world.allow(None)


def test_documented_command_before_an_upgrade_keeps_all_access(
    former: World, tmp_path: Path
) -> None:
    """What it keeps goes without it, and the page's other command shows that."""
    before = written(former)
    assert "g, carol, role:deployer" in before[0]
    assert "g, alice, role:deployer" in before[1]
    assert former.may_sync("carol")
    assert former.may_sync("erin")
    former.plane.kubectl(*documented_command())
    former.log = tmp_path / "operator.log"
    with operator_process.running(former.plane, former.log, *OPTIONS):
        former.wait_for_resyncs()
        assert written(former) == before
        assert team_says(former)[0] == "Converged"

        former.allow(None)
        eventually(lambda: not former.may_sync("carol"), within=10)
        eventually(lambda: not former.may_sync("erin"), within=10)
        wide = ("get", "argocdinstances", "--all-namespaces", "-o", "wide")
        eventually(
            lambda: "allowed-namespaces" in former.plane.kubectl(*wide).stdout,
            within=30,
        )
        assert other_key(former) == before[1]

        former.plane.kubectl(*documented_command())
        eventually(lambda: former.may_sync("carol"), within=30)
        eventually(lambda: former.may_sync("erin"), within=30)
        two_namespaces.remove_team(former.plane)
        former.ours("delete", "argocdinstance", "other")
        former.reset()
