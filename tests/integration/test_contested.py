"""Another program that repeatedly removes our key."""

import json
import time

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


def test_program_that_removes_the_key_is_named_as_contested(world: World) -> None:
    """The key is restored twice at once, then less often; revocation does not wait."""
    world.apply(a_grant("fought-over"))
    world.apply(a_grant("ends", subject="carol"))
    eventually(lambda: world.may_sync() and world.may_sync("carol"), within=30)
    for _ in range(3):
        replace(world)
        eventually(world.overlay, within=10)
    eventually(
        lambda: world.instance_says("Contested")[:2] == ("True", "Contested"),
        within=10,
    )
    assert '"stubborn"' in world.instance_says("Contested")[2]
    replace(world)
    eventually(lambda: world.ready("fought-over")[1] == "Contested", within=10)
    assert not world.overlay()
    eventually(world.may_sync, within=10)
    world.delete("ends")

    eventually(lambda: not world.may_sync("carol"), within=10)
