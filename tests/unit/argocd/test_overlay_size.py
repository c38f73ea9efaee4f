"""Capacity of the ConfigMap, and the bindings that exceed it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import (
    MAX_BYTES,
    Owner,
    bindings_over_capacity,
    oldest_first,
    overlay_capacity,
    render_overlay,
    size_of,
)
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
        pytest.param({}, 0, id="empty"),
        pytest.param({"key": "text"}, 7, id="keys and values"),
        pytest.param({"key": "\u00fc"}, 5, id="bytes, not characters"),
    ],
)
def test_size_counts_bytes_of_keys_and_values(data, size) -> None:
    assert size_of(data) == size


def test_capacity_does_not_depend_on_the_current_managed_key() -> None:
    unmanaged = {"policy.csv": "x" * 1000}

    assert overlay_capacity({**unmanaged, OVERLAY_KEY: "y" * 5000}) == (
        MAX_BYTES - size_of(unmanaged) - len(OVERLAY_KEY)
    )


@pytest.mark.parametrize(
    ("capacity", "excess"),
    [
        pytest.param(ONE, {BOB, EVE}, id="one line and its section"),
        pytest.param(ONE - 1, {ALICE, BOB, EVE}, id="one byte less"),
        pytest.param(ONE + 15, {EVE}, id="two lines of the same section"),
        pytest.param(10_000, set(), id="all lines"),
    ],
)
def test_first_bindings_take_precedence(capacity, excess) -> None:
    additions = [(ALICE, NOON), (BOB, NOON), (EVE, NOON + HOUR)]

    assert bindings_over_capacity(additions, size=0, capacity=capacity) == excess


def test_short_binding_does_not_overtake_a_long_one() -> None:
    """Otherwise a grant with a long name could wait forever."""
    long = Binding("x" * 200, "role:a")
    additions = [(ALICE, NOON), (long, NOON), (BOB, NOON)]

    assert bindings_over_capacity(additions, size=0, capacity=ONE + 50) == {long, BOB}


@given(
    st.lists(st.tuples(names, st.integers(0, 3)), max_size=6, unique_by=lambda t: t[0]),
    st.integers(0, 300),
)
def test_accepted_bindings_fit_into_the_capacity(requested, capacity) -> None:
    """This holds for any names."""
    additions = [(Binding(name, "role:a"), NOON + n * HOUR) for name, n in requested]
    excess = bindings_over_capacity(additions, size=EMPTY, capacity=EMPTY + capacity)
    accepted = {binding: end for binding, end in additions if binding not in excess}

    assert len(render_overlay(OWNER, accepted).encode()) <= EMPTY + capacity


def test_bindings_are_sorted_by_creation_then_by_name() -> None:
    created = {EVE: NOON, BOB: NOON + HOUR, ALICE: NOON + HOUR}

    assert oldest_first(created, created.keys()) == [EVE, ALICE, BOB]
