"""What the doctor says of one instance and its Argo CD."""

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from argogrant.cli.doctor.examine import examine
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from support.doctor_facts import (
    a_cluster,
    a_grant_record,
    a_map,
    a_record,
    a_status,
    an_argocd,
    gone,
    hidden,
    yes,
)

BROKEN = "p, role:broken, applications\n"
REMOTE = {
    "server": "https://10.0.0.1:6443",
    "tokenSecret": {"name": "token"},
}
TRACKED = {TRACKING_ANNOTATION: "app:x"}
ENDED = {"endedAt": "2026-11-24T12:00:00Z"}


def said(check: str, **changes) -> list[CheckResult]:
    """What a check says of an instance that has these changes."""
    results = examine(a_cluster(), [an_argocd(**changes)])
    return [one for one in results if one.check == check and one.instance]


def elsewhere(**status) -> dict:
    """An instance whose Argo CD is in another cluster."""
    record = a_record(spec={"cluster": REMOTE}, status={**a_status(), **status})
    return {"record": record, "is_elsewhere": True, "config_map": gone()}


WRONG = [
    pytest.param(
        "Ready",
        {"record": a_record(status={})},
        "has not looked at it yet",
        id="an instance that nobody looked at",
    ),
    pytest.param(
        "Ready",
        {"record": a_record(status={**a_status(), "observedGeneration": 0})},
        "not at its last change",
        id="a change that nobody looked at",
    ),
    pytest.param(
        "Ready",
        {"record": a_record(status=a_status(Ready="False"))},
        "Why: Ready.",
        id="an instance that is not ready",
    ),
    pytest.param(
        "Contested",
        {"record": a_record(status=a_status(Contested="True"))},
        "Why: Contested.",
        id="a contested key",
    ),
    pytest.param(
        "ClockInSync",
        {"record": a_record(status=a_status(ClockInSync="False"))},
        "Why: ClockInSync.",
        id="clocks that differ",
    ),
    pytest.param(
        "RequesterVerified",
        {"record": a_record(status=a_status(RequesterVerified="False"))},
        "Why: RequesterVerified.",
        id="an operator that believes everybody",
    ),
    pytest.param(
        "ConfigMap", {"config_map": gone()}, "there is no", id="a missing ConfigMap"
    ),
    pytest.param(
        "RBAC text",
        {"config_map": a_map(BROKEN)},
        "policy.csv line 1",
        id="a line that Argo CD can not read",
    ),
    pytest.param(
        "RBAC text",
        {
            "config_map": hidden(),
            "record": a_record(status=a_status(RBACTextValid="False")),
        },
        "Why: RBACTextValid.",
        id="a line that only the operator may see",
    ),
    pytest.param(
        "Scopes",
        {"grants": yes((a_grant_record("g1", subject="alice@example.com"),))},
        "[groups]: without email, Argo CD does not find the address in g1",
        id="an address without its claim",
    ),
    pytest.param(
        "Size",
        {"config_map": a_map("#" * 950 * 1024)},
        "950.0 KiB of 1008 KiB are used",
        id="a ConfigMap that is nearly full",
    ),
    pytest.param(
        "Git",
        {"grants": yes((a_grant_record("g1", duration="1h", annotations=TRACKED),))},
        "g1: tracked by Argo CD",
        id="a grant from Git with a duration",
    ),
    pytest.param(
        "Token",
        elsewhere(tokenExpiresAt="2026-11-25T11:00:00Z"),
        "it ends at 2026-11-25T11:00:00Z",
        id="a token that ends within a day",
    ),
    pytest.param(
        "Token",
        elsewhere(tokenExpiresAt="2026-11-24T11:00:00Z"),
        "it ended at 2026-11-24T11:00:00Z",
        id="a token that ended",
    ),
]


@pytest.mark.parametrize(("check", "changes", "text"), WRONG)
def test_it_is_wrong_with(check, changes, text) -> None:
    (result,) = said(check, **changes)

    assert result.outcome is CheckOutcome.WRONG
    assert text in result.text


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param("ConfigMap", {"config_map": hidden()}, id="a hidden ConfigMap"),
        pytest.param("ConfigMap", elsewhere(), id="a ConfigMap elsewhere"),
        pytest.param("Argo CD", {"argocd_version": gone()}, id="no Deployment"),
        pytest.param("Argo CD", {"argocd_version": hidden()}, id="a hidden Deployment"),
        pytest.param("Argo CD", elsewhere(), id="an Argo CD elsewhere"),
        pytest.param("Token", elsewhere(), id="a token that nobody saw"),
        pytest.param("Grants", {"grants": hidden()}, id="hidden grants"),
        pytest.param(
            "ClockInSync",
            {"record": a_record(status=a_status(ClockInSync="Unknown"))},
            id="a condition that is not known",
        ),
        pytest.param(
            "RequesterVerified",
            {"record": a_record(status=a_status(RequesterVerified="Unknown"))},
            id="policies that the operator may not see",
        ),
    ],
)
def test_a_question_mark_is_for(check, changes) -> None:
    (result,) = said(check, **changes)

    assert result.outcome is CheckOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param(
            "Scopes",
            {
                "config_map": a_map(scopes="[groups, email]"),
                "grants": yes((a_grant_record("g1", subject="a@example.com"),)),
            },
            id="an address with its claim",
        ),
        pytest.param(
            "Scopes",
            {
                "grants": yes(
                    (a_grant_record("g1", subject="a@example.com", status=ENDED),)
                )
            },
            id="an address of a grant that is over",
        ),
        pytest.param(
            "Token",
            elsewhere(tokenExpiresAt="2026-12-24T11:00:00Z"),
            id="a token that lasts",
        ),
    ],
)
def test_nothing_is_wrong_with(check, changes) -> None:
    (result,) = said(check, **changes)

    assert result.outcome is CheckOutcome.FINE


@pytest.mark.parametrize("check", ["RBAC text", "Scopes", "Size"])
def test_of_a_hidden_config_map_nothing_is_guessed(check) -> None:
    assert said(check, config_map=hidden()) == []


def test_grants_that_wait_are_counted_by_their_reason() -> None:
    (result,) = said(
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
        "1 in force, 1 over, 4 waiting: 2 AwaitingApproval, 1 Scheduled,"
        " 1 not looked at yet"
    )


def test_of_many_names_some_are_shown() -> None:
    records = tuple(
        a_grant_record(f"g{number}", duration="1h", annotations=TRACKED)
        for number in range(5)
    )
    (result,) = said("Git", grants=yes(records))

    assert result.text.startswith("g0, g1, g2 and 2 more: tracked")


def test_each_instance_has_its_own_lines() -> None:
    """Also where they say the same."""
    results = examine(a_cluster(), [an_argocd(), an_argocd()])

    assert [one.check for one in results].count("Scopes") == 2
