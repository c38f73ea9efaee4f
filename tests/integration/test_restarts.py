"""Kills of the operator at every step of every flow, which change no result."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import live_policies, operator_process
from support.admission_objects import Asker, Body
from support.live_cluster import after
from support.live_policies import ClusterWithPolicies, a_policy, approved_by

pytestmark = pytest.mark.timeout(900)  # seven starts, and policies that must vouch

KINDS = "accessgrants,accessapprovals,accesspolicies"
ON_CALL = [{"kind": "Group", "name": "on-call"}]
MASTERS = [{"kind": "Group", "name": "system:masters"}]
POLICIES = (
    a_policy(approval=approved_by("approvers"), maxDuration="2h"),
    a_policy(
        "windows",
        roles=[{"name": "role:admin"}],
        subjects={"groups": ["database-team"]},
        approval=approved_by("approvers", required=2),
    ),
    a_policy(
        "on-call",
        requesters=ON_CALL,
        roles=[{"project": "team-a", "name": "deployer"}],
        maxExtensions=2,
        breakGlass={"allowed": True},
    ),
    a_policy(
        "emergencies",
        requesters=ON_CALL,
        roles=[{"name": "role:admin"}],
        approval=approved_by("approvers"),
        breakGlass={"allowed": True},
    ),
    a_policy(
        "hasty",
        roles=[{"name": "role:readonly"}],
        approval=approved_by("approvers", timeout="2s"),
    ),
    a_policy("probes", requesters=MASTERS, subjects={"users": ["bob"]}),
)
START_SECONDS = 60.0
"""In which an operator starts and processes what it finds, on a busy machine."""
QUESTIONS = [
    (account, action, groups)
    for account in ("alice", "dave", "erin", "carol")
    for action in ("sync", "delete")
    for groups in ((), ("database-team",))
]
PROJECT_ROLE = {"project": "team-a", "name": "deployer"}


class Story:
    """Operator that is killed after each step, and its users."""

    def __init__(self, world: ClusterWithPolicies, log: Path) -> None:
        self.world = world
        self._log = log
        self._probes = 0
        self.process = operator_process.start(world.plane, log)

    def settle(self) -> None:
        """Wait until the operator has processed and reported all objects."""
        self._probes += 1
        name = f"probe-{self._probes}"
        self.world.apply(live_policies.a_grant(name, "bob"))
        come_true(self.world, {name: "Bound"})
        self.world.delete(name)

    def seen(self) -> tuple[dict[str, Any], list[bool]]:
        """Return all our objects with their versions, and Argo CD's answers."""
        listed = json.loads(self.world.ours("get", KINDS, "-o", "json"))["items"]
        objects = {
            f"{body['kind']}/{body['metadata']['name']}": (
                body["metadata"]["resourceVersion"],
                body.get("status"),
            )
            for body in listed
        }
        answers = [
            self.world.plane.argocd.can_i(
                account, "applications", action, "team-a/shop", groups=groups
            )
            for account, action, groups in QUESTIONS
        ]
        return objects, answers

    def kill(self) -> None:
        """Kill the operator."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start another operator with the same identity."""
        self.process = operator_process.start(self.world.plane, self._log)

    def stays_after_a_restart(self) -> None:
        """Check that a restart changes the version of no object."""
        self.settle()
        before = self.seen()
        self.kill()
        self.start()
        self.settle()

        assert self.seen() == before


@pytest.fixture
def story(identity_policies: ControlPlane, tmp_path: Path) -> Iterator[Story]:
    with live_policies.cluster_with_policies(identity_policies) as world:
        world.apply_policies(*POLICIES)
        story = Story(world, tmp_path / "operator.log")
        try:
            yield story
            world.clean_up()
        finally:
            operator_process.stop(story.process)


class Steps:
    """Steps of users, each with the reasons that result."""

    def __init__(self, world: ClusterWithPolicies) -> None:
        self.world = world
        self.grants: dict[str, Body] = {}
        self.alice = world.user("alice", "developers")
        self.bob = world.user("bob", "approvers")
        self.carol = world.user("carol", "approvers")
        self.dave = world.user("dave", "on-call")
        self.erin = world.user("erin", "on-call")

    def requested(self) -> dict[str, str]:
        """Request five grants: one needs two approvals, one is not allowed."""
        for name in ("hotfix", "doubtful"):
            self._ask(self.alice, name)
        self._ask(self.alice, "late", role={"name": "role:readonly"})
        self._ask(
            self.alice,
            "window",
            group="database-team",
            role={"name": "role:admin"},
            notBefore=after(1800),
            expiresAt=after(3600),
        )
        self._ask(self.alice, "greedy", duration="3h")
        waits = dict.fromkeys(("hotfix", "doubtful", "window"), "AwaitingApproval")
        return {**waits, "late": "ApprovalTimedOut", "greedy": "NotAllowed"}

    def approved_once(self) -> dict[str, str]:
        """Approve two grants, one of which needs a second approval."""
        for name in ("hotfix", "window"):
            self._agree(self.bob, name)
        return {"hotfix": "Bound", "window": "AwaitingApproval"}

    def approved_twice(self) -> dict[str, str]:
        self._agree(self.carol, "window")
        return {"window": "Scheduled", "hotfix": "Bound"}

    def taken(self) -> dict[str, str]:
        """Request a grant without approval, and a break-glass grant."""
        self._ask(self.dave, "shift", "dave", role=PROJECT_ROLE, duration="10m")
        words = {"justification": "The shop is down.", "duration": "10m"}
        admin = {"name": "role:admin"}
        self._ask(self.erin, "alarm", "erin", role=admin, breakGlass=True, **words)
        return {"shift": "Bound", "alarm": "Bound"}

    def extended(self) -> dict[str, str]:
        more = {"extends": "shift", "role": PROJECT_ROLE, "duration": "20m"}
        self._ask(self.dave, "longer", "dave", **more)
        return {"longer": "Bound", "shift": "Bound"}

    def denied(self) -> dict[str, str]:
        self._agree(self.carol, "doubtful", decision="Deny", comment="Not today.")
        return {"doubtful": "Denied"}

    def ended(self) -> dict[str, str]:
        """One early and by hand, and one when its time has come."""
        revoked = json.dumps({"spec": {"revoked": True}})
        self.alice.kubectl(
            "patch", "accessgrant", "hotfix", "--type=merge", "-p", revoked
        )
        self._ask(self.dave, "brief", "dave", role=PROJECT_ROLE, duration="1s")
        return {"hotfix": "Revoked", "brief": "Expired", "alarm": "Bound"}

    def _ask(
        self,
        person: Asker,
        name: str,
        subject: str = "alice",
        *,
        group: str = "",
        **spec: Any,
    ) -> None:
        body = live_policies.a_grant(name, subject, **spec)
        if group:
            body["spec"]["subject"] = {"kind": "Group", "name": group}
        self.grants[name] = person.create(body)

    def _agree(self, person: Asker, name: str, **spec: Any) -> None:
        self.world.create_approval(person, self.grants[name], **spec)


STEPS = (
    Steps.requested,
    Steps.approved_once,
    Steps.approved_twice,
    Steps.taken,
    Steps.extended,
    Steps.denied,
    Steps.ended,
)


def come_true(world: ClusterWithPolicies, outcome: dict[str, str]) -> None:
    for name, reason in outcome.items():
        world.wait_for_reason(name, reason, within=START_SECONDS)


@pytest.mark.long
def test_restart_after_any_step_changes_nothing(story: Story) -> None:
    """Requested, approved, bound, extended, denied, ended: every state survives."""
    steps = Steps(story.world)
    for step in STEPS:
        come_true(story.world, step(steps))
        story.stays_after_a_restart()


@pytest.mark.long
def test_steps_without_an_operator_are_processed_at_the_next_start(
    story: Story,
) -> None:
    """The same flow, with the operator stopped during every step."""
    steps = Steps(story.world)
    for step in STEPS:
        story.kill()
        outcome = step(steps)
        story.start()
        come_true(story.world, outcome)

    story.stays_after_a_restart()
