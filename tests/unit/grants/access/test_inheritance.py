"""Deny policies also match the roles that inherit what they name."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.policy_csv import read_unmanaged_keys
from argogrant.argocd.roles import role_inheritance
from argogrant.grants.access.inheritance import RoleInheritance
from argogrant.grants.access.policy import Effect, SubjectPatterns
from argogrant.grants.model.grant import RoleRef
from argogrant.grants.model.reasons import Reason
from support.builders import (
    Case,
    Outcome,
    a_deny_policy,
    a_policy,
    a_role,
    a_user,
    grant_by,
    policy_case,
    rows,
)

ALLOWED: Final = Outcome(Reason.AUTO_APPROVED)
DENIED: Final = Outcome(Reason.NOT_ALLOWED)
PLATFORM: Final = {"role": "role:platform"}
IN_TEAM_A: Final = {"role": "deployer", "project": "team-a"}
EVERY_ROLE: Final = a_policy(roles=(a_role("*"), a_role("*", "*")))
NO_ADMIN: Final = a_deny_policy(roles=(a_role("role:admin"),))


def a_project(name: str, *lines: str) -> Project:
    """A project whose role ``deployer`` has these policy lines."""
    return Project(name=name, roles=(ProjectRole(name="deployer", policies=lines),))


def inheritance_of(text: str, *projects: Project) -> RoleInheritance:
    """Inheritance by an RBAC text and projects."""
    return role_inheritance(read_unmanaged_keys({"policy.csv": text}), projects)


def denial_case(text: str, denial=NO_ADMIN, *projects: Project, **grant: str) -> Case:
    """Alice requests a role that one policy allows and another one denies."""
    return policy_case(
        grant_by(**(grant or PLATFORM)),
        EVERY_ROLE,
        denial,
        inheritance=inheritance_of(text, *projects),
    )


DENIALS = {
    "role that inherits the denied role": (
        denial_case("g, role:platform, role:admin"),
        DENIED._replace(
            message='AccessPolicy "never" denies "role:admin", which "role:platform"'
            " inherits. Request other access"
        ),
    ),
    "role that inherits nothing": (denial_case(""), ALLOWED),
    "role that the denied role inherits": (
        denial_case("g, role:admin, role:platform"),
        ALLOWED,
    ),
    "role that inherits the denied role through another": (
        denial_case("g, role:platform, role:ops\ng, role:ops, role:admin"),
        DENIED._replace(message='denies "role:admin", which "role:platform" inherits'),
    ),
    "role that inherits the denied role through twelve others": (
        denial_case(
            "g, role:platform, role:0\n"
            + "".join(f"g, role:{i}, role:{i + 1}\n" for i in range(12))
            + "g, role:12, role:admin"
        ),
        DENIED,
    ),
    "role in a circle with the denied role": (
        denial_case(
            "g, role:platform, role:ops\ng, role:ops, role:platform\n"
            "g, role:ops, role:admin"
        ),
        DENIED,
    ),
    "role in a circle without the denied role": (
        denial_case("g, role:platform, role:ops\ng, role:ops, role:platform"),
        ALLOWED,
    ),
    "role with a second parent that is denied": (
        denial_case("g, role:platform, role:readonly\ng, role:platform, role:admin"),
        DENIED,
    ),
    "role without a prefix that inherits the denied role": (
        denial_case("g, leads, role:admin", role="leads"),
        DENIED._replace(message='which "leads" inherits'),
    ),
    "built-in admin inherits the denied built-in readonly": (
        denial_case(
            "", a_deny_policy(roles=(a_role("role:readonly"),)), role="role:admin"
        ),
        DENIED._replace(message='denies "role:readonly", which "role:admin" inherits'),
    ),
    "glob matches an inherited role": (
        denial_case(
            "g, role:platform, role:prod-admin",
            a_deny_policy(roles=(a_role("role:prod-*"),)),
        ),
        DENIED._replace(message='denies "role:prod-admin"'),
    ),
    "message names the nearest of several inherited roles": (
        denial_case(
            "g, role:platform, role:x1\ng, role:x1, role:x2",
            a_deny_policy(roles=(a_role("role:x*"),)),
        ),
        DENIED._replace(message='denies "role:x1"'),
    ),
    "inherited project role matches a pattern for projects": (
        denial_case(
            "g, role:platform, proj:team-b:admin",
            a_deny_policy(roles=(a_role("admin", "team-*"),)),
        ),
        DENIED._replace(message='denies "proj:team-b:admin"'),
    ),
    "inherited project role matches no pattern for global roles": (
        denial_case(
            "g, role:platform, proj:team-b:admin",
            a_deny_policy(roles=(a_role("*:admin"),)),
        ),
        ALLOWED,
    ),
    "inherited global role matches no pattern for projects": (
        denial_case(
            "g, role:platform, role:admin", a_deny_policy(roles=(a_role("*", "*"),))
        ),
        ALLOWED,
    ),
    "inherited name with an incomplete project prefix is global": (
        denial_case(
            "g, role:platform, proj:admin", a_deny_policy(roles=(a_role("proj:admin"),))
        ),
        DENIED,
    ),
    "project role that inherits the denied role by the RBAC text": (
        denial_case("g, proj:team-a:deployer, role:admin", **IN_TEAM_A),
        DENIED._replace(message='which "proj:team-a:deployer" inherits'),
    ),
    "project role that inherits the denied role by its AppProject": (
        denial_case(
            "",
            NO_ADMIN,
            a_project("team-a", "g, proj:team-a:deployer, role:admin"),
            **IN_TEAM_A,
        ),
        DENIED,
    ),
    "project role that inherits by its AppProject and then by the RBAC text": (
        denial_case(
            "g, role:ops, role:admin",
            NO_ADMIN,
            a_project("team-a", "g, proj:team-a:deployer, role:ops"),
            **IN_TEAM_A,
        ),
        DENIED,
    ),
    "project role that inherits a name which the RBAC text does not use as a role": (
        denial_case(
            "g, ops, role:admin",
            NO_ADMIN,
            a_project("team-a", "g, proj:team-a:deployer, ops"),
            **IN_TEAM_A,
        ),
        DENIED,
    ),
    "another project's line does not end access to a project role": (
        denial_case(
            "",
            NO_ADMIN,
            a_project("team-a"),
            a_project("team-b", "g, proj:team-a:deployer, role:admin"),
            **IN_TEAM_A,
        ),
        ALLOWED,
    ),
    "a project's line does not end access to a global role": (
        denial_case("", NO_ADMIN, a_project("team-b", "g, role:platform, role:admin")),
        ALLOWED,
    ),
    "Argo CD ignores the lines of an invalid project": (
        denial_case(
            "",
            NO_ADMIN,
            a_project("team-a", "g, proj:team-a:deployer, role:admin", "p, x"),
            **IN_TEAM_A,
        ),
        ALLOWED,
    ),
    "role of a project that does not exist": (denial_case("", **IN_TEAM_A), ALLOWED),
    "members of the denied role are no roles": (
        denial_case("g, alice, role:admin\ng, devs, role:platform"),
        ALLOWED,
    ),
    "deny policy for another subject": (
        denial_case(
            "g, role:platform, role:admin",
            a_deny_policy(
                roles=(a_role("role:admin"),), subjects=SubjectPatterns(users=("eve",))
            ),
        ),
        ALLOWED,
    ),
    "deny policy for another requester": (
        denial_case(
            "g, role:platform, role:admin",
            a_deny_policy(roles=(a_role("role:admin"),), requesters=(a_user("eve"),)),
        ),
        ALLOWED,
    ),
    "project role that inherits by its AppProject, the RBAC text and its AppProject": (
        denial_case(
            "g, role:ops, proj:team-a:owner",
            NO_ADMIN,
            a_project(
                "team-a",
                "g, proj:team-a:deployer, role:ops",
                "g, proj:team-a:owner, role:admin",
            ),
            **IN_TEAM_A,
        ),
        DENIED._replace(message='denies "role:admin"'),
    ),
    "role that inherits the denied role among ten thousand others": (
        denial_case(
            "g, role:platform, role:hub\n"
            + "\n".join(f"g, role:hub, role:{i}" for i in range(10_000))
            + "\ng, role:hub, role:admin"
        ),
        DENIED,
    ),
    "emergency access to a role that inherits the denied role": (
        policy_case(
            grant_by(role="role:platform", break_glass=True, justification="fire"),
            EVERY_ROLE,
            NO_ADMIN,
            inheritance=inheritance_of("g, role:platform, role:admin"),
        ),
        DENIED._replace(message='denies "role:admin"'),
    ),
    "policy that allows a role does not cover roles that inherit it": (
        policy_case(
            grant_by(role="role:platform"),
            a_policy(roles=(a_role("role:admin"),)),
            inheritance=inheritance_of("g, role:platform, role:admin"),
        ),
        DENIED._replace(message='requests of "role:admin", not of "role:platform"'),
    ),
    "policy that allows a role covers what that role inherits": (
        policy_case(
            grant_by(role="role:platform"),
            a_policy(roles=(a_role("role:platform"),)),
            inheritance=inheritance_of("g, role:platform, role:admin"),
        ),
        ALLOWED,
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(DENIALS))
def test_deny_policy_matches_inherited_roles(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


names = st.sampled_from([f"role:{name}" for name in "abcdef"])
edges = st.lists(st.tuples(names, names), max_size=12)


def reachable(role: str, links: list[tuple[str, str]]) -> set[str]:
    found = {role}
    for _ in links:
        found |= {parent for child, parent in links if child in found}
    return found


@given(names, names, edges)
def test_role_is_denied_exactly_if_the_denied_one_is_reachable(
    role, denied, links
) -> None:
    text = "\n".join(f"g, {child}, {parent}" for child, parent in links)
    denial = a_policy("never", roles=(a_role(denied),), effect=Effect.DENY)
    decision = denial_case(text, denial, role=role).decision()

    assert decision.policy_result.is_approved is (denied not in reachable(role, links))


def test_each_line_is_followed_once_for_a_policy() -> None:
    """The cost does not grow with the number of roles that are requested."""
    followed = []

    class Counted(dict):
        def get(self, key, default=()):
            followed.append(key)
            return super().get(key, default)

    heirs = Counted({f"role:{i + 1}": [f"role:{i}"] for i in range(500)})
    inheritance = RoleInheritance(lambda _project: heirs)
    found = {
        inheritance.inherited_role(RoleRef(name=f"role:{i}"), "p", "role:500".__eq__)
        for i in range(500)
    }

    assert found == {"role:500"}
    assert len(followed) == 501


def test_lines_of_a_project_are_followed_once_for_a_policy() -> None:
    """The cost does not grow with the number of its roles that are requested."""
    asked = []

    def heirs_in(project: str) -> dict[str, list[str]]:
        asked.append(project)
        roles = [f"proj:team-a:{i}" for i in range(500)]
        return {"role:admin": roles} if project else {}

    inheritance = RoleInheritance(heirs_in)
    found = {
        inheritance.inherited_role(
            RoleRef(name=str(i), project="team-a"), "p", "role:admin".__eq__
        )
        for i in range(500)
    }

    assert found == {"role:admin"}
    assert asked.count("team-a") == 1
