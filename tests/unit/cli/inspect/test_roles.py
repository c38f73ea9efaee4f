"""Output of ``argogrant roles``."""

import json

import pytest
import yaml

from argogrant.argocd.roles import DiscoveredRole
from argogrant.cli.formats import ListFormat
from argogrant.cli.inspect.roles import format_roles
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.model.grant import RoleRisks
from support.builders import a_group, a_user

ROLES = (
    DiscoveredRole(
        project="",
        name="role:ops",
        risks=RoleRisks(persistent_permissions=("exec create", "exec debug")),
    ),
    DiscoveredRole(
        project="team-a",
        name="deployer",
        description="Syncs all applications of the team, on working days and at night",
        risks=RoleRisks(has_deny=True),
    ),
)
OWNERS = Owners(
    integration=(a_group("platform"), a_user("ann")),
    of_projects={"team-a": a_group("a-leads")},
)


def lines(output: ListFormat, owners: Owners = OWNERS, width: int = 80) -> list[str]:
    return format_roles(ROLES, owners, output=output, width=width).splitlines()


def test_table_fits_the_terminal() -> None:
    assert lines(ListFormat.TABLE, width=60) == [
        "NAME      PROJECT  DENIES  PERSISTS  DESCRIPTION",
        "role:ops  -        -       yes       -",
        "deployer  team-a   yes     -         Syncs all applications…",
    ]


def test_wide_table_has_owners_and_permissions() -> None:
    ops, deployer = lines(ListFormat.WIDE, width=1)[1:]

    assert [cell.strip() for cell in ops.split("  ") if cell][-3:] == [
        *("Group/platform, User/ann", "-", "exec create, exec debug")
    ]
    assert deployer.split()[:4] == ["deployer", "team-a", "yes", "Group/a-leads"]
    assert "and at night" in deployer
    assert deployer.endswith("  -")
    assert lines(ListFormat.WIDE, NO_OWNERS)[1].split() == [
        *("role:ops", "-", "-", "-", "-", "exec", "create,", "exec", "debug")
    ]


@pytest.mark.parametrize("output", [ListFormat.TABLE, ListFormat.WIDE])
def test_roles_that_allow_nothing_are_explained_below_the_table(output) -> None:
    role = DiscoveredRole(project="team-a", name="x", allows_nothing="line 3: why.")
    text = format_roles([role], OWNERS, output=output, width=80)

    assert text.splitlines()[-1] == "RoleAllowsNothing: proj:team-a:x: line 3: why."


def test_names_are_those_of_argocd() -> None:
    assert lines(ListFormat.NAME) == ["role:ops", "proj:team-a:deployer"]


@pytest.mark.parametrize(
    ("output", "parse"),
    [(ListFormat.JSON, json.loads), (ListFormat.YAML, yaml.safe_load)],
)
def test_json_and_yaml_have_every_field(output, parse) -> None:
    ops, deployer = parse(format_roles(ROLES, OWNERS, output=output, width=1))["items"]

    assert ops == {
        "name": "role:ops",
        "canPersist": True,
        "boundAs": "role:ops",
        "waysToPersist": ["exec create", "exec debug"],
    }
    assert deployer["owner"] == {"kind": "Group", "name": "a-leads"}
    assert deployer["hasDeny"] is True
    assert deployer["boundAs"] == "proj:team-a:deployer"


def test_control_characters_are_escaped() -> None:
    role = DiscoveredRole(project="", name="role:x", description="a\x1b[2Jb\nc")
    text = format_roles((role,), NO_OWNERS, output=ListFormat.TABLE, width=200)

    assert text.endswith(r"a\x1b[2Jb\nc")
