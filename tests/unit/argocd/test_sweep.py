"""The second path: what is past its end goes, whatever can not be read stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import Owner, render_overlay
from argogrant.argocd.sweep import Swept, sweep_overlay
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
    ("text", "left", "counts"),
    [
        pytest.param("", "", (0, 0, 0), id="nothing"),
        pytest.param(HEAD, HEAD, (0, 0, 0), id="an empty overlay"),
        pytest.param(
            HEAD + PAST + ALICE + FUTURE + BOB,
            HEAD + FUTURE + BOB,
            (1, 1, 0),
            id="a section that has passed goes, another stays",
        ),
        pytest.param(HEAD + NOW + ALICE, HEAD, (1, 0, 0), id="an end is exclusive"),
        pytest.param(
            HEAD + FUTURE + ALICE, HEAD + FUTURE + ALICE, (0, 1, 0), id="a second left"
        ),
        pytest.param(
            ALICE + PAST + BOB, ALICE, (1, 1, 0), id="a line without an end stays"
        ),
        pytest.param(
            "# until soon\n" + ALICE,
            "# until soon\n" + ALICE,
            (0, 1, 1),
            id="an end that can not be read keeps its section",
        ),
        pytest.param(
            PAST + "broken\n" + ALICE,
            "broken\n",
            (1, 0, 1),
            id="a line that can not be read stays alone",
        ),
        pytest.param(
            PAST + "# a remark\n" + ALICE + "p, a, b, c, d, allow\n",
            "# a remark\np, a, b, c, d, allow\n",
            (1, 0, 0),
            id="remarks and rules are not ours to remove",
        ),
    ],
)
def test_a_sweep_of(text, left, counts) -> None:
    removed, kept, unreadable = counts

    assert sweep_overlay(text, NOON) == Swept(
        text=left, removed=removed, kept=kept, unreadable=unreadable
    )


@given(
    st.dictionaries(st.builds(Binding, names, st.just("role:a")), st.integers(-3, 3))
)
def test_a_sweep_leaves_what_the_operator_would_write(hours) -> None:
    """The text is a contract: both paths to a revocation agree on it."""
    bindings = {binding: NOON + n * HOUR for binding, n in hours.items()}
    live = {binding: end for binding, end in bindings.items() if end > NOON}
    swept = sweep_overlay(render_overlay(OWNER, bindings), NOON)

    assert swept.text == render_overlay(OWNER, live)
    assert (swept.removed, swept.kept) == (len(bindings) - len(live), len(live))


lines = st.sampled_from(
    [PAST, NOW, FUTURE, "# until soon\n", ALICE, BOB, "broken\n", "# a remark\n"]
)


@given(st.lists(st.one_of(lines, st.text())).map("".join), st.integers(-3, 3))
def test_a_second_sweep_finds_nothing(text, hour) -> None:
    first = sweep_overlay(text, NOON + hour * HOUR)
    again = sweep_overlay(first.text, NOON + hour * HOUR)

    assert again.text == first.text
    assert again.removed == 0


def test_a_sweep_never_removes_early() -> None:
    text = HEAD + FUTURE + ALICE
    for now in (NOON - HOUR, NOON, NOON + SECOND - SECOND):
        assert sweep_overlay(text, now).removed == 0
