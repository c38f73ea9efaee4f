"""Grants from creation to revocation, judged by argocd-server, in both clusters."""

import json

import pytest

from controlplane import ControlPlane
from support.live_cluster import RULES, World, a_grant, after, eventually, throughout
from support.operator_process import FREQUENT_RESYNCS

OPERATOR_OPTIONS = FREQUENT_RESYNCS


@pytest.fixture(scope="module")
def installed(installed_in_either_cluster: ControlPlane) -> ControlPlane:
    return installed_in_either_cluster


def test_access_begins_after_creation_and_stops_at_the_end(world: World) -> None:
    """Prints how long after the creation and the end Argo CD changes its answer."""
    world.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    assert not world.may_sync()
    end = after(15)
    world.apply(a_grant("short", expiresAt=end))
    took = eventually(world.may_sync, within=13)
    print(f"yes {took:.2f} s after the apply")
    throughout(world.may_sync, until=end)
    late = eventually(lambda: not world.may_sync(), within=10)
    print(f"no {late:.2f} s after the end")

    eventually(lambda: world.ready("short")[1] == "Expired", within=30)
    assert world.may_sync("bob")  # a person wrote that binding


def test_deletion_completes_only_after_the_revocation(world: World) -> None:
    """Argo CD's policy has no line of the grant when ``kubectl delete`` returns."""
    world.apply(a_grant("gone"))
    world.wait_until_bound("gone")
    eventually(world.may_sync, within=30)
    world.delete("gone")
    assert "alice" not in world.overlay()

    late = eventually(lambda: not world.may_sync(), within=10)
    print(f"no {late:.2f} s after the deletion")


def test_two_grants_of_one_role_give_access_until_the_later_ends(world: World) -> None:
    world.apply(a_grant("one"))
    world.apply(a_grant("two"))
    eventually(world.may_sync, within=30)
    world.wait_until_bound("one", "two")
    world.delete("one")
    assert world.may_sync()
    world.delete("two")

    eventually(lambda: not world.may_sync(), within=10)


def test_project_role_gives_access_in_its_project_only(world: World) -> None:
    world.apply(a_grant("team", role={"name": "deployer", "project": "team-a"}))
    eventually(world.may_sync, within=30)

    assert not world.may_sync(project="other")


def test_revoked_grant_loses_access(world: World) -> None:
    world.apply(a_grant("bad"))
    eventually(world.may_sync, within=30)
    world.apply(a_grant("bad", revoked=True, revocation={"justification": "oops"}))
    eventually(lambda: not world.may_sync(), within=10)

    eventually(lambda: world.ready("bad")[1] == "Revoked", within=30)


def test_grant_of_a_missing_role_is_bound_once_the_role_exists(world: World) -> None:
    world.apply(a_grant("early", role={"name": "role:later"}))
    eventually(lambda: world.ready("early")[1] == "RoleNotFound", within=30)
    rule = "p, role:later, applications, sync, */*, allow\n"
    world.edit({"policy.csv": RULES + rule})

    eventually(world.may_sync, within=30)


def test_malformed_line_stops_new_grants_but_no_revocation(world: World) -> None:
    """The message names the key and the line."""
    world.apply(a_grant("running", duration="1h"))
    eventually(world.may_sync, within=30)
    broken = RULES + "p, role:deployer, applications\n"
    world.edit({"policy.csv": broken})
    eventually(lambda: world.instance_says()[1] == "RBACTextInvalid", within=30)
    world.apply(a_grant("waiting", subject="carol"))
    eventually(lambda: world.ready("waiting")[1] == "RBACTextInvalid", within=30)
    assert "policy.csv line 3" in world.ready("waiting")[2]
    world.delete("running")
    world.edit({"policy.csv": RULES})
    world.plane.argocd.settle()

    eventually(lambda: world.may_sync("carol"), within=30)
    assert not world.may_sync()


def test_config_map_is_not_written_without_a_change(world: World) -> None:
    """Two resyncs keep its version; a removed binding is written again."""
    world.apply(a_grant("steady"))
    world.wait_until_bound("steady")
    version = world.version()
    world.wait_for_resyncs()
    assert world.version() == version
    world.plane.argocd.set_rbac({"policy.csv": RULES}, settle=False)

    eventually(lambda: world.version() != version and world.may_sync(), within=30)


def test_invalid_edits_are_rejected_with_the_valid_alternative(world: World) -> None:
    """After its creation, a grant can only be revoked or get an earlier end."""
    world.apply(a_grant("fixed", expiresAt=after(600)))
    for edit, remedy in (
        ({"expiresAt": after(900)}, "expiresAt can only become earlier"),
        ({"expiresAt": after(600), "duration": "1h"}, "exactly one of expiresAt"),
        ({"duration": "1h"}, "create a new AccessGrant"),
        ({"expiresAt": after(500), "justification": "x"}, "justification is immutable"),
        ({"expiresAt": after(500), "notBefore": after(700)}, "later than notBefore"),
    ):
        refused = world.plane.kubectl(
            *("apply", "-f", "-"),
            stdin=json.dumps(a_grant("fixed", **edit)),
            check=False,
        )
        assert refused.returncode != 0
        assert remedy in refused.stderr
    eventually(world.may_sync, within=30)
    world.apply(a_grant("fixed", expiresAt=after(2)))

    eventually(lambda: not world.may_sync(), within=10)
