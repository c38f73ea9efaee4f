"""What has happened to a grant, from what was said of it before and now."""

import pytest

from argogrant.audit.transition_kinds import TRANSITIONS, TransitionKind
from argogrant.audit.transitions import (
    Account,
    account_of,
    grant_transitions,
    instance_transitions,
)
from argogrant.grants.model.reason_table import REFUSED_REASONS
from argogrant.grants.model.stored_condition import Conditions, StoredCondition
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
    a_look,
    kinds,
    state,
)


@pytest.mark.parametrize(
    ("before", "now", "happened"),
    [
        pytest.param(
            NOTHING,
            BINDING,
            "requested approved",
            id="a grant that is new is asked for",
        ),
        pytest.param(
            NOTHING, OPEN, "requested bound", id="where nobody has to agree nobody does"
        ),
        pytest.param(BINDING, BOUND, "bound", id="Argo CD has the binding"),
        pytest.param(SCHEDULED, BOUND, "bound", id="a scheduled grant begins"),
        pytest.param(BOUND, BOUND, "", id="nothing happens while nothing changes"),
        pytest.param(
            NOTHING,
            WAITING,
            "requested awaiting-approval",
            id="a grant that needs approval waits",
        ),
        pytest.param(WAITING, WAITING, "", id="waiting is told once"),
        pytest.param(WAITING, BOUND, "approved bound", id="enough have approved"),
        pytest.param(
            BOUND, WAITING, "awaiting-approval unbound", id="an approval was withdrawn"
        ),
        pytest.param(WAITING, DENIED, "denied ended", id="somebody refuses"),
        pytest.param(WAITING, TIMED_OUT, "ended", id="nobody approved in time"),
        pytest.param(
            NOTHING, NOT_ALLOWED, "requested refused", id="no policy allows it"
        ),
        pytest.param(
            NOT_ALLOWED, BOUND, "approved bound", id="a policy that allows it came"
        ),
        pytest.param(
            BOUND,
            NOT_ALLOWED,
            "refused unbound",
            id="why comes before what follows from it",
        ),
        pytest.param(NOT_ALLOWED, REFUSED, "approved refused", id="another refusal"),
        pytest.param(REFUSED, REFUSED, "", id="the same refusal is no news"),
        pytest.param(NOTHING, INVALID, "requested refused", id="an unreadable grant"),
        pytest.param(BOUND, UNKNOWN_ROLE, "unbound", id="its role is gone"),
        pytest.param(BINDING, STUCK, "", id="what can not be written is no news"),
        pytest.param(BOUND, EXPIRED, "ended", id="its end has come"),
        pytest.param(BOUND, REVOKED, "ended", id="it was revoked"),
        pytest.param(BOUND, DELETED, "ended", id="it is deleted"),
        pytest.param(EXPIRED, DELETED, "", id="an end comes once, whatever is next"),
        pytest.param(
            NOTHING,
            EXPIRED,
            "requested ended",
            id="nobody is said to agree to what had ended",
        ),
        pytest.param(
            state("+Bound", "+AutoApproved"),
            state("+Bound", "+ApprovedByReviewers"),
            "approved",
            id="another policy admits it now",
        ),
    ],
)
def test_what_happened(before, now, happened) -> None:
    assert kinds(a_look(before, now)) == happened


@pytest.mark.parametrize(
    ("look", "happened"),
    [
        pytest.param(
            a_look(NOTHING, OPEN_EXPIRED, was_held=True),
            "requested bound ended",
            id="before it ended, although no status ever said so",
        ),
        pytest.param(
            a_look(NOTHING, EXPIRED, was_held=True),
            "requested approved bound ended",
            id="with who agreed",
        ),
        pytest.param(
            a_look(BINDING, EXPIRED, was_held=True), "bound ended", id="from a status"
        ),
        pytest.param(
            a_look(NOTHING, NOT_ALLOWED, was_held=True),
            "requested bound refused unbound",
            id="before a policy took it away",
        ),
        pytest.param(
            a_look(NOTHING, STUCK, was_held=True, is_overdue=True),
            "requested approved bound overdue",
            id="before it became overdue",
        ),
        pytest.param(
            a_look(NOTHING, BOUND, was_held=True),
            "requested approved bound",
            id="and only once",
        ),
        pytest.param(
            a_look(BOUND, EXPIRED, was_held=True), "ended", id="not if a status said so"
        ),
        pytest.param(
            a_look(NOT_ALLOWED, EXPIRED, was_held=True),
            "ended",
            id="not if it was kept out, and another grant's binding was seen",
        ),
        pytest.param(
            a_look(BINDING, EXPIRED, told=account_of(BINDING), was_held=True),
            "bound ended",
            id="if the answer to a write was lost",
        ),
        pytest.param(
            a_look(UNKNOWN_ROLE, REFUSED, told=account_of(UNKNOWN_ROLE), was_held=True),
            "refused",
            id="not by a binding that was seen while the operator ran",
        ),
        pytest.param(
            a_look(STUCK, EXPIRED, told=Account(is_overdue=True), was_held=True),
            "requested ended",
            id="not again after it was overdue",
        ),
    ],
)
def test_a_binding_that_was_never_told_of_is(look, happened) -> None:
    """An operator can die between the write to Argo CD and the report."""
    assert kinds(look) == happened


@pytest.mark.parametrize(
    ("look", "happened"),
    [
        pytest.param(
            a_look(BOUND, STUCK, is_overdue=True), "overdue", id="it can not be removed"
        ),
        pytest.param(
            a_look(
                STUCK, STUCK, told=account_of(STUCK, is_overdue=True), is_overdue=True
            ),
            "",
            id="which is told once",
        ),
        pytest.param(
            a_look(STUCK, EXPIRED, told=account_of(STUCK, is_overdue=True)),
            "ended",
            id="until it is removed",
        ),
        pytest.param(
            a_look(EXPIRED, EXPIRED, is_overdue=True), "", id="what ended is not"
        ),
    ],
)
def test_a_grant_is_overdue(look, happened) -> None:
    assert kinds(look) == happened


@pytest.mark.parametrize(
    ("look", "happened"),
    [
        pytest.param(
            a_look(BINDING, BOUND, extends="g0"), "bound extended", id="when bound"
        ),
        pytest.param(
            a_look(BINDING, BOUND, extends="g0", has_been_bound=True),
            "bound",
            id="once",
        ),
        pytest.param(
            a_look(NOTHING, NOT_ALLOWED, extends="g0"),
            "requested refused",
            id="never if it is refused",
        ),
    ],
)
def test_a_grant_continues_another(look, happened) -> None:
    assert kinds(look) == happened


def test_a_transition_says_why() -> None:
    _, refused = grant_transitions(a_look(NOTHING, NOT_ALLOWED))

    assert (refused.reason, refused.message) == ("NotAllowed", "NotAllowed it is.")


def test_an_end_says_what_ended_it_rather_than_what_stands_in_the_way() -> None:
    (ended,) = grant_transitions(a_look(BOUND, state("-Binding", ended="+Revoked")))

    assert ended.reason == "Revoked"


def contested(status: str) -> Conditions:
    return {
        "Contested": StoredCondition(status == "+", "Contested", "By kubectl.", EARLIER)
    }


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        pytest.param(NOTHING, contested("+"), 1, id="at first sight"),
        pytest.param(contested("-"), contested("+"), 1, id="from now on"),
        pytest.param(contested("+"), contested("+"), 0, id="still"),
        pytest.param(contested("+"), contested("-"), 0, id="no longer"),
        pytest.param(NOTHING, NOTHING, 0, id="nobody knows"),
    ],
)
def test_an_instance_is_contested(before, now, count) -> None:
    told = instance_transitions(before, now)

    assert [one.message for one in told] == ["By kubectl."] * count


@pytest.mark.parametrize("kind", TransitionKind)
def test_every_transition_is_explained(kind) -> None:
    assert TRANSITIONS[kind].endswith(".")


def test_a_refusal_is_about_the_grant_and_not_about_argo_cd() -> None:
    assert "RoleNotFound" not in REFUSED_REASONS
    assert "NotAllowed" in REFUSED_REASONS
