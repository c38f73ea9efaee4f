"""The same occurrence has the same id, whoever tells of it, and another has another."""

import pytest

from argogrant.audit.transition_kinds import Transition, TransitionKind
from argogrant.audit.transitions import grant_transitions, orphan_removed
from support.stored_statuses import (
    BINDING,
    BOUND,
    EXPIRED,
    NOTHING,
    OPEN_EXPIRED,
    UNKNOWN_ROLE,
    a_look,
)


@pytest.mark.parametrize(
    ("looks", "are_the_same"),
    [
        pytest.param(
            (a_look(NOTHING, BOUND), a_look(BINDING, BOUND)),
            True,
            id="a first binding, whatever was said while it waited",
        ),
        pytest.param(
            (
                a_look(UNKNOWN_ROLE, BOUND, has_been_bound=True),
                a_look(BINDING, BOUND),
            ),
            False,
            id="a second binding",
        ),
        pytest.param(
            (a_look(NOTHING, BOUND), a_look(NOTHING, OPEN_EXPIRED, was_held=True)),
            True,
            id="one that is told late",
        ),
    ],
)
def test_a_binding_has_the_same_id(looks, are_the_same) -> None:
    first, second = (
        next(one.id_for("u1") for one in grant_transitions(look) if one.kind == "bound")
        for look in looks
    )

    assert (first == second) is are_the_same


def test_what_is_told_again_after_a_crash_has_the_same_ids() -> None:
    """From the same stored status; whatever has become of the grant meanwhile."""
    first = grant_transitions(a_look(NOTHING, BOUND))
    again = grant_transitions(a_look(NOTHING, EXPIRED, was_held=True))

    told = [one.id_for("u1") for one in first]
    assert [one.id_for("u1") for one in again[: len(told)]] == told


def test_ids_of_different_things_differ() -> None:
    """By object, by what happened, by what it left, and by the round."""
    bound = Transition(kind=TransitionKind.BOUND)
    ids = [
        bound.id_for("u1"),
        bound.id_for("u2"),
        bound.id_for("u1", round_=1),
        Transition(kind=TransitionKind.BOUND, left="x").id_for("u1"),
        Transition(kind=TransitionKind.UNBOUND).id_for("u1"),
    ]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kind", ["requested", "ended", "overdue", "denied"])
def test_what_can_happen_once_has_one_id(kind) -> None:
    once = Transition(kind=TransitionKind(kind))

    assert once.id_for("u1", round_=1) == once.id_for("u1")


def test_an_orphan_is_known_by_who_held_what_and_where_it_was_found() -> None:
    ids = {
        orphan_removed(*what).id_for("u1")
        for what in (("eve", "r", "7"), ("bob", "r", "7"), ("eve", "s", "7"))
    }

    assert len(ids) == 3
    assert orphan_removed("eve", "r", "7").id_for("u1") in ids
    assert orphan_removed("eve", "r", "8").id_for("u1") not in ids
