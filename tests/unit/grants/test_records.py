"""Records on AccessGrants: what a copy still gets, and when a record is written."""

from datetime import datetime
from typing import Any, Final

import pytest

from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import AccessRecord, Grant, RecordedFinding
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.record import UNREADABLE
from argogrant.grants.records import record_to_write
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    a_denial,
    a_grant,
    a_record,
    approval_case,
    decided,
    grant_by,
)

LATER: Final = NOON + 20 * MINUTE
DENIED: Final = RecordedFinding(Reason.DENIED, "bob denied the grant.")


def a_copy(created_at: datetime = LATER, **overrides: Any) -> Grant:
    """A grant that carries the record of another object, u1."""
    overrides.setdefault("record", a_record())
    return a_grant(**{"uid": "u2", "name": "g2", "created_at": created_at, **overrides})


def after_copy_of(original: Grant) -> RelatedObjects:
    return RelatedObjects(original=original)


@pytest.mark.parametrize(
    ("copy", "end"),
    [
        pytest.param(a_copy(), NOON + HOUR, id="of a running duration"),
        pytest.param(
            a_copy(expires_at=NOON + 2 * HOUR),
            NOON + HOUR,
            id="with another, later end",
        ),
        pytest.param(
            a_copy(expires_at=LATER + MINUTE), LATER + MINUTE, id="with an earlier end"
        ),
        pytest.param(
            a_copy(duration=10 * MINUTE, record=a_record(start=NOON + 15 * MINUTE)),
            NOON + 25 * MINUTE,
            id="with a shorter duration, which counts from the original start",
        ),
        pytest.param(
            a_copy(record=a_record(uid="u1", copy_of="u0")), NOON + HOUR, id="of a copy"
        ),
        pytest.param(
            a_copy(record=a_record(end=NOON + 99 * HOUR)),
            NOON + HOUR,
            id="with a forged end: the duration counts from the start in the record",
        ),
        pytest.param(
            a_copy(record=a_record(start=NOON + 9 * HOUR, end=NOON + 99 * HOUR)),
            LATER + HOUR,
            id="with a forged window: as if it were no copy",
        ),
    ],
)
def test_copy_gets_what_is_left(copy: Grant, end: datetime) -> None:
    decision = decided(copy, LATER)

    assert decision.desired_binding is DesiredBinding.PRESENT
    assert decision.window == (LATER, end)


def test_running_copy_says_why_it_ends_early() -> None:
    assert decided(a_copy(), LATER).duration_note == (
        " It is a copy of another grant, and ends when that one would (annotation"
        " argogrant.dev/record)."
    )


ANNOTATION = "the annotation argogrant.dev/record|annotation argogrant.dev/record"


@pytest.mark.parametrize(
    ("copy", "related", "reason", "words"),
    [
        pytest.param(
            a_copy(NOON + HOUR),
            NO_RELATED_OBJECTS,
            Reason.EXPIRED,
            "copy of one whose access ended at 2026-11-24T13:00:00Z",
            id="of a grant that had expired",
        ),
        pytest.param(
            a_copy(record=a_record(ended=Reason.REVOKED)),
            NO_RELATED_OBJECTS,
            Reason.REVOKED,
            "copy of one that was revoked",
            id="of a revoked grant without its revocation",
        ),
        pytest.param(
            a_copy(record=a_record(ended=Reason.DENIED)),
            NO_RELATED_OBJECTS,
            Reason.DENIED,
            "copy of one that was denied",
            id="of a denied grant",
        ),
        pytest.param(
            a_copy(record=a_record(ended=Reason.APPROVAL_TIMED_OUT)),
            NO_RELATED_OBJECTS,
            Reason.APPROVAL_TIMED_OUT,
            "copy of one that was not approved in time",
            id="of a grant that was not approved in time",
        ),
        pytest.param(
            a_copy(),
            after_copy_of(a_grant(revoked=True)),
            Reason.REVOKED,
            "copy of one that was revoked",
            id="made before the original was revoked",
        ),
        pytest.param(
            a_copy(),
            after_copy_of(a_grant(recorded_finding=DENIED)),
            Reason.DENIED,
            "copy of one that was denied",
            id="made before the original was denied",
        ),
        pytest.param(
            a_copy(),
            after_copy_of(a_copy(record=a_record(ended=Reason.REVOKED))),
            Reason.REVOKED,
            "copy of one that was revoked",
            id="of a copy whose original is gone and was revoked",
        ),
        pytest.param(
            a_copy(record=UNREADABLE),
            NO_RELATED_OBJECTS,
            Reason.EXPIRED,
            "cannot be read",
            id="with a record that cannot be read",
        ),
        pytest.param(
            a_grant(record=a_record(ended=Reason.DENIED)),
            NO_RELATED_OBJECTS,
            Reason.DENIED,
            "The grant was denied, according to its annotation",
            id="or its own record, after the status was lost",
        ),
    ],
)
def test_what_had_ended_stays_ended(
    copy: Grant, related: RelatedObjects, reason: Reason, words: str
) -> None:
    finding = decided(copy, copy.created_at, related).finding

    assert finding is not None
    assert (finding.reason, finding.is_final) == (reason, True)
    assert words in finding.message
    assert "argogrant.dev/record" in finding.message
    assert "create a new AccessGrant without this annotation" in finding.message


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(None, id="that is gone"),
        pytest.param(a_grant(), id="that runs"),
        pytest.param(a_grant(record=a_record()), id="that runs with a record"),
        pytest.param(a_grant(being_deleted=True), id="that is being deleted"),
    ],
)
def test_copy_runs_beside_an_original(original: Grant | None) -> None:
    assert decided(a_copy(), LATER, RelatedObjects(original=original)).finding is None


def test_new_request_of_the_same_access_without_a_record_gets_its_time() -> None:
    again = a_grant(uid="u2", created_at=NOON + HOUR)

    assert decided(again, NOON + HOUR).window == (NOON + HOUR, NOON + 2 * HOUR)


def written(
    grant: Grant, now: datetime = NOON, *, is_bound: bool = False, **instance: Any
) -> AccessRecord | None:
    return record_to_write(decided(grant, now, **instance), now, is_bound=is_bound)


OWN: Final = a_record()
ENDED: Final = NOON + HOUR


@pytest.mark.parametrize(
    ("grant", "now", "record"),
    [
        pytest.param(a_grant(), NOON, OWN, id="at the start"),
        pytest.param(
            a_grant(expires_at=NOON + HOUR), NOON, OWN, id="at the start of expiresAt"
        ),
        pytest.param(a_grant(record=OWN), NOON, None, id="once"),
        pytest.param(a_grant(not_before=LATER), NOON, None, id="not before notBefore"),
        pytest.param(a_grant(role="role:none"), NOON, None, id="not without the role"),
        pytest.param(a_grant(being_deleted=True), NOON, None, id="not at a deletion"),
        pytest.param(
            a_copy(),
            LATER,
            a_record(uid="u2", copy_of="u1"),
            id="of a copy with the original start",
        ),
        pytest.param(
            a_copy(record=a_record(copy_of="u0")),
            LATER,
            a_record(uid="u2", copy_of="u1"),
            id="of a copy of a copy with the nearest original",
        ),
        pytest.param(
            a_grant(record=a_record(start=LATER, end=NOON + 9 * HOUR)),
            NOON,
            OWN,
            id="again after it was made later and longer",
        ),
        pytest.param(
            a_grant(expires_at=LATER, record=OWN),
            NOON,
            a_record(end=LATER),
            id="again after the end was moved earlier",
        ),
        pytest.param(a_grant(record=OWN), ENDED, None, id="not at its end in time"),
        pytest.param(a_grant(), ENDED, OWN, id="at the end, from before records"),
        pytest.param(
            a_grant(expires_at=ENDED), ENDED, None, id="not if the spec says the end"
        ),
        pytest.param(
            a_grant(expires_at=NOON + 9 * HOUR),
            NOON + 2 * HOUR,
            a_record(end=NOON + 2 * HOUR),
            id="at the end by a maximum that the spec does not say",
        ),
        pytest.param(
            a_grant(record=OWN, revoked=True),
            LATER,
            a_record(ended=Reason.REVOKED),
            id="at a revocation",
        ),
        pytest.param(
            a_grant(record=a_record(ended=Reason.REVOKED), revoked=True),
            LATER,
            None,
            id="at a revocation once",
        ),
        pytest.param(
            a_grant(revoked=True),
            NOON,
            None,
            id="not if it never started and is revoked",
        ),
        pytest.param(
            a_grant(recorded_finding=DENIED),
            LATER,
            a_record(end=LATER, ended=Reason.DENIED),
            id="at a denial",
        ),
        pytest.param(
            a_grant(record=UNREADABLE), NOON, None, id="not over one that is unreadable"
        ),
    ],
)
def test_record_is_written(
    grant: Grant, now: datetime, record: AccessRecord | None
) -> None:
    assert written(grant, now, max_duration=2 * HOUR) == record


def test_record_of_a_denied_request_without_an_end_ends_now() -> None:
    decision: Decision = approval_case(
        a_denial(), grant=grant_by(duration=HOUR), strip_prefix=""
    ).decision()
    record = record_to_write(decision, LATER, is_bound=False)

    assert decision.finding is not None
    assert decision.finding.reason is Reason.DENIED
    assert record is not None
    assert record.ended is Reason.DENIED


@pytest.mark.parametrize("is_bound", [True, False])
def test_bound_grant_from_before_records_gets_one_during_an_outage(
    is_bound: bool,  # noqa: FBT001
) -> None:
    """Nothing is added while the RBAC policy is unknown, so the line is its own."""
    grant = a_grant(frozen_end=NOON + HOUR)
    found = written(grant, LATER, is_bound=is_bound, rbac_policy_is_known=False)

    assert found == (OWN if is_bound else None)


def test_grant_that_waits_beside_the_same_binding_gets_no_record() -> None:
    """Another grant has the line; this one has not started."""
    waiting = grant_by(duration=HOUR)
    decision = approval_case(grant=waiting, strip_prefix="").decision()

    assert record_to_write(decision, LATER, is_bound=True) is None
