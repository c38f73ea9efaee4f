"""The condition Effective, compared with the answers of argocd-server."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import (
    RIGHTS,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    sleep_until,
)

MAIL = "alice@example.com"
ROLE = next(
    one for one in yaml.safe_load_all(RIGHTS.read_text()) if one["kind"] == "Role"
)
LEAST = {
    **ROLE,
    "rules": [r for r in ROLE["rules"] if r.get("resourceNames") != ["argocd-cm"]],
}
"""The Role without what may be left out."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator") / "operator.log"


@pytest.fixture(scope="module")
def guarded(installed: ControlPlane, log: Path) -> Iterator[World]:
    """An operator that may not read argocd-cm, as where SSO may be configured."""
    world = World(installed)
    installed.apply(LEAST)
    with operator_process.running(installed, log):
        yield world
        world.reset()


@pytest.fixture
def quiet(guarded: World) -> World:
    """The same with the usual text and without grants."""
    guarded.ours("delete", "accessgrants", "--all")
    guarded.plane.argocd.set_rbac({"policy.csv": RULES})
    return guarded


def effective(world: World, name: str) -> tuple[str, str, str]:
    for one in world.grant(name).get("status", {}).get("conditions", ()):
        if one["type"] == "Effective":
            return one["status"], one["reason"], one["message"]
    return "", "", ""


def told(world: World, name: str) -> str:
    """Wait until the grant is bound; give what Effective says then."""
    eventually(lambda: world.ready(name)[1] == "Bound", within=30)
    world.plane.argocd.settle()
    status, reason, _ = effective(world, name)
    return f"{status} {reason}".strip()


def obey(world: World, name: str) -> None:
    """Write into argocd-rbac-cm what the message says."""
    line = re.search(r"scopes: '\[.*?\]'", effective(world, name)[2])
    assert line is not None
    world.edit(yaml.safe_load(line[0]))
    world.plane.argocd.settle()


def may_sync(world: World, **claims: Any) -> bool:
    """Return whether a user without grants, with these claims, has access."""
    return world.plane.argocd.can_i(
        "nobody", "applications", "sync", "team-a/shop", claims=claims
    )


def test_operator_without_permission_for_argocd_cm_makes_no_claim(
    quiet: World, log: Path
) -> None:
    """The instance is ready, and the log has no repeated messages."""
    quiet.apply(a_grant("plain"))

    assert told(quiet, "plain") == ""
    eventually(lambda: quiet.instance_says()[1] == "Converged", within=30)
    assert "argocd-cm" not in log.read_text()


def test_email_is_matched_after_the_scopes_are_set(quiet: World) -> None:
    quiet.apply(a_grant("mail", subject=MAIL))
    assert told(quiet, "mail") == "False EmailNotInScopes"
    assert not may_sync(quiet, email=MAIL)
    obey(quiet, "mail")

    assert may_sync(quiet, email=MAIL)
    eventually(lambda: told(quiet, "mail") == "True Matchable", within=30)


def test_group_is_matched_after_the_scopes_are_set(quiet: World) -> None:
    quiet.edit({"scopes": "[email]"})
    devs = {"kind": "Group", "name": "devs"}
    quiet.apply(
        {**a_grant("team"), "spec": {**a_grant("team")["spec"], "subject": devs}}
    )
    assert told(quiet, "team") == "False GroupsNotInScopes"
    assert not may_sync(quiet, groups=["devs"])
    obey(quiet, "team")

    assert may_sync(quiet, groups=["devs"])
    eventually(lambda: told(quiet, "team") == "True Matchable", within=30)


@pytest.mark.parametrize("default", ["role:deployer", "role:senior", "role:admin"])
def test_grant_of_a_default_role_changes_no_access(quiet: World, default: str) -> None:
    """Users without a grant have the same access before and after its end."""
    senior = f"{RULES}g, role:senior, role:deployer\n"
    quiet.plane.argocd.set_rbac({"policy.csv": senior, "policy.default": default})
    quiet.apply(a_grant("needless"))
    assert told(quiet, "needless") == "False GivenToEverybody"
    assert quiet.may_sync("nobody")
    quiet.delete("needless")

    assert quiet.may_sync("alice")


def test_invalid_scopes_stop_argocd_from_reading_changes(quiet: World) -> None:
    """Argo CD reads neither new grants nor revocations."""
    quiet.apply(a_grant("old"))
    eventually(quiet.may_sync, within=30)
    quiet.edit({"scopes": "groups, email"})
    eventually(lambda: quiet.instance_says()[1] == "RBACTextInvalid", within=30)
    quiet.apply(a_grant("new", subject="carol"))
    eventually(lambda: quiet.ready("new")[1] == "RBACTextInvalid", within=30)
    eventually(lambda: effective(quiet, "old")[1] == "ScopesInvalid", within=30)
    quiet.edit({"policy.csv": f"{RULES}g, carol, role:deployer\n"})
    eventually(lambda: quiet.instance_says()[1] == "RBACTextInvalid", within=30)
    assert not quiet.may_sync("carol")
    quiet.edit({"scopes": None})

    eventually(lambda: quiet.may_sync("carol"), within=30)


@pytest.mark.long
def test_grant_is_not_expired_while_argocd_ignores_the_change(quiet: World) -> None:
    """Argo CD continues to allow what it read before."""
    end = after(20)
    quiet.apply(a_grant("brief", expiresAt=end))
    eventually(quiet.may_sync, within=15)
    quiet.edit({"scopes": "groups, email"})
    sleep_until(end)
    eventually(lambda: "alice" not in quiet.overlay(), within=10)
    time.sleep(2)
    assert quiet.may_sync()
    assert quiet.condition("brief", "Ended") == ("", "", "")
    quiet.edit({"scopes": None})
    eventually(lambda: not quiet.may_sync(), within=10)

    eventually(lambda: quiet.condition("brief", "Ended")[0] == "True", within=30)


ARN = f"arn:aws:sts::111122223333:assumed-role/Admin/{MAIL}"


def test_similar_name_matches_only_as_the_caution_spells_it(quiet: World) -> None:
    """Case, prefix and form of the name; Argo CD is the judge of both spellings."""
    quiet.edit({"scopes": "[groups, email]"})
    names = {
        "case": ("User", "Alice@Example.com", {"username": MAIL}, {"email": MAIL}),
        "arn": ("User", ARN, {"username": ARN}, {"email": MAIL}),
        "group": (
            *("Group", "oidc:devs"),
            {"username": "oidc:alice", "groups": ["oidc:devs"]},
            {"groups": ["devs"]},
        ),
    }
    for name, (kind, subject, requester, _) in names.items():
        grant = a_grant(name, requester=requester)
        grant["spec"]["subject"] = {"kind": kind, "name": subject}
        quiet.apply(grant)
    said = {name: told(quiet, name) for name in names}
    before = {name: may_sync(quiet, **row[3]) for name, row in names.items()}
    for name, (kind, *_) in names.items():
        message = effective(quiet, name)[2]
        exact = message.rpartition("request the access for ")[2].strip('".')
        grant = a_grant(f"{name}-exact")
        grant["spec"]["subject"] = {"kind": kind, "name": exact}
        quiet.apply(grant)
    for name in names:
        told(quiet, f"{name}-exact")

    assert set(said.values()) == {"Unknown SimilarName"}
    assert not any(before.values())
    assert all(may_sync(quiet, **row[3]) for row in names.values())
