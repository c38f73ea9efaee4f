"""Capacity of the ConfigMap, its shares, and the bindings that exceed them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.capacity import (
    MAX_BYTES,
    Claim,
    bindings_over_capacity,
    overlay_capacity,
    size_of,
    undivided,
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


def urgent(binding: Binding, end: datetime) -> Claim:
    """A claim that the reserve does not limit."""
    return Claim(binding, end, is_break_glass=True)


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
    additions = [urgent(ALICE, NOON), urgent(BOB, NOON), urgent(EVE, NOON + HOUR)]

    assert bindings_over_capacity(additions, size=0, capacity=capacity) == excess


def test_short_binding_does_not_overtake_a_long_one() -> None:
    """Otherwise a grant with a long name could wait forever."""
    long = Binding("x" * 200, "role:a")
    additions = [urgent(one, NOON) for one in (ALICE, long, BOB)]

    assert bindings_over_capacity(additions, size=0, capacity=ONE + 50) == {long, BOB}


@given(
    st.lists(st.tuples(names, st.integers(0, 3)), max_size=6, unique_by=lambda t: t[0]),
    st.integers(0, 300),
)
def test_accepted_bindings_fit_into_the_capacity(requested, capacity) -> None:
    """This holds for any names."""
    ends = {Binding(name, "role:a"): NOON + n * HOUR for name, n in requested}
    additions = [urgent(binding, end) for binding, end in ends.items()]
    excess = bindings_over_capacity(additions, size=EMPTY, capacity=EMPTY + capacity)
    accepted = {binding: end for binding, end in ends.items() if binding not in excess}

    assert len(render_overlay(OWNER, accepted).encode()) <= EMPTY + capacity


LINE = len("g, x-0000, role:a\n")
CAPACITY = 100 * LINE
"""Capacity for a hundred bindings; six of them are kept for break glass."""


def claims(
    subject: str, count: int, requester: str | None, *, is_break_glass: bool = False
) -> list[Claim]:
    """Build claims of equally many bytes, and no bytes for their section."""
    return [
        Claim(Binding(f"{subject}-{n:04}", "role:a"), NOON, requester, is_break_glass)
        for n in range(count)
    ]


def bound(present: list[Claim], *additions: list[Claim]) -> list[int]:
    """Return how many of each list of additions are bound."""
    waiting = bindings_over_capacity(
        [Claim(SECTION, NOON, "zoe"), *(one for some in additions for one in some)],
        present=present,
        size=len(present) * LINE - len(UNTIL_NOON) - LINE,
        capacity=CAPACITY,
    )
    return [sum(one.binding not in waiting for one in some) for some in additions]


SECTION = Binding("s-0000", "role:a")
UNTIL_NOON = "# until 2026-11-24T12:00:00Z\n"
FLOOD = claims("f", 200, "mallory")
BY_ALICE = claims("a", 5, "alice")
URGENT = claims("u", 5, "oncall", is_break_glass=True)


@pytest.mark.parametrize(
    ("present", "additions", "expected"),
    [
        pytest.param([], [FLOOD], [70], id="one requester gets three quarters"),
        pytest.param([], [FLOOD, BY_ALICE], [70, 5], id="another one gets the rest"),
        pytest.param(
            [], [FLOOD, claims("a", 50, "alice")], [70, 17], id="and a share of it"
        ),
        pytest.param([], [FLOOD, BY_ALICE, URGENT], [70, 5, 5], id="and break glass"),
        pytest.param(FLOOD[:70], [FLOOD[70:], BY_ALICE], [0, 5], id="after a restart"),
        pytest.param(
            FLOOD[:94], [FLOOD[94:], BY_ALICE, URGENT], [0, 0, 4], id="the reserve"
        ),
        pytest.param(
            claims("a", 90, "alice"),
            [claims("b", 2, "bob"), claims("a2", 3, "alice")],
            [2, 0],
            id="who has the most waits first",
        ),
        pytest.param(
            [],
            [claims("u", 200, "mallory", is_break_glass=True), URGENT],
            [75, 5],
            id="break glass is shared as well",
        ),
        pytest.param(
            [], [claims("x", 200, ""), BY_ALICE], [70, 5], id="unverified ones are one"
        ),
        pytest.param(
            [], [claims("x", 200, None), URGENT], [93, 5], id="nobody is verified"
        ),
    ],
)
def test_requesters_share_the_capacity(present, additions, expected) -> None:
    assert bound(present, *additions) == expected


def test_waiting_requester_is_overtaken_by_nobody_of_the_same_share() -> None:
    long = Claim(Binding("x" * 400, "role:a"), NOON, "mallory")
    present, short = FLOOD[:60], FLOOD[60:61]

    assert bound(present, [long], short, BY_ALICE) == [0, 0, 5]


@given(st.integers(0, 100))
def test_nobody_waits_below_the_undivided_part(count) -> None:
    """So a plan need not know whose the bindings are."""
    fits = count * LINE <= undivided(CAPACITY)

    assert (bound([], FLOOD[:count]) == [count]) is fits
