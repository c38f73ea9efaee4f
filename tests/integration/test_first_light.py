"""A grant that Argo CD itself obeys: every answer here is argocd-server's."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import (
    INSTANCE,
    PROJECT,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    sleep_until,
    throughout,
)
from support.two_clusters import FarPlane


@pytest.fixture(scope="module", params=["here", "in another cluster"])
def installed(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Any:
    """Everything here holds wherever Argo CD is."""
    operator_process.install(control_plane)
    for body in (PROJECT, INSTANCE):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    if request.param == "here":
        yield control_plane
        return
    plane = FarPlane(control_plane, request.getfixturevalue("other_plane"))
    plane.install()
    yield plane
    plane.uninstall()


def test_access_begins_soon_and_ends_on_time(world: World) -> None:
    """Yes until shortly before the end, and no after it; both delays are printed."""
    world.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    assert not world.may_sync()
    end = after(12)
    world.apply(a_grant("short", expiresAt=end))
    took = eventually(world.may_sync, within=10)
    print(f"yes {took:.2f} s after the apply")
    throughout(world.may_sync, until=end)
    late = eventually(lambda: not world.may_sync(), within=10)
    print(f"no {late:.2f} s after the end")

    eventually(lambda: world.ready("short")[1] == "Expired", within=10)
    assert world.may_sync("bob")  # a person wrote that binding


def test_deleting_waits_for_the_revocation(world: World) -> None:
    """When ``kubectl delete`` returns, nothing is left for Argo CD to believe."""
    world.apply(a_grant("gone"))
    world.wait_until_bound("gone")
    assert world.may_sync()
    world.delete("gone")
    assert "alice" not in world.overlay()

    late = eventually(lambda: not world.may_sync(), within=10)
    print(f"no {late:.2f} s after the deletion")


def test_overlapping_grants_keep_access_until_the_later_end(world: World) -> None:
    """The last grant that wants a binding ends it."""
    world.apply(a_grant("one"))
    world.apply(a_grant("two"))
    eventually(world.may_sync, within=30)
    world.wait_until_bound("one", "two")
    world.delete("one")
    assert world.may_sync()
    world.delete("two")

    eventually(lambda: not world.may_sync(), within=10)


def test_a_project_role_gives_rights_in_its_project_only(world: World) -> None:
    """A role of a project is bound like a global one."""
    world.apply(a_grant("team", role={"name": "deployer", "project": "team-a"}))
    eventually(world.may_sync, within=30)

    assert not world.may_sync(project="other")


def test_revoking_ends_access(world: World) -> None:
    """``revoked: true`` ends a grant at once."""
    world.apply(a_grant("bad"))
    eventually(world.may_sync, within=30)
    world.apply(a_grant("bad", revoked=True, revocation={"justification": "oops"}))
    eventually(lambda: not world.may_sync(), within=10)

    eventually(lambda: world.ready("bad")[1] == "Revoked", within=10)


def test_a_role_that_does_not_exist_is_waited_for(world: World) -> None:
    """RoleNotFound until the role appears, then bound."""
    world.apply(a_grant("early", role={"name": "role:later"}))
    eventually(lambda: world.ready("early")[1] == "RoleNotFound", within=30)
    rule = "p, role:later, applications, sync, */*, allow\n"
    world.plane.kubectl(
        *("-n", "argocd", "patch", "configmap", "argocd-rbac-cm", "--type=merge"),
        *("-p", json.dumps({"data": {"policy.csv": RULES + rule}})),
    )

    eventually(world.may_sync, within=10)


def test_a_foreign_malformed_line_stops_new_grants_only(world: World) -> None:
    """The instance names key and line; running grants still end."""
    world.apply(a_grant("running", duration="1h"))
    eventually(world.may_sync, within=30)
    broken = RULES + "p, role:deployer, applications\n"
    world.plane.kubectl(
        *("-n", "argocd", "patch", "configmap", "argocd-rbac-cm", "--type=merge"),
        *("-p", json.dumps({"data": {"policy.csv": broken}})),
    )
    eventually(lambda: world.instance_says()[1] == "RBACTextInvalid", within=10)
    world.apply(a_grant("waiting", subject="carol"))
    eventually(lambda: world.ready("waiting")[1] == "RBACTextInvalid", within=10)
    assert "policy.csv line 3" in world.ready("waiting")[2]
    world.delete("running")
    world.plane.kubectl(
        *("-n", "argocd", "patch", "configmap", "argocd-rbac-cm", "--type=merge"),
        *("-p", json.dumps({"data": {"policy.csv": RULES}})),
    )
    world.plane.argocd.settle()

    eventually(lambda: world.may_sync("carol"), within=10)
    assert not world.may_sync()


def test_nothing_is_written_while_nothing_changes(world: World) -> None:
    """The ConfigMap keeps its version over two sweeps; drift is put back."""
    world.apply(a_grant("steady"))
    world.wait_until_bound("steady")
    version = world.version()
    time.sleep(7)
    assert world.version() == version
    world.plane.argocd.set_rbac({"policy.csv": RULES}, settle=False)

    eventually(lambda: world.version() != version and world.may_sync(), within=10)


def test_access_does_not_outlive_a_killed_operator(
    installed: ControlPlane, tmp_path: Path
) -> None:
    """Killed while a grant runs out; the next one's first write removes it."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    process = operator_process.start(installed, tmp_path / "operator.log")
    world.apply(a_grant("warm-up", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    end = after(12)
    world.apply(a_grant("orphan", expiresAt=end))
    eventually(world.may_sync, within=11)
    process.kill()
    process.wait()
    sleep_until(end)
    assert world.may_sync()  # nobody is there to end it
    with operator_process.running(installed, tmp_path / "operator.log"):
        eventually(lambda: not world.may_sync(), within=30)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def test_deleting_the_instance_removes_everything_it_bound(
    installed: ControlPlane, tmp_path: Path
) -> None:
    """Nothing of ours is left in the ConfigMap; the grant says why it is not ready."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    with operator_process.running(installed, tmp_path / "operator.log"):
        world.apply(a_grant("left"))
        eventually(world.may_sync, within=30)
        installed.kubectl("-n", "argogrant", "delete", "argocdinstance", "default")

        eventually(lambda: not world.may_sync(), within=10)
        assert installed.argocd.rbac_config_map()["data"] == {"policy.csv": RULES}
        eventually(lambda: world.ready("left")[1] == "InstanceNotFound", within=10)
        world.apply(INSTANCE)
        eventually(world.may_sync, within=10)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def test_bad_edits_are_refused_with_what_to_do_instead(world: World) -> None:
    """After creation only an earlier end and a revocation may be written."""
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
