"""The text of the overlay is a contract, written and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.overlay import Owner, read_overlay, render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.grants.model.errors import UnsafeText
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, NOON
from support.hypothesis_strategies import names

OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
ALICE = Binding("alice", "role:a")
ends = st.dictionaries(
    st.builds(Binding, names, st.sampled_from(["role:a", "proj:p:r"])),
    st.integers(0, 9).map(lambda n: NOON + n * HOUR),
    max_size=4,
)


def test_the_overlay_is_a_contract() -> None:
    """Sections by their end, lines by their text, whatever order they came in."""
    text = render_overlay(
        OWNER,
        {
            Binding("zoe", "role:a"): NOON,
            Binding("b,c", "role:a"): NOON,
            Binding("amy", "role:a"): NOON - HOUR,
        },
    )

    assert text == (
        "# argogrant v1 argogrant/default u1\n"
        "# Written by the argogrant operator from AccessGrants; edits by hand are"
        " undone.\n"
        "# until 2026-11-24T11:00:00Z\n"
        "g, amy, role:a\n"
        "# until 2026-11-24T12:00:00Z\n"
        'g, "b,c", role:a\n'
        "g, zoe, role:a\n"
    )


@given(ends)
def test_an_overlay_reads_back_as_it_was_meant(bindings) -> None:
    overlay = read_overlay({OVERLAY_KEY: render_overlay(OWNER, bindings)})

    assert overlay is not None
    assert overlay.owner == OWNER
    assert overlay.bindings == bindings.keys()


@pytest.mark.parametrize(
    ("first_line", "owner"),
    [
        pytest.param("# argogrant v1 argogrant/default u1", OWNER, id="our header"),
        pytest.param(
            "# argogrant v1 argogrant/default u1\r", OWNER, id="with a Windows end"
        ),
        pytest.param("# argogrant v2 a/b c", None, id="a version not known yet"),
        pytest.param("# argogrant v1 a/b", None, id="a header without a uid"),
        pytest.param("g, eve, role:a", None, id="no header"),
    ],
)
def test_an_overlay_names_its_owner(first_line, owner) -> None:
    overlay = read_overlay({OVERLAY_KEY: f"{first_line}\ng, alice, role:a\n"})

    assert overlay is not None
    assert overlay.owner == owner
    assert ALICE in overlay.bindings


def test_no_key_is_no_overlay() -> None:
    assert read_overlay({"policy.csv": "g, alice, role:a"}) is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        pytest.param(
            "# until 2026-11-24T12:00:00Z\ng, alice, role:a\n",
            {ALICE: NOON},
            id="the one above it",
        ),
        pytest.param("g, alice, role:a\n", {ALICE: None}, id="none, if none is told"),
        pytest.param(
            "# until 2026-11-24T12:00:00Z\n# until soon\ng, alice, role:a\n",
            {ALICE: None},
            id="none, if it can not be read",
        ),
        pytest.param(
            "broken\np, a, b, c, d, allow\ng, alice, role:a\n",
            {ALICE: None},
            id="whatever else stands there",
        ),
    ],
)
def test_the_end_of_a_binding_is(text, ends) -> None:
    overlay = read_overlay({OVERLAY_KEY: text})

    assert overlay is not None
    assert overlay.ends == ends


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(
            Owner(namespace="argogrant", instance="x\ng, eve, role:a", uid="u1"),
            id="a header that adds a line",
        ),
        pytest.param(
            Owner(namespace="argogrant", instance="x\nbroken", uid="u1"),
            id="a header that breaks a line",
        ),
        pytest.param(
            Owner(namespace="n", instance="x\np, a, b, c, d, allow", uid="u1"),
            id="a header that adds a rule",
        ),
    ],
)
def test_what_does_not_read_back_is_never_written(owner) -> None:
    """No API server lets such a name pass; the proof does not lean on that."""
    with pytest.raises(UnsafeText, match="would not parse"):
        render_overlay(owner, {ALICE: NOON})
