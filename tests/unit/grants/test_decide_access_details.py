"""Access details: validation and rendering of the instance's text."""

import pytest

from argogrant.grants.decide import (
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
        pytest.param(
            TEXT, "alice has role:x until 2026Z: https://a.dev", id="all placeholders"
        ),
        pytest.param(
            "{url}{url}", "https://a.devhttps://a.dev", id="a placeholder twice"
        ),
        pytest.param("Ask\nus.", "Ask\nus.", id="no placeholder"),
        pytest.param("f() { x", "f() { x", id="a single brace"),
    ],
)
def test_placeholders_are_replaced(template, text) -> None:
    assert validate_template(template) is None
    assert render_details(template, VALUES) == text


def test_placeholders_in_values_are_not_replaced() -> None:
    values = {**VALUES, "subject": "{url}"}

    assert render_details("{subject}", values) == "{url}"


def test_long_text_is_truncated() -> None:
    text = render_details("{url}" * 80, {**VALUES, "url": "x" * 512})

    assert len(text) == MAX_DETAILS
    assert text.endswith("x…")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{user}", "contains the unknown placeholder {user}; use {subject}, {r"),
        ("{}", "contains the unknown placeholder {}"),
        ("${HOME}", "contains the unknown placeholder {HOME}"),
        ("{{url}}", "contains the unknown placeholder {_}"),
        ("a\tb", "contains U+0009 unnamed character"),
        ("a\u202eb", "contains U+202E RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_invalid_template_is_rejected(template, problem) -> None:
    message = validate_template(template)

    assert message is not None
    assert problem in message


@pytest.mark.parametrize(
    ("grant", "now", "instance", "details"),
    [
        pytest.param(
            a_grant(),
            NOON,
            {"access_details": "{role} {end}", "url": "https://a.dev"},
            AccessDetails("https://a.dev", "role:deployer 2026-11-24T13:00:00Z"),
            id="started grant",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            {"access_details": "x"},
            None,
            id="scheduled grant",
        ),
        pytest.param(
            a_grant(), NOON + HOUR, {"access_details": "x"}, None, id="expired grant"
        ),
        pytest.param(
            a_grant(), NOON, {}, AccessDetails(), id="instance without a text"
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"exists": False, "access_details": "x"},
            None,
            id="missing instance",
        ),
        pytest.param(
            a_grant("role:x"), NOON, {"access_details": "x"}, None, id="refused grant"
        ),
    ],
)
def test_details_are_reported_while_the_grant_lasts(
    grant, now, instance, details
) -> None:
    assert decided(grant, now, **instance).access_details == details
