"""How roles are written for people and for programs."""

import json

import pytest
import yaml

from argogrant.argocd.roles import DiscoveredRole
from argogrant.cli.inspect.roles import written
from argogrant.cli.options import Format
from argogrant.grants.access.policy import NO_OWNERS, Owners
from argogrant.grants.role_warnings import RoleTraits
from support.builders import a_group, a_user

ROLES = (
    DiscoveredRole(
        project="",
        name="role:ops",
        traits=RoleTraits(ways_to_persist=("exec create", "exec debug")),
    ),
    DiscoveredRole(
        project="team-a",
        name="deployer",
        description="Syncs whatever is out of step, on working days and at night too",
        traits=RoleTraits(has_deny=True),
    ),
)
OWNERS = Owners(
    integration=(a_group("platform"), a_user("ann")),
    of_projects={"team-a": a_group("a-leads")},
)


def lines(output: Format, owners: Owners = OWNERS, width: int = 80) -> list[str]:
    return written(ROLES, owners, output=output, width=width).splitlines()


def test_a_table_fits_the_terminal() -> None:
    assert lines(Format.TABLE, width=60) == [
        "NAME      PROJECT  DENIES  PERSISTS  DESCRIPTION",
        "role:ops  -        -       yes       -",
        "deployer  team-a   yes     -         Syncs whatever is out …",
    ]


def test_a_wide_table_says_whose_and_how() -> None:
    ops, deployer = lines(Format.WIDE, width=1)[1:]

    assert [cell.strip() for cell in ops.split("  ") if cell][-3:] == [
        *("Group/platform, User/ann", "-", "exec create, exec debug")
    ]
    assert deployer.split()[:4] == ["deployer", "team-a", "yes", "Group/a-leads"]
    assert "and at night too" in deployer
    assert deployer.endswith("  -")
    assert lines(Format.WIDE, NO_OWNERS)[1].split() == [
        *("role:ops", "-", "-", "-", "-", "exec", "create,", "exec", "debug")
    ]


def test_names_are_as_argo_cd_says_them() -> None:
    assert lines(Format.NAME) == ["role:ops", "proj:team-a:deployer"]


@pytest.mark.parametrize(
    ("output", "read"), [(Format.JSON, json.loads), (Format.YAML, yaml.safe_load)]
)
def test_programs_read_everything(output, read) -> None:
    ops, deployer = read(written(ROLES, OWNERS, output=output, width=1))["items"]

    assert ops == {
        "name": "role:ops",
        "canPersist": True,
        "boundAs": "role:ops",
        "waysToPersist": ["exec create", "exec debug"],
    }
    assert deployer["owner"] == {"kind": "Group", "name": "a-leads"}
    assert deployer["hasDeny"] is True
    assert deployer["boundAs"] == "proj:team-a:deployer"


def test_what_a_terminal_might_obey_is_escaped() -> None:
    role = DiscoveredRole(project="", name="role:x", description="a\x1b[2Jb\nc")
    text = written((role,), NO_OWNERS, output=Format.TABLE, width=200)

    assert text.endswith(r"a\x1b[2Jb\nc")
