"""Builders of AppProjects with members, and of applied plans."""

from dataclasses import replace
from typing import Any

from argogrant.argocd.appproject.members import (
    DesiredMembers,
    ProjectPlan,
    plan_members,
)
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.overlay import Owner
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON

US = Owner(namespace="argogrant", instance="default", uid="u1")
DELETED = replace(US, uid="u0")
ELSEWHERE = Owner(namespace="other", instance="default", uid="u9")
END = NOON + HOUR
ALICE = Binding("alice", "proj:team-a:deployer")
ISSUED = int(NOON.timestamp())


def a_project(*groups: str, role: str = "deployer", **overrides: Any) -> Project:
    return Project(
        name=overrides.pop("name", "team-a"),
        roles=overrides.pop(
            "roles", (ProjectRole(name=role, groups=groups), ProjectRole(name="viewer"))
        ),
        **overrides,
    )


def planned(project: Project, *wanted: Binding, **options: Any) -> ProjectPlan:
    owner, living = options.pop("owner", US), options.pop("living", [US])
    now = options.pop("now", NOON)
    desired = DesiredMembers(desired=dict.fromkeys(wanted, END), **options)
    return plan_members(project, desired, owner=owner, living_owners=living, now=now)


def applied(project: Project, plan: ProjectPlan) -> Project:
    """Return the project after the write of the plan."""
    if not plan.has_work:
        return project
    removed = set(plan.tokens)
    return replace(
        project,
        roles=tuple(
            replace(role, groups=plan.groups.get(index, role.groups))
            for index, role in enumerate(project.roles)
        ),
        members=plan.members,
        ended=plan.ended if plan.writes_ended else project.ended,
        tokens={
            role: frozenset(one for one in tokens if (role, one) not in removed)
            for role, tokens in project.tokens.items()
        },
    )


def with_alice(*groups: str, **overrides: Any) -> Project:
    """Return a project to which the operator added alice, after these groups."""
    project = a_project(*groups, **overrides)
    return applied(project, planned(project, ALICE))


def groups(project: Project) -> tuple[str, ...]:
    return project.roles[0].groups
