"""Parsing of AccessApprovals, and their models."""

from typing import Any

import pytest

from argogrant.api.accessapproval import (
    AccessApprovalSpec,
    AccessApprovalStatus,
    read_approval,
)
from argogrant.api.conditions import status_of
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.conditions import Condition
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import ApprovalCondition, Reason
from support.builders import HOUR, NOON

EVERYTHING: dict[str, Any] = {
    "grant": {"name": "alice-deploys", "uid": "g-1"},
    "decision": "Deny",
    "comment": "not during the freeze",
    "approver": {"username": "bob", "groups": ["approvers"]},
}
LEAST: dict[str, Any] = {
    "grant": {"name": "alice-deploys", "uid": "g-1"},
    "decision": "Approve",
}


def a_body(spec: Any, **metadata: Any) -> dict[str, Any]:
    stamped = {"uid": "u1", "namespace": "argogrant", "name": "a1"}
    created = {"creationTimestamp": "2026-11-24T12:00:00Z"}
    return {"metadata": {**stamped, **created, **metadata}, "spec": spec}


def test_all_fields_are_parsed() -> None:
    gone = a_body(EVERYTHING, deletionTimestamp="2026-11-24T12:30:00Z")

    assert read_approval(gone) == Approval(
        uid="u1",
        name="a1",
        grant_name="alice-deploys",
        grant_uid="g-1",
        decision=ApprovalDecision.DENY,
        approver=Identity(username="bob", groups=frozenset({"approvers"})),
        created_at=NOON,
        comment="not during the freeze",
        being_deleted=True,
    )


def test_approver_is_optional() -> None:
    approval = read_approval(a_body(LEAST))

    assert approval.decision is ApprovalDecision.APPROVE
    assert approval.approver is None
    assert approval.comment == ""
    assert not approval.being_deleted


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"grant": None}, "spec.grant: ", id="no grant"),
        pytest.param({"grant": {"name": "g"}}, "spec.grant.uid: ", id="no uid"),
        pytest.param(
            {"decision": "Perhaps"}, "spec.decision: ", id="an unknown decision"
        ),
        pytest.param({"comment": "x" * 1025}, "spec.comment: ", id="a long comment"),
        pytest.param(
            {"approver": {"username": ""}},
            "spec.approver.username: ",
            id="an empty approver",
        ),
    ],
)
def test_object_that_does_not_match_the_crd_is_refused(changes, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_approval(a_body({**LEAST, **changes}))

    assert words in str(got.value)


def test_spec_model_keeps_every_field() -> None:
    """The model neither drops nor adds fields."""
    model = AccessApprovalSpec.model_validate(EVERYTHING)

    assert model.model_dump(by_alias=True, exclude_unset=True) == EVERYTHING


def test_status_model_keeps_every_field() -> None:
    condition = Condition(
        type=ApprovalCondition.COUNTED,
        status=False,
        reason=Reason.TOO_LATE,
        message="It came an hour late.",
    )
    status = status_of(condition, old={}, generation=1, now=NOON)
    model = AccessApprovalStatus.model_validate(status)

    assert model.model_dump(by_alias=True, exclude_unset=True) == status
    assert status_of(condition, old=status, generation=1, now=NOON + HOUR) == status
