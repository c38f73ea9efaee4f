"""Another program that repeatedly removes or changes our key."""

import json
import time

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from support.live_cluster import RULES, World, a_grant, eventually


def replace(world: World) -> None:
    """Put the whole object without our key, as Argo CD's ``Replace=true`` does."""
    config_map = world.plane.argocd.rbac_config_map()
    mark = {"round": str(time.monotonic())}
    config_map["data"] = {"policy.csv": RULES}
    config_map["metadata"]["annotations"] = mark
    del config_map["metadata"]["resourceVersion"]
    world.plane.kubectl(
        *("replace", "--field-manager=stubborn", "-f", "-"),
        stdin=json.dumps(config_map),
    )


def contested(world: World) -> str:
    """Wait until the condition is True, and return its message."""
    eventually(
        lambda: world.instance_says("Contested")[:2] == ("True", "Contested"),
        within=30,
    )
    return world.instance_says("Contested")[2]


def edit(world: World, manager: str, *command: str) -> None:
    world.argocds(*command, f"--field-manager={manager}")


@pytest.mark.long
def test_program_is_named_if_it_wrote_the_key_and_not_if_it_removed_it(
    world: World,
) -> None:
    """The key is restored twice at once, then less often; revocation does not wait.

    The API server does not record who removed the key, although the program that did
    it has the newest entry.
    """
    world.apply(a_grant("fought-over"))
    world.apply(a_grant("ends", subject="carol"))
    eventually(lambda: world.may_sync() and world.may_sync("carol"), within=30)
    for _ in range(4):
        replace(world)
        eventually(world.overlay, within=15)
    message = contested(world)
    assert "stubborn" not in message
    assert "the audit log of the API server does" in message
    replace(world)
    eventually(lambda: world.ready("fought-over")[1] == "Contested", within=10)
    assert not world.overlay()
    eventually(world.may_sync, within=20)
    world.delete("ends")

    eventually(lambda: not world.may_sync("carol"), within=10)

    config_map = ("configmap", "argocd-rbac-cm")
    patch = json.dumps({"data": {OVERLAY_KEY: "# mine\n"}})
    edit(world, "writer", "patch", *config_map, "--type=merge", "-p", patch)
    edit(world, "bystander", "label", *config_map, "--overwrite", "a=b")
    eventually(
        lambda: '(field manager "writer")' in world.instance_says("Contested")[2],
        within=30,
    )
