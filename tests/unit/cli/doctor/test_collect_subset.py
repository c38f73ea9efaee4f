"""Comparison of an installed CRD with the shipped one."""

import pytest

from argogrant.cli.doctor.collect import is_subset


@pytest.mark.parametrize(
    ("shipped", "installed"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="an added default"),
        pytest.param({"required": []}, {}, id="an omitted empty list"),
        pytest.param({"priority": 0}, {}, id="an omitted zero"),
        pytest.param({"status": {}}, {"status": None}, id="null for an empty object"),
        pytest.param([{"a": 1}], [{"a": 1, "b": 2}], id="a default in a list's entry"),
    ],
)
def test_shipped_is_a_subset_despite(shipped, installed) -> None:
    assert is_subset(shipped, installed)


@pytest.mark.parametrize(
    ("shipped", "installed"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="another value"),
        pytest.param({"a": {"b": 1}}, {}, id="a missing part"),
        pytest.param({"a": {"b": 1}}, {"a": "text"}, id="text for an object"),
        pytest.param([1, 2], [1], id="a shorter list"),
        pytest.param([1], [1, 2], id="a longer list"),
        pytest.param([1], {"a": 1}, id="an object for a list"),
    ],
)
def test_shipped_is_no_subset_with(shipped, installed) -> None:
    assert not is_subset(shipped, installed)
