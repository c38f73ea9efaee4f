"""Plans for the managed key: idempotent, and without effect on other keys."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import (
    OverlayPlan,
    Owner,
    overlay_bytes,
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
    st.sampled_from(["policy.csv", "policy.unmanaged.csv", "policy.default", "scopes"]),
    st.text(),
)


def planned(data: dict[str, str], desired: Ends, **overrides) -> OverlayPlan:
    settings = {"kept": {}, "may_add": True, **overrides}
    return plan_overlay(read_overlay(data), owner=OWNER, desired=desired, **settings)


def applied(data: dict[str, str], plan: OverlayPlan) -> dict[str, str]:
    return data if plan.text is None else {**data, OVERLAY_KEY: plan.text}


@given(ends, ends, ends, st.booleans())
def test_applied_plan_is_followed_by_an_empty_plan(
    first, second, kept, may_add
) -> None:
    """Reconciliation is idempotent."""
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    after = applied(data, planned(data, second, kept=kept, may_add=may_add))
    again = planned(after, second, kept=kept, may_add=may_add)

    assert again == OverlayPlan(text=None, to_add=frozenset(), to_remove=frozenset())


@given(ends, ends)
def test_applied_plan_leaves_exactly_the_wanted_bindings(first, second) -> None:
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    plan = planned(data, second)
    after = read_overlay(applied(data, plan))

    assert after is not None
    assert after.bindings == second.keys()
    assert plan.to_add == second.keys() - first.keys()
    assert plan.to_remove == first.keys() - second.keys()


@given(ends, ends)
def test_nothing_is_added_while_an_unmanaged_line_is_broken(first, second) -> None:
    """Bindings that another program removed are not restored either."""
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    plan = planned(data, second, may_add=False)
    after = read_overlay(applied(data, plan))

    assert after is not None
    assert after.bindings == first.keys() & second.keys()
    assert not plan.to_add


@given(ends, ends, ends)
def test_binding_of_unknown_state_is_kept_but_never_added(first, desired, kept) -> None:
    data = {OVERLAY_KEY: render_overlay(OWNER, first)}
    after = read_overlay(applied(data, planned(data, desired, kept=kept)))

    assert after is not None
    assert after.bindings == desired.keys() | (kept.keys() & first.keys())


@given(foreign, ends)
def test_unmanaged_keys_are_never_changed(unmanaged, bindings) -> None:
    """They also parse to the same policy."""
    after = applied(unmanaged, planned(unmanaged, bindings))

    assert {key: after[key] for key in after if key != OVERLAY_KEY} == unmanaged
    assert read_unmanaged_keys(after) == read_unmanaged_keys(unmanaged)


@given(foreign, ends)
def test_composed_policy_contains_managed_and_unmanaged_lines(
    unmanaged, bindings
) -> None:
    """This holds for any last line of the unmanaged keys."""
    after = applied(unmanaged, planned(unmanaged, bindings))
    before = read_key("before", compose(unmanaged))
    whole = read_key("after", compose(after))

    assert set(whole.bindings) == {*before.bindings, *bindings}
    assert whole.rules == before.rules
    assert len(whole.problems) == len(before.problems)


@pytest.mark.parametrize(
    ("current", "desired", "kept", "may_add", "after"),
    [
        pytest.param(None, {}, {}, True, None, id="without grants no key is written"),
        pytest.param(
            None, {ALICE}, {}, True, {ALICE}, id="the first binding creates the key"
        ),
        pytest.param(
            None, {ALICE}, {}, False, None, id="unless additions are suspended"
        ),
        pytest.param(
            None, {}, {ALICE}, True, None, id="an unknown state creates no key"
        ),
        pytest.param({ALICE}, {ALICE}, {}, True, {ALICE}, id="a present binding stays"),
        pytest.param({EVE}, {}, {}, True, set(), id="an unwanted binding is removed"),
        pytest.param({EVE}, {}, {}, False, set(), id="removals are never suspended"),
        pytest.param({EVE}, {BOB}, {}, True, {BOB}, id="one write adds and removes"),
        pytest.param(
            {EVE},
            {BOB},
            {},
            False,
            set(),
            id="only the removal if additions are suspended",
        ),
        pytest.param(
            {ALICE}, {}, {ALICE}, True, {ALICE}, id="an unknown state keeps the binding"
        ),
    ],
)
def test_plan(current, desired, kept, may_add, after) -> None:
    data = {}
    if current is not None:
        data[OVERLAY_KEY] = render_overlay(OWNER, dict.fromkeys(current, NOON))
    plan = planned(
        data,
        dict.fromkeys(desired, NOON),
        kept=dict.fromkeys(kept, NOON),
        may_add=may_add,
    )
    found = read_overlay(applied(data, plan))

    assert (found.bindings if found else None) == after
    assert plan.to_add == (set(desired) if may_add else set()) - (current or set())


def test_changed_expiry_is_written() -> None:
    """``argogrant sweep`` relies on the sections."""
    data = {OVERLAY_KEY: render_overlay(OWNER, {ALICE: NOON + HOUR})}
    plan = planned(data, {ALICE: NOON})

    assert plan.text == render_overlay(OWNER, {ALICE: NOON})
    assert not plan.to_add
    assert not plan.to_remove


def test_known_expiry_takes_precedence_over_an_unknown_state() -> None:
    plan = planned({}, {ALICE: NOON}, kept={ALICE: NOON + HOUR})

    assert plan.text == render_overlay(OWNER, {ALICE: NOON})


def test_manual_edit_is_reverted() -> None:
    """This includes edits that grant no access."""
    text = render_overlay(OWNER, {ALICE: NOON})
    plan = planned({OVERLAY_KEY: text + "# mine\nbroken line\n"}, {ALICE: NOON})

    assert plan.text == text


@pytest.mark.parametrize(
    ("line", "is_urgent"),
    [
        pytest.param("g, eve, role:a", True, id="a binding grants access"),
        pytest.param("p, eve, x, y, z, allow", True, id="a rule grants access"),
        pytest.param("p, broken", True, id="an unreadable line denies every request"),
        pytest.param("# a comment", False, id="a comment has no effect"),
        pytest.param("", False, id="a blank line has no effect"),
    ],
)
def test_removal_is_urgent_if_the_line_affects_access(line, is_urgent) -> None:
    text = render_overlay(OWNER, {ALICE: NOON})
    plan = planned({OVERLAY_KEY: f"{text}{line}\n"}, {ALICE: NOON})

    assert plan.text == text
    assert plan.is_urgent is is_urgent


@given(ends, ends)
def test_size_of_a_plan_is_that_of_its_text(first, second) -> None:
    plan = planned({OVERLAY_KEY: render_overlay(OWNER, first)}, second)
    size = overlay_bytes(OWNER, second)

    assert plan.text is None or len(plan.text.encode()) == size
    assert plan.is_within(size)
    assert plan.is_within(size - 1) is (plan.text is None)
