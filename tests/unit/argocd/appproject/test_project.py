"""Policy lines of an AppProject, composed as in Argo CD."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole


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


def test_project_without_roles_has_no_lines_and_no_problem() -> None:
    project = Project(name="empty")

    assert (project.text(), project.problem()) == ("", None)
    assert project.lines().bindings == ()
