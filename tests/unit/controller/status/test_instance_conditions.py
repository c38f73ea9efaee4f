"""Conditions of an instance."""

from typing import Any

import pytest

from argogrant.argocd.appproject.ended_members import ReturnedMember
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.status.instance_conditions import (
    InstanceStatusInput,
    instance_conditions,
)
from argogrant.grants.conditions import Condition
from argogrant.grants.model.reasons import Finding, InstanceCondition, Reason
from argogrant.kube.errors import Conflict, Forbidden, Unavailable
from argogrant.kube.resources import ACCESS_GRANTS, APP_PROJECTS, Collection
from support.builders import NOON

REFUSED = Finding(Reason.NOT_ALLOWED_BY_ARGOCD, "The owner does not allow it.")
PROJECTS = Collection(APP_PROJECTS, "argocd")
BLOCKED = Finding(Reason.CONFIG_MAP_MISSING, "It is missing.")


def seen(text: str | None = "", *failures) -> Snapshot:
    config_map = None if text is None else ObservedConfigMap("7", {"policy.csv": text})
    return Snapshot(config_map=config_map, failures=failures)


@pytest.mark.parametrize(
    ("blocked", "snapshot", "status", "reason", "words"),
    [
        pytest.param(
            None,
            seen(),
            True,
            Reason.CONVERGED,
            "exactly the bindings of the grants",
            id="ready",
        ),
        pytest.param(
            BLOCKED,
            seen(),
            False,
            Reason.CONFIG_MAP_MISSING,
            "It is missing.",
            id="blocked, with the message of the grants",
        ),
        pytest.param(
            BLOCKED,
            seen("", (PROJECTS, Forbidden("403"))),
            False,
            Reason.FORBIDDEN,
            "appprojects in namespace argocd cannot be read: 403. Give the operator's",
            id="read error comes first, with the Role to apply",
        ),
        pytest.param(
            REFUSED,
            seen("", (PROJECTS, Forbidden("403"))),
            False,
            Reason.NOT_ALLOWED_BY_ARGOCD,
            "The owner does not allow it.",
            id="refusal by Argo CD comes before any Role for it",
        ),
        pytest.param(
            None,
            seen("", (PROJECTS, Unavailable("It timed out."))),
            False,
            Reason.UNAVAILABLE,
            "cannot be read: It timed out. The operator tries again.",
            id="error that is a sentence has one full stop",
        ),
        pytest.param(
            None,
            seen("", (PROJECTS, Unavailable("503"))),
            False,
            Reason.UNAVAILABLE,
            "503. The operator tries again.",
            id="outage is retried",
        ),
    ],
)
def test_ready_condition(blocked, snapshot, status, reason, words) -> None:
    ready, *_ = instance_conditions(InstanceStatusInput(seen=snapshot, blocked=blocked))

    assert ready.type is InstanceCondition.READY
    assert (ready.status, ready.reason) == (status, reason)
    assert words in ready.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(Conflict("changed 3 times"), Reason.UNAVAILABLE, id="conflicts"),
        pytest.param(Forbidden("403"), Reason.FORBIDDEN, id="missing permission"),
    ],
)
def test_failed_reconciliation_reports_its_error(error, reason) -> None:
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), error=error))

    assert (ready.status, ready.reason) == (False, reason)
    assert str(error) in ready.message


def test_read_error_of_argogrants_own_kinds_is_reported() -> None:
    """No other condition reports that ends may be missed."""
    failures = ((Collection(ACCESS_GRANTS, "ours"), Forbidden("403")),)
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), failures=failures))

    assert ready.reason is Reason.FORBIDDEN
    assert "accessgrants in namespace ours cannot be read: 403." in ready.message


@pytest.mark.parametrize(
    ("request_", "manifest"),
    [
        pytest.param(
            "PATCH /api/v1/namespaces/argocd/configmaps/argocd-rbac-cm",
            "Argo CD's namespace (manifests/argocd-namespace.yaml)",
            id="the ConfigMap",
        ),
        pytest.param(
            "GET /apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects",
            "Argo CD's namespace (manifests/argocd-namespace.yaml)",
            id="an AppProject",
        ),
        pytest.param(
            "GET /apis/argogrant.dev/v1alpha1/namespaces/argocd/accessgrants",
            "its own namespace (manifests/argogrant-namespace.yaml)",
            id="argogrant's own kinds in Argo CD's namespace",
        ),
    ],
)
def test_missing_permission_names_the_manifest_of_its_role(request_, manifest) -> None:
    error = Forbidden(f"{request_}: 403 no")
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), error=error))

    assert manifest in ready.message


@pytest.mark.parametrize(
    ("snapshot", "status", "reason"),
    [
        pytest.param(seen("g, a, b\n"), True, Reason.VALID, id="valid"),
        pytest.param(
            seen("x\ny\n"), False, Reason.MALFORMED_LINE, id="malformed lines"
        ),
        pytest.param(seen(None), None, Reason.UNKNOWN, id="no ConfigMap"),
    ],
)
def test_rbac_text_valid_condition(snapshot, status, reason) -> None:
    _, text, *_ = instance_conditions(InstanceStatusInput(seen=snapshot))

    assert text.type is InstanceCondition.RBAC_TEXT_VALID
    assert (text.status, text.reason) == (status, reason)


def test_first_malformed_line_is_named_and_all_are_counted() -> None:
    _, text, *_ = instance_conditions(InstanceStatusInput(seen=seen("x\ny\n")))

    assert text.message.startswith("policy.csv line 1: ")
    assert "(2 such lines" in text.message


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        pytest.param(None, False, Reason.UNDISTURBED, id="not contested"),
        pytest.param(
            Finding(Reason.CONTESTED, "Another program changed it."),
            True,
            Reason.CONTESTED,
            id="contested",
        ),
    ],
)
def test_contested_condition(finding, status, reason) -> None:
    _, _, contested, *_ = instance_conditions(
        InstanceStatusInput(seen=seen(), contested=finding)
    )

    assert contested.type is InstanceCondition.CONTESTED
    assert (contested.status, contested.reason) == (status, reason)


@pytest.mark.parametrize(
    ("skew", "status", "words"),
    [
        pytest.param(0.0, True, "agree", id="in sync"),
        pytest.param(1.9, True, "agree", id="below the threshold"),
        pytest.param(2.0, False, "is behind the API server's by 2 s", id="behind"),
        pytest.param(-7.9, False, "is ahead of the API server's by 6 s", id="ahead"),
        pytest.param(3600.0, False, "by 3600 s", id="an hour behind"),
        pytest.param(-90_000.0, False, "by 90000 s", id="a day ahead"),
    ],
)
def test_clock_in_sync_condition(skew, status, words) -> None:
    """The skew is rounded, so small changes do not change the message."""
    _, _, _, clock, *_ = instance_conditions(
        InstanceStatusInput(seen=seen(), clock_skew=skew)
    )

    assert clock.type is InstanceCondition.CLOCK_IN_SYNC
    assert clock.status is status
    assert words in clock.message


def condition_of(**inputs: Any) -> Condition:
    found = instance_conditions(InstanceStatusInput(seen=seen(), **inputs))
    (one,) = (c for c in found if c.type == InstanceCondition.MEMBERS_RETURNED)
    return one


def a_return(subject: str, *, is_kept: bool) -> ReturnedMember:
    return ReturnedMember(
        project="shop",
        role="deployer",
        subject=subject,
        since=NOON,
        at=NOON,
        returns=2,
        is_kept=is_kept,
    )


def test_kept_member_is_named_before_one_that_was_removed() -> None:
    returned = (a_return("bob", is_kept=False), a_return("alice", is_kept=True))
    found = condition_of(returned=returned)

    assert (found.status, found.reason) == (True, Reason.MEMBER_RETURNED)
    assert '"alice" came back to role "deployer" of AppProject "shop"' in found.message
    assert "2 such members: argogrant review." in found.message


def test_removed_member_is_reported_and_none_has_no_condition() -> None:
    found = condition_of(returned=(a_return("bob", is_kept=False),))
    names = [one.type for one in instance_conditions(InstanceStatusInput(seen=seen()))]

    assert (found.status, found.reason) == (True, Reason.MEMBER_REMOVED_AGAIN)
    assert "such members" not in found.message
    assert "MembersReturned" not in names
