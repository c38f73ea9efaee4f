"""Sweep of the managed key: expired bindings go, unreadable lines stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import Owner, Swept, render_overlay, sweep_overlay
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON, SECOND
from support.hypothesis_strategies import names

OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
HEAD = render_overlay(OWNER, {})
PAST = "# until 2026-11-24T11:00:00Z\n"
NOW = "# until 2026-11-24T12:00:00Z\n"
FUTURE = "# until 2026-11-24T12:00:01Z\n"
ALICE = "g, alice, role:a\n"
BOB = "g, bob, role:a\n"


@pytest.mark.parametrize(
    ("text", "swept", "counts"),
    [
        pytest.param("", "", (0, 0, 0), id="an empty text"),
        pytest.param(HEAD, HEAD, (0, 0, 0), id="a key without bindings"),
        pytest.param(
            HEAD + PAST + ALICE + FUTURE + BOB,
            HEAD + FUTURE + BOB,
            (1, 1, 0),
            id="an expired section is removed, another stays",
        ),
        pytest.param(
            HEAD + NOW + ALICE, HEAD, (1, 0, 0), id="a section expires at its expiry"
        ),
        pytest.param(
            HEAD + FUTURE + ALICE,
            HEAD + FUTURE + ALICE,
            (0, 1, 0),
            id="one second before the expiry",
        ),
        pytest.param(
            ALICE + PAST + BOB, ALICE, (1, 1, 0), id="a line without an expiry stays"
        ),
        pytest.param(
            "# until soon\n" + ALICE,
            "# until soon\n" + ALICE,
            (0, 1, 1),
            id="an unreadable expiry keeps its section",
        ),
        pytest.param(
            PAST + "broken\n" + ALICE,
            "broken\n",
            (1, 0, 1),
            id="an unreadable line stays",
        ),
        pytest.param(
            PAST + "# a comment\n" + ALICE + "p, a, b, c, d, allow\n",
            "# a comment\np, a, b, c, d, allow\n",
            (1, 0, 0),
            id="comments and rules stay",
        ),
    ],
)
def test_sweep(text, swept, counts) -> None:
    removed, kept, unreadable = counts

    assert sweep_overlay(text, NOON) == Swept(
        text=swept, removed=removed, kept=kept, unreadable=unreadable
    )


@given(
    st.dictionaries(st.builds(Binding, names, st.just("role:a")), st.integers(-3, 3))
)
def test_sweep_and_operator_write_the_same_text(hours) -> None:
    """Both paths to a revocation agree on the format."""
    bindings = {binding: NOON + n * HOUR for binding, n in hours.items()}
    live = {binding: end for binding, end in bindings.items() if end > NOON}
    swept = sweep_overlay(render_overlay(OWNER, bindings), NOON)

    assert swept.text == render_overlay(OWNER, live)
    assert (swept.removed, swept.kept) == (len(bindings) - len(live), len(live))


lines = st.sampled_from(
    [PAST, NOW, FUTURE, "# until soon\n", ALICE, BOB, "broken\n", "# a comment\n"]
)


@given(st.lists(st.one_of(lines, st.text())).map("".join), st.integers(-3, 3))
def test_second_sweep_changes_nothing(text, hour) -> None:
    first = sweep_overlay(text, NOON + hour * HOUR)
    again = sweep_overlay(first.text, NOON + hour * HOUR)

    assert again.text == first.text
    assert again.removed == 0


def test_sweep_never_removes_a_binding_early() -> None:
    text = HEAD + FUTURE + ALICE
    for now in (NOON - HOUR, NOON, NOON + SECOND - SECOND):
        assert sweep_overlay(text, now).removed == 0
