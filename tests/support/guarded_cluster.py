"""Words for access policies, approvals and the admission policies on a FakeCluster."""

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
    """A policy by which developers may ask for role:deployer, for themselves."""
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
    """The part of a policy that asks for leads' approval."""
    approvers = [{"kind": "Group", "name": "leads"}]
    return {"approval": {"required": required, "approvers": approvers, **rule}}


def install_admission(room: Room) -> None:
    """Install the admission policies, as the API server shows them."""
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
    """Create an approval of a grant as it is now."""
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
    """The reason of an approval's Counted condition, + for True and - for False."""
    condition = room.condition(f"{APPROVALS}/{name}", "Counted")
    return f"{'+' if condition['status'] == 'True' else '-'}{condition['reason']}"


PREFIX: Final = {"identity": {"stripPrefix": "oidc:"}}


@asynccontextmanager
async def a_guarded_room(*policies, admission: bool = True) -> AsyncIterator[Room]:
    """A running namespace with policies, and the admission policies unless not."""
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
    room.grant(name, **{"requester": ALICE, "justification": "a reason", **spec})
