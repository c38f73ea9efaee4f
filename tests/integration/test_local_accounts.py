"""Local accounts in the condition Effective, compared with argocd-server."""

import json

from controlplane.errors import ArgoCDError
from support.live_cluster import World, a_grant, eventually


def told(world: World, name: str) -> str:
    """Status and reason of Effective once the grant is bound."""
    eventually(lambda: world.ready(name)[1] == "Bound", within=30)
    return next(
        f"{one['status']} {one['reason']}"
        for one in world.grant(name)["status"]["conditions"]
        if one["type"] == "Effective"
    )


def set_account(world: World, enabled: str | None) -> None:
    data = {"data": {"accounts.carol.enabled": enabled}}
    patch = ("patch", "configmap", "argocd-cm", "--type=merge", "-p", json.dumps(data))
    world.argocds(*patch)


def is_let_in(world: World) -> bool:
    try:
        return world.may_sync("carol")
    except ArgoCDError:
        return False


def test_local_account_is_matched_unless_disabled(world: World) -> None:
    world.apply(a_grant("local", subject="carol"), a_grant("ghost", subject="ghost"))
    assert told(world, "local") == "True LocalAccount"
    assert told(world, "ghost") == "False NoSuchAccount"
    eventually(lambda: world.may_sync("carol"), within=30)
    set_account(world, "false")
    try:
        eventually(lambda: told(world, "local") == "False AccountDisabled", within=30)
        eventually(lambda: not is_let_in(world), within=10)
    finally:
        set_account(world, None)

    eventually(lambda: is_let_in(world), within=30)
    eventually(lambda: told(world, "local") == "True LocalAccount", within=30)
