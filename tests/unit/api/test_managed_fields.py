"""Which field manager is recorded as the writer of one field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.api.managed_fields import MAX_NAME, owner_of_field
from argogrant.argocd.field_owner import FieldOwner

KEY = "policy.argogrant.csv"
OWNED = {"f:data": {".": {}, f"f:{KEY}": {}}}


def entry(manager: str, time: str = "2026-01-01T00:00:05Z", **fields: Any) -> Any:
    return {
        "manager": manager,
        "time": time,
        "operation": "Update",
        "fieldsV1": fields or OWNED,
    }


def owner(*entries: Any) -> FieldOwner | None:
    return owner_of_field({"managedFields": list(entries)}, "data", KEY)


LATER = "2026-01-01T00:00:09Z"
NAMED = [
    pytest.param((entry("a"),), "a", id="the only manager that owns the key"),
    pytest.param(
        (entry("a"), entry("b", LATER, **{"f:metadata": {"f:labels": {}}})),
        "a",
        id="not a manager with a newer entry that owns labels only",
    ),
    pytest.param(
        (entry("a"), entry("b", LATER, **{"f:data": {"f:policy.csv": {}}})),
        "a",
        id="not a manager with a newer entry that owns another key",
    ),
    pytest.param(
        (entry("a", LATER), entry("b")), "a", id="the later of two that own the key"
    ),
    pytest.param(
        (entry("b", **{"f:data": {".": {}}}),),
        None,
        id="not the manager that created data without the key",
    ),
    pytest.param(
        (entry("a", LATER), entry("b", LATER)),
        None,
        id="none of two that own the key since the same second",
    ),
    pytest.param(
        (entry("a", LATER), entry("a", LATER), entry("b")),
        "a",
        id="the manager of two entries, an update and an apply",
    ),
    pytest.param((), None, id="none without entries"),
    pytest.param(("text", None, 7), None, id="none if entries are no objects"),
    pytest.param(
        (entry("b", **{"f:data": {f"f:{KEY}": "text"}}),),
        None,
        id="none if the field has another type",
    ),
    pytest.param(
        ({"manager": ["x"], "fieldsV1": OWNED},), "", id="empty if the name is no text"
    ),
    pytest.param((entry("x" * 999),), "x" * MAX_NAME, id="no more than its limit"),
]


@pytest.mark.parametrize(("entries", "expected"), NAMED)
def test_owner_is(entries: tuple[Any, ...], expected: str | None) -> None:
    found = owner(*entries)

    assert (found and found.manager) == expected


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["manager", "time", "fieldsV1", "f:data", f"f:{KEY}"]),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_record_is_read(managed_fields: Any) -> None:
    owner_of_field({"managedFields": managed_fields}, "data", KEY)
