"""When people are warned of a grant: of its role once, of no effect whenever it is."""

import pytest

from argogrant.audit.transitions import account_of, grant_transitions
from support.stored_statuses import BINDING, BOUND, OPEN, a_look, kinds, state

LOST = state("+Bound", effective="-EmailNotInScopes")
OTHER = state("+Bound", effective="-NoSuchAccount")
FOUND = state("+Bound", effective="+Matchable")


@pytest.mark.parametrize(
    ("before", "now", "was_bound", "happened"),
    [
        pytest.param(BINDING, BOUND, False, "bound cautioned", id="when first bound"),
        pytest.param(BINDING, BOUND, True, "bound", id="not when bound again"),
        pytest.param(BOUND, BOUND, True, "", id="not while it lasts"),
        pytest.param(BINDING, BINDING, False, "", id="not before"),
    ],
)
def test_of_a_role_people_are_warned(before, now, was_bound, happened) -> None:
    look = a_look(before, now, caution="Beware.", has_been_bound=was_bound)

    assert kinds(look) == happened


def test_the_warning_is_the_message() -> None:
    look = a_look(BINDING, BOUND, caution="Beware.")

    assert grant_transitions(look)[-1].message == "Beware."


@pytest.mark.parametrize(
    ("before", "now", "happened"),
    [
        pytest.param(BOUND, LOST, "ineffective", id="when it is known"),
        pytest.param(FOUND, LOST, "ineffective", id="when it becomes so"),
        pytest.param(LOST, LOST, "", id="not while it lasts"),
        pytest.param(LOST, OTHER, "ineffective", id="when it is for another reason"),
        pytest.param(LOST, FOUND, "", id="not when it is mended"),
        pytest.param(LOST, OPEN, "", id="not when nothing is known any longer"),
    ],
)
def test_of_no_effect_people_are_warned(before, now, happened) -> None:
    look = a_look(before, now, told=account_of(before, has_been_bound=True))

    assert kinds(look) == happened
