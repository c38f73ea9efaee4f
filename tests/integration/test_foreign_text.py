"""Keys of others in ``argocd-rbac-cm``, which are read and never changed."""

import json
from typing import Any

import pytest

from controlplane.errors import ArgoCDBroken
from support.live_cluster import (
    OVERLAY,
    PROJECT,
    RULES,
    World,
    a_grant,
    after,
    eventually,
)

FOREIGN: dict[str, str | None] = {
    "policy.csv": RULES + "\n# by hand\r\n  g,  dave,role:readonly  \n\n\n",
    "policy.default": "",
    "policy.matchMode": "glob",
    "scopes": "[groups, email]",
    "policy.zz.csv": "# a stranger's\n\n\t\n   # indented\ng, zoe, role:readonly",
    "note.txt": "\n no newline at the end ",
}


def what_others_have(world: World) -> dict[str, Any]:
    """Everything of the ConfigMap but our key and what every write changes."""
    body = world.config_map()
    body["data"].pop(OVERLAY, None)
    for stamped in ("resourceVersion", "managedFields"):
        body["metadata"].pop(stamped, None)
    return body


def owned_by_us(world: World) -> list[dict[str, Any]]:
    """The fields that the API server ascribes to our field manager."""
    shown = world.argocds(
        *("get", "configmap", "argocd-rbac-cm"), "-o=json", "--show-managed-fields"
    )
    return [
        entry["fieldsV1"]
        for entry in json.loads(shown)["metadata"]["managedFields"]
        if entry["manager"] == "argogrant"
    ]


@pytest.mark.long
def test_other_keys_stay_equal_to_the_byte(world: World) -> None:
    """Grants of all kinds are created and deleted meanwhile."""
    world.edit(FOREIGN)
    world.plane.argocd.settle()
    assert world.may_sync("bob")  # odd as it looks, Argo CD reads it
    before = what_others_have(world)
    team = {"name": "deployer", "project": "team-a"}
    world.apply(
        a_grant("one"),
        a_grant("two", expiresAt=after(30)),
        a_grant("three", subject="carol", role=team),
        a_grant("four", subject='a "b", c'),
    )
    for name in ("one", "two", "three", "four"):
        eventually(lambda name=name: world.ready(name)[1] == "Bound", within=25)
    world.delete("one")
    world.apply({**PROJECT, "spec": {"roles": []}})
    eventually(lambda: world.ready("three")[1] == "RoleNotFound", within=30)
    eventually(lambda: world.ready("two")[1] == "Expired", within=40)

    assert what_others_have(world) == before
    assert owned_by_us(world) == [{"f:data": {f"f:{OVERLAY}": {}}}]
    world.delete("three", "four")
    assert what_others_have(world) == before


@pytest.mark.parametrize(
    ("key", "line"),
    [
        pytest.param("policy.csv", 3, id="in the main key"),
        pytest.param("policy.zz.csv", 3, id="in another key"),
    ],
)
def test_malformed_line_is_reported_until_it_is_fixed(
    world: World, key: str, line: int
) -> None:
    """The message has key, line number and remedy."""
    two_good_lines = RULES if key == "policy.csv" else "# mine\ng, zoe, role:readonly\n"
    world.edit({key: two_good_lines + "p, role:deployer, applications\n"})
    eventually(lambda: world.instance_says("RBACTextValid")[0] == "False", within=30)
    reason, message = world.instance_says("RBACTextValid")[1:]
    with pytest.raises(ArgoCDBroken):
        world.may_sync("bob")

    assert reason == "MalformedLine"
    assert f"{key} line {line}" in message
    assert world.instance_says()[:2] == ("False", "RBACTextInvalid")
    world.edit({key: two_good_lines})
    eventually(lambda: world.instance_says("RBACTextValid")[0] == "True", within=30)
    eventually(lambda: world.instance_says()[0] == "True", within=30)
    world.plane.argocd.settle()
    assert world.may_sync("bob")


def test_text_of_a_project_counts_for_grants_of_its_own_roles_only(
    world: World,
) -> None:
    """Argo CD reads the lines of a project for requests about that project only."""
    role = PROJECT["spec"]["roles"][0]
    policies = [*role["policies"], "g, carol, alice"]
    spec = {"roles": [{**role, "policies": policies}]}
    world.apply({**PROJECT, "spec": spec})
    own = {"name": "deployer", "project": "team-a"}
    world.apply(a_grant("own", role=own), a_grant("global"))
    eventually(lambda: world.ready("own")[1] == "SubjectRefused", within=30)
    eventually(lambda: world.ready("global")[1] == "Bound", within=30)
    world.plane.argocd.settle()

    assert 'used as a role in AppProject "team-a"' in world.ready("own")[2]
    assert world.may_sync("alice", "default")
    assert world.may_sync("carol", "team-a")
    assert not world.may_sync("carol", "default")
