"""Requests that argocd-server passes to its enforcer."""

from collections.abc import Mapping

import pytest

from argogrant.argocd.simulation.enforcer import (
    INHERITANCE_KEY,
    ROLLBACK_KEY,
    EnforceRequest,
    to_enforce_requests,
)


def enforced_requests(
    resource: str, action: str, about: str, settings: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    request = EnforceRequest(resource=resource, action=action, object=about)
    found = to_enforce_requests(request, namespace="argocd", settings=settings or {})
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
def test_namespace_of_argo_cd_is_omitted(
    resource: str, about: str, enforced: str
) -> None:
    assert enforced_requests(resource, "get", about)[0][1] == enforced


@pytest.mark.parametrize(
    ("action", "settings", "enforced"),
    [
        pytest.param("rollback", {}, ["sync"], id="a rollback is a sync"),
        pytest.param(
            "rollback",
            {ROLLBACK_KEY: "true"},
            ["rollback"],
            id="a rollback with separate enforcement",
        ),
        pytest.param(
            "update/*", {}, ["update/*"], id="a subresource is enforced separately"
        ),
        pytest.param(
            "update/apps/Deployment/x/y",
            {INHERITANCE_KEY: "false"},
            ["update", "update/apps/Deployment/x/y"],
            id="a subresource with inheritance",
        ),
        pytest.param(
            "action/apps/Deployment/restart",
            {INHERITANCE_KEY: "false"},
            ["action/apps/Deployment/restart"],
            id="actions are never inherited",
        ),
    ],
)
def test_enforced_actions(
    action: str, settings: dict[str, str], enforced: list[str]
) -> None:
    found = enforced_requests("applications", action, "team-a/web", settings)

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
def test_project_of_a_request(resource: str, about: str, project: str | None) -> None:
    request = EnforceRequest(resource=resource, action="get", object=about)

    assert request.project == project
