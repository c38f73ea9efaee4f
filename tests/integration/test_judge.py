"""Answers of argocd-server that other tests rely on."""

import pytest

from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken, ArgoCDError
from support.harness_requests import DEPLOYER, SYNC_SHOP


def test_bound_account_has_access_and_others_do_not(plane: ControlPlane):
    """A ``g`` line gives only its account the permissions of the role."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, alice, role:deployer\n"})

    assert plane.argocd.can_i("alice", *SYNC_SHOP)
    assert not plane.argocd.can_i("bob", *SYNC_SHOP)


def test_sso_group_gives_access(plane: ControlPlane):
    """A token with the bound group has access, one without it does not."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, some-team, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["some-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["other-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP)


def test_claim_among_the_scopes_gives_access(plane: ControlPlane):
    """A claim such as an email counts as soon as it is among the scopes."""
    text = DEPLOYER + "g, a@example.com, role:deployer\n"
    plane.argocd.set_rbac({"policy.csv": text, "scopes": "[groups, email]"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, claims={"email": "a@example.com"})
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, claims={"email": "b@x"})


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        pytest.param('"a ""b"", c"', 'a "b", c', id="quotes and a comma"),
        pytest.param("cafe\u0301", "cafe\u0301", id="a combining character"),
        pytest.param("CN=a/OU=b:c", "CN=a/OU=b:c", id="slashes and a colon"),
    ],
)
def test_subject_is_compared_unquoted(plane: ControlPlane, field: str, subject: str):
    """The subject is compared as it is, not as it is written."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + f"g, {field}, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject + "x"])


@pytest.mark.parametrize(
    "name", ["team-a/a:b", "c:", "https://x:80//y", "a%2Fb", "\u00fc ?#;+", "../x", "*"]
)
def test_object_is_passed_unchanged_through_the_url(plane: ControlPlane, name: str):
    """No character of an object is lost on the way through the URL."""
    plane.argocd.set_rbac({"policy.csv": f"p, alice, projects, get, {name}, allow\n"})

    assert plane.argocd.can_i("alice", "projects", "get", name)
    assert not plane.argocd.can_i("bob", "projects", "get", name)


def test_malformed_policy_is_an_error_and_no_refusal(plane: ControlPlane):
    """Argo CD fails on a line with too few fields."""
    plane.argocd.set_rbac({"policy.csv": "p, role:deployer, applications\n"})

    with pytest.raises(ArgoCDBroken, match="invalid RBAC policy"):
        plane.argocd.can_i("alice", *SYNC_SHOP)


def test_unknown_action_or_account_is_an_error_and_no_refusal(plane: ControlPlane):
    """An action or an account that does not exist must not read as a no."""
    with pytest.raises(ArgoCDError, match="does not contain sink"):
        plane.argocd.can_i("alice", "applications", "sink", "team-a/shop")

    with pytest.raises(ArgoCDError, match="no account 'mallory'"):
        plane.argocd.can_i("mallory", *SYNC_SHOP)


def test_rbac_config_map_has_exactly_what_was_set(plane: ControlPlane):
    """Waiting for Argo CD leaves no additional key."""
    data = {"policy.csv": DEPLOYER, "policy.default": "role:readonly"}
    plane.argocd.set_rbac(data)

    assert plane.argocd.rbac_config_map()["data"] == data
