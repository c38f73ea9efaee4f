"""What those who hold a grant are told: one pass, nothing hidden, bounded."""

import pytest

from argogrant.grants.access_details import (
    MAX_DETAILS,
    AccessDetails,
    render_details,
    validate_template,
)
from support.builders import HOUR, NOON, a_grant, decided

VALUES = {"subject": "alice", "role": "role:x", "end": "2026Z", "url": "https://a.dev"}
TEXT = "{subject} has {role} until {end}: {url}"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param(TEXT, "alice has role:x until 2026Z: https://a.dev", id="all"),
        pytest.param("{url}{url}", "https://a.devhttps://a.dev", id="one twice"),
        pytest.param("Ask\nus.", "Ask\nus.", id="none"),
        pytest.param("f() { x", "f() { x", id="a single brace is a brace"),
    ],
)
def test_places_are_filled_in(template, text) -> None:
    assert validate_template(template) is None
    assert render_details(template, VALUES) == text


def test_what_is_filled_in_is_not_read_again() -> None:
    values = {**VALUES, "subject": "{url}"}

    assert render_details("{subject}", values) == "{url}"


def test_a_long_text_is_cut() -> None:
    text = render_details("{url}" * 80, {**VALUES, "url": "x" * 512})

    assert len(text) == MAX_DETAILS
    assert text.endswith("x…")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{user}", "holds {user}, which stands for nothing; there are {subject}, {r"),
        ("{}", "holds {}, which"),
        ("${HOME}", "holds {HOME}, which"),
        ("{{url}}", "holds {_}, which"),
        ("a\tb", "holds U+0009 unnamed character"),
        ("a\u202eb", "holds U+202E RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_what_can_not_be_shown_is_refused(template, problem) -> None:
    said = validate_template(template)

    assert said is not None
    assert problem in said


@pytest.mark.parametrize(
    ("grant", "now", "instance", "guidance"),
    [
        pytest.param(
            a_grant(),
            NOON,
            {"access_details": "{role} {end}", "url": "https://a.dev"},
            AccessDetails("https://a.dev", "role:deployer 2026-11-24T13:00:00Z"),
            id="from the start on",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            {"access_details": "x"},
            None,
            id="not before it",
        ),
        pytest.param(
            a_grant(), NOON + HOUR, {"access_details": "x"}, None, id="not at the end"
        ),
        pytest.param(
            a_grant(), NOON, {}, AccessDetails(), id="nothing if nothing is said"
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"exists": False, "access_details": "x"},
            None,
            id="not if nobody is there to say it",
        ),
        pytest.param(
            a_grant("role:x"), NOON, {"access_details": "x"}, None, id="not if refused"
        ),
    ],
)
def test_people_are_told(grant, now, instance, guidance) -> None:
    assert decided(grant, now, **instance).access_details == guidance
