"""Removal of expired members of AppProjects by the annotation."""

from dataclasses import replace

import pytest

from argogrant.argocd.appproject.members import SweptMembers, sweep_members
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.appproject.tokens import Token
from support.appprojects import END, ISSUED, a_project, applied, groups, with_alice
from support.builders import NOON

MADE = replace(
    with_alice("ops"), tokens={"deployer": frozenset({Token(ISSUED, id="made")})}
)


@pytest.mark.parametrize(
    ("project", "now", "swept"),
    [
        pytest.param(a_project("ops"), END, SweptMembers(), id="no managed member"),
        pytest.param(with_alice(), NOON, SweptMembers(kept=1), id="before the expiry"),
        pytest.param(with_alice(), END, SweptMembers(removed=1), id="at the expiry"),
        pytest.param(MADE, END, SweptMembers(removed=1, tokens=1), id="with a token"),
        pytest.param(
            a_project(members="{"), END, SweptMembers(unreadable=1), id="unreadable"
        ),
    ],
)
def test_sweep_counts_members_and_tokens(
    project: Project, now, swept: SweptMembers
) -> None:
    assert sweep_members(project, now)[0] == swept


def test_sweep_keeps_unmanaged_members() -> None:
    _, planned = sweep_members(MADE, END)

    assert planned is not None
    assert groups(applied(MADE, planned)) == ("ops",)


def test_sweep_results_can_be_added() -> None:
    both = SweptMembers(removed=1, tokens=2) + SweptMembers(kept=3, unreadable=4)

    assert both == SweptMembers(removed=1, kept=3, unreadable=4, tokens=2)
