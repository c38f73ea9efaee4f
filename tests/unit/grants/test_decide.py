"""The whole chain of checks, read as its specification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, MINUTE, NOON, SECOND, a_grant, decided


@pytest.mark.parametrize(
    ("grant", "now", "instance", "reason"),
    [
        pytest.param(a_grant(), NOON, {}, None, id="in force from its creation on"),
        pytest.param(
            a_grant(), NOON + HOUR - SECOND, {}, None, id="in force until its end"
        ),
        pytest.param(
            a_grant(), NOON + HOUR, {}, Reason.EXPIRED, id="closed at its end"
        ),
        pytest.param(
            a_grant(expires_at=NOON - HOUR),
            NOON,
            {},
            Reason.EXPIRED,
            id="an end in the past never gives access",
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
        pytest.param(
            a_grant(revoked=True), NOON, {}, Reason.REVOKED, id="revoked is over"
        ),
        pytest.param(
            a_grant(revoked=True),
            NOON + HOUR,
            {},
            Reason.REVOKED,
            id="a revocation is told rather than the end",
        ),
        pytest.param(
            a_grant(being_deleted=True), NOON, {}, Reason.DELETED, id="being deleted"
        ),
        pytest.param(
            a_grant(frozen_end=NOON + SECOND),
            NOON + SECOND,
            {},
            Reason.EXPIRED,
            id="the end that was promised never moves later",
        ),
        pytest.param(
            a_grant(duration=9 * HOUR),
            NOON + 2 * HOUR,
            {"max_duration": 2 * HOUR},
            Reason.EXPIRED,
            id="the instance's ceiling shortens",
        ),
        pytest.param(
            a_grant(tracked_by_git=True),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="a duration in Git would begin anew",
        ),
        pytest.param(
            a_grant(role="role:none"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="no such global role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {},
            None,
            id="a project's role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-b"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="no such project",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {"unreadable_projects": {"team-a": "line 1"}},
            Reason.PROJECT_INVALID,
            id="a project that Argo CD ignores",
        ),
        pytest.param(
            a_grant(role="proj:team-a:deployer"),
            NOON,
            {},
            Reason.ROLE_REFUSED,
            id="a project's role written as a global one",
        ),
        pytest.param(
            a_grant("team-leads"),
            NOON,
            {},
            Reason.SUBJECT_REFUSED,
            id="a subject that is others' role",
        ),
        pytest.param(
            a_grant(), NOON, {"exists": False}, Reason.INSTANCE_NOT_FOUND, id="nowhere"
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"text_is_known": False},
            Reason.INSTANCE_UNAVAILABLE,
            id="Argo CD can not be read",
        ),
    ],
)
def test_the_first_check_that_fails_answers(grant, now, instance, reason) -> None:
    decision = decided(grant, now, **instance)

    assert (decision.finding and decision.finding.reason) == reason


def test_doubt_keeps_and_certainty_releases() -> None:
    """What can not be read is no reason to take access away."""
    doubtful = decided(a_grant(), text_is_known=False)
    certain = decided(a_grant(), roles=frozenset())

    assert doubtful.desired_binding is DesiredBinding.UNCHANGED
    assert certain.desired_binding is DesiredBinding.ABSENT


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
doubts = st.fixed_dictionaries({}, optional={"text_is_known": st.booleans()})


@given(grants, ends, doubts, instants, st.integers(0, 600 * 60))
def test_a_decision_changes_only_at_its_recheck(overrides, end, doubt, now, seconds):
    """Whatever the grant, from now until ``recheck_at`` the whole answer stays."""
    grant = a_grant(**overrides, **end)
    decision = decided(grant, now, **doubt)
    later = now + seconds * SECOND
    if decision.recheck_at is not None:
        later = min(later, decision.recheck_at - SECOND)

    assert decided(grant, max(now, later), **doubt) == decision


@given(grants, ends, instants)
def test_a_recheck_lies_ahead(overrides, end, now) -> None:
    """Or the controller would never sleep."""
    decision = decided(a_grant(**overrides, **end), now)

    assert decision.recheck_at is None or decision.recheck_at > now


@pytest.mark.parametrize(
    ("now", "recheck_at"),
    [
        pytest.param(NOON, NOON + HOUR, id="a scheduled grant is asked at its start"),
        pytest.param(NOON + HOUR, NOON + 2 * HOUR, id="a running one at its end"),
        pytest.param(NOON + 2 * HOUR, None, id="one that is over never again"),
    ],
)
def test_the_next_instant_at_which_the_answer_changes(now, recheck_at) -> None:
    grant = a_grant(not_before=NOON + HOUR)
    decision = decided(grant, now)

    assert decision.recheck_at == recheck_at
    assert decision.has_ended is (recheck_at is None)
    if recheck_at is not None:
        assert (
            decided(grant, recheck_at).desired_binding is not decision.desired_binding
        )


def test_what_vanishes_is_never_asked_again() -> None:
    assert decided(a_grant(being_deleted=True)).recheck_at is None
