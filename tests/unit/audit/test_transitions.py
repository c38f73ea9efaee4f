"""Events between two statuses of a grant or of an instance."""

import pytest

from argogrant.audit.event import EventType
from argogrant.audit.transitions import (
    CONDITION_EVENTS,
    ReportedState,
    condition_transitions,
)
from argogrant.grants.model.reasons import (
    GRANT_REASONS,
    INSTANCE_REASONS,
    REFUSED_REASONS,
)
from argogrant.grants.model.stored_condition import Conditions, StoredCondition
from generate_audit import event_descriptions
from support.stored_statuses import (
    BINDING,
    BOUND,
    DELETED,
    DENIED,
    EARLIER,
    EXPIRED,
    INVALID,
    NOT_ALLOWED,
    NOTHING,
    OPEN,
    OPEN_EXPIRED,
    REFUSED,
    REVOKED,
    SCHEDULED,
    STUCK,
    TIMED_OUT,
    UNKNOWN_ROLE,
    WAITING,
    state,
    transitions,
    types,
)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(NOTHING, BINDING, "requested approved", id="new grant"),
        pytest.param(
            NOTHING, OPEN, "requested bound", id="new grant without access policies"
        ),
        pytest.param(BINDING, BOUND, "bound", id="binding is written"),
        pytest.param(SCHEDULED, BOUND, "bound", id="scheduled grant begins"),
        pytest.param(BOUND, BOUND, "", id="no change"),
        pytest.param(
            NOTHING,
            WAITING,
            "requested awaiting-approval",
            id="new grant that needs approval",
        ),
        pytest.param(WAITING, WAITING, "", id="still waiting for approval"),
        pytest.param(WAITING, BOUND, "approved bound", id="enough approvals"),
        pytest.param(
            BOUND, WAITING, "awaiting-approval unbound", id="approval withdrawn"
        ),
        pytest.param(WAITING, DENIED, "denied ended", id="denied by an approver"),
        pytest.param(WAITING, TIMED_OUT, "ended", id="approval timed out"),
        pytest.param(NOTHING, NOT_ALLOWED, "requested refused", id="no policy matches"),
        pytest.param(NOT_ALLOWED, BOUND, "approved bound", id="policy matches later"),
        pytest.param(
            BOUND, NOT_ALLOWED, "refused unbound", id="refusal comes before unbound"
        ),
        pytest.param(NOT_ALLOWED, REFUSED, "approved refused", id="another refusal"),
        pytest.param(REFUSED, REFUSED, "", id="same refusal"),
        pytest.param(NOTHING, INVALID, "requested refused", id="invalid grant"),
        pytest.param(BOUND, UNKNOWN_ROLE, "unbound", id="role removed"),
        pytest.param(BINDING, STUCK, "", id="write blocked before the first binding"),
        pytest.param(BOUND, EXPIRED, "ended", id="expired"),
        pytest.param(BOUND, REVOKED, "ended", id="revoked"),
        pytest.param(BOUND, DELETED, "ended", id="being deleted"),
        pytest.param(EXPIRED, DELETED, "", id="deleted after its end"),
        pytest.param(
            NOTHING,
            EXPIRED,
            "requested ended",
            id="expired before any approval counted",
        ),
        pytest.param(
            EXPIRED,
            state("-Expired", "+ApprovedByReviewers", "+Expired"),
            "",
            id="approval changes after the end",
        ),
        pytest.param(
            state("+Bound", "+AutoApproved"),
            state("+Bound", "+ApprovedByReviewers"),
            "approved",
            id="another policy approves",
        ),
    ],
)
def test_change_of_conditions_emits_events(before, now, expected) -> None:
    assert types(before, now) == expected


@pytest.mark.parametrize(
    ("before", "now", "overdue", "expected"),
    [
        pytest.param(
            NOTHING, OPEN_EXPIRED, False, "requested bound ended", id="before its end"
        ),
        pytest.param(
            NOTHING,
            EXPIRED,
            False,
            "requested approved bound ended",
            id="before its end, with its approval",
        ),
        pytest.param(BINDING, EXPIRED, False, "bound ended", id="after a first report"),
        pytest.param(
            NOTHING,
            NOT_ALLOWED,
            False,
            "requested bound refused unbound",
            id="before a policy refused it",
        ),
        pytest.param(
            NOTHING,
            STUCK,
            True,
            "requested approved bound overdue",
            id="before it was overdue",
        ),
        pytest.param(
            NOTHING, BOUND, False, "requested approved bound", id="and it still is"
        ),
        pytest.param(BOUND, EXPIRED, False, "ended", id="not if bound was reported"),
        pytest.param(
            NOT_ALLOWED,
            EXPIRED,
            False,
            "ended",
            id="not if the grant was refused: the binding is another grant's",
        ),
        pytest.param(
            WAITING,
            EXPIRED,
            False,
            "ended",
            id="not if the grant waited: the binding is another grant's",
        ),
        pytest.param(
            BINDING,
            NOT_ALLOWED,
            False,
            "bound refused unbound",
            id="after a first report, before a policy refused it",
        ),
        pytest.param(EXPIRED, EXPIRED, False, "", id="not after its end"),
    ],
)
def test_binding_without_report_is_reported(before, now, overdue, expected) -> None:
    """An operator can be killed between the write to Argo CD and the report."""
    assert types(before, now, binding_found=True, is_overdue=overdue) == expected


@pytest.mark.parametrize(
    ("before", "now", "was_overdue", "is_overdue", "expected"),
    [
        pytest.param(
            BOUND, STUCK, False, True, "overdue", id="revocation cannot be written"
        ),
        pytest.param(STUCK, STUCK, True, True, "", id="still overdue"),
        pytest.param(STUCK, EXPIRED, True, False, "ended", id="revocation is written"),
        pytest.param(EXPIRED, EXPIRED, False, True, "", id="ended before"),
    ],
)
def test_grant_becomes_overdue(before, now, was_overdue, is_overdue, expected) -> None:
    found = types(before, now, was_overdue=was_overdue, is_overdue=is_overdue)

    assert found == expected


def test_binding_of_an_overdue_grant_is_not_reported_again() -> None:
    assert types(STUCK, EXPIRED, was_overdue=True, binding_found=True) == "ended"


@pytest.mark.parametrize(
    ("before", "now", "was_bound", "expected"),
    [
        pytest.param(BINDING, BOUND, False, "bound extended", id="when bound"),
        pytest.param(BINDING, BOUND, True, "bound", id="not when bound again"),
        pytest.param(
            NOTHING, NOT_ALLOWED, False, "requested refused", id="not if refused"
        ),
    ],
)
def test_extension_is_reported(before, now, was_bound, expected) -> None:
    assert types(before, now, extends="g0", was_bound=was_bound) == expected


def test_event_has_the_reason_and_message_of_its_condition() -> None:
    _, refused = transitions(NOTHING, NOT_ALLOWED)

    assert (refused.reason, refused.message) == ("NotAllowed", "NotAllowed it is.")


def test_ended_has_the_reason_of_the_end_rather_than_of_an_obstacle() -> None:
    (ended,) = transitions(BOUND, state("-Binding", ended="+Revoked"))

    assert ended.reason == "Revoked"


def instance_types(before: Conditions, now: Conditions) -> str:
    found = condition_transitions(ReportedState(before), ReportedState(now))
    return " ".join(f"{one.type}: {one.message}" for one in found)


def contested(sign: str) -> Conditions:
    reason = "Contested" if sign == "+" else "Undisturbed"
    return {"Contested": StoredCondition(sign == "+", reason, "By kubectl.", EARLIER)}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(
            NOTHING, contested("+"), "contested: By kubectl.", id="first report"
        ),
        pytest.param(
            contested("-"), contested("+"), "contested: By kubectl.", id="new"
        ),
        pytest.param(contested("+"), contested("+"), "", id="still contested"),
        pytest.param(contested("+"), contested("-"), "", id="no longer contested"),
        pytest.param(NOTHING, NOTHING, "", id="unknown"),
    ],
)
def test_contested_instance_is_reported(before, now, expected) -> None:
    assert instance_types(before, now) == expected


def token(*, status: bool | None, reason: str) -> Conditions:
    return {"TokenFresh": StoredCondition(status, reason, f"It is {reason}.")}


FRESH = token(status=True, reason="Fresh")
ENDING = token(status=False, reason="TokenEnding")
FAILED = token(status=False, reason="RotationFailed")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(
            NOTHING, ENDING, "token-at-risk: It is TokenEnding.", id="first report"
        ),
        pytest.param(FRESH, ENDING, "token-at-risk: It is TokenEnding.", id="new"),
        pytest.param(ENDING, ENDING, "", id="no change"),
        pytest.param(
            ENDING, FAILED, "token-at-risk: It is RotationFailed.", id="other reason"
        ),
        pytest.param(FAILED, FRESH, "", id="renewed"),
        pytest.param(FRESH, token(status=None, reason="Unknown"), "", id="unknown"),
    ],
)
def test_token_at_risk_is_reported(before, now, expected) -> None:
    assert instance_types(before, now) == expected


@pytest.mark.parametrize("event_type", EventType)
def test_every_event_type_has_a_description(event_type) -> None:
    assert event_descriptions()[event_type].endswith(".")


def test_every_row_of_the_table_is_a_state_that_a_condition_can_have() -> None:
    """``Ended`` gets the reason ``Deleted`` from ``Ready``."""
    possible = {
        (str(condition), status, str(reason))
        for reasons in (GRANT_REASONS, INSTANCE_REASONS)
        for condition, by_status in reasons.items()
        for status, of_status in by_status.items()
        for reason in of_status
    }

    assert {(str(c), s, str(r)) for c, s, r in CONDITION_EVENTS} - possible == {
        ("Ended", True, "Deleted")
    }


def test_refused_is_about_the_grant_and_not_about_argo_cd() -> None:
    assert "RoleNotFound" not in REFUSED_REASONS
    assert "NotAllowed" in REFUSED_REASONS
