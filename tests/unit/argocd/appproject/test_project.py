"""An AppProject's own lines, composed as Argo CD composes them."""

import pytest

from argogrant.argocd.appproject.project import Project, ProjectRole


def a_project(**role) -> Project:
    return Project(name="team-a", roles=(ProjectRole(name="deployer", **role),))


def test_a_project_is_composed_as_argo_cd_does() -> None:
    """First what every role may, then its own lines, then its groups."""
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
    ("role", "said"),
    [
        pytest.param(
            {"policies": ("p, a, b",)},
            "AppProject team-a line 2: a p line must have 6 fields",
            id="a line that can not be read",
        ),
        pytest.param(
            {"groups": ("Platform, EU",)},
            "AppProject team-a line 2: a g line must have 3 fields",
            id="a group with a comma that is not quoted",
        ),
    ],
)
def test_a_project_that_argo_cd_ignores_says_where(role, said) -> None:
    problem = a_project(**role).problem()

    assert problem is not None
    assert str(problem).startswith(said)


def test_a_project_without_roles_has_no_text_and_no_trouble() -> None:
    project = Project(name="empty")

    assert (project.text(), project.problem()) == ("", None)
    assert project.names_used_as_roles() == frozenset()
