"""What argocd-server asks its rules when somebody wants to do something."""

from collections.abc import Mapping

import pytest

from argogrant.argocd.simulation.request import (
    INHERITANCE_KEY,
    ROLLBACK_KEY,
    EnforceRequest,
    to_enforce_requests,
)


def asked(
    resource: str, action: str, about: str, settings: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    question = EnforceRequest(resource=resource, action=action, object=about)
    found = to_enforce_requests(question, namespace="argocd", settings=settings or {})
    return [(one.action, one.object) for one in found]


@pytest.mark.parametrize(
    ("resource", "about", "enforced"),
    [
        ("applications", "team-a/argocd/web", "team-a/web"),
        ("applications", "team-a//web", "team-a/web"),
        ("logs", "team-a/other/web", "team-a/other/web"),
        ("projects", "a/argocd/b", "a/argocd/b"),
        ("applications", "team-a/web", "team-a/web"),
    ],
)
def test_argo_cds_own_namespace_is_left_out(
    resource: str, about: str, enforced: str
) -> None:
    assert asked(resource, "get", about)[0][1] == enforced


@pytest.mark.parametrize(
    ("action", "settings", "enforced"),
    [
        pytest.param("rollback", {}, ["sync"], id="a rollback is a sync"),
        pytest.param(
            "rollback", {ROLLBACK_KEY: "true"}, ["rollback"], id="unless it is its own"
        ),
        pytest.param("update/*", {}, ["update/*"], id="parts are asked for alone"),
        pytest.param(
            "update/apps/Deployment/x/y",
            {INHERITANCE_KEY: "false"},
            ["update", "update/apps/Deployment/x/y"],
            id="unless who may the whole may the part",
        ),
        pytest.param(
            "action/apps/Deployment/restart",
            {INHERITANCE_KEY: "false"},
            ["action/apps/Deployment/restart"],
            id="actions are never inherited",
        ),
    ],
)
def test_an_action_is_asked_for_as(
    action: str, settings: dict[str, str], enforced: list[str]
) -> None:
    found = asked("applications", action, "team-a/web", settings)

    assert [one for one, _ in found] == enforced


@pytest.mark.parametrize(
    ("resource", "about", "project"),
    [
        ("applications", "team-a/web", "team-a"),
        ("applications", "web", None),
        ("projects", "team-a", "team-a"),
        ("accounts", "a/b", None),
    ],
)
def test_a_question_is_about_a_project(
    resource: str, about: str, project: str | None
) -> None:
    question = EnforceRequest(resource=resource, action="get", object=about)

    assert question.project == project
