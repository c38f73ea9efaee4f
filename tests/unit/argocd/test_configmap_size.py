"""How much the ConfigMap has room for, and who waits if it has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.configmap_size import (
    LIMIT,
    bindings_over_capacity,
    oldest_first,
    overlay_capacity,
    size_of,
)
from argogrant.argocd.overlay import Owner, render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON
from support.hypothesis_strategies import names

OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
ALICE, BOB, EVE = (Binding(name, "role:a") for name in ("alice", "bob", "eve"))
ONE = len("# until 2026-11-24T12:00:00Z\ng, alice, role:a\n")
EMPTY = len(render_overlay(OWNER, {}))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"key": "text"}, 7, id="keys and values"),
        pytest.param({"key": "\u00fc"}, 5, id="bytes, not characters"),
    ],
)
def test_the_size_of(data, size) -> None:
    assert size_of(data) == size


def test_our_own_text_takes_no_room_from_itself() -> None:
    theirs = {"policy.csv": "x" * 1000}

    assert overlay_capacity({**theirs, OVERLAY_KEY: "y" * 5000}) == (
        LIMIT - size_of(theirs) - len(OVERLAY_KEY)
    )


@pytest.mark.parametrize(
    ("room", "waiting"),
    [
        pytest.param(ONE, {BOB, EVE}, id="room for one line and its section"),
        pytest.param(ONE - 1, {ALICE, BOB, EVE}, id="one byte less is room for none"),
        pytest.param(ONE + 15, {EVE}, id="a second line of the same section"),
        pytest.param(10_000, set(), id="room for all"),
    ],
)
def test_the_first_are_served_first(room, waiting) -> None:
    additions = [(ALICE, NOON), (BOB, NOON), (EVE, NOON + HOUR)]

    assert bindings_over_capacity(additions, size=0, capacity=room) == waiting


def test_a_short_one_does_not_overtake_a_long_one() -> None:
    """Or a grant with a long name would wait for ever."""
    long = Binding("x" * 200, "role:a")
    additions = [(ALICE, NOON), (long, NOON), (BOB, NOON)]

    assert bindings_over_capacity(additions, size=0, capacity=ONE + 50) == {long, BOB}


@given(
    st.lists(st.tuples(names, st.integers(0, 3)), max_size=6, unique_by=lambda t: t[0]),
    st.integers(0, 300),
)
def test_what_is_let_in_fits(asked, room) -> None:
    """Whatever the names, the text that is written has the room that it needs."""
    additions = [(Binding(name, "role:a"), NOON + n * HOUR) for name, n in asked]
    waiting = bindings_over_capacity(additions, size=EMPTY, capacity=EMPTY + room)
    let_in = {binding: end for binding, end in additions if binding not in waiting}

    assert len(render_overlay(OWNER, let_in).encode()) <= EMPTY + room


def test_the_oldest_come_first_and_the_alphabet_decides_between_twins() -> None:
    created = {EVE: NOON, BOB: NOON + HOUR, ALICE: NOON + HOUR}

    assert oldest_first(created, created.keys()) == [EVE, ALICE, BOB]
