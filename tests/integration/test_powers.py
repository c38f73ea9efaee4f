"""Patterns, inheritance and scopes, compared with argocd-server."""

import time

import pytest

from argogrant.argocd.pattern_match import pattern_matches
from argogrant.argocd.policy_csv import read_scopes, read_unmanaged_keys
from argogrant.argocd.roles import RolePermissions
from controlplane import ControlPlane

NOT_TAKEN_IN = 1.0
"""Seconds in which Argo CD would have believed a change."""


@pytest.mark.parametrize("mode", ["glob", "regex"])
@pytest.mark.parametrize(
    "pattern",
    [
        *("create", "*", "cre*", "*ate", "c?eate", "?", "[c]reate", "[a-d]reate"),
        *("[!c]reate", "[!x]reate", '"{create,update}"', '"{get,update}"', "{create"),
        *("[create", r"\create", "cr.*", "^create$", "reat", "create|get", "(", "*)"),
        *("{create", "create}", "c{re}ate", "c[]reate", ""),
    ],
)
def test_action_pattern_matches_as_in_argocd(
    plane: ControlPlane, mode: str, pattern: str
) -> None:
    everything = {"glob": "*/*", "regex": ".*"}[mode]
    line = f"p, alice, exec, {pattern}, {everything}, allow"
    data = {"policy.csv": line, "policy.matchMode": mode}
    plane.argocd.set_rbac(data)
    (rule,) = read_unmanaged_keys(data).rules
    answer = plane.argocd.can_i("alice", "exec", "create", "team-a/shop")

    assert pattern_matches(rule.action, "create", mode=mode) is answer


@pytest.mark.parametrize("links", [8, 9, 10])
def test_inheritance_reaches_as_far_as_in_argocd(
    plane: ControlPlane, links: int
) -> None:
    text = "g, alice, role:0\n" + "".join(
        f"g, role:{n}, role:{n + 1}\n" for n in range(links)
    )
    text += f"p, role:{links}, exec, create, */*, allow\n"
    plane.argocd.set_rbac({"policy.csv": text})
    traits = RolePermissions(read_unmanaged_keys({"policy.csv": text}), ()).risks_of(
        "role:0"
    )
    answer = plane.argocd.can_i("alice", "exec", "create", "team-a/shop")

    assert traits.can_persist is answer


@pytest.mark.parametrize(
    "scopes",
    [
        *("[groups, email]", "- groups\n- email", "[]", "null", " ", "[7, yes, null]"),
        *("[groups,\temail]", "[2026-11-24]", "[1.5]", "['a', \"b\"]", "groups"),
        *("groups, email", "{groups: email}", "[[groups]]", "[groups", "7", "true"),
        *("[{a: b}]", "'[groups]'", "*a", "[groups] # all", "!!str groups"),
    ],
)
def test_scopes_are_parsed_as_in_argocd(plane: ControlPlane, scopes: str) -> None:
    """With invalid scopes, Argo CD reads no part of the ConfigMap."""
    line = "p, alice, exec, create, */*, allow"
    plane.argocd.set_rbac({"policy.csv": line, "scopes": scopes}, settle=False)
    can_be_read = read_scopes(scopes) is not None
    is_taken_in = _is_believed(plane, within=15 if can_be_read else NOT_TAKEN_IN)
    plane.argocd.set_rbac({})

    assert can_be_read is is_taken_in


def _is_believed(plane: ControlPlane, *, within: float) -> bool:
    began = time.monotonic()
    while time.monotonic() - began < within:
        if plane.argocd.can_i("alice", "exec", "create", "team-a/shop"):
            return True
        time.sleep(0.02)
    return False
