"""Builders of what the doctor sees: a healthy installation, and changes of it."""

from dataclasses import replace
from typing import Any, Final

from argogrant.api.crd import KINDS
from argogrant.cli.doctor.facts import (
    ClusterFacts,
    CRDFact,
    InstanceFacts,
    LeaseFact,
    PermissionFact,
    Probe,
)
from argogrant.cli.doctor.permission_review import operator_role_permissions
from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.controller.cached_objects import (
    GrantRecord,
    record_grant,
    record_instance,
)
from support.builders import NOON
from support.live_cluster import INSTANCE, RULES, a_grant

HIDDEN: Final = "your rights do not suffice to read it"
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


def a_crd(plural: str = "accessgrants", **changes: Any) -> CRDFact:
    return replace(CRDFact(plural=plural, is_served=yes(), is_current=yes()), **changes)


def a_lease(**changes: Any) -> LeaseFact:
    return replace(
        LeaseFact(holder="argogrant-0", renewed_at=NOON, seconds=15), **changes
    )


def a_cluster(**changes: Any) -> ClusterFacts:
    """A cluster in which nothing is wrong."""
    facts = ClusterFacts(
        namespace="argogrant",
        now=NOON,
        kubernetes=yes("v1.37.0"),
        admission_kinds=yes(BOTH_KINDS),
        crds=tuple(a_crd(kind.plural) for kind in KINDS),
        lease=yes(a_lease()),
        admission_drift=yes(""),
        instances=yes((a_record(),)),
        grants=yes(()),
    )
    return replace(facts, **changes)


def a_status(**conditions: str) -> dict[str, Any]:
    """The status of an instance: the conditions' status by their type."""
    told = {**GOOD, **conditions}
    return {
        "observedGeneration": 1,
        "conditions": [
            {"type": kind, "status": status, "reason": "Why", "message": f"{kind}."}
            for kind, status in told.items()
        ],
    }


def a_record(**changes: Any) -> Any:
    """An ArgoCDInstance; ``status`` and ``spec`` may be given."""
    metadata = {**INSTANCE["metadata"], "uid": "i1", "generation": 1}
    status = {"status": changes.pop("status", a_status())}
    return record_instance({**INSTANCE, **changes, "metadata": metadata, **status})


def a_grant_record(
    name: str, ready: str = "", *, status: dict[str, Any] | None = None, **spec: Any
) -> GrantRecord:
    """An AccessGrant; ``ready`` is a reason with + for True and - for False."""
    annotations = spec.pop("annotations", {})
    body = a_grant(name, spec.pop("subject", "alice"), **spec)
    body["metadata"] |= {
        "uid": name,
        "creationTimestamp": "2026-11-24T12:00:00Z",
        "annotations": annotations,
    }
    condition = {
        "type": "Ready",
        "status": "True" if ready.startswith("+") else "False",
        "reason": ready[1:],
    }
    body["status"] = {"conditions": [condition] if ready else [], **(status or {})}
    return record_grant(body)


def an_argocd(**changes: Any) -> InstanceFacts:
    """An instance with which nothing is wrong."""
    facts = InstanceFacts(
        record=a_record(),
        argocd_namespace="argocd",
        is_elsewhere=False,
        config_map=a_map(),
        argocd_version=yes("v3.6.1"),
        grants=yes(()),
        permissions=rights(),
    )
    return replace(facts, **changes)


def a_map(text: str = RULES, **data: str) -> Probe[ObservedConfigMap]:
    return yes(ObservedConfigMap("1", {"policy.csv": text, **data}))


def rights(**readings: Probe[bool]) -> tuple[PermissionFact, ...]:
    """Every right is given, but those verbs."""
    return tuple(
        PermissionFact(right=right, is_given=readings.get(right.verb, yes()))
        for right in operator_role_permissions("argogrant", a_record().instance)
    )
