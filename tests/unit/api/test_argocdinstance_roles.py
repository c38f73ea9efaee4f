"""Roles in the status of an ArgoCDInstance."""

import pytest

from argogrant.api.argocdinstance import RoleSummary, role_summary
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.model.grant import RoleRisks
from support.builders import a_group, a_user

OWNERS = Owners(
    integration=(a_group("platform"),),
    of_projects={"a": a_user("ann")},
    of_global_roles=a_group("sre"),
)
RISKY = RoleRisks(has_deny=True, persistent_permissions=("exec create",))


@pytest.mark.parametrize(
    ("role", "owners", "summary"),
    [
        pytest.param(
            DiscoveredRole(project="", name="role:x"),
            NO_OWNERS,
            {"name": "role:x"},
            id="empty fields are omitted",
        ),
        pytest.param(
            DiscoveredRole(project="a", name="r", description="Syncs.", risks=RISKY),
            OWNERS,
            {
                "name": "r",
                "project": "a",
                "description": "Syncs.",
                "hasDeny": True,
                "canPersist": True,
                "owner": {"kind": "User", "name": "ann"},
            },
            id="all fields",
        ),
        pytest.param(
            DiscoveredRole(project="", name="role:x"),
            OWNERS,
            {"name": "role:x", "owner": {"kind": "Group", "name": "sre"}},
            id="the owner of global roles",
        ),
        pytest.param(
            DiscoveredRole(project="b", name="r"),
            OWNERS,
            {"name": "r", "project": "b"},
            id="a project without an owner",
        ),
    ],
)
def test_role_summary(role, owners, summary) -> None:
    assert role_summary(role, owners) == summary
    assert (
        RoleSummary.model_validate(summary).model_dump(by_alias=True, exclude_none=True)
        == summary
    )
