"""The operator sees whether the real API server still checks who asks and approves."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from argogrant.api.admission_drift import PROPAGATION_DELAY, find_drift, verified_since
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.grants.model.reasons import Reason
from controlplane import ControlPlane
from support import admission_objects
from support.admission_objects import Asker, service_account
from support.admission_policy_changes import HARMFUL, HARMLESS, SHIPPED, Change
from support.live_cluster import seconds_until


@pytest.fixture(scope="module")
def shipped(installed: ControlPlane) -> Iterator[ControlPlane]:
    """The policies that check, as shipped at the beginning."""
    with admission_objects.policies(installed, VALIDATING_FILE):
        yield installed


@pytest.fixture
def mended(shipped: ControlPlane) -> Iterator[ControlPlane]:
    """The same before each test, whatever it does."""
    yield shipped
    whole = {"apiVersion": "v1", "kind": "List", "items": list(SHIPPED.values())}
    shipped.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(whole))


def make(plane: ControlPlane, change: Change) -> bool:
    """Change an object as an admin does; tells whether the API server lets it pass."""
    plural, name = change.key.split("/")
    body = change.made_in(SHIPPED)[change.key]
    done = plane.kubectl("replace", "-f", "-", stdin=json.dumps(body), check=False)
    left = json.loads(plane.kubectl("get", plural, name, "-o", "json").stdout)
    return done.returncode == 0 and change.path[-1] in json.dumps(left)


def test_what_is_shipped_is_no_problem(shipped: ControlPlane) -> None:
    """Whatever defaults this API server fills in."""
    assert find_drift(admission_objects.observed(shipped)) is None


def test_nothing_is_verified_before_the_policies_were_there(
    shipped: ControlPlane,
) -> None:
    since = verified_since(admission_objects.observed(shipped))

    assert since is not None
    assert seconds_until(since.isoformat()) <= PROPAGATION_DELAY.total_seconds()


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.title)
def test_what_lets_nobody_pass_is_no_problem(
    mended: ControlPlane, change: Change
) -> None:
    assert make(mended, change)
    assert find_drift(admission_objects.observed(mended)) is None


@pytest.mark.parametrize("change", HARMFUL, ids=lambda change: change.title)
def test_what_lets_somebody_pass_is_told(mended: ControlPlane, change: Change) -> None:
    """Unless the API server itself does not let it pass."""
    is_made = make(mended, change)
    problem = find_drift(admission_objects.observed(mended))

    assert is_made != change.is_refused
    if change.is_refused:
        assert problem is None
    else:
        assert problem is not None
        assert change.difference in problem.message


def test_what_is_removed_is_told(mended: ControlPlane) -> None:
    mended.kubectl("delete", "validatingadmissionpolicybinding", "argogrant-approver")
    problem = find_drift(admission_objects.observed(mended))

    assert problem is not None
    assert problem.reason is Reason.ADMISSION_POLICY_MISSING


def test_what_is_installed_anew_vouches_anew(mended: ControlPlane) -> None:
    """The youngest of the four counts."""
    mended.kubectl("delete", "validatingadmissionpolicy", "argogrant-approver")
    body = json.dumps(SHIPPED["validatingadmissionpolicies/argogrant-approver"])
    began = datetime.now(UTC).replace(microsecond=0)
    mended.kubectl("create", "-f", "-", stdin=body)
    since = verified_since(admission_objects.observed(mended))

    assert since is not None
    assert since >= began + PROPAGATION_DELAY


ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def operator(shipped: ControlPlane) -> Asker:
    """The operator's service account, with what the shipped manifests allow it."""
    return service_account(shipped, "argogrant", "argogrant")


@pytest.mark.parametrize("plural", admission_objects.PLURALS)
@pytest.mark.parametrize("name", ["argogrant-requester", "argogrant-approver"])
def test_the_operator_may_look_at_these_objects(
    operator: Asker, plural: str, name: str
) -> None:
    """It lists and watches each by its name, and sees no others."""
    one = f"{ADMISSION}/{plural}?fieldSelector=metadata.name%3D{name}"
    listed = json.loads(operator.kubectl("get", "--raw", one))
    watched = operator.kubectl("get", "--raw", f"{one}&watch=true&timeoutSeconds=3")
    refusal = operator.refused("get", "--raw", f"{ADMISSION}/{plural}")

    assert [item["metadata"]["name"] for item in listed["items"]] == [name]
    assert json.loads(watched.splitlines()[0])["type"] == "ADDED"
    assert "cannot list resource" in refusal


def test_the_operator_may_change_none_of_them(operator: Asker) -> None:
    refusal = operator.refused(
        *("patch", "validatingadmissionpolicy", "argogrant-requester"),
        *("--type=merge", "-p", '{"spec": {"failurePolicy": "Ignore"}}'),
    )

    assert "cannot patch resource" in refusal
