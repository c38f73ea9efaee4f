"""A status only takes access away, whoever wrote it.

The security model says what a user with ``patch`` on ``accessgrants/status`` can do.
Each row below is a grant that is refused, limited or ended; each column forges one
field of its status. The result is compared with that of an empty status.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

import pytest

from argogrant.api.accessgrant import (
    FINALIZER,
    TRACKING_ANNOTATION,
    AccessGrantStatus,
)
from argogrant.controller.planner import DecisionCache
from argogrant.controller.store import GrantRecord, record_grant
from argogrant.grants.access.policy import AccessPolicy, Approval, SubjectPatterns
from argogrant.grants.access.subject_rules import (
    RuleList,
    RulesOfSubject,
    SubjectRules,
)
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.steps import completed
from argogrant.grants.model.window import Window, format_instant
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    VERIFIED,
    a_denial,
    a_policy,
    a_user,
    an_approval,
    an_instance,
    approval_by,
)
from support.live_cluster import a_grant

NOWHERE: Final = Window(NOON, NOON)
FOR_EVER: Final = "2099-01-01T00:00:00Z"
PAST: Final = "2026-11-24T11:00:00Z"
FOUR_HOURS: Final = a_policy(max_duration=4 * HOUR)
TRUE: Final = {"status": "True", "message": "", "lastTransitionTime": PAST}


def a_body(
    name: str, subject: str = "alice", *, created: datetime = NOON, **spec: Any
) -> dict[str, Any]:
    """A grant that Alice requested, as the API server stores it."""
    requester = {"username": "alice", "groups": []}
    body = a_grant(name, subject, requester=requester, **{"duration": "4h", **spec})
    created_at = format_instant(created)
    body["metadata"] |= {"uid": f"uid of {name}", "creationTimestamp": created_at}
    return body


def from_git(body: dict[str, Any]) -> dict[str, Any]:
    """A grant with the annotation of Argo CD, and the operator's finalizer in Git."""
    body["metadata"] |= {
        "annotations": {TRACKING_ANNOTATION: "app:argogrant.dev/AccessGrant:a/g1"},
        "finalizers": [FINALIZER],
    }
    return body


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Grant g1 with the objects that decide about it."""

    g1: dict[str, Any]
    g0: dict[str, Any] | None = None
    policy: AccessPolicy = FOUR_HOURS
    approvals: tuple[Approval, ...] = ()
    at: datetime = NOON + 2 * HOUR
    instance: dict[str, Any] = field(default_factory=dict)

    def decision(
        self,
        status: dict[str, Any],
        status_of_g0: dict[str, Any] | None = None,
        written_end: datetime | None = None,
    ) -> Decision:
        """Decide about g1 as the planner does."""
        records = [with_status(self.g1, status)]
        if self.g0 is not None:
            records.insert(0, with_status(self.g0, status_of_g0 or {}))
        by_name = {record.name: record for record in records}
        store = SimpleNamespace(
            approvals_of=lambda name: [
                SimpleNamespace(approval=one)
                for one in self.approvals
                if one.grant_name == name
            ],
            grant=by_name.get,
            refused_finalizers={},
        )
        state = an_instance(
            **{
                "policies": (self.policy,),
                "identities": VERIFIED,
                "roles": frozenset({"role:deployer"}),
                **self.instance,
            }
        )
        decisions = DecisionCache()
        completed(
            decisions.decide(records, state, self.at, store, lambda _: written_end)
        )
        decision = decisions.get("uid of g1")
        assert decision is not None
        return decision


def with_status(body: dict[str, Any], status: dict[str, Any]) -> GrantRecord:
    """Parse a grant with this status."""
    return record_grant({**deepcopy(body), "status": status})


def access(decision: Decision, written_end: datetime | None = None) -> Window:
    """Return when Argo CD allows the access, as the plan results from a decision."""
    match decision.desired_binding:
        case DesiredBinding.PRESENT:
            return decision.window
        case DesiredBinding.UNCHANGED if written_end is not None:
            start, end = decision.window
            return Window(start, max(start, min(end, written_end)))
    return NOWHERE


A_RULE: Final = RuleList((), 1)
BY_BOB: Final = a_policy(approval=approval_by(a_user("bob")))
FOR_G1: Final = {"grant_name": "g1", "grant_uid": "uid of g1"}
SITUATIONS: Final = {
    "extends a grant that does not exist": Situation(g1=a_body("g1", extends="g0")),
    "extends a grant that had ended": Situation(
        g0=a_body("g0", duration="30m"),
        g1=a_body("g1", created=NOON + HOUR, extends="g0"),
    ),
    "extends a revoked grant": Situation(
        g0=a_body("g0", revoked=True),
        g1=a_body("g1", created=NOON + HOUR, extends="g0"),
    ),
    "extends a grant for another subject": Situation(
        g0=a_body("g0", "bob"),
        g1=a_body("g1", created=NOON + HOUR, extends="g0"),
    ),
    "extends a grant where maxExtensions is 0": Situation(
        g0=a_body("g0"),
        g1=a_body("g1", created=NOON + HOUR, extends="g0"),
        policy=a_policy(max_extensions=0),
    ),
    "extends a deleted grant where maxExtensions is 1": Situation(
        g0=a_body("g0", extends="gone"),
        g1=a_body("g1", created=NOON + HOUR, extends="g0"),
        policy=a_policy(max_extensions=1),
    ),
    "follows a grant where maxExtensions is 0": Situation(
        g0=a_body("g0"),
        g1=a_body("g1", created=NOON + HOUR),
        policy=a_policy(max_extensions=0),
    ),
    "lies too far ahead": Situation(
        g0=a_body("g0", notBefore="2026-11-25T12:00:00Z"),
        g1=a_body("g1", notBefore="2026-11-26T12:00:00Z"),
        policy=a_policy(max_duration=4 * HOUR, max_extensions=0),
        at=NOON + 48 * HOUR + MINUTE,
    ),
    "is longer than the policy allows": Situation(g1=a_body("g1", duration="5h")),
    "ends later than the policy allows": Situation(
        g1=a_body("g1", duration=None, expiresAt="2026-11-24T17:00:00Z")
    ),
    "is shortened by the instance": Situation(
        g1=a_body("g1"), instance={"max_duration": 3 * HOUR}
    ),
    "is emergency access that is too long": Situation(
        g1=a_body("g1", breakGlass=True, justification="fire")
    ),
    "has no approval": Situation(g1=a_body("g1"), policy=BY_BOB),
    "was approved": Situation(
        g1=a_body("g1"), policy=BY_BOB, approvals=(an_approval(**FOR_G1),)
    ),
    "was denied": Situation(
        g1=a_body("g1"),
        policy=BY_BOB,
        approvals=(an_approval(**FOR_G1), a_denial("bob", **FOR_G1)),
    ),
    "was not approved in time": Situation(
        g1=a_body("g1", duration="48h"),
        policy=a_policy(approval=approval_by(a_user("bob"), timeout=HOUR)),
    ),
    "is allowed by no policy": Situation(
        g1=a_body("g1"), policy=a_policy(requesters=(a_user("eve"),))
    ),
    "exceeds the number of active grants": Situation(
        g0=a_body("g0"),
        g1=a_body("g1", created=NOON + HOUR),
        policy=a_policy(max_active_per_subject=1),
    ),
    "is for another user": Situation(
        g1=a_body("g1", "bob"),
        policy=a_policy(subjects=SubjectPatterns(is_self=True)),
    ),
    "activates rules for its subject": Situation(
        g1=a_body("g1"),
        instance={
            "subject_rules": SubjectRules(of={"alice": RulesOfSubject(in_text=A_RULE)})
        },
    ),
    "activates rules for its subject in another project": Situation(
        g1=a_body("g1"),
        instance={
            "subject_rules": SubjectRules(
                of={"alice": RulesOfSubject(in_projects={"team-b": A_RULE})}
            )
        },
    ),
    "has expired": Situation(g1=a_body("g1"), at=NOON + 4 * HOUR),
    "is revoked": Situation(g1=a_body("g1", revoked=True)),
    "is scheduled": Situation(g1=a_body("g1", notBefore="2026-11-24T15:00:00Z")),
    "comes from Git with a duration": Situation(g1=from_git(a_body("g1"))),
    "is active": Situation(g1=a_body("g1")),
    "is active without policies": Situation(g1=a_body("g1"), instance={"policies": ()}),
    "depends on unknown policies": Situation(
        g1=a_body("g1"), instance={"policies_are_known": False}
    ),
    "depends on unknown policies after its earliest end": Situation(
        g1=a_body("g1"), instance={"policies_are_known": False}, at=NOON + 5 * HOUR
    ),
    "depends on an unknown RBAC policy": Situation(
        g1=a_body("g1"), instance={"rbac_policy_is_known": False}
    ),
}

STARTED: Final = {"startedAt": PAST, "expiresAt": FOR_EVER}
APPROVED: Final = [
    {"type": "Approved", "reason": "ApprovedByReviewers", **TRUE},
    {"type": "Ready", "reason": "Bound", **TRUE},
]
FORGED: Final[dict[str, list[Any]]] = {
    "conditions": [
        APPROVED,
        [{"type": "Ended", "reason": "Denied", **TRUE}],
        [{"type": "Ended", "reason": "Bound", **TRUE}],
        [],
    ],
    "startedAt": [PAST, FOR_EVER],
    "expiresAt": [FOR_EVER, PAST],
    "endedAt": [PAST, FOR_EVER],
    "boundAs": ["role:deployer", "role:admin"],
    "memberSince": [PAST, FOR_EVER],
    "memberRemovedAt": [PAST, FOR_EVER],
    "accessPolicy": ["deployers", "other"],
    "approvals": [
        [{"name": "x", "approver": "bob", "decision": "Approve", "at": PAST}],
        [],
    ],
    "extensionOf": [[], ["g0"], [f"g{number}" for number in range(32)]],
    "extendedBy": ["g2"],
    "subjectRules": [
        [],
        [{"where": "policy.csv line 1", "rule": "p, a, b, c, d, allow"}],
    ],
    "url": ["https://example.com"],
    "accessDetails": ["none"],
    "observedGeneration": [1, 99],
}


def forged_statuses(name: str) -> list[dict[str, Any]]:
    """Statuses with one forged field: alone, of a started grant, and of a bound one."""
    plausible = {
        **STARTED,
        "boundAs": "role:deployer",
        "accessPolicy": "deployers",
        "extensionOf": ["g0"],
        "conditions": APPROVED,
    }
    backgrounds = ({}, STARTED, plausible, {**plausible, "extensionOf": []})
    return [
        {**background, name: value}
        for background in backgrounds
        for value in FORGED[name]
    ]


def test_every_field_of_the_status_is_forged() -> None:
    fields = AccessGrantStatus.model_fields.items()

    assert set(FORGED) == {one.alias or name for name, one in fields}


situations = pytest.mark.parametrize(
    "situation", [pytest.param(one, id=f"g1 {i}") for i, one in SITUATIONS.items()]
)


@situations
@pytest.mark.parametrize("name", FORGED)
def test_forged_status_gives_no_access_that_an_empty_one_does_not(
    situation: Situation, name: str
) -> None:
    start, end = access(situation.decision({}))
    for status in forged_statuses(name):
        window = access(situation.decision(status))

        assert window == NOWHERE or (window.start >= start and window.end <= end)


@situations
@pytest.mark.parametrize("name", FORGED)
def test_forged_status_keeps_no_line_longer_than_it_is_written(
    situation: Situation, name: str
) -> None:
    """Another grant of the same access may have written it."""
    written_end = NOON + 3 * HOUR
    _, end = access(situation.decision({}, written_end=written_end), written_end)
    for status in forged_statuses(name):
        decision = situation.decision(status, written_end=written_end)

        assert access(decision, written_end).end <= max(end, written_end)


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(one, id=f"g1 {i}")
        for i, one in SITUATIONS.items()
        if one.g0 is not None and "active" not in i
    ],
)
@pytest.mark.parametrize("name", FORGED)
def test_forged_status_of_the_earlier_grant_gives_no_access(
    situation: Situation, name: str
) -> None:
    """Without access by the earlier grant, the number of active ones is another."""
    _, end = access(situation.decision({}))
    for status in forged_statuses(name):
        decision = situation.decision({}, status)

        assert access(decision).end <= end


RECORDS: Final = [
    json.dumps({"uid": uid, "start": start, "end": end, **more})
    for uid in ("uid of g1", "uid of g0", "of nobody")
    for start in (PAST, FOR_EVER)
    for end in (PAST, FOR_EVER)
    for more in ({}, {"copyOf": "uid of g0"}, {"copyOf": "of nobody"})
] + ["", "{}", json.dumps({"uid": "uid of g1", "start": PAST, "end": "never"})]


@situations
def test_forged_record_gives_no_access_that_none_does_not(situation: Situation) -> None:
    """Alone, with a forged status, and with the finalizer of a copy."""
    start, end = access(situation.decision({}))
    for text in RECORDS:
        forged = deepcopy(situation.g1)
        annotations = forged["metadata"].setdefault("annotations", {})
        annotations[RECORD_ANNOTATION] = text
        forged["metadata"]["finalizers"] = [FINALIZER]
        for status in ({}, STARTED, {**STARTED, "boundAs": "role:deployer"}):
            window = access(replace(situation, g1=forged).decision(status))

            assert window == NOWHERE or (window.start >= start and window.end <= end)


def test_unforged_situations_differ() -> None:
    """The situations are what their names say."""
    reasons = {
        name: None if (finding := one.decision({}).finding) is None else finding.reason
        for name, one in SITUATIONS.items()
    }

    assert reasons["is active"] is None
    assert reasons["was approved"] is None
    assert reasons["extends a grant that had ended"] is Reason.EXTENSION_REFUSED
    assert reasons["follows a grant where maxExtensions is 0"] is Reason.NOT_ALLOWED
    assert reasons["lies too far ahead"] is Reason.NOT_ALLOWED
    assert reasons["exceeds the number of active grants"] is Reason.NOT_ALLOWED
    assert reasons["was not approved in time"] is Reason.APPROVAL_TIMED_OUT
    assert reasons["has expired"] is Reason.EXPIRED
    assert reasons["comes from Git with a duration"] is Reason.ABSOLUTE_END_REQUIRED


def test_annotation_of_argocd_that_is_added_later_ends_no_access() -> None:
    """The grant has started and Argo CD has its line, which stays until its end."""
    tracked = SITUATIONS["comes from Git with a duration"]
    end = NOON + 4 * HOUR
    decision = tracked.decision({**STARTED}, written_end=end)

    assert access(decision, end).end == end
