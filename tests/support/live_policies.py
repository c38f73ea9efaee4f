"""Access policies, requesters and approvers at a real API server."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controlplane import ControlPlane
from support import admission_objects, operator_process
from support.admission_objects import Asker, Body, who
from support.live_cluster import INSTANCE, World, a_grant, eventually

ROOT = Path(__file__).parent.parent.parent
ROLES = ROOT / "examples/roles.yaml"
TIMEOUT = 30.0
CLEANED_UP = ("accesspolicy", "accessapproval", "accessgrant")
"""Kinds of which a test leaves nothing."""
FORBIDDEN = "is forbidden: User"


def a_role_binding(role: str, group: str = "people") -> Body:
    """Build a RoleBinding of a group to one of the Roles of the examples."""
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{group}-{role}", "namespace": "argogrant"},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": role},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": group}],
    }


ROLE_BINDINGS = (
    a_role_binding("argogrant-requester"),
    a_role_binding("argogrant-approver"),
)
"""Members of the group ``people`` may create grants and approvals."""


def a_policy(name: str = "deployers", **spec: Any) -> Body:
    """Build a policy that lets developers request role:deployer for themselves."""
    defaults = {
        "requesters": [{"kind": "Group", "name": "developers"}],
        "subjects": {"self": True},
        "roles": [{"name": "role:deployer"}],
    }
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessPolicy",
        "metadata": {"name": name, "namespace": "argogrant"},
        "spec": {**defaults, **spec},
    }


def approved_by(*groups: str, required: int = 1, **rule: Any) -> Body:
    """Build the field ``approval`` of a policy."""
    approvers = [{"kind": "Group", "name": group} for group in groups]
    return {"required": required, "approvers": approvers, **rule}


def an_approval(of: Body, name: str = "", **spec: Any) -> Body:
    """Build an approval of an existing grant."""
    grant = of["metadata"]
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessApproval",
        "metadata": {
            "namespace": "argogrant",
            **({"name": name} if name else {"generateName": f"{grant['name']}-"}),
        },
        "spec": {
            "grant": {"name": grant["name"], "uid": grant["uid"]},
            "decision": "Approve",
            **spec,
        },
    }


class ClusterWithPolicies(World):
    """A cluster with access policies and verified requesters."""

    def user(self, name: str, *groups: str) -> Asker:
        """Return a user in the group ``people`` and other groups."""
        return who(self.plane, name, ("people", *groups))

    def apply_policies(self, *policies: Body, **instance: Any) -> None:
        """Apply policies, and an instance with these fields."""
        self.restore({**INSTANCE, "spec": instance})
        self.apply(*policies)

    def create_grant(
        self, person: Asker, name: str, subject: str = "alice", **spec: Any
    ) -> Body:
        """Create a grant as a user."""
        return person.create(a_grant(name, subject, **spec))

    def create_approval(
        self, person: Asker, grant: Body, name: str = "", **spec: Any
    ) -> Body:
        """Create an approval as a user."""
        return person.create(an_approval(grant, name, **spec))

    def reason_and_message(
        self, name: str, condition: str = "Ready"
    ) -> tuple[str, str]:
        """Return reason and message of a grant's condition."""
        return self._condition("accessgrant", name, condition)

    def counted_condition(self, approval: Body) -> tuple[str, str]:
        """Return reason and message of an approval's condition ``Counted``."""
        return self._condition(
            "accessapproval", approval["metadata"]["name"], "Counted"
        )

    def wait_for_reason(
        self,
        name: str,
        reason: str,
        condition: str = "Ready",
        *,
        within: float = TIMEOUT,
    ) -> str:
        """Wait until a grant's condition has a reason; return its message."""
        eventually(
            lambda: self.reason_and_message(name, condition)[0] == reason,
            within=within,
        )
        return self.reason_and_message(name, condition)[1]

    def wait_for_counted_reason(self, approval: Body, reason: str) -> str:
        """Wait until ``Counted`` of an approval has a reason; return its message."""
        eventually(
            lambda: self.counted_condition(approval)[0] == reason, within=TIMEOUT
        )
        return self.counted_condition(approval)[1]

    def clean_up(self) -> None:
        """Delete grants, approvals and policies, and restore the default instance."""
        self.delete_all(*CLEANED_UP)
        self.restore(INSTANCE)

    def _condition(self, kind: str, name: str, type_: str) -> tuple[str, str]:
        body = self.read(kind, name)
        for condition in body.get("status", {}).get("conditions", ()):
            if condition["type"] == type_:
                return condition["reason"], condition["message"]
        return "", ""


def delete_role_bindings(plane: ControlPlane) -> None:
    """Remove all permissions that examples and tests gave to users."""
    files = [ROLES, *sorted((ROOT / "examples").glob("*/people.yaml"))]
    paths = [f"--filename={file}" for file in files]
    names = [right["metadata"]["name"] for right in ROLE_BINDINGS]
    plane.kubectl("delete", "--ignore-not-found", *paths)
    ours = ("-n", "argogrant", "delete", "--ignore-not-found", "rolebinding")
    plane.kubectl(*ours, *names)


@contextlib.contextmanager
def cluster_with_policies(plane: ControlPlane) -> Iterator[ClusterWithPolicies]:
    """Create the permissions of users during a block, without an operator."""
    world = ClusterWithPolicies(plane)
    world.reset()
    plane.apply(ROLES)
    world.apply(*ROLE_BINDINGS)
    admission_objects.wait_until_they_vouch(plane)
    try:
        yield world
    finally:
        world.delete_all(*CLEANED_UP)
        delete_role_bindings(plane)


@contextlib.contextmanager
def cluster_with_operator(
    plane: ControlPlane, log: Path
) -> Iterator[ClusterWithPolicies]:
    """Create the permissions of users during a block, with an operator."""
    with cluster_with_policies(plane) as world, operator_process.serving(world, log):
        yield world
        world.clean_up()


OIDC_PREFIX = {"identity": {"stripPrefix": "oidc:"}}
ONE_APPROVAL = a_policy(approval=approved_by("approvers"), maxDuration="2h")
"""Developers may deploy for two hours with one approval."""


def refused_patch(person: Asker, kind: str, name: str, body: Body, *more: str) -> str:
    """Patch an object as a user; return the error message."""
    command = ("patch", kind, name, "--type=merge", "-p", json.dumps(body), *more)
    return person.refused(*command)


def wait_until_processed(world: ClusterWithPolicies) -> None:
    """Wait until the operator has processed everything that was created so far.

    A probe grant that is created afterwards comes into force last.
    """
    admins = [{"kind": "Group", "name": "system:masters"}]
    for_dave = {"users": ["dave"]}
    world.apply(a_policy("probes", requesters=admins, subjects=for_dave))
    world.apply(a_grant("probe", "dave"))
    eventually(lambda: world.may_sync("dave"), within=TIMEOUT)
    world.delete("probe")
    world.ours("delete", "accesspolicy", "probes")
