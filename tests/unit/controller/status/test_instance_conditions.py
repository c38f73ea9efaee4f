"""What is said about an instance: ready, or what stands in the way."""

import pytest

from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.status.instance_conditions import (
    InstanceStatusInput,
    instance_conditions,
)
from argogrant.grants.model.reasons import Finding, InstanceCondition, Reason
from argogrant.kube.errors import Conflict, Forbidden, Unavailable
from argogrant.kube.resources import ACCESS_GRANTS, APP_PROJECTS, Collection

PROJECTS = Collection(APP_PROJECTS, "argocd")
BLOCKED = Finding(Reason.CONFIG_MAP_MISSING, "It is missing.")


def seen(text: str | None = "", *failures) -> Snapshot:
    config_map = None if text is None else ObservedConfigMap("7", {"policy.csv": text})
    return Snapshot(config_map=config_map, failures=failures)


@pytest.mark.parametrize(
    ("blocked", "snapshot", "status", "reason", "words"),
    [
        pytest.param(
            None, seen(), True, Reason.CONVERGED, "equals what is in force", id="well"
        ),
        pytest.param(
            BLOCKED,
            seen(),
            False,
            Reason.CONFIG_MAP_MISSING,
            "It is missing.",
            id="blocked, with the same words as the grants",
        ),
        pytest.param(
            BLOCKED,
            seen("", (PROJECTS, Forbidden("403"))),
            False,
            Reason.FORBIDDEN,
            "appprojects in namespace argocd can not be read: 403. Give the operator's",
            id="what can not be read comes first, with the Role to give",
        ),
        pytest.param(
            None,
            seen("", (PROJECTS, Unavailable("It timed out."))),
            False,
            Reason.UNAVAILABLE,
            "can not be read: It timed out. It is tried again.",
            id="an error that is a sentence has one full stop",
        ),
        pytest.param(
            None,
            seen("", (PROJECTS, Unavailable("503"))),
            False,
            Reason.UNAVAILABLE,
            "503. It is tried again.",
            id="what is away is tried again",
        ),
    ],
)
def test_an_instance_is(blocked, snapshot, status, reason, words) -> None:
    ready, *_ = instance_conditions(InstanceStatusInput(seen=snapshot, blocked=blocked))

    assert ready.type is InstanceCondition.READY
    assert (ready.status, ready.reason) == (status, reason)
    assert words in ready.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(Conflict("changed 3 times"), Reason.UNAVAILABLE, id="conflicts"),
        pytest.param(Forbidden("403"), Reason.FORBIDDEN, id="a missing right"),
    ],
)
def test_a_convergence_that_failed_says_why(error, reason) -> None:
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), error=error))

    assert (ready.status, ready.reason) == (False, reason)
    assert str(error) in ready.message


def test_what_of_our_own_can_not_be_read_is_told_as_well() -> None:
    """Nothing else would say that ends may be missed."""
    failures = ((Collection(ACCESS_GRANTS, "ours"), Forbidden("403")),)
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), failures=failures))

    assert ready.reason is Reason.FORBIDDEN
    assert "accessgrants in namespace ours can not be read: 403." in ready.message


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
            id="our own kinds, also if they are in Argo CD's namespace",
        ),
    ],
)
def test_a_missing_right_names_the_role_that_has_it(request_, manifest) -> None:
    error = Forbidden(f"{request_}: 403 no")
    ready, *_ = instance_conditions(InstanceStatusInput(seen=seen(), error=error))

    assert manifest in ready.message


@pytest.mark.parametrize(
    ("snapshot", "status", "reason"),
    [
        pytest.param(seen("g, a, b\n"), True, Reason.VALID, id="every line is read"),
        pytest.param(seen("x\ny\n"), False, Reason.MALFORMED_LINE, id="some are not"),
        pytest.param(seen(None), None, Reason.UNKNOWN, id="there is no text"),
    ],
)
def test_the_text_of_an_instance(snapshot, status, reason) -> None:
    _, text, *_ = instance_conditions(InstanceStatusInput(seen=snapshot))

    assert text.type is InstanceCondition.RBAC_TEXT_VALID
    assert (text.status, text.reason) == (status, reason)


def test_the_first_broken_line_is_named_and_all_are_counted() -> None:
    _, text, *_ = instance_conditions(InstanceStatusInput(seen=seen("x\ny\n")))

    assert text.message.startswith("policy.csv line 1: ")
    assert "(2 such lines" in text.message


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        pytest.param(None, False, Reason.UNDISTURBED, id="our key is left alone"),
        pytest.param(
            Finding(Reason.CONTESTED, "Somebody changed it."),
            True,
            Reason.CONTESTED,
            id="somebody keeps changing it",
        ),
    ],
)
def test_a_contest_is_told(finding, status, reason) -> None:
    _, _, contested, *_ = instance_conditions(
        InstanceStatusInput(seen=seen(), contested=finding)
    )

    assert contested.type is InstanceCondition.CONTESTED
    assert (contested.status, contested.reason) == (status, reason)


@pytest.mark.parametrize(
    ("skew", "status", "words"),
    [
        pytest.param(0.0, True, "agree", id="clocks that agree"),
        pytest.param(1.9, True, "agree", id="and nearly so"),
        pytest.param(2.0, False, "is behind the API server's by 2 s", id="behind"),
        pytest.param(-7.9, False, "is ahead of the API server's by 6 s", id="ahead"),
        pytest.param(3600.0, False, "by 3600 s", id="an hour behind"),
        pytest.param(-90_000.0, False, "by 90000 s", id="a day ahead"),
    ],
)
def test_the_clocks_are_compared(skew, status, words) -> None:
    """In steps, so that the message stays while both clocks run."""
    _, _, _, clock, *_ = instance_conditions(
        InstanceStatusInput(seen=seen(), clock_skew=skew)
    )

    assert clock.type is InstanceCondition.CLOCK_IN_SYNC
    assert clock.status is status
    assert words in clock.message
