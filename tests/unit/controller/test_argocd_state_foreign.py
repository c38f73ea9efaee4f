"""Objects of Argo CD with any content are read, planned and swept without an error."""

from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.members import sweep_members
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.argocd_cm import MAX_ACCOUNTS, read_settings
from argogrant.argocd.capacity import size_of
from argogrant.argocd.overlay import sweep_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import observe_config_map, observe_project
from support.appprojects import END, planned, with_alice
from support.hypothesis_strategies import foreign

METADATA = {
    "name": "team-a",
    "resourceVersion": "7",
    "labels": {"owner": "sre"},
    "annotations": {
        MEMBERS_ANNOTATION: with_alice().members,
        "long": "x" * 300,
    },
    "managedFields": [{"manager": "argocd", "time": "2026-11-24T12:00:00Z"}],
}
TOKEN = {"iat": 1795521600, "exp": 0, "id": "a"}
PROJECT = {
    "metadata": METADATA,
    "spec": {
        "roles": [
            {
                "name": "deployer",
                "description": "Syncs.",
                "policies": ["p, proj:team-a:deployer, exec, create, team-a/*, allow"],
                "groups": ["alice", '"CN=a,OU=b"'],
                "jwtTokens": [TOKEN],
            }
        ]
    },
    "status": {"jwtTokensByRole": {"deployer": {"items": [TOKEN]}}},
}
CONFIG_MAP = {
    "metadata": METADATA,
    "data": {
        "policy.csv": "p, role:a, exec, create, *, allow\ng, alice, role:a",
        "policy.default": "role:readonly",
        "scopes": "[groups, email]",
        OVERLAY_KEY: (
            "# argogrant v1 argogrant/default u1\n"
            "# until 2026-11-24T11:00:00Z\ng, alice, role:a\n"
        ),
    },
}


@given(foreign(PROJECT).filter(lambda body: isinstance(body, dict)))
def test_any_app_project_is_read_and_swept(body: dict) -> None:
    project = observe_project(body)
    _, plan = sweep_members(project, END)
    planned(project)

    assert len(project.roles) == len(observe_project(body).roles)
    assert project.why_not_grantable() is None or project.problem() is not None
    assert project.annotation_bytes >= 0
    if plan is not None:
        project_patch(body, plan)


@given(foreign(CONFIG_MAP).filter(lambda body: isinstance(body, dict)))
def test_any_config_map_is_read_and_swept(body: dict) -> None:
    observed = observe_config_map(body)
    swept = sweep_overlay(observed.data.get(OVERLAY_KEY, ""), END)
    lines = sum(value.count("\n") + 1 for value in observed.data.values())

    assert swept.removed + swept.kept <= lines
    assert len(observed.unmanaged.problems) <= lines + 1
    assert size_of(observed.data) >= 0
    assert observed.overlay is None or observed.overlay.text == observed.data.get(
        OVERLAY_KEY
    )


@given(st.dictionaries(st.text(), st.text(), max_size=5))
def test_any_login_settings_are_read(data: dict[str, str]) -> None:
    assert read_settings(data) is not None


def test_login_settings_with_too_many_accounts_are_unknown() -> None:
    accounts = {f"accounts.user-{n}": "login" for n in range(MAX_ACCOUNTS + 1)}

    assert read_settings(accounts) is None


def test_unmanaged_keys_are_parsed_again_only_if_they_change() -> None:
    before = observe_config_map(CONFIG_MAP)
    parsed = before.unmanaged
    managed = {**CONFIG_MAP["data"], OVERLAY_KEY: ""}
    changed = {**managed, "policy.csv": "g, bob, role:a"}
    same = observe_config_map({**CONFIG_MAP, "data": managed}, before)
    other = observe_config_map({**CONFIG_MAP, "data": changed}, same)

    assert same.unmanaged is parsed
    assert "unmanaged" not in vars(
        observe_config_map(CONFIG_MAP, observe_config_map(CONFIG_MAP))
    )
    assert other.unmanaged.bindings == (("bob", "role:a"),)
