"""AccessGrants as objects: read into the domain, and their status written back."""

from typing import Any

import pytest

from argogrant.api.accessgrant import (
    TRACKING_ANNOTATION,
    AccessGrantSpec,
    AccessGrantStatus,
    grant_status,
    invalid_grant_status,
    read_grant,
)
from argogrant.grants.conditions import Condition, Delivery
from argogrant.grants.errors import InvalidGrant
from argogrant.grants.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.reasons import GrantCondition, Reason
from builders import HOUR, MINUTE, NOON, SECOND, a_grant, decided

EVERYTHING: dict[str, Any] = {
    "instance": "blue",
    "subject": {"kind": "Group", "name": "ops"},
    "role": {"name": "deployer", "project": "team-a"},
    "expiresAt": "2026-11-24T18:00:00.9Z",
    "notBefore": "2026-11-24T13:00:00.1Z",
    "justification": "CHG-7",
    "revoked": True,
    "revocation": {"justification": "done"},
}
BOUND, NOT_BOUND = Delivery(is_bound=True), Delivery(is_bound=False)


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


def test_everything_that_decides_is_read() -> None:
    """Starts round up and ends round down."""
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
        tracked_by_git=True,
        being_deleted=True,
    )


def test_what_is_left_out_has_its_default() -> None:
    grant = read_grant(a_body(a_spec()))

    assert grant.instance == "default"
    assert grant.duration == HOUR
    assert (grant.expires_at, grant.not_before, grant.frozen_end) == (None, None, None)
    assert not grant.revoked
    assert not grant.tracked_by_git
    assert not grant.being_deleted


@pytest.mark.parametrize(
    ("status", "frozen"),
    [
        pytest.param({}, None, id="no status promises nothing"),
        pytest.param(
            {"expiresAt": "2026-11-24T12:30:00Z"}, None, id="a forecast does not bind"
        ),
        pytest.param(
            {"startedAt": "2026-11-24T12:00:00Z"}, None, id="nor does a start alone"
        ),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T12:30:00Z",
            },
            NOON + 30 * MINUTE,
            id="an end that was reported at activation is kept",
        ),
    ],
)
def test_an_end_is_frozen_at_activation(status, frozen) -> None:
    assert read_grant(a_body(a_spec(), status)).frozen_end == frozen


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
            a_spec(notBefore="2026-02-30T00:00:00Z"), "no date", id="no such day"
        ),
    ],
)
def test_what_the_crd_would_not_let_pass_is_told(spec, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_grant(a_body(spec))

    assert words in str(got.value)


def test_a_spec_reads_back_as_it_was_written() -> None:
    """Camel case outside; nothing is lost, nothing is added."""
    model = AccessGrantSpec.model_validate(EVERYTHING)

    assert model.model_dump(by_alias=True, exclude_none=True) == EVERYTHING


def status_of(grant: Grant, now=NOON, delivery=BOUND, old=None) -> dict[str, Any]:
    return grant_status(
        decided(grant, now), delivery, old=old or {}, generation=3, now=now
    )


def test_a_status_reads_back_as_it_was_written() -> None:
    """What is written is what the CRD describes, or it would be pruned."""
    bound = status_of(a_grant())
    ended = status_of(a_grant(), NOON + HOUR, NOT_BOUND, bound)
    for status in (bound, ended):
        model = AccessGrantStatus.model_validate(status)

        assert model.model_dump(by_alias=True, exclude_none=True) == status


@pytest.mark.parametrize(
    ("grant", "now", "delivery", "fields"),
    [
        pytest.param(
            a_grant(),
            NOON,
            BOUND,
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T13:00:00Z",
                "boundAs": "role:deployer",
            },
            id="in force and bound",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            NOT_BOUND,
            {"expiresAt": "2026-11-24T14:00:00Z"},
            id="scheduled: a forecast and no start",
        ),
        pytest.param(
            a_grant(),
            NOON + HOUR,
            NOT_BOUND,
            {
                "expiresAt": "2026-11-24T13:00:00Z",
                "endedAt": "2026-11-24T13:00:00Z",
            },
            id="over before it was ever looked at",
        ),
        pytest.param(
            a_grant(revoked=True),
            NOON + MINUTE,
            NOT_BOUND,
            {
                "expiresAt": "2026-11-24T13:00:00Z",
                "endedAt": "2026-11-24T12:01:00Z",
            },
            id="revoked: it ended when that was seen",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            BOUND,
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T13:00:00Z",
                "boundAs": "proj:team-a:deployer",
            },
            id="a project's role under its full name",
        ),
    ],
)
def test_a_status_tells_when(grant, now, delivery, fields) -> None:
    status = status_of(grant, now, delivery)
    rest = {k: v for k, v in status.items() if k != "conditions"}

    assert rest == {"observedGeneration": 3, **fields}


def test_what_was_said_once_stays_said() -> None:
    """When it started, when it ended and what was bound are a record."""
    bound = status_of(a_grant(), NOON)
    over = status_of(a_grant(), NOON + HOUR, NOT_BOUND, bound)
    later = status_of(a_grant(), NOON + 9 * HOUR, NOT_BOUND, over)

    assert later == over
    assert over["startedAt"] == bound["startedAt"]
    assert over["boundAs"] == "role:deployer"


def test_a_status_of_which_nothing_changed_is_equal() -> None:
    """Or a write would follow a write for ever."""
    first = status_of(a_grant())

    assert status_of(a_grant(), NOON + MINUTE, BOUND, first) == first


def test_the_status_of_an_invalid_object_keeps_what_was_known() -> None:
    condition = Condition(
        type=GrantCondition.READY,
        status=False,
        reason=Reason.INVALID_GRANT,
        message="spec: no.",
    )
    old = {"startedAt": "2026-11-24T12:00:00Z"}
    status = invalid_grant_status(condition, old=old, generation=2, now=NOON)

    assert status["startedAt"] == old["startedAt"]
    assert status["observedGeneration"] == 2
    assert [c["reason"] for c in status["conditions"]] == ["InvalidGrant"]
