"""Decisions about grants: finding, desired binding, and recheck time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    RESTORED,
    SECOND,
    TRACKED,
    VERIFIED,
    a_grant,
    decided,
    grant_by,
)

FRONT_END = replace(
    VERIFIED, trusted_front_ends=frozenset({"system:serviceaccount:portal:backstage"})
)


@pytest.mark.parametrize(
    ("grant", "now", "instance", "reason"),
    [
        pytest.param(a_grant(), NOON, {}, None, id="in force from its creation"),
        pytest.param(
            a_grant(),
            NOON + HOUR - SECOND,
            {},
            None,
            id="in force until the last second",
        ),
        pytest.param(
            a_grant(), NOON + HOUR, {}, Reason.EXPIRED, id="expired at its end"
        ),
        pytest.param(
            a_grant(expires_at=NOON - HOUR),
            NOON,
            {},
            Reason.EXPIRED,
            id="expired if its end is in the past",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            {},
            Reason.SCHEDULED,
            id="scheduled before its start",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON + HOUR,
            {},
            None,
            id="in force at its start",
        ),
        pytest.param(a_grant(revoked=True), NOON, {}, Reason.REVOKED, id="revoked"),
        pytest.param(
            a_grant(revoked=True),
            NOON + HOUR,
            {},
            Reason.REVOKED,
            id="revoked takes precedence over expired",
        ),
        pytest.param(
            a_grant(being_deleted=True), NOON, {}, Reason.DELETED, id="being deleted"
        ),
        pytest.param(
            a_grant(frozen_end=NOON + SECOND),
            NOON + SECOND,
            {},
            Reason.EXPIRED,
            id="expired at its reported end",
        ),
        pytest.param(
            a_grant(duration=9 * HOUR),
            NOON + 2 * HOUR,
            {"max_duration": 2 * HOUR},
            Reason.EXPIRED,
            id="expired at the maximum duration of the instance",
        ),
        pytest.param(
            a_grant(mark=TRACKED),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a grant from Git",
        ),
        pytest.param(
            a_grant(mark=TRACKED, has_finalizer=True),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a grant from Git with the finalizer in its manifest",
        ),
        pytest.param(
            a_grant(mark=RESTORED),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a grant that Velero restored",
        ),
        pytest.param(
            a_grant(label_keys=frozenset({"example.com/app"})),
            NOON,
            {"instance_label_key": "example.com/app"},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a grant with the label that argocd-cm configures",
        ),
        pytest.param(
            a_grant(mark=RESTORED, label_keys=frozenset({"example.com/app"})),
            NOON,
            {"instance_label_key": "example.com/app"},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a restored grant with the label of argocd-cm",
        ),
        pytest.param(
            a_grant(label_keys=frozenset({"team"})),
            NOON,
            {"instance_label_key": "example.com/app"},
            None,
            id="duration of a grant with another label",
        ),
        pytest.param(
            grant_by("system:serviceaccount:ci:deploy", duration=HOUR),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="duration of a service account",
        ),
        pytest.param(
            grant_by("system:serviceaccount:ci:deploy", expires_at=NOON + HOUR),
            NOON,
            {},
            None,
            id="expiresAt of a service account",
        ),
        pytest.param(
            grant_by("system:serviceaccount:ci:deploy", not_before=NOON),
            NOON,
            {},
            None,
            id="notBefore and duration of a service account",
        ),
        pytest.param(
            grant_by("system:serviceaccount:portal:backstage", duration=HOUR),
            NOON,
            {"identities": FRONT_END},
            None,
            id="duration of a trusted front end for itself",
        ),
        pytest.param(
            grant_by("system:node:n1", duration=HOUR),
            NOON,
            {},
            None,
            id="duration of a user whose name only begins with system:",
        ),
        pytest.param(
            a_grant(mark=TRACKED, not_before=NOON),
            NOON,
            {},
            None,
            id="notBefore and duration of a grant from Git",
        ),
        pytest.param(
            a_grant(role="role:none"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="missing global role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {},
            None,
            id="project role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-b"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="role of a missing project",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {"unreadable_projects": {"team-a": "line 1"}},
            Reason.PROJECT_INVALID,
            id="role of a project that Argo CD cannot parse",
        ),
        pytest.param(
            a_grant(role="proj:team-a:deployer"),
            NOON,
            {},
            Reason.ROLE_REFUSED,
            id="project role written as a global role",
        ),
        pytest.param(
            a_grant("team-leads"),
            NOON,
            {},
            Reason.SUBJECT_REFUSED,
            id="subject that is used as a role",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"exists": False},
            Reason.INSTANCE_NOT_FOUND,
            id="missing instance",
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"rbac_policy_is_known": False},
            Reason.INSTANCE_UNAVAILABLE,
            id="RBAC policy not readable",
        ),
    ],
)
def test_finding_has_the_reason_of_the_first_failed_check(
    grant, now, instance, reason
) -> None:
    decision = decided(grant, now, **instance)

    assert (decision.finding and decision.finding.reason) == reason


def test_unknown_state_keeps_a_binding_and_a_missing_role_removes_it() -> None:
    unknown = decided(a_grant(), rbac_policy_is_known=False)
    missing = decided(a_grant(), roles=frozenset())

    assert unknown.desired_binding is DesiredBinding.UNCHANGED
    assert missing.desired_binding is DesiredBinding.ABSENT


instants = st.integers(-120, 240).map(lambda minute: NOON + minute * MINUTE)
grants = st.fixed_dictionaries(
    {},
    optional={
        "not_before": instants,
        "frozen_end": instants,
        "revoked": st.booleans(),
        "being_deleted": st.booleans(),
        "subject": st.sampled_from(["alice", "team-leads", "role:x"]),
        "role": st.sampled_from(["role:deployer", "role:none"]),
    },
)
ends = st.one_of(
    instants.map(lambda instant: {"expires_at": instant}),
    st.integers(1, 300).map(lambda minutes: {"duration": minutes * MINUTE}),
)
unknowns = st.fixed_dictionaries({}, optional={"rbac_policy_is_known": st.booleans()})


@given(grants, ends, unknowns, instants, st.integers(0, 600 * 60))
def test_decision_changes_only_at_recheck_at(overrides, end, unknown, now, seconds):
    """From ``now`` until ``recheck_at``, the whole decision stays equal."""
    grant = a_grant(**overrides, **end)
    decision = decided(grant, now, **unknown)
    later = now + seconds * SECOND
    if decision.recheck_at is not None:
        later = min(later, decision.recheck_at - SECOND)

    assert decided(grant, max(now, later), **unknown) == decision


@given(grants, ends, instants)
def test_recheck_at_is_in_the_future(overrides, end, now) -> None:
    """Otherwise the reconcile loop would never wait."""
    decision = decided(a_grant(**overrides, **end), now)

    assert decision.recheck_at is None or decision.recheck_at > now


@pytest.mark.parametrize(
    ("now", "recheck_at"),
    [
        pytest.param(NOON, NOON + HOUR, id="scheduled grant at its start"),
        pytest.param(NOON + HOUR, NOON + 2 * HOUR, id="grant in force at its end"),
        pytest.param(NOON + 2 * HOUR, None, id="ended grant never"),
    ],
)
def test_recheck_at_is_the_next_change(now, recheck_at) -> None:
    grant = a_grant(not_before=NOON + HOUR)
    decision = decided(grant, now)

    assert decision.recheck_at == recheck_at
    assert decision.has_ended is (recheck_at is None)
    if recheck_at is not None:
        assert (
            decided(grant, recheck_at).desired_binding is not decision.desired_binding
        )


def test_deleted_grant_is_never_rechecked() -> None:
    assert decided(a_grant(being_deleted=True)).recheck_at is None
