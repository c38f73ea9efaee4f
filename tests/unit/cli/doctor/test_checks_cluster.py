"""Checks of the operator and its cluster."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from argogrant.cli.doctor.checks import examine
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from support.builders import NOON
from support.doctor_facts import (
    HIDDEN,
    a_cluster,
    a_grant_record,
    a_lease,
    a_record,
    a_status,
    an_argocd,
    gone,
    hidden,
    no,
    permissions,
    yes,
)

ROOT = Path(__file__).parents[4]


def result_of(check: str, **changes) -> CheckResult:
    """Return the only result of a check, for a cluster with these changes."""
    results = [one for one in examine(a_cluster(**changes), []) if one.check == check]
    assert len(results) == 1, results
    return results[0]


def test_healthy_cluster_has_no_problem() -> None:
    assert {one.outcome for one in examine(a_cluster(), [an_argocd()])} == {
        CheckOutcome.FINE
    }


PROBLEMS = [
    pytest.param(
        "Kubernetes",
        {"kubernetes": yes("v1.29.4-eks")},
        "v1.29.4-eks does not serve ValidatingAdmissionPolicy",
        id="Kubernetes without admission policies",
    ),
    pytest.param(
        "CRDs",
        {"crds": {"accessgrants": gone()}},
        "not installed: accessgrants",
        id="kind that is not served",
    ),
    pytest.param(
        "CRDs",
        {"crds": {"accessgrants": no(), "accesspolicies": yes()}},
        "different from those of this version: accessgrants",
        id="CRD of another version",
    ),
    pytest.param(
        "Operator",
        {"lease": gone()},
        "no operator has ever been leader here",
        id="no Lease",
    ),
    pytest.param(
        "Operator",
        {"lease": yes(a_lease(holder=""))},
        "the Lease argogrant has no holder",
        id="released Lease",
    ),
    pytest.param(
        "Operator",
        {"lease": yes(a_lease(renewed_at=NOON - timedelta(seconds=31)))},
        "argogrant-0 holds the Lease but has not renewed it for 31 s",
        id="Lease not renewed for more than two durations",
    ),
    pytest.param(
        "Rights",
        {"missing_permissions": permissions(patch=no())},
        "does not have permission to patch leases/argogrant in namespace argogrant"
        " and 2 more",
        id="operator without a permission that it needs to report",
    ),
    pytest.param(
        "Admission",
        {"admission_drift": yes("The policy is missing.")},
        "The policy is missing.",
        id="missing admission policy",
    ),
    pytest.param(
        "Instances",
        {"instances": yes(())},
        "no ArgoCDInstance in namespace argogrant",
        id="no instance",
    ),
    pytest.param(
        "Grants",
        {"grants": yes((a_grant_record("g1", instance="nowhere"),))},
        "g1: spec.instance names an ArgoCDInstance that does not exist",
        id="grant for an instance that does not exist",
    ),
]


@pytest.mark.parametrize(("check", "changes", "text"), PROBLEMS)
def test_problem_is_found(check, changes, text) -> None:
    result = result_of(check, **changes)

    assert result.outcome is CheckOutcome.WRONG
    assert text in result.text


@pytest.mark.parametrize(("check", "changes", "text"), PROBLEMS)
def test_problem_has_a_remedy(check, changes, text) -> None:
    assert text
    result = result_of(check, **changes)

    assert result.remedy or result.command


@pytest.mark.parametrize(("check", "changes", "text"), PROBLEMS)
def test_manifest_in_a_remedy_is_shipped(check, changes, text) -> None:
    assert text
    command = result_of(check, **changes).command
    _, applies, path = command.partition(" -f ")

    assert not applies or (ROOT / path).exists()


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param("Kubernetes", {"kubernetes": hidden()}, id="version"),
        pytest.param("CRDs", {"crds": {"accessgrants": hidden()}}, id="CRDs"),
        pytest.param("Operator", {"lease": hidden()}, id="Lease"),
        pytest.param(
            "Rights",
            {"missing_permissions": permissions(get=hidden())},
            id="permissions",
        ),
        pytest.param("Admission", {"admission_drift": hidden()}, id="policies"),
        pytest.param("Instances", {"instances": hidden()}, id="instances"),
    ],
)
def test_unreadable_fact_is_unknown_with_the_reason(check, changes) -> None:
    result = result_of(check, **changes)

    assert result.outcome is CheckOutcome.UNKNOWN
    assert HIDDEN in result.text


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        pytest.param(gone(), "are unknown", id="nothing"),
        pytest.param(
            yes(frozenset({"validatingadmissionpolicies"})),
            "not fill in their names",
            id="validating policies",
        ),
        pytest.param(
            a_cluster().admission_kinds,
            "and fill in their names",
            id="validating and mutating policies",
        ),
    ],
)
def test_support_for_admission_policies_is_reported(kinds, text) -> None:
    assert text in result_of("Kubernetes", admission_kinds=kinds).text


def test_lease_may_be_two_durations_old() -> None:
    lease = a_lease(renewed_at=NOON - timedelta(seconds=30))

    assert result_of("Operator", lease=yes(lease)).outcome is CheckOutcome.FINE


def test_grants_are_not_checked_against_unreadable_instances() -> None:
    grants = yes((a_grant_record("g1", instance="nowhere"),))
    results = examine(a_cluster(instances=hidden(), grants=grants), [])

    assert "Grants" not in {one.check for one in results}


def test_only_missing_permission_is_named_with_its_manifest() -> None:
    result = result_of("Rights", missing_permissions=permissions(create=no()))

    assert "permission to create leases in namespace argogrant, without" in result.text
    assert result.command == "kubectl apply -f manifests/argogrant-namespace.yaml"


STOPPED = [
    pytest.param({"lease": yes(a_lease(holder=""))}, "operator stopped", id="released"),
    pytest.param(
        {"lease": yes(a_lease(renewed_at=NOON - timedelta(seconds=31)))},
        "operator stopped",
        id="not renewed",
    ),
    pytest.param({"lease": gone()}, "operator stopped", id="no Lease"),
    pytest.param(
        {"missing_permissions": permissions(patch=no())},
        "operator lost permissions",
        id="operator cannot write a status",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), STOPPED)
def test_reports_of_a_stopped_operator_are_unknown(changes, reason) -> None:
    status = a_status(Contested="True")
    grants = (a_grant_record("g1", effective="-NoSuchAccount"),)
    facts = replace(an_argocd(), record=a_record(status=status), grants=yes(grants))
    results = examine(a_cluster(**changes), [facts])
    reports = [one for one in results if one.instance and one.check != "Argo CD"]

    assert {one.outcome for one in reports} == {CheckOutcome.UNKNOWN}
    assert all(
        one.text.startswith(f"reported before the {reason}: ") for one in reports
    )
    assert {"Ready", "Contested", "Effective", "Grants"} <= {
        one.check for one in reports
    }


@pytest.mark.parametrize(("changes", "reason"), STOPPED)
def test_stopped_operator_is_reported_before_its_conditions(changes, reason) -> None:
    assert reason
    results = examine(a_cluster(**changes), [an_argocd()])
    (problem,) = (one for one in results if one.outcome is CheckOutcome.WRONG)

    assert results.index(problem) < min(
        number for number, one in enumerate(results) if one.instance
    )


def test_reports_are_believed_if_the_lease_cannot_be_read() -> None:
    results = examine(a_cluster(lease=hidden()), [an_argocd()])
    (ready,) = (one for one in results if one.check == "Ready")

    assert ready.outcome is CheckOutcome.FINE


def test_condition_that_repeats_a_cluster_check_is_left_out() -> None:
    status = a_status(RequesterVerified="False")
    facts = replace(an_argocd(), record=a_record(status=status))
    repeated = yes("RequesterVerified.")
    results = examine(a_cluster(admission_drift=repeated), [facts])
    wrong = [one.check for one in results if one.outcome is CheckOutcome.WRONG]

    assert wrong == ["Admission"]
