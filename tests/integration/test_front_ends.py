"""Requests of service accounts, for themselves or as a trusted front end."""

import json
from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from support import admission_objects
from support.admission_objects import (
    ALICE,
    ALICE_SAYS,
    FIELDS,
    KINDS,
    MAKE,
    Asker,
    nameless,
    said,
    service_account,
    who,
)
from support.live_cluster import after, eventually


@pytest.fixture
def portal(checked: ControlPlane) -> Iterator[Asker]:
    """A front end's service account, with a token of its own."""
    checked.kubectl("create", "serviceaccount", "portal", "-n", "argogrant")
    yield service_account(checked, "portal", "argogrant")
    checked.kubectl("delete", "serviceaccount", "portal", "-n", "argogrant")


PORTAL = "system:serviceaccount:argogrant:portal"
PORTALS_GROUPS = {
    "system:serviceaccounts",
    "system:serviceaccounts:argogrant",
    "system:authenticated",
}


@pytest.fixture
def trusted_portal(portal: Asker) -> Iterator[Asker]:
    """The same, on the list of trusted front ends; active once it may forge."""
    for field in FIELDS:
        trust(portal, field, f"['someone:else', '{PORTAL}']")
        eventually(lambda field=field: may_forge(portal, field), within=30)
    yield portal
    for field in FIELDS:
        trust(portal, field, "[]")
        admission_objects.wait_until(portal.plane, field, is_checked=True)


def trust(asker: Asker, field: str, names: str) -> None:
    path = "/spec/variables/0/expression"
    patch = json.dumps([{"op": "replace", "path": path, "value": names}])
    policy = ("validatingadmissionpolicy", f"argogrant-{field}")
    asker.plane.kubectl("patch", *policy, "--type=json", "-p", patch)


def may_forge(asker: Asker, field: str) -> bool:
    """Try it, for show only."""
    probe = MAKE[field]("probe", **{field: ALICE})
    command = ("create", "--dry-run=server", f"--kubeconfig={asker.kubeconfig}")
    done = asker.plane.kubectl(
        *command, "-f", "-", stdin=json.dumps(probe), check=False
    )
    return done.returncode == 0


def test_service_account_requests_only_for_itself(portal: Asker, field: str) -> None:
    """A service account states when its request ends, since a tool could repeat it."""
    ends = {"expiresAt": after(60)} if field == "requester" else {}
    made = portal.create(nameless("own-", field, **ends))
    body = MAKE[field]("for-alice", **{field: ALICE})
    refusal = portal.refused("create", "-f", "-", body=body)

    assert said(made, field) == (PORTAL, PORTALS_GROUPS)
    assert admission_objects.what_to_write(refusal)[field]["username"] == PORTAL


def test_trusted_front_end_names_the_requester(
    trusted_portal: Asker, field: str
) -> None:
    """With the requester's groups or without; the field is immutable."""
    for_alice = trusted_portal.create(nameless("for-", field, **{field: ALICE}))
    bare = {"username": "dave"}
    for_dave = trusted_portal.create(nameless("for-", field, **{field: bare}))
    own = trusted_portal.create(nameless("own-", field))
    name = for_dave["metadata"]["name"]
    patch = json.dumps({"spec": {field: {"groups": ["sre"]}}})
    edit = ("patch", KINDS[field], name, "--type=merge", "-p", patch)

    assert said(for_alice, field) == ALICE_SAYS
    assert for_dave["spec"][field] == bare
    assert said(own, field) == (PORTAL, PORTALS_GROUPS)
    assert "is immutable" in trusted_portal.refused(*edit)


def test_other_service_account_is_not_trusted(
    trusted_portal: Asker, field: str
) -> None:
    """The list has exact names."""
    forged = MAKE[field]("forged", **{field: ALICE})
    other = who(trusted_portal.plane, f"{PORTAL}2", tuple(PORTALS_GROUPS))
    refusal = other.refused("create", "-f", "-", body=forged)

    assert f"spec.{field} is not the user who creates" in refusal
