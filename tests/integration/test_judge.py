"""Argo CD as the judge of every other test: what its answers can be relied on for."""

import pytest

from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken, ArgoCDError
from support.harness_requests import DEPLOYER, SYNC_SHOP


def test_argocd_says_yes_to_the_bound_account_and_no_to_another(plane: ControlPlane):
    """A ``g`` line gives its account the role's rights, and nobody else."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, alice, role:deployer\n"})

    assert plane.argocd.can_i("alice", *SYNC_SHOP)
    assert not plane.argocd.can_i("bob", *SYNC_SHOP)


def test_argocd_counts_sso_groups(plane: ControlPlane):
    """A token that carries the bound group may, the same account's own may not."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + "g, some-team, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["some-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=["other-team"])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP)


def test_argocd_counts_other_claims(plane: ControlPlane):
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
def test_argocd_judges_any_subject(plane: ControlPlane, field: str, subject: str):
    """The subject is compared as it is, not as it is written."""
    plane.argocd.set_rbac({"policy.csv": DEPLOYER + f"g, {field}, role:deployer\n"})

    assert plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject])
    assert not plane.argocd.can_i("nobody", *SYNC_SHOP, groups=[subject + "x"])


@pytest.mark.parametrize(
    "name", ["team-a/a:b", "c:", "https://x:80//y", "a%2Fb", "\u00fc ?#;+", "../x", "*"]
)
def test_argocd_is_asked_about_exactly_that_object(plane: ControlPlane, name: str):
    """No character of an object is lost on the way through the URL."""
    plane.argocd.set_rbac({"policy.csv": f"p, alice, projects, get, {name}, allow\n"})

    assert plane.argocd.can_i("alice", "projects", "get", name)
    assert not plane.argocd.can_i("bob", "projects", "get", name)


def test_a_broken_text_is_an_error_and_no_answer(plane: ControlPlane):
    """Argo CD fails on a line with too few fields, which must not read as a no."""
    plane.argocd.set_rbac({"policy.csv": "p, role:deployer, applications\n"})

    with pytest.raises(ArgoCDBroken, match="invalid RBAC policy"):
        plane.argocd.can_i("alice", *SYNC_SHOP)


def test_a_wrong_question_is_an_error_and_no_answer(plane: ControlPlane):
    """An action or an account that does not exist must not read as a no."""
    with pytest.raises(ArgoCDError, match="does not contain sink"):
        plane.argocd.can_i("alice", "applications", "sink", "team-a/shop")

    with pytest.raises(ArgoCDError, match="no account 'mallory'"):
        plane.argocd.can_i("mallory", *SYNC_SHOP)


def test_the_rbac_config_map_holds_what_was_set(plane: ControlPlane):
    """Settling leaves nothing of its own behind."""
    data = {"policy.csv": DEPLOYER, "policy.default": "role:readonly"}
    plane.argocd.set_rbac(data)

    assert plane.argocd.rbac_config_map()["data"] == data
