"""Policy lines of an AppProject, composed as in Argo CD."""

import pytest

from argogrant.argocd.appproject.project import (
    MAX_LABELS,
    MAX_POLICY_CHARACTERS,
    MAX_POLICY_LINES,
    MAX_ROLES,
    MAX_TOKENS,
    Project,
    ProjectRole,
)
from argogrant.argocd.appproject.tokens import Token


def a_project(**role) -> Project:
    return Project(name="team-a", roles=(ProjectRole(name="deployer", **role),))


def test_project_is_composed_as_in_argo_cd() -> None:
    """The implicit rule comes first, then the policies, then the groups."""
    project = a_project(
        policies=("p, proj:team-a:deployer, applications, sync, team-a/*, allow",),
        groups=("developers", "ops"),
    )

    assert project.text() == (
        "p, proj:team-a:deployer, projects, get, team-a, allow\n"
        "p, proj:team-a:deployer, applications, sync, team-a/*, allow\n"
        "g, developers, proj:team-a:deployer\n"
        "g, ops, proj:team-a:deployer"
    )
    assert project.problem() is None


@pytest.mark.parametrize(
    ("role", "message"),
    [
        pytest.param(
            {"policies": ("p, a, b",)},
            "AppProject team-a line 2: a p line must have 6 fields",
            id="an unreadable policy",
        ),
        pytest.param(
            {"groups": ("Platform, EU",)},
            "AppProject team-a line 2: a g line must have 3 fields",
            id="an unquoted comma in a group",
        ),
    ],
)
def test_problem_of_a_project_names_the_line(role, message) -> None:
    problem = a_project(**role).problem()

    assert problem is not None
    assert str(problem).startswith(message)


LINE = "p, proj:team-a:deployer, exec, create, team-a/*, allow"


@pytest.mark.parametrize(
    ("project", "what"),
    [
        pytest.param(
            Project(name="a", roles=(ProjectRole(name="r"),) * (MAX_ROLES + 1)),
            "1001 roles",
            id="roles",
        ),
        pytest.param(
            a_project(policies=(LINE,) * MAX_POLICY_LINES),
            "5001 policy lines",
            id="policies",
        ),
        pytest.param(
            a_project(policies=("\n".join([LINE] * MAX_POLICY_LINES),)),
            "5001 policy lines",
            id="lines of one policy",
        ),
        pytest.param(
            a_project(groups=("x" * MAX_POLICY_CHARACTERS, "y")),
            "524289 characters of policies and groups",
            id="characters",
        ),
        pytest.param(
            Project(
                name="a",
                tokens={"r": frozenset(Token(n) for n in range(MAX_TOKENS + 1))},
            ),
            "10001 tokens",
            id="tokens",
        ),
        pytest.param(
            Project(
                name="a",
                labels_and_annotations={str(n): "" for n in range(MAX_LABELS + 1)},
            ),
            "257 labels and annotations",
            id="labels",
        ),
    ],
)
def test_project_beyond_a_limit_is_not_parsed_and_names_the_limit(
    project: Project, what: str
) -> None:
    why = project.why_not_grantable() or ""

    assert project.lines().rules == ()
    assert f": it has {what}, and argogrant reads at most" in why
    assert "Argo CD" not in why


def test_project_at_the_limits_is_parsed() -> None:
    project = a_project(policies=(LINE,) * (MAX_POLICY_LINES - 1))

    assert len(project.lines().rules) == MAX_POLICY_LINES
    assert project.why_not_grantable() is None


def test_invalid_line_of_a_project_has_a_remedy() -> None:
    why = a_project(policies=("p, a, b",)).why_not_grantable() or ""

    assert why.startswith('Argo CD ignores all roles of AppProject "team-a": AppProj')
    assert why.endswith(". Fix that line of the AppProject.")


def test_project_without_roles_has_no_lines_and_no_problem() -> None:
    project = Project(name="empty")

    assert (project.text(), project.problem()) == ("", None)
    assert project.lines().bindings == ()
