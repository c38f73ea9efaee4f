"""Drift of the admission policies on the API server, as the operator observes it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from argogrant.api.admission_drift import PROPAGATION_DELAY, find_drift, verified_since
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.grants.model.reasons import Reason
from controlplane import ControlPlane
from controlplane.errors import APIRequestFailed
from support import admission_objects
from support.admission_objects import Asker, Body, service_account
from support.admission_policy_changes import HARMFUL, HARMLESS, SHIPPED, Change
from support.live_cluster import seconds_until

GROUP = "apis/admissionregistration.k8s.io/v1"
CHANGES = (*HARMLESS, *HARMFUL)
STORED = (
    "a front end is trusted",
    "errors are ignored",
    "a validation accepts everything",
    "the binding only warns",
)
"""Changes that are stored: one harmless, two of the policy, one of the binding."""


@pytest.fixture(scope="module")
def shipped(installed: ControlPlane) -> Iterator[ControlPlane]:
    """An API server with the shipped validating policies."""
    with admission_objects.policies(installed, VALIDATING_FILE):
        yield installed


@pytest.fixture(scope="module")
def before(shipped: ControlPlane) -> dict[str, Body]:
    """The shipped policies and bindings, as the API server returns them."""
    return admission_objects.observed(shipped)


@pytest.fixture
def restored(shipped: ControlPlane) -> Iterator[ControlPlane]:
    """An API server on which the shipped policies are restored after the test."""
    yield shipped
    whole = {"apiVersion": "v1", "kind": "List", "items": list(SHIPPED.values())}
    shipped.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(whole))


def replace(plane: ControlPlane, change: Change, **parameters: str) -> Body | None:
    """Replace an object with a changed one, as ``kubectl replace`` does.

    Returns:
        The object as the API server returns it, or None if it rejects the change.
    """
    api = plane.api("argogrant")
    path = f"{GROUP}/{change.key}"
    body = change.made_in(SHIPPED)[change.key]
    version = api.request("GET", path)["metadata"]["resourceVersion"]
    body["metadata"]["resourceVersion"] = version
    try:
        return api.request("PUT", path, body, fieldValidation="Strict", **parameters)
    except APIRequestFailed:
        return None


def test_shipped_policies_with_the_defaults_of_the_api_server_are_no_drift(
    before: dict[str, Body],
) -> None:
    assert find_drift(before) is None


def test_requesters_are_verified_once_the_policies_have_propagated(
    before: dict[str, Body],
) -> None:
    since = verified_since(before)

    assert since is not None
    assert seconds_until(since.isoformat()) <= PROPAGATION_DELAY.total_seconds()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.title)
def test_change_that_the_api_server_accepts_is_drift_unless_harmless(
    shipped: ControlPlane, before: dict[str, Body], change: Change
) -> None:
    """A dry run returns what the API server would store, with its defaults."""
    stored = replace(shipped, change, dryRun="All")

    assert (stored is None) is change.is_refused
    if stored is None:
        return
    assert change.path[-1] in json.dumps(stored)
    drift = find_drift({**before, change.key: stored})
    assert (drift is not None) is bool(change.difference)
    assert drift is None or change.difference in drift.message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=change.title)
        for change in CHANGES
        if change.title in STORED
    ],
)
def test_stored_change_is_observed_as_drift_unless_harmless(
    restored: ControlPlane, change: Change
) -> None:
    assert replace(restored, change) is not None

    drift = find_drift(admission_objects.observed(restored))
    assert (drift is not None) is bool(change.difference)
    assert drift is None or change.difference in drift.message


def test_removed_binding_is_observed_as_missing(restored: ControlPlane) -> None:
    restored.kubectl("delete", "validatingadmissionpolicybinding", "argogrant-approver")
    drift = find_drift(admission_objects.observed(restored))

    assert drift is not None
    assert drift.reason is Reason.ADMISSION_POLICY_MISSING


def test_recreated_policy_restarts_the_propagation_delay(
    restored: ControlPlane,
) -> None:
    """The delay starts with the youngest of the four objects."""
    restored.kubectl("delete", "validatingadmissionpolicy", "argogrant-approver")
    body = json.dumps(SHIPPED["validatingadmissionpolicies/argogrant-approver"])
    began = datetime.now(UTC).replace(microsecond=0)
    restored.kubectl("create", "-f", "-", stdin=body)
    since = verified_since(admission_objects.observed(restored))

    assert since is not None
    assert since >= began + PROPAGATION_DELAY


@pytest.fixture
def operator(shipped: ControlPlane) -> Asker:
    """The operator's service account with the shipped permissions."""
    return service_account(shipped, "argogrant", "argogrant")


@pytest.mark.parametrize("plural", admission_objects.PLURALS)
@pytest.mark.parametrize("name", ["argogrant-requester", "argogrant-approver"])
def test_operator_can_list_and_watch_each_policy_by_name(
    operator: Asker, plural: str, name: str
) -> None:
    """It cannot list the others."""
    one = f"/{GROUP}/{plural}?fieldSelector=metadata.name%3D{name}"
    listed = json.loads(operator.kubectl("get", "--raw", one))
    watched = operator.kubectl("get", "--raw", f"{one}&watch=true&timeoutSeconds=1")
    refusal = operator.refused("get", "--raw", f"/{GROUP}/{plural}")

    assert [item["metadata"]["name"] for item in listed["items"]] == [name]
    assert json.loads(watched.splitlines()[0])["type"] == "ADDED"
    assert "cannot list resource" in refusal


def test_operator_cannot_patch_a_policy(operator: Asker) -> None:
    refusal = operator.refused(
        *("patch", "validatingadmissionpolicy", "argogrant-requester"),
        *("--type=merge", "-p", '{"spec": {"failurePolicy": "Ignore"}}'),
    )

    assert "cannot patch resource" in refusal
