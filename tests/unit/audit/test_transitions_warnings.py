"""Warnings about the role of a grant, and about a grant without effect."""

import pytest

from support.stored_statuses import BINDING, BOUND, OPEN, state, transitions, types

INEFFECTIVE = state("+Bound", effective="-EmailNotInScopes")
OTHER_CAUSE = state("+Bound", effective="-NoSuchAccount")
EFFECTIVE = state("+Bound", effective="+Matchable")


@pytest.mark.parametrize(
    ("before", "now", "was_bound", "expected"),
    [
        pytest.param(BINDING, BOUND, False, "bound cautioned", id="first binding"),
        pytest.param(BINDING, BOUND, True, "bound", id="second binding"),
        pytest.param(BOUND, BOUND, True, "", id="no change"),
        pytest.param(BINDING, BINDING, False, "", id="not bound yet"),
    ],
)
def test_role_warning_is_emitted_with_the_first_binding(
    before, now, was_bound, expected
) -> None:
    found = types(before, now, role_warning="Beware.", was_bound=was_bound)

    assert found == expected


def test_role_warning_is_the_message() -> None:
    assert transitions(BINDING, BOUND, role_warning="Beware.")[-1].message == "Beware."


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(BOUND, INEFFECTIVE, "ineffective", id="first report"),
        pytest.param(EFFECTIVE, INEFFECTIVE, "ineffective", id="new"),
        pytest.param(INEFFECTIVE, INEFFECTIVE, "", id="no change"),
        pytest.param(INEFFECTIVE, OTHER_CAUSE, "ineffective", id="other reason"),
        pytest.param(INEFFECTIVE, EFFECTIVE, "", id="fixed"),
        pytest.param(INEFFECTIVE, OPEN, "", id="no longer known"),
    ],
)
def test_grant_without_effect_is_reported(before, now, expected) -> None:
    assert types(before, now) == expected
