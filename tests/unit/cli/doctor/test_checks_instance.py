"""Checks of one ArgoCDInstance, its grants and its Argo CD."""

from dataclasses import replace

import pytest

from argogrant.argocd.allowed_namespaces import find_refusal
from argogrant.cli.doctor.checks import examine
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from support.doctor_facts import (
    a_cluster,
    a_grant_record,
    a_record,
    a_status,
    an_argocd,
    gone,
    hidden,
    yes,
)

REMOTE = {
    "server": "https://10.0.0.1:6443",
    "tokenSecret": {"name": "token"},
}
ENDED = {"endedAt": "2026-11-24T12:00:00Z"}


def results_of(check: str, **changes) -> list[CheckResult]:
    """Return the results of a check, for an instance with these changes."""
    results = examine(a_cluster(), [an_argocd(**changes)])
    return [one for one in results if one.check == check and one.instance]


def reporting(reason: str = "Why", **conditions: str) -> dict:
    """An instance that reports these conditions."""
    status = a_status(**conditions)
    for condition in status["conditions"]:
        condition["reason"] = reason
    return {"record": a_record(status=status)}


PROBLEMS = [
    pytest.param(
        "Ready",
        {"record": a_record(status={})},
        "the operator has not reported on the current generation",
        id="instance without a status",
    ),
    pytest.param(
        "Ready",
        {"record": a_record(status={**a_status(), "observedGeneration": 0})},
        "the operator has not reported on the current generation",
        id="status of an earlier generation",
    ),
    pytest.param(
        "Ready", reporting(Ready="False"), "Why: Ready.", id="instance not ready"
    ),
    pytest.param(
        "RBACTextValid",
        reporting(RBACTextValid="False"),
        "Why: RBACTextValid.",
        id="malformed line",
    ),
    pytest.param(
        "Contested", reporting(Contested="True"), "Why: Contested.", id="contested key"
    ),
    pytest.param(
        "ClockInSync",
        reporting(ClockInSync="False"),
        "Why: ClockInSync.",
        id="skewed clock",
    ),
    pytest.param(
        "RequesterVerified",
        reporting(RequesterVerified="False"),
        "Why: RequesterVerified.",
        id="unverified requesters",
    ),
    pytest.param(
        "TokenFresh",
        reporting(TokenFresh="False"),
        "Why: TokenFresh.",
        id="token that ends soon",
    ),
    pytest.param(
        "Git",
        {"grants": yes((a_grant_record("g1", "-AbsoluteEndRequired"),))},
        "g1: AbsoluteEndRequired: Ready.",
        id="grant from Git with a duration",
    ),
    pytest.param(
        "Effective",
        {"grants": yes((a_grant_record("g1", effective="-EmailNotInScopes"),))},
        "g1: EmailNotInScopes: Effective.",
        id="grant for a subject that Argo CD cannot match",
    ),
]


@pytest.mark.parametrize(("check", "changes", "text"), PROBLEMS)
def test_problem_is_found(check, changes, text) -> None:
    (result,) = results_of(check, **changes)

    assert result.outcome is CheckOutcome.WRONG
    assert text in result.text


def test_refusal_by_argocds_owner_contains_the_command_that_allows() -> None:
    refusal = find_refusal(
        ("team-b",),
        namespace="argogrant",
        operator_namespace="argogrant",
        argocd_namespace="argocd",
    )
    assert refusal is not None
    changes = reporting(refusal.reason, Ready="False")
    conditions = changes["record"].status["conditions"]
    next(one for one in conditions if one["type"] == "Ready")["message"] = (
        refusal.message
    )
    (result,) = results_of("Ready", **changes)

    assert result.outcome is CheckOutcome.WRONG
    assert result.text.startswith("NotAllowedByArgoCD: The annotation ")
    assert result.text.endswith("Whoever owns that Argo CD can allow it:")
    assert result.command == (
        "kubectl -n argocd annotate configmap argocd-rbac-cm"
        " argogrant.dev/allowed-namespaces=team-b,argogrant --overwrite"
    )


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param("Argo CD", {"argocd_version": gone()}, id="no Deployment"),
        pytest.param("Argo CD", {"argocd_version": hidden()}, id="hidden Deployment"),
        pytest.param(
            "Argo CD",
            {"record": a_record(spec={"cluster": REMOTE})},
            id="Argo CD in another cluster",
        ),
        pytest.param("Grants", {"grants": hidden()}, id="hidden grants"),
        pytest.param(
            "RBACTextValid",
            reporting(RBACTextValid="Unknown"),
            id="ConfigMap that the operator cannot read",
        ),
        pytest.param(
            "RequesterVerified",
            reporting(RequesterVerified="Unknown"),
            id="policies that the operator cannot read",
        ),
        pytest.param(
            "ClockInSync",
            {"record": a_record(status={**a_status(), "observedGeneration": 0})},
            id="condition of an earlier generation",
        ),
    ],
)
def test_result_is_unknown_for(check, changes) -> None:
    (result,) = results_of(check, **changes)

    assert result.outcome is CheckOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("check", "text"),
    [
        pytest.param("Ready", "Ready.", id="a condition that should be True"),
        pytest.param("Contested", "Contested.", id="a condition that should be False"),
        pytest.param("Argo CD", "v3.6.1", id="the version of Argo CD"),
    ],
)
def test_healthy_instance_reports(check, text) -> None:
    (result,) = results_of(check)

    assert (result.outcome, result.text) == (CheckOutcome.FINE, text)


@pytest.mark.parametrize(
    ("reason", "changes", "command"),
    [
        pytest.param(
            "MalformedLine",
            {"RBACTextValid": "False"},
            "kubectl -n cd edit configmap argocd-rbac-cm",
            id="malformed line",
        ),
        pytest.param(
            "AdmissionPolicyMissing",
            {"RequesterVerified": "False"},
            "kubectl apply -f admission/argogrant-validating.yaml",
            id="missing admission policy",
        ),
    ],
)
def test_condition_has_the_command_of_its_reason(reason, changes, command) -> None:
    status = reporting(reason, **changes)["record"].status
    record = a_record(status=status, spec={"namespace": "cd"})
    (result,) = results_of(next(iter(changes)), record=record)

    assert result.command == command


@pytest.mark.parametrize(
    "grant",
    [
        pytest.param(
            a_grant_record("g1", effective="-NoSuchAccount", status=ENDED),
            id="a grant that has ended",
        ),
        pytest.param(
            a_grant_record("g1", "+Bound", effective="+Matchable"),
            id="an active grant",
        ),
        pytest.param(
            a_grant_record("g1", "-AwaitingApproval"),
            id="a grant that awaits approval",
        ),
    ],
)
def test_no_problem_with(grant) -> None:
    results = examine(a_cluster(), [an_argocd(grants=yes((grant,)))])

    assert {one.outcome for one in results} == {CheckOutcome.FINE}


def test_waiting_grants_are_counted_by_their_reason() -> None:
    (result,) = results_of(
        "Grants",
        grants=yes(
            (
                a_grant_record("g1", "+Bound"),
                a_grant_record("g2", "-AwaitingApproval"),
                a_grant_record("g3", "-AwaitingApproval"),
                a_grant_record("g4", "-Scheduled"),
                a_grant_record("g5", "-Expired", status=ENDED),
                a_grant_record("g6"),
            )
        ),
    )

    assert result.text == (
        "1 active, 1 ended, 4 waiting: 2 AwaitingApproval, 1 Scheduled,"
        " 1 not reported yet"
    )


def test_many_names_are_abbreviated() -> None:
    records = tuple(
        a_grant_record(f"g{number}", "-AbsoluteEndRequired") for number in range(5)
    )
    (result,) = results_of("Git", grants=yes(records))

    assert result.text.startswith("g0, g1, g2 and 2 more: AbsoluteEndRequired")


def test_grants_with_different_reasons_are_separate_results() -> None:
    reasons = ("-NoSuchAccount", "-EmailNotInScopes")
    records = tuple(a_grant_record(one[1:], effective=one) for one in reasons)

    assert len(results_of("Effective", grants=yes(records))) == len(reasons)


def test_each_instance_has_results_of_its_own() -> None:
    results = examine(a_cluster(), [an_argocd(), an_argocd()])

    assert [one.check for one in results].count("Ready") == 2


def test_roles_that_allow_nothing_are_listed_and_no_problem() -> None:
    """A grant for such a role is a problem; an unused role is not."""
    roles = [
        {"name": "role:x", "allowsNothing": "line 3: why."},
        {"name": "y", "project": "team-a", "allowsNothing": "line 4: why."},
        {"name": "role:z"},
    ]
    found = results_of("Roles", record=a_record(status={**a_status(), "roles": roles}))

    assert [one.text for one in found] == [
        'RoleAllowsNothing: "role:x": line 3: why.',
        'RoleAllowsNothing: "team-a/y": line 4: why.',
    ]
    assert {one.outcome for one in found} == {CheckOutcome.NOTED}


RETURNED = {
    "id": "0a1b2c3d4e5f",
    "project": "shop",
    "role": "deployer",
    "subject": "alice",
    "state": "Kept",
    "tokens": 2,
    "returnedAt": "2026-11-24T18:00:00Z",
}


def test_each_returned_member_has_a_result_with_its_remedy() -> None:
    removed = {**RETURNED, "id": "f" * 12, "subject": "bob\x1b", "state": "Removed"}
    status = {**a_status(), "returnedMembers": [RETURNED, removed]}
    kept, corrected = results_of("Returned", record=a_record(status=status))

    assert kept.outcome is CheckOutcome.WRONG
    assert "alice in role deployer of AppProject shop" in kept.text
    assert "with 2 tokens" in kept.text
    assert kept.command == "argogrant review -n argogrant --acknowledge 0a1b2c3d4e5f"
    assert corrected.outcome is CheckOutcome.NOTED
    assert "\x1b" not in corrected.text


def test_acknowledged_member_has_no_result() -> None:
    status = {**a_status(), "returnedMembers": [RETURNED]}
    record = replace(a_record(status=status), acknowledged={RETURNED["id"]: "OPS-12"})

    assert not results_of("Returned", record=record)


def test_condition_about_returned_members_is_not_repeated() -> None:
    assert not results_of("MembersReturned", **reporting(MembersReturned="True"))
