"""Access policies, approvals and admission policies in a FakeCluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from argogrant.api.admission_drift import PROPAGATION_DELAY, validating_policies
from argogrant.kube.client import Body
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_POLICIES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
)
from support.in_memory_operator import GRANTS, OURS, Room, running

POLICIES: Final = ACCESS_POLICIES.path(OURS)
APPROVALS: Final = ACCESS_APPROVALS.path(OURS)
ALICE: Final = {"username": "oidc:alice", "groups": ["developers"]}
BOB: Final = {"username": "oidc:bob", "groups": ["leads"]}
CAROL: Final = {"username": "oidc:carol", "groups": ["leads"]}


def a_policy(name: str = "deployers", **spec: Any) -> Body:
    """Build a policy that lets developers request role:deployer for themselves."""
    return {
        "metadata": {"name": name},
        "spec": {
            "requesters": [{"kind": "Group", "name": "developers"}],
            "subjects": {"self": True},
            "roles": [{"name": "role:deployer"}],
            **spec,
        },
    }


def reviewed(required: int = 1, **rule: Any) -> dict[str, Any]:
    """Build the field of a policy that requires the approval of leads."""
    approvers = [{"kind": "Group", "name": "leads"}]
    return {"approval": {"required": required, "approvers": approvers, **rule}}


def install_admission(room: Room) -> None:
    """Install the admission policies as the API server returns them."""
    for body in validating_policies():
        collection = {
            "ValidatingAdmissionPolicy": VALIDATING_POLICIES,
            "ValidatingAdmissionPolicyBinding": VALIDATING_BINDINGS,
        }.get(body["kind"])
        if collection is not None:
            room.cluster.add(collection.path(""), body)


def approve(
    room: Room, grant: str, by: dict[str, Any] = BOB, *, name: str = "", **spec: Any
) -> Body:
    """Create an approval of the present grant."""
    uid = room.cluster.object(f"{GRANTS}/{grant}")["metadata"]["uid"]
    body = {
        "metadata": {"name": name or f"{grant}-{by['username'].split(':')[-1]}"},
        "spec": {
            "grant": {"name": grant, "uid": uid},
            "decision": "Approve",
            "approver": by,
            **spec,
        },
    }
    return room.cluster.add(APPROVALS, body)


def counted(room: Room, name: str) -> str:
    """Return the reason of ``Counted``, with + for True and - for False."""
    condition = room.condition(f"{APPROVALS}/{name}", "Counted")
    return f"{'+' if condition['status'] == 'True' else '-'}{condition['reason']}"


PREFIX: Final = {"identity": {"stripPrefix": "oidc:"}}


@asynccontextmanager
async def a_guarded_room(*policies, admission: bool = True) -> AsyncIterator[Room]:
    """Run the operator with access policies and, by default, admission policies."""
    room = Room()
    if admission:
        install_admission(room)
        await asyncio.sleep(PROPAGATION_DELAY.total_seconds())
    room.install()
    room.edit_instance(**PREFIX)
    for policy in policies:
        room.cluster.add(POLICIES, policy)
    async with running(room):
        yield room


def ask(room: Room, name: str = "g1", **spec) -> None:
    """Create a grant that alice requests."""
    room.grant(name, **{"requester": ALICE, "justification": "a reason", **spec})
