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
from support.in_memory_operator import GRANTS, OURS, InMemoryOperator, running

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


def approval_required(required: int = 1, **rule: Any) -> dict[str, Any]:
    """Build the field of a policy that requires the approval of leads."""
    approvers = [{"kind": "Group", "name": "leads"}]
    return {"approval": {"required": required, "approvers": approvers, **rule}}


def install_admission_policies(operator: InMemoryOperator) -> None:
    """Install the admission policies as the API server returns them."""
    for body in validating_policies():
        collection = {
            "ValidatingAdmissionPolicy": VALIDATING_POLICIES,
            "ValidatingAdmissionPolicyBinding": VALIDATING_BINDINGS,
        }.get(body["kind"])
        if collection is not None:
            operator.cluster.add(collection.path(""), body)


def approve(
    operator: InMemoryOperator,
    grant: str,
    by: dict[str, Any] = BOB,
    *,
    name: str = "",
    **spec: Any,
) -> Body:
    """Create an approval of the present grant."""
    uid = operator.cluster.object(f"{GRANTS}/{grant}")["metadata"]["uid"]
    body = {
        "metadata": {"name": name or f"{grant}-{by['username'].split(':')[-1]}"},
        "spec": {
            "grant": {"name": grant, "uid": uid},
            "decision": "Approve",
            "approver": by,
            **spec,
        },
    }
    return operator.cluster.add(APPROVALS, body)


def counted_reason(operator: InMemoryOperator, name: str) -> str:
    """Return the reason of ``Counted``, with + for True and - for False."""
    condition = operator.condition(f"{APPROVALS}/{name}", "Counted")
    return f"{'+' if condition['status'] == 'True' else '-'}{condition['reason']}"


OIDC_PREFIX: Final = {"identity": {"stripPrefix": "oidc:"}}


@asynccontextmanager
async def operator_with_policies(
    *policies, admission: bool = True
) -> AsyncIterator[InMemoryOperator]:
    """Run the operator with access policies and, by default, admission policies."""
    operator = InMemoryOperator()
    if admission:
        install_admission_policies(operator)
        await asyncio.sleep(PROPAGATION_DELAY.total_seconds())
    operator.install()
    operator.edit_instance(**OIDC_PREFIX)
    for policy in policies:
        operator.cluster.add(POLICIES, policy)
    async with running(operator):
        yield operator


def request_grant(operator: InMemoryOperator, name: str = "g1", **spec) -> None:
    """Create a grant that alice requests."""
    operator.grant(name, **{"requester": ALICE, "justification": "a reason", **spec})
