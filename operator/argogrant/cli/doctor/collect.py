"""Looking: every fact is read by itself, so that one missing right hides no other.

Nothing is ever changed. The reviews that are created are questions, which no API
server keeps.

Whether an object holds what another one says, whatever else was filled in. Pure.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from argogrant.api.admission_drift import POLICY_NAMES, problem_of
from argogrant.api.crd import GROUP, KINDS, VERSION, custom_resource_definition
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.doctor.facts import (
    ClusterFacts,
    CRDFact,
    InstanceFacts,
    LeaseFact,
    Reading,
    RightFact,
)
from argogrant.cli.doctor.permission_review import Asker, operators_rights
from argogrant.controller.apply import Clock
from argogrant.controller.argocd_state import observe_config_map
from argogrant.controller.cached_objects import (
    GrantRecord,
    InstanceRecord,
    record_grant,
    record_instance,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import listed
from argogrant.kube.leader_election import LEASE_NAME
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    LEASES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
    Resource,
)


def holds(wanted: Any, seen: Any) -> bool:  # noqa: ANN401
    """Tell whether everything that is wanted is there.

    An API server leaves out what is empty, and fills in what has a default: neither is
    a difference.

    Args:
        wanted: Part of an object, as it is shipped.
        seen: The same part, as an API server has it.
    """
    if isinstance(wanted, dict):
        return isinstance(seen or {}, dict) and all(
            holds(value, (seen or {}).get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        found = seen or []
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(holds, wanted, found))
        )
    return bool(wanted == seen) or (not wanted and not seen)


CRDS: Final = Resource("apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
NO_RIGHT: Final = "your rights do not suffice to read it"

T = TypeVar("T")


async def look_at_cluster(
    cluster: Cluster, namespace: str, clock: Clock
) -> ClusterFacts:
    """Look at everything that does not depend on an instance.

    Args:
        cluster: Where the operator runs.
        namespace: Its namespace.
        clock: Tells the time of this machine.
    """
    version = await reading(cluster.get("/version"), lambda b: str(b["gitVersion"]))
    return ClusterFacts(
        namespace=namespace,
        now=clock() + timedelta(seconds=cluster.clock_skew()),
        kubernetes=version,
        admission_kinds=await reading(cluster.get(_ADMISSION), _kinds),
        crds=await _crds(cluster),
        lease=await reading(
            cluster.get(LEASES.path(namespace, LEASE_NAME)), _read_lease
        ),
        admission_problem=await _admission_problem(cluster),
        instances=await _all(cluster, namespace, ARGOCD_INSTANCES, record_instance),
        grants=await _all(cluster, namespace, ACCESS_GRANTS, record_grant),
    )


async def look_at_instance(
    cluster: Cluster,
    record: InstanceRecord,
    grants: Reading[tuple[GrantRecord, ...]],
    asker: Asker,
) -> InstanceFacts:
    """Look at one Argo CD.

    Args:
        cluster: Where the operator runs.
        record: The ArgoCDInstance.
        grants: Those of its namespace.
        asker: Asks about the operator's rights.
    """
    instance = record.instance
    is_elsewhere = instance is not None and instance.cluster is not None
    argocd = instance.argocd_namespace if instance is not None else "argocd"
    mine = tuple(one for one in grants.value or () if one.instance == record.name)
    rights = [
        RightFact(right=right, is_given=await asker.ask(right))
        for right in operators_rights(record.namespace, instance)
    ]
    nothing: Reading[str] = Reading()
    return InstanceFacts(
        record=record,
        argocd_namespace=argocd,
        is_elsewhere=is_elsewhere,
        config_map=Reading()
        if is_elsewhere
        else await reading(
            cluster.get(CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)), observe_config_map
        ),
        argocd_version=nothing
        if is_elsewhere
        else await reading(
            cluster.get(DEPLOYMENTS.path(argocd, "argocd-server")), _version_of
        ),
        grants=Reading(
            value=None if grants.value is None else mine, problem=grants.problem
        ),
        rights=tuple(rights),
    )


async def reading(asked: Awaitable[Body], read: Callable[[Body], T]) -> Reading[T]:
    """Read something that may not be there, or that may not be read."""
    try:
        return Reading(value=read(await asked))
    except NotFound:
        return Reading()
    except (ClusterError, LookupError, TypeError, InvalidGrant) as error:
        return Reading(problem=why_unreadable(error))


def why_unreadable(error: Exception) -> str:
    """Say it shortly; a missing right of the reader is the usual case."""
    if isinstance(error, Forbidden):
        return NO_RIGHT
    if isinstance(error, ClusterError):
        return str(error)
    return f"it is not as expected ({type(error).__name__}: {error})"


async def _all(
    cluster: Cluster, namespace: str, resource: Resource, read: Callable[[Body], T]
) -> Reading[tuple[T, ...]]:
    """Read a whole collection."""
    try:
        found = [one async for one in listed(cluster, Collection(resource, namespace))]
        return Reading(value=tuple(map(read, found)))
    except NotFound:
        return Reading(problem="its kind is not served")
    except ClusterError as error:
        return Reading(problem=why_unreadable(error))


async def _crds(cluster: Cluster) -> tuple[CRDFact, ...]:
    """Everybody may see what is served; the CRDs themselves, not everybody."""
    served = await reading(cluster.get(f"/apis/{GROUP}/{VERSION}"), _kinds)
    facts = []
    for kind in KINDS:
        shipped = custom_resource_definition(kind)
        path = CRDS.path("", shipped["metadata"]["name"])
        body = await reading(cluster.get(path), _itself)
        seen = body.value
        is_current = None if seen is None else holds(shipped["spec"], seen["spec"])
        facts.append(
            CRDFact(
                plural=kind.plural,
                is_served=Reading(
                    value=kind.plural in (served.value or ()), problem=served.problem
                ),
                is_current=Reading(value=is_current, problem=body.problem),
            )
        )
    return tuple(facts)


async def _admission_problem(cluster: Cluster) -> Reading[str]:
    """Compare the admission policies with the shipped ones; empty if they serve."""
    seen: dict[str, Body] = {}
    for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS):
        for name in POLICY_NAMES:
            found = await reading(cluster.get(resource.path("", name)), _itself)
            if found.problem:
                return Reading(problem=found.problem)
            if found.value is not None:
                seen[f"{resource.plural}/{name}"] = found.value
    problem = problem_of(seen)
    return Reading(value="" if problem is None else problem.message)


def _itself(body: Body) -> Body:
    return body


def _kinds(body: Body) -> frozenset[str]:
    return frozenset(str(one["name"]) for one in body.get("resources") or ())


def _read_lease(body: Body) -> LeaseFact:
    spec = body.get("spec") or {}
    renewed = spec.get("renewTime")
    return LeaseFact(
        holder=str(spec.get("holderIdentity") or ""),
        renewed_at=parse_instant(renewed) if renewed else None,
        seconds=float(spec.get("leaseDurationSeconds") or 15),
    )


def _version_of(deployment: Body) -> str:
    """Read the version from the image's tag, or else from the usual label."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    image = str(containers[0]["image"]).partition("@")[0]
    _, colon, tag = image.rpartition("/")[2].partition(":")
    labels = deployment["metadata"].get("labels") or {}
    return tag if colon else str(labels.get("app.kubernetes.io/version", ""))
