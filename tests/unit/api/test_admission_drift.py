"""Drift of the admission policies, and the time from which requesters are verified."""

import copy
from typing import Any

import pytest

from argogrant.api.admission_drift import (
    POLICY_NAMES,
    PROPAGATION_DELAY,
    find_drift,
    trusted_front_ends,
    verified_since,
)
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.grants.model.reasons import Reason
from support.admission_policy_changes import (
    BINDING,
    HARMFUL,
    HARMLESS,
    POLICY,
    PORTAL,
    SHIPPED,
    Body,
    Change,
    variables,
)
from support.builders import HOUR, NOON


def as_observed() -> dict[str, Body]:
    """Return the shipped objects as an API server returns them, with its defaults."""
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


def test_defaults_of_the_api_server_are_not_drift() -> None:
    assert find_drift(as_observed()) is None


def test_spec_without_defaults_is_not_drift() -> None:
    assert find_drift(SHIPPED) is None


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.title)
def test_harmless_change_is_not_drift(change: Change) -> None:
    assert find_drift(change.made_in(as_observed())) is None


@pytest.mark.parametrize("change", HARMFUL, ids=lambda change: change.title)
def test_every_other_change_is_reported_with_its_field(change: Change) -> None:
    drift = find_drift(change.made_in(as_observed()))

    assert drift is not None
    assert drift.reason is Reason.ADMISSION_POLICY_CHANGED
    assert "argogrant-requester differs from the shipped one: " in drift.message
    assert change.difference in drift.message
    assert f"Apply {VALIDATING_FILE} again" in drift.message


def test_all_differences_of_one_object_are_reported() -> None:
    observed = as_observed()
    observed[POLICY]["spec"] |= {"failurePolicy": "Ignore", "validations": []}
    drift = find_drift(observed)

    assert drift is not None
    assert 'spec.failurePolicy is "Ignore", not "Fail"; ' in drift.message
    assert "; spec.validations has 0 items, not 3. Apply" in drift.message


def test_policy_without_match_constraints_is_drift() -> None:
    observed = as_observed()
    del observed[POLICY]["spec"]["matchConstraints"]
    drift = find_drift(observed)

    assert drift is not None
    assert "spec.matchConstraints.resourceRules has 0 items" in drift.message


def test_removed_field_of_a_binding_is_drift() -> None:
    observed = as_observed()
    del observed[BINDING]["spec"]["validationActions"]
    drift = find_drift(observed)

    assert drift is not None
    assert "spec.validationActions was removed" in drift.message


@pytest.mark.parametrize("key", sorted(SHIPPED))
def test_missing_object_is_reported_with_the_file_to_apply(key: str) -> None:
    observed = as_observed()
    missing = observed.pop(key)
    drift = find_drift(observed)

    assert drift is not None
    assert drift.reason is Reason.ADMISSION_POLICY_MISSING
    assert f"{missing['kind']} {missing['metadata']['name']}. " in drift.message
    assert f"Apply {VALIDATING_FILE} " in drift.message
    assert verified_since(observed) is None


def test_policy_from_before_the_absolute_end_is_not_drift() -> None:
    """The operator checks the same, so an upgrade needs no other order."""
    older = copy.deepcopy(SHIPPED)
    validations = older[POLICY]["spec"]["validations"]
    older[POLICY]["spec"]["validations"] = validations[:3]

    assert len(validations) == 5
    assert find_drift(older) is None


def test_policy_that_knows_the_marks_of_other_tools_is_not_drift() -> None:
    """Otherwise an upgrade of the operator alone would end the access of everybody."""
    older = copy.deepcopy(SHIPPED)
    *_, marks = older[POLICY]["spec"]["validations"]
    before = marks["expression"]
    marks["expression"] = before.replace(r"fluxcd\.io|", "").replace(
        "'olm.owner', ", ""
    )

    assert len(before) - len(marks["expression"]) > 20
    assert find_drift(older) is None


@pytest.mark.parametrize("expression", ["true", "", None, 7, ["request.operation"]])
def test_validation_of_another_kind_is_drift(expression: object) -> None:
    changed = copy.deepcopy(SHIPPED)
    changed[POLICY]["spec"]["validations"][-1]["expression"] = expression

    assert find_drift(changed) is not None


@pytest.mark.parametrize(
    ("names", "trusted"),
    [
        pytest.param("[]", set(), id="nobody"),
        pytest.param(f"['{PORTAL}']", {PORTAL}, id="one"),
        pytest.param(f"""['{PORTAL}', "o'hara",]""", {PORTAL, "o'hara"}, id="two"),
        pytest.param("[request.userInfo.username]", set(), id="no list of names"),
    ],
)
def test_trusted_front_ends_are_read_from_the_installed_policy(names, trusted) -> None:
    installed = copy.deepcopy(SHIPPED)
    installed[POLICY]["spec"]["variables"] = variables(trustedFrontEnds=names)

    assert trusted_front_ends(installed) == trusted


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"spec": {"variables": "x"}}, id="another type"),
        pytest.param({"spec": {"variables": [None, {"name": 1}]}}, id="odd variables"),
    ],
)
def test_odd_policy_names_no_front_end(policy) -> None:
    assert trusted_front_ends({POLICY: policy}) == frozenset()


def test_all_missing_objects_are_reported_together() -> None:
    drift = find_drift({})

    assert drift is not None
    assert drift.message.count("argogrant-requester") == 2
    assert drift.message.count("argogrant-approver") == 2


def test_missing_objects_are_reported_before_modified_ones() -> None:
    """Applying the file fixes both."""
    observed = as_observed()
    observed[POLICY]["spec"]["failurePolicy"] = "Ignore"
    del observed[BINDING]
    drift = find_drift(observed)

    assert drift is not None
    assert drift.reason is Reason.ADMISSION_POLICY_MISSING


@pytest.mark.parametrize("youngest", sorted(SHIPPED))
def test_verification_begins_after_the_youngest_object_has_propagated(
    youngest: str,
) -> None:
    observed = as_observed()
    observed[youngest]["metadata"]["creationTimestamp"] = "2026-11-24T13:00:00Z"

    assert verified_since(as_observed()) == NOON + PROPAGATION_DELAY
    assert verified_since(observed) == NOON + HOUR + PROPAGATION_DELAY


def test_policy_names_match_the_cluster_role() -> None:
    assert POLICY_NAMES == ("argogrant-requester", "argogrant-approver")
