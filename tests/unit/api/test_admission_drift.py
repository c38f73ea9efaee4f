"""What counts as a change of the admission policies, and from when they vouch."""

import copy
from typing import Any

import pytest

from argogrant.api.admission_drift import (
    POLICY_NAMES,
    PROPAGATION_DELAY,
    find_drift,
    verified_since,
)
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.grants.model.reasons import Reason
from support.admission_policy_changes import (
    BINDING,
    HARMFUL,
    HARMLESS,
    POLICY,
    SHIPPED,
    Body,
    Change,
)
from support.builders import HOUR, NOON


def as_observed() -> dict[str, Body]:
    """The shipped objects as an API server gives them back, defaults filled in."""
    observed = copy.deepcopy(SHIPPED)
    stamped = {
        "uid": "u1",
        "generation": 1,
        "creationTimestamp": "2026-11-24T12:00:00Z",
    }
    for body in observed.values():
        body["metadata"] |= stamped
        constraints: dict[str, Any] | None = body["spec"].get("matchConstraints")
        if constraints is not None:
            constraints["resourceRules"][0]["scope"] = "*"
            constraints["matchPolicy"] = "Equivalent"
            constraints |= {"namespaceSelector": {}, "objectSelector": {}}
            body["status"] = {"observedGeneration": 1, "typeChecking": {}}
    return observed


def test_what_the_api_server_fills_in_is_no_change() -> None:
    assert find_drift(as_observed()) is None


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.title)
def test_what_lets_nobody_pass_is_no_problem(change: Change) -> None:
    assert find_drift(change.made_in(as_observed())) is None


@pytest.mark.parametrize("change", HARMFUL, ids=lambda change: change.title)
def test_what_lets_somebody_pass_is_told(change: Change) -> None:
    problem = find_drift(change.made_in(as_observed()))

    assert problem is not None
    assert problem.reason is Reason.ADMISSION_POLICY_CHANGED
    assert "argogrant-requester: " in problem.message
    assert change.difference in problem.message
    assert f"Apply {VALIDATING_FILE} again" in problem.message


def test_all_that_differs_in_one_object_is_told() -> None:
    observed = as_observed()
    observed[POLICY]["spec"] |= {"failurePolicy": "Ignore", "validations": []}
    problem = find_drift(observed)

    assert problem is not None
    assert problem.message.count("; the shipped validation ") == 3
    assert "spec.failurePolicy is Ignore" in problem.message


@pytest.mark.parametrize("key", sorted(SHIPPED))
def test_each_of_the_objects_is_needed(key: str) -> None:
    """Whichever is missing is named, with the file to apply."""
    observed = as_observed()
    missing = observed.pop(key)
    problem = find_drift(observed)

    assert problem is not None
    assert problem.reason is Reason.ADMISSION_POLICY_MISSING
    assert f"{missing['kind']} {missing['metadata']['name']}. " in problem.message
    assert f"Apply {VALIDATING_FILE} " in problem.message
    assert verified_since(observed) is None


def test_all_that_is_missing_is_told_at_once() -> None:
    problem = find_drift({})

    assert problem is not None
    assert problem.message.count("argogrant-requester") == 2
    assert problem.message.count("argogrant-approver") == 2


def test_what_is_missing_is_told_before_what_has_changed() -> None:
    """Applying the file mends both."""
    observed = as_observed()
    observed[POLICY]["spec"]["failurePolicy"] = "Ignore"
    del observed[BINDING]
    problem = find_drift(observed)

    assert problem is not None
    assert problem.reason is Reason.ADMISSION_POLICY_MISSING


@pytest.mark.parametrize("youngest", sorted(SHIPPED))
def test_they_vouch_from_a_moment_after_the_youngest_was_created(youngest: str) -> None:
    """An API server needs a second to hear of it and obey."""
    observed = as_observed()
    observed[youngest]["metadata"]["creationTimestamp"] = "2026-11-24T13:00:00Z"

    assert verified_since(as_observed()) == NOON + PROPAGATION_DELAY
    assert verified_since(observed) == NOON + HOUR + PROPAGATION_DELAY


def test_the_policies_are_called_after_what_they_check() -> None:
    """The ClusterRole names them."""
    assert POLICY_NAMES == ("argogrant-requester", "argogrant-approver")
