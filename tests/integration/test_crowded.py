"""A ConfigMap that is almost full: the oldest grants first, revocation always."""

from support.live_cluster import RULES, World, a_grant, eventually

LIMIT = (1024 - 16) * 1024


def crowd(world: World, *, room: int) -> None:
    """Fill the ConfigMap, except for some bytes, with comments in another key."""
    used = sum(map(len, ("policy.csv", RULES, "policy.zz.csv", "policy.argogrant.csv")))
    line = "# " + "x" * 997 + "\n"
    filling = (line * (LIMIT // len(line) + 1))[: LIMIT - used - room - 1] + "\n"
    world.plane.argocd.set_rbac({"policy.csv": RULES, "policy.zz.csv": filling})


def test_oldest_grants_are_bound_and_others_wait_for_space(world: World) -> None:
    """Grants that do not fit report it, and are bound when there is space."""
    crowd(world, room=320)
    world.apply(a_grant("oldest"))
    eventually(world.may_sync, within=30)
    world.apply(a_grant("younger", subject="carol-" + "y" * 200))
    eventually(lambda: world.ready("younger")[1] == "RBACTextFull", within=10)
    world.apply(a_grant("youngest", subject="erin"))
    eventually(lambda: world.ready("youngest")[1] == "RBACTextFull", within=10)
    eventually(lambda: world.instance_says()[1] == "RBACTextFull", within=10)
    world.delete("younger")
    eventually(lambda: world.may_sync("erin"), within=10)
    world.delete("oldest")

    eventually(lambda: not world.may_sync(), within=10)
    assert world.may_sync("bob")


def test_full_config_map_does_not_block_a_revocation(world: World) -> None:
    """Another key fills the ConfigMap after a grant is bound."""
    world.apply(a_grant("bound"))
    eventually(world.may_sync, within=30)
    crowd(world, room=0)
    world.apply(a_grant("late", subject="erin"))
    eventually(lambda: world.ready("late")[1] == "RBACTextFull", within=10)
    world.delete("bound", "late")

    eventually(lambda: not world.may_sync(), within=10)
