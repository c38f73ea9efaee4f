"""Removals from the managed key leave lines out, and compose no other line again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd import overlay
from argogrant.argocd.overlay import Owner, plan_overlay, plan_removal, read_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON
from support.hypothesis_strategies import hostile, names

KEY = """# argogrant v1 argogrant/default u1
# Written by the argogrant operator from AccessGrants; edits by hand are undone.
# until 2026-11-24T13:00:00Z
g, alice, role:a
# until 2026-11-24T14:00:00Z
g, bob, role:a
g, eve, role:a
"""
OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
ends = st.dictionaries(
    st.builds(Binding, names, st.sampled_from(["role:a", "proj:p:r"])),
    st.integers(0, 9).map(lambda n: NOON + n * HOUR),
    max_size=4,
)
ALICE, BOB, EVE = (Binding(name, "role:a") for name in ("alice", "bob", "eve"))


def removed(text: str | None, *kept: Binding) -> overlay.OverlayPlan:
    data = {} if text is None else {OVERLAY_KEY: text}
    return plan_removal(read_overlay(data), set(kept))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(KEY, (ALICE, BOB, EVE), id="every binding is kept"),
        pytest.param(KEY.partition("# until")[0], (), id="there is no binding"),
        pytest.param(None, (), id="there is no key"),
    ],
)
def test_nothing_is_written_if(text, kept) -> None:
    plan = removed(text, *kept)

    assert plan.text is None
    assert not plan.is_urgent


def test_section_without_bindings_is_left_out() -> None:
    plan = removed(KEY, BOB)

    assert plan.to_remove == {ALICE, EVE}
    assert plan.text is not None
    assert "13:00:00Z" not in plan.text
    assert plan.text.endswith("# until 2026-11-24T14:00:00Z\ng, bob, role:a\n")


@pytest.mark.parametrize(
    "line", ["p, eve, *, *, *, allow", "broken", 'g, "eve, role:a', "g, a, b, c"]
)
def test_line_that_argogrant_does_not_write_is_removed(line) -> None:
    plan = removed(f"{KEY}{line}\n", ALICE, BOB, EVE)

    assert plan.text == KEY
    assert plan.is_urgent


@given(ends, st.sets(st.integers(0, 3)))
def test_text_is_that_of_a_whole_plan(bindings, indices) -> None:
    """So nothing has to be written again after the state was gathered."""
    text = overlay.render_overlay(OWNER, bindings)
    kept = {one: bindings[one] for n, one in enumerate(bindings) if n in indices}
    whole = plan_overlay(
        read_overlay({OVERLAY_KEY: text}),
        owner=OWNER,
        desired=kept,
        kept={},
        may_add=False,
    )

    assert removed(text, *kept) == whole


@given(st.lists(hostile, max_size=6).map("\n".join))
def test_any_text_can_be_planned(text) -> None:
    plan = removed(text)

    assert plan.text is None or not plan.to_remove & set(_bindings(plan.text))


def _bindings(text: str) -> set[Binding]:
    found = read_overlay({OVERLAY_KEY: text})
    assert found is not None
    return set(found.bindings)
