"""Parsing of AccessGrants."""

from typing import Any

import pytest

from argogrant.api.accessgrant import (
    BREAK_GLASS_LABEL,
    TRACKING_ANNOTATION,
    AccessGrantSpec,
    read_grant,
)
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import (
    Grant,
    RecordedFinding,
    RoleRef,
    Subject,
    SubjectKind,
)
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.record import UNREADABLE, format_record
from support.builders import HOUR, MINUTE, NOON, SECOND, TRACKED, a_record

EVERYTHING: dict[str, Any] = {
    "instance": "blue",
    "subject": {"kind": "Group", "name": "ops"},
    "role": {"name": "deployer", "project": "team-a"},
    "expiresAt": "2026-11-24T18:00:00.9Z",
    "notBefore": "2026-11-24T13:00:00.1Z",
    "justification": "CHG-7",
    "requester": {"username": "alice", "groups": ["developers"]},
    "extends": "g0",
    "breakGlass": True,
    "revoked": True,
    "revocation": {"justification": "done"},
}


def a_body(spec: Any, status: Any = None, **metadata: Any) -> dict[str, Any]:
    stamped = {"uid": "u1", "namespace": "argogrant", "name": "g1"}
    created = {"creationTimestamp": "2026-11-24T12:00:00Z"}
    return {
        "metadata": {**stamped, **created, **metadata},
        "spec": spec,
        **({} if status is None else {"status": status}),
    }


def a_spec(**changes: Any) -> dict[str, Any]:
    spec = {
        "subject": {"kind": "User", "name": "alice"},
        "role": {"name": "role:x"},
        "duration": "1h",
    }
    return {key: value for key, value in {**spec, **changes}.items() if value}


def test_all_fields_are_parsed() -> None:
    """Starts are rounded up, ends are rounded down."""
    grant = read_grant(
        a_body(
            EVERYTHING,
            annotations={TRACKING_ANNOTATION: "x"},
            deletionTimestamp="2026-11-24T12:30:00Z",
        )
    )

    assert grant == Grant(
        uid="u1",
        namespace="argogrant",
        name="g1",
        instance="blue",
        subject=Subject(kind=SubjectKind.GROUP, name="ops"),
        role=RoleRef(name="deployer", project="team-a"),
        created_at=NOON,
        expires_at=NOON + 6 * HOUR,
        not_before=NOON + HOUR + SECOND,
        revoked=True,
        revocation_justification="done",
        mark=TRACKED,
        being_deleted=True,
        requester=Identity(username="alice", groups=frozenset({"developers"})),
        justification="CHG-7",
        extends="g0",
        break_glass=True,
    )


@pytest.mark.parametrize(
    ("annotation", "record"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(format_record(a_record()), a_record(), id="its own"),
        pytest.param("x", UNREADABLE, id="unreadable"),
    ],
)
def test_record_is_read_from_the_annotation(annotation, record) -> None:
    annotations = {"a": "b", RECORD_ANNOTATION: annotation}
    kept = {key: text for key, text in annotations.items() if text is not None}

    assert read_grant(a_body(a_spec(), annotations=kept)).record == record


def test_keys_of_labels_are_kept_except_its_own() -> None:
    labels = {"example.com/app": "x", BREAK_GLASS_LABEL: "true"}

    keys = read_grant(a_body(a_spec(), labels=labels)).label_keys
    assert keys == {"example.com/app"}


def test_omitted_fields_have_defaults() -> None:
    grant = read_grant(a_body(a_spec()))

    assert grant.instance == "default"
    assert grant.duration == HOUR
    assert (grant.expires_at, grant.not_before, grant.frozen_end) == (None, None, None)
    assert not grant.revoked
    assert grant.mark is None
    assert not grant.being_deleted
    assert (grant.requester, grant.extends, grant.justification) == (None, None, "")
    assert not grant.break_glass


@pytest.mark.parametrize(
    ("status", "frozen"),
    [
        pytest.param({}, None, id="no status"),
        pytest.param(
            {"expiresAt": "2026-11-24T12:30:00Z"}, None, id="a forecast is not fixed"
        ),
        pytest.param(
            {"startedAt": "2026-11-24T12:00:00Z"}, None, id="a start without an expiry"
        ),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T12:30:00Z",
            },
            NOON + 30 * MINUTE,
            id="the expiry at activation is fixed",
        ),
    ],
)
def test_expiry_is_fixed_at_activation(status, frozen) -> None:
    assert read_grant(a_body(a_spec(), status)).frozen_end == frozen


STARTED = {"startedAt": "2026-11-24T12:00:00Z", "accessPolicy": "deployers"}


@pytest.mark.parametrize(
    ("status", "policy", "extension"),
    [
        pytest.param({}, None, None, id="an empty status"),
        pytest.param({"extensionOf": ["a"]}, None, None, id="a forecast of a chain"),
        pytest.param(STARTED, "deployers", 0, id="a started grant without extensions"),
        pytest.param(
            {**STARTED, "extensionOf": ["a", "b"]}, "deployers", 2, id="an extension"
        ),
    ],
)
def test_policy_and_extensions_are_read_from_the_status(
    status, policy, extension
) -> None:
    grant = read_grant(a_body(a_spec(), status))

    assert grant.recorded_policy == policy
    assert grant.recorded_extension == extension


def an_ended_status(reason: str, status: str = "True") -> dict[str, Any]:
    return {
        "conditions": [
            {"type": "Ready", "status": "False", "reason": reason, "message": "No."},
            {"type": "Ended", "status": status, "reason": reason, "message": "No."},
        ]
    }


@pytest.mark.parametrize(
    ("status", "end"),
    [
        pytest.param(
            an_ended_status("Denied"),
            RecordedFinding(Reason.DENIED, "No."),
            id="a denial is final, even if it is deleted",
        ),
        pytest.param(
            an_ended_status("ApprovalTimedOut"),
            RecordedFinding(Reason.APPROVAL_TIMED_OUT, "No."),
            id="an approval timeout is final",
        ),
        pytest.param(an_ended_status("Expired"), None, id="an expiry is derived again"),
        pytest.param(an_ended_status("Denied", "False"), None, id="not ended"),
        pytest.param(
            {"conditions": an_ended_status("Denied")["conditions"][:1]},
            None,
            id="denied, but not confirmed to have ended",
        ),
    ],
)
def test_final_end_is_read_from_the_status(status, end) -> None:
    assert read_grant(a_body(a_spec(), status)).recorded_finding == end


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(None, "spec: ", id="no spec"),
        pytest.param(a_spec(subject=None), "spec.subject: ", id="no subject"),
        pytest.param(
            a_spec(subject={"kind": "Robot", "name": "x"}),
            "spec.subject.kind: ",
            id="another kind of subject",
        ),
        pytest.param(
            a_spec(subject={"kind": "User", "name": "x" * 257}),
            "spec.subject.name: ",
            id="a name that is too long",
        ),
        pytest.param(a_spec(duration=None), "exactly one of", id="no end"),
        pytest.param(
            a_spec(expiresAt="2026-11-24T18:00:00Z"), "exactly one of", id="two ends"
        ),
        pytest.param(a_spec(duration="1d"), "spec.duration: ", id="days"),
        pytest.param(
            a_spec(notBefore="2026-02-30T00:00:00Z"),
            "must be a date and a time of day",
            id="a date that does not exist",
        ),
    ],
)
def test_object_that_does_not_match_the_crd_is_refused(spec, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_grant(a_body(spec))

    assert words in str(got.value)


def test_spec_model_keeps_every_field() -> None:
    """The model uses camelCase, and neither drops nor adds fields."""
    model = AccessGrantSpec.model_validate(EVERYTHING)

    assert model.model_dump(by_alias=True, exclude_none=True) == EVERYTHING
