"""The plan of the overlay: done once it was applied, and never in others' keys."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import (
    OverlayPlan,
    Owner,
    plan_overlay,
    read_overlay,
    render_overlay,
)
from argogrant.argocd.policy_csv import (
    OVERLAY_KEY,
    compose,
    read_key,
    read_unmanaged_keys,
)
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON
from support.hypothesis_strategies import names

OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
ALICE, BOB, EVE = (Binding(name, "role:a") for name in ("alice", "bob", "eve"))
Ends = dict[Binding, datetime]

ends = st.dictionaries(
    st.builds(Binding, names, st.sampled_from(["role:a", "proj:p:r"])),
    st.integers(0, 9).map(lambda n: NOON + n * HOUR),
    max_size=4,
)
foreign = st.dictionaries(
    st.sampled_from(["policy.csv", "policy.theirs.csv", "policy.default", "scopes"]),
    st.text(),
)


def planned(data: dict[str, str], wanted: Ends, **overrides) -> OverlayPlan:
    settings = {"kept": {}, "may_add": True, **overrides}
    return plan_overlay(read_overlay(data), owner=OWNER, wanted=wanted, **settings)


def applied(data: dict[str, str], plan: OverlayPlan) -> dict[str, str]:
    return data if plan.text is None else {**data, OVERLAY_KEY: plan.text}


@given(ends, ends, ends, st.booleans())
def test_a_plan_that_was_applied_is_empty(first, second, kept, may_add) -> None:
    """Convergence ends: the second look finds nothing to do."""
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    after = applied(data, planned(data, second, kept=kept, may_add=may_add))
    again = planned(after, second, kept=kept, may_add=may_add)

    assert again == OverlayPlan(text=None, to_add=frozenset(), to_remove=frozenset())


@given(ends, ends)
def test_after_a_plan_argo_cd_has_exactly_what_is_wanted(first, second) -> None:
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    plan = planned(data, second)
    after = read_overlay(applied(data, plan))

    assert after is not None
    assert after.bindings == second.keys()
    assert plan.to_add == second.keys() - first.keys()
    assert plan.to_remove == first.keys() - second.keys()


@given(ends, ends)
def test_while_a_foreign_line_is_broken_nothing_is_added(first, second) -> None:
    """Not even restored: what was removed by hand stays away."""
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    plan = planned(data, second, may_add=False)
    after = read_overlay(applied(data, plan))

    assert after is not None
    assert after.bindings == first.keys() & second.keys()
    assert not plan.to_add


@given(ends, ends, ends)
def test_what_is_in_doubt_stays_and_is_never_added(first, wanted, kept) -> None:
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    after = read_overlay(applied(data, planned(data, wanted, kept=kept)))

    assert after is not None
    assert after.bindings == wanted.keys() | (kept.keys() & first.keys())


@given(foreign, ends)
def test_foreign_keys_and_lines_are_never_touched(theirs, bindings) -> None:
    """Beside our key everything is as it was, and reads as it did."""
    after = applied(theirs, planned(theirs, bindings))

    assert {key: after[key] for key in after if key != OVERLAY_KEY} == theirs
    assert read_unmanaged_keys(after) == read_unmanaged_keys(theirs)


@given(foreign, ends)
def test_argo_cd_reads_our_lines_and_theirs_as_they_were(theirs, bindings) -> None:
    """What is composed holds both, whatever theirs ends with."""
    after = applied(theirs, planned(theirs, bindings))
    before = read_key("before", compose(theirs))
    whole = read_key("after", compose(after))

    assert set(whole.bindings) == {*before.bindings, *bindings}
    assert whole.rules == before.rules
    assert len(whole.problems) == len(before.problems)


@pytest.mark.parametrize(
    ("current", "wanted", "kept", "may_add", "after"),
    [
        pytest.param(None, {}, {}, True, None, id="nothing wanted writes no key"),
        pytest.param(None, {ALICE}, {}, True, {ALICE}, id="the first makes the key"),
        pytest.param(None, {ALICE}, {}, False, None, id="unless nothing may be added"),
        pytest.param(None, {}, {ALICE}, True, None, id="a doubt makes no key"),
        pytest.param({ALICE}, {ALICE}, {}, True, {ALICE}, id="what is there is left"),
        pytest.param({EVE}, {}, {}, True, set(), id="what nobody wants is removed"),
        pytest.param({EVE}, {}, {}, False, set(), id="removing is always allowed"),
        pytest.param({EVE}, {BOB}, {}, True, {BOB}, id="both in one write"),
        pytest.param({EVE}, {BOB}, {}, False, set(), id="only the removal"),
        pytest.param({ALICE}, {}, {ALICE}, True, {ALICE}, id="a doubt keeps"),
    ],
)
def test_the_plan_for(current, wanted, kept, may_add, after) -> None:
    data = {}
    if current is not None:
        data[OVERLAY_KEY] = render_overlay(OWNER, dict.fromkeys(current, NOON))
    plan = planned(
        data,
        dict.fromkeys(wanted, NOON),
        kept=dict.fromkeys(kept, NOON),
        may_add=may_add,
    )
    found = read_overlay(applied(data, plan))

    assert (found.bindings if found else None) == after
    assert plan.to_add == (set(wanted) if may_add else set()) - (current or set())


def test_an_end_that_moved_is_rewritten() -> None:
    """The sections are what ``argogrant sweep`` goes by."""
    data = {OVERLAY_KEY: render_overlay(OWNER, {ALICE: NOON + HOUR})}
    plan = planned(data, {ALICE: NOON})

    assert plan.text == render_overlay(OWNER, {ALICE: NOON})
    assert not plan.to_add
    assert not plan.to_remove


def test_a_certain_end_counts_more_than_one_in_doubt() -> None:
    plan = planned({}, {ALICE: NOON}, kept={ALICE: NOON + HOUR})

    assert plan.text == render_overlay(OWNER, {ALICE: NOON})


def test_an_edit_by_hand_is_undone() -> None:
    """Also one that gives nobody anything."""
    text = render_overlay(OWNER, {ALICE: NOON})
    plan = planned({OVERLAY_KEY: text + "# mine\nbroken line\n"}, {ALICE: NOON})

    assert plan.text == text


@pytest.mark.parametrize(
    ("line", "is_urgent"),
    [
        pytest.param("g, eve, role:a", True, id="a binding, which gives access"),
        pytest.param("p, eve, x, y, z, allow", True, id="a rule, which does as well"),
        pytest.param("p, broken", True, id="a line for which everybody is refused"),
        pytest.param("# a remark", False, id="no remark"),
        pytest.param("", False, id="no blank line"),
    ],
)
def test_what_is_removed_at_once_is(line, is_urgent) -> None:
    text = render_overlay(OWNER, {ALICE: NOON})
    plan = planned({OVERLAY_KEY: f"{text}{line}\n"}, {ALICE: NOON})

    assert plan.text == text
    assert plan.is_urgent is is_urgent


@given(ends, ends)
def test_the_size_of_a_plan_is_counted_without_its_additions(first, second) -> None:
    """What is there already, and the sections, do not wait for room."""
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    plan = planned(data, second)
    size = len((plan.text or "").encode())
    added = render_overlay(OWNER, dict.fromkeys(plan.to_add, NOON))
    one_section = len("# until 2026-11-24T12:00:00Z\n") if plan.to_add else 0
    head = len(render_overlay(OWNER, {}))

    assert plan.is_within(size)
    assert plan.is_within(size - 1) is (plan.text is None)
    assert plan.size_without_additions == (
        size - (len(added.encode()) - head - one_section)
    )
