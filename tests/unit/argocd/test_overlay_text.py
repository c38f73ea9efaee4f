"""Text of the managed key, rendered and parsed."""

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


def test_rendered_text_has_the_documented_format() -> None:
    """Sections are sorted by expiry, lines by text."""
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
def test_rendered_text_parses_to_the_same_bindings(bindings) -> None:
    overlay = read_overlay({OVERLAY_KEY: render_overlay(OWNER, bindings)})

    assert overlay is not None
    assert overlay.owner == OWNER
    assert overlay.bindings == bindings.keys()


@pytest.mark.parametrize(
    ("first_line", "owner"),
    [
        pytest.param("# argogrant v1 argogrant/default u1", OWNER, id="a valid header"),
        pytest.param(
            "# argogrant v1 argogrant/<b> u1", None, id="a name that cannot exist"
        ),
        pytest.param(
            f"# argogrant v1 argogrant/{'x' * 254} u1", None, id="a name too long"
        ),
        pytest.param(
            "# argogrant v1 argogrant/default u1\r", OWNER, id="a Windows line ending"
        ),
        pytest.param("# argogrant v2 a/b c", None, id="an unknown version"),
        pytest.param("# argogrant v1 a/b", None, id="a header without a uid"),
        pytest.param("g, eve, role:a", None, id="no header"),
    ],
)
def test_owner_is_read_from_the_header(first_line, owner) -> None:
    overlay = read_overlay({OVERLAY_KEY: f"{first_line}\ng, alice, role:a\n"})

    assert overlay is not None
    assert overlay.owner == owner
    assert ALICE in overlay.bindings


def test_missing_key_is_none() -> None:
    assert read_overlay({"policy.csv": "g, alice, role:a"}) is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        pytest.param(
            "# until 2026-11-24T12:00:00Z\ng, alice, role:a\n",
            {ALICE: NOON},
            id="the expiry of its section",
        ),
        pytest.param("g, alice, role:a\n", {ALICE: None}, id="none outside a section"),
        pytest.param(
            "# until 2026-11-24T12:00:00Z\n# until soon\ng, alice, role:a\n",
            {ALICE: None},
            id="none if the expiry is unreadable",
        ),
        pytest.param(
            "broken\np, a, b, c, d, allow\ng, alice, role:a\n",
            {ALICE: None},
            id="next to unreadable lines and rules",
        ),
    ],
)
def test_expiry_of_a_binding(text, ends) -> None:
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
def test_text_that_parses_differently_is_never_written(owner) -> None:
    """The check does not rely on the name validation of the API server."""
    with pytest.raises(UnsafeText, match="would not parse"):
        render_overlay(owner, {ALICE: NOON})
