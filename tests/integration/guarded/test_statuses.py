"""Statuses that another user wrote, which give no access.

All users can create grants and approvals in Kubernetes. Their names have the prefix
``oidc:``, like those of an identity provider.
"""

import json
from typing import Any

import pytest

from support import live_policies
from support.admission_objects import Asker, Body
from support.live_cluster import after, eventually, sleep_until
from support.live_policies import (
    ClusterWithPolicies,
    refused_patch,
    wait_until_processed,
)

STATUS_RIGHT = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "status-writer", "namespace": "argogrant"},
    "rules": [
        {
            "apiGroups": ["argogrant.dev"],
            "resources": ["accessgrants/status", "accessapprovals/status"],
            "verbs": ["get", "patch", "update"],
        }
    ],
}
STATUS_WRITERS = live_policies.a_role_binding("status-writer", "status-writers")


def a_status(**more: Any) -> Body:
    """Return the status of an active grant."""
    now = after(-5)
    true = {"status": "True", "message": "", "lastTransitionTime": now}
    return {
        "startedAt": now,
        "expiresAt": after(72000),
        "boundAs": "role:deployer",
        "accessPolicy": "deployers",
        "conditions": [
            {"type": "Approved", "reason": "ApprovedByReviewers", **true},
            {"type": "Ready", "reason": "Bound", **true},
        ],
        **more,
    }


def test_status_write_without_permission_is_rejected(
    world: ClusterWithPolicies, alice: Asker, waiting: Body
) -> None:
    """Without the subresource, the API server drops a status."""
    name, body = waiting["metadata"]["name"], {"status": a_status()}
    refusal = refused_patch(alice, "accessgrant", name, body, "--subresource=status")
    plain = ("patch", "accessgrant", name, "--type=merge", "-p", json.dumps(body))
    alice.kubectl(*plain)

    assert live_policies.FORBIDDEN in refusal
    assert 'resource "accessgrants/status"' in refusal
    assert "startedAt" not in world.grant(name)["status"]


@pytest.mark.parametrize(
    "grant",
    [
        pytest.param({"duration": "1h"}, id="that waits"),
        pytest.param({"duration": "20h"}, id="that asks for too long"),
        pytest.param({"role": {"name": "role:admin"}}, id="that no policy allows"),
    ],
)
def test_forged_status_gives_no_access(world: ClusterWithPolicies, grant: Body) -> None:
    """The user has permission to write statuses."""
    world.apply(STATUS_RIGHT, STATUS_WRITERS)
    writer = world.user("oidc:alice", "developers", "status-writers")
    world.create_grant(writer, "wanted", **grant)
    eventually(
        lambda: world.reason_and_message("wanted")[0] != "",
        within=live_policies.TIMEOUT,
    )
    writer.kubectl(
        *("patch", "accessgrant", "wanted", "--type=merge", "--subresource=status"),
        *("-p", json.dumps({"status": a_status()})),
    )
    wait_until_processed(world)

    assert not world.may_sync()
    eventually(
        lambda: (
            world.reason_and_message("wanted")[0] in {"AwaitingApproval", "NotAllowed"}
        ),
        within=live_policies.TIMEOUT,
    )


@pytest.mark.long
def test_forged_status_does_not_lengthen_access(
    world: ClusterWithPolicies, bob: Asker
) -> None:
    """The operator uses it only if its end is earlier."""
    world.apply(STATUS_RIGHT, STATUS_WRITERS)
    writer = world.user("oidc:alice", "developers", "status-writers")
    grant = world.create_grant(writer, "wanted", duration="20s")
    world.create_approval(bob, grant)
    world.wait_for_reason("wanted", "Bound")
    end = world.grant("wanted")["status"]["expiresAt"]
    writer.kubectl(
        *("patch", "accessgrant", "wanted", "--type=merge", "--subresource=status"),
        *("-p", json.dumps({"status": {"expiresAt": after(7200)}})),
    )
    sleep_until(end)

    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    world.wait_for_reason("wanted", "Expired")
