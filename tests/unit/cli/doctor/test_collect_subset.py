"""When a CRD in the cluster says what the shipped one says."""

import pytest

from argogrant.cli.doctor.collect import is_subset


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="more is filled in"),
        pytest.param({"required": []}, {}, id="what is empty is left out"),
        pytest.param({"priority": 0}, {}, id="a nought is left out"),
        pytest.param({"status": {}}, {"status": None}, id="an empty object is null"),
        pytest.param([{"a": 1}], [{"a": 1, "b": 2}], id="more in a list's entry"),
    ],
)
def test_it_holds_although(wanted, seen) -> None:
    assert is_subset(wanted, seen)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="another value"),
        pytest.param({"a": {"b": 1}}, {}, id="a missing part"),
        pytest.param({"a": {"b": 1}}, {"a": "text"}, id="text for an object"),
        pytest.param([1, 2], [1], id="a shorter list"),
        pytest.param([1], [1, 2], id="a longer list"),
        pytest.param([1], {"a": 1}, id="an object for a list"),
    ],
)
def test_it_does_not_hold_with(wanted, seen) -> None:
    assert not is_subset(wanted, seen)
