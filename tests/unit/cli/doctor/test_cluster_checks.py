"""What the doctor says of the operator and its cluster."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from argogrant.cli.doctor.cluster_checks import permissions_are_granted
from argogrant.cli.doctor.examine import examine
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from support.builders import NOON
from support.doctor_facts import (
    HIDDEN,
    a_cluster,
    a_crd,
    a_grant_record,
    a_lease,
    a_record,
    a_status,
    an_argocd,
    gone,
    hidden,
    no,
    rights,
    yes,
)

ROOT = Path(__file__).parents[4]


def said(check: str, **changes) -> CheckResult:
    """What a check says of a cluster that has these changes."""
    results = [one for one in examine(a_cluster(**changes), []) if one.check == check]
    assert len(results) == 1, results
    return results[0]


def test_nothing_is_wrong_with_a_healthy_cluster() -> None:
    assert {one.outcome for one in examine(a_cluster(), [an_argocd()])} == {
        CheckOutcome.FINE
    }


WRONG = [
    pytest.param(
        "Kubernetes",
        {"kubernetes": yes("v1.29.4-eks")},
        "v1.29.4-eks serves no ValidatingAdmissionPolicy",
        id="a Kubernetes without admission policies",
    ),
    pytest.param(
        "CRDs",
        {"crds": (a_crd(is_served=no()),)},
        "not installed: accessgrants",
        id="a kind that is not served",
    ),
    pytest.param(
        "CRDs",
        {"crds": (a_crd(is_current=no()), a_crd("accesspolicies"))},
        "not those of this version: accessgrants",
        id="a CRD of another version",
    ),
    pytest.param(
        "Operator", {"lease": gone()}, "it never led here", id="no lease at all"
    ),
    pytest.param(
        "Operator",
        {"lease": yes(a_lease(holder=""))},
        "nobody holds the Lease",
        id="a lease that was given back",
    ),
    pytest.param(
        "Operator",
        {"lease": yes(a_lease(renewed_at=NOON - timedelta(seconds=31)))},
        "argogrant-0 leads, but has said nothing for 31 s",
        id="a leader that is silent for more than two leases",
    ),
    pytest.param(
        "Admission",
        {"admission_drift": yes("Nobody checks.")},
        "Nobody checks.",
        id="admission policies that are missing",
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
        "g1: spec.instance names no ArgoCDInstance",
        id="a grant for no instance",
    ),
]


@pytest.mark.parametrize(("check", "changes", "text"), WRONG)
def test_it_is_wrong_with(check, changes, text) -> None:
    result = said(check, **changes)

    assert result.outcome is CheckOutcome.WRONG
    assert text in result.text


@pytest.mark.parametrize(("check", "changes", "text"), WRONG)
def test_what_its_command_applies_is_shipped(check, changes, text) -> None:
    assert text
    command = said(check, **changes).command
    _, applies, path = command.partition(" -f ")

    assert not applies or (ROOT / path).exists()


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param("Kubernetes", {"kubernetes": hidden()}, id="the version"),
        pytest.param("CRDs", {"crds": (a_crd(is_current=hidden()),)}, id="the CRDs"),
        pytest.param("Operator", {"lease": hidden()}, id="the lease"),
        pytest.param("Admission", {"admission_drift": hidden()}, id="the policies"),
        pytest.param("Instances", {"instances": hidden()}, id="the instances"),
    ],
)
def test_what_can_not_be_read_is_said_with_the_reason(check, changes) -> None:
    result = said(check, **changes)

    assert result.outcome is CheckOutcome.UNKNOWN
    assert HIDDEN in result.text


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        pytest.param(gone(), "is not known", id="nothing"),
        pytest.param(
            yes(frozenset({"validatingadmissionpolicies"})), "not fill", id="checking"
        ),
        pytest.param(
            a_cluster().admission_kinds, "and fill them in", id="checking and filling"
        ),
    ],
)
def test_it_says_what_the_api_server_can_do(kinds, text) -> None:
    assert text in said("Kubernetes", admission_kinds=kinds).text


def test_a_leader_may_be_silent_for_two_leases() -> None:
    lease = a_lease(renewed_at=NOON - timedelta(seconds=30))

    assert said("Operator", lease=yes(lease)).outcome is CheckOutcome.FINE


def test_grants_are_no_news_where_instances_can_not_be_read() -> None:
    grants = yes((a_grant_record("g1", instance="nowhere"),))
    results = examine(a_cluster(instances=hidden(), grants=grants), [])

    assert "Grants" not in {one.check for one in results}


def test_the_first_right_that_is_missing_is_named() -> None:
    facts = an_argocd(permissions=rights(patch=no()))
    (result,) = permissions_are_granted(facts, "argogrant")

    assert result.outcome is CheckOutcome.WRONG
    assert "may not patch accessgrants in namespace argogrant" in result.text
    assert result.command == "kubectl apply -f manifests/argogrant-namespace.yaml"


def test_other_rights_that_are_missing_are_counted() -> None:
    facts = an_argocd(permissions=rights(delete=no()))
    (result,) = permissions_are_granted(facts, "argogrant")

    assert "delete accessgrants in namespace argogrant and 1 more" in result.text


def test_who_may_not_ask_for_rights_is_told() -> None:
    (result,) = permissions_are_granted(
        an_argocd(permissions=rights(get=hidden())), "argogrant"
    )

    assert (result.outcome, HIDDEN in result.text) == (CheckOutcome.UNKNOWN, True)


def test_what_an_operator_said_before_it_stopped_is_not_believed() -> None:
    results = examine(a_cluster(lease=yes(a_lease(holder=""))), [an_argocd()])
    (ready,) = (one for one in results if one.check == "Ready")

    assert ready.outcome is CheckOutcome.UNKNOWN
    assert ready.text.startswith("the operator said, before it stopped: ")


def test_what_a_condition_repeats_is_said_once() -> None:
    status = a_status(RequesterVerified="False")
    facts = replace(an_argocd(), record=a_record(status=status))
    repeated = yes("RequesterVerified.")
    results = examine(a_cluster(admission_drift=repeated), [facts])
    wrong = [one.check for one in results if one.outcome is CheckOutcome.WRONG]

    assert wrong == ["Admission"]
