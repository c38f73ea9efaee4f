"""Builders of the doctor's facts: a healthy installation, and changes to it."""

from dataclasses import replace
from typing import Any, Final

from argogrant.api.crd import KINDS
from argogrant.cli.doctor.collect import (
    AccessFacts,
    ClusterFacts,
    InstanceFacts,
    LeaseFact,
    Probe,
    reporting_permissions,
)
from argogrant.controller.store import (
    GrantRecord,
    record_grant,
    record_instance,
)
from argogrant.kube.permissions import Permission
from support.builders import NOON
from support.live_cluster import INSTANCE, a_grant

HIDDEN: Final = "you do not have permission to read it"
BOTH_KINDS: Final = frozenset(
    {"validatingadmissionpolicies", "mutatingadmissionpolicies"}
)
GOOD: Final = {
    "Ready": "True",
    "RBACTextValid": "True",
    "Contested": "False",
    "ClockInSync": "True",
    "RequesterVerified": "True",
}


def yes(value: Any = True) -> Probe[Any]:  # noqa: FBT002
    return Probe(value=value)


def no() -> Probe[bool]:
    return Probe(value=False)


def hidden() -> Probe[Any]:
    return Probe(problem=HIDDEN)


def gone() -> Probe[Any]:
    return Probe()


def a_lease(**changes: Any) -> LeaseFact:
    return replace(
        LeaseFact(holder="argogrant-0", renewed_at=NOON, seconds=15), **changes
    )


def a_cluster(**changes: Any) -> ClusterFacts:
    """Facts of a cluster without a problem."""
    facts = ClusterFacts(
        namespace="argogrant",
        operator_namespace="argogrant",
        now=NOON,
        kubernetes=yes("v1.37.0"),
        admission_kinds=yes(BOTH_KINDS),
        crds={kind.plural: yes() for kind in KINDS},
        lease=yes(a_lease()),
        missing_permissions=permissions(),
        admission_drift=yes(""),
        instances=yes((a_record(),)),
        grants=yes(()),
        is_terminating=no(),
        access=(AccessFacts(),),
    )
    return replace(facts, **changes)


def a_status(**conditions: str) -> dict[str, Any]:
    """Status of an ArgoCDInstance, from the status of its conditions by type."""
    statuses = {**GOOD, **conditions}
    return {
        "observedGeneration": 1,
        "conditions": [
            {"type": kind, "status": status, "reason": "Why", "message": f"{kind}."}
            for kind, status in statuses.items()
        ],
    }


def a_record(**changes: Any) -> Any:
    """An ArgoCDInstance; pass ``status`` and ``spec`` to change them."""
    metadata = {**INSTANCE["metadata"], "uid": "i1", "generation": 1}
    status = {"status": changes.pop("status", a_status())}
    return record_instance({**INSTANCE, **changes, "metadata": metadata, **status})


def a_grant_record(
    name: str,
    ready: str = "",
    *,
    effective: str = "",
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> GrantRecord:
    """An AccessGrant; a condition is its reason after + for True or - for False."""
    annotations = spec.pop("annotations", {})
    body = a_grant(name, spec.pop("subject", "alice"), **spec)
    body["metadata"] |= {
        "uid": name,
        "creationTimestamp": "2026-11-24T12:00:00Z",
        "annotations": annotations,
    }
    conditions = [
        {
            "type": kind,
            "status": "True" if text.startswith("+") else "False",
            "reason": text[1:],
            "message": f"{kind}.",
        }
        for kind, text in (("Ready", ready), ("Effective", effective))
        if text
    ]
    body["status"] = {"conditions": conditions, **(status or {})}
    return record_grant(body)


def an_argocd(**changes: Any) -> InstanceFacts:
    """Facts of an ArgoCDInstance without a problem."""
    facts = InstanceFacts(
        record=a_record(), argocd_version=yes("v3.6.1"), grants=yes(()), now=NOON
    )
    return replace(facts, **changes)


def permissions(**answers: Probe[bool]) -> Probe[tuple[Permission, ...]]:
    """Every permission is granted, except those whose verb has another answer."""
    reviewed = reporting_permissions("argogrant", "argogrant")
    missing = tuple(one for one in reviewed if answers.get(one.verb, yes()) == no())
    problems = [one.problem for one in answers.values() if one.problem]
    return Probe(value=missing, problem="".join(problems))
