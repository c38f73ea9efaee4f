"""Looking: every fact is read by itself, so that one missing right hides no other.

Nothing is ever changed. The reviews that are created are questions, which no API
server keeps.

Whether an object holds what another one says, whatever else was filled in. Pure.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from argogrant.api.admission_drift import POLICY_NAMES, find_drift
from argogrant.api.crd import GROUP, KINDS, VERSION, custom_resource_definition
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.doctor.facts import (
    ClusterFacts,
    CRDFact,
    InstanceFacts,
    LeaseFact,
    PermissionFact,
    Probe,
)
from argogrant.cli.doctor.permission_review import (
    PermissionReviewer,
    operator_role_permissions,
)
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
from argogrant.kube.informer import list_all
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


def is_subset(wanted: Any, seen: Any) -> bool:  # noqa: ANN401
    """Tell whether everything that is wanted is there.

    An API server leaves out what is empty, and fills in what has a default: neither is
    a difference.

    Args:
        wanted: Part of an object, as it is shipped.
        seen: The same part, as an API server has it.
    """
    if isinstance(wanted, dict):
        return isinstance(seen or {}, dict) and all(
            is_subset(value, (seen or {}).get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        found = seen or []
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(is_subset, wanted, found))
        )
    return bool(wanted == seen) or (not wanted and not seen)


CRDS: Final = Resource("apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
NO_PERMISSION: Final = "your rights do not suffice to read it"

T = TypeVar("T")


async def collect_cluster(
    cluster: Cluster, namespace: str, clock: Clock
) -> ClusterFacts:
    """Look at everything that does not depend on an instance.

    Args:
        cluster: Where the operator runs.
        namespace: Its namespace.
        clock: Tells the time of this machine.
    """
    version = await probe(cluster.get("/version"), lambda b: str(b["gitVersion"]))
    return ClusterFacts(
        namespace=namespace,
        now=clock() + timedelta(seconds=cluster.clock_skew()),
        kubernetes=version,
        admission_kinds=await probe(cluster.get(_ADMISSION), _kinds),
        crds=await _crds(cluster),
        lease=await probe(cluster.get(LEASES.path(namespace, LEASE_NAME)), _read_lease),
        admission_drift=await _admission_problem(cluster),
        instances=await _all(cluster, namespace, ARGOCD_INSTANCES, record_instance),
        grants=await _all(cluster, namespace, ACCESS_GRANTS, record_grant),
    )


async def collect_instance(
    cluster: Cluster,
    record: InstanceRecord,
    grants: Probe[tuple[GrantRecord, ...]],
    asker: PermissionReviewer,
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
        PermissionFact(right=right, is_given=await asker.ask(right))
        for right in operator_role_permissions(record.namespace, instance)
    ]
    nothing: Probe[str] = Probe()
    return InstanceFacts(
        record=record,
        argocd_namespace=argocd,
        is_elsewhere=is_elsewhere,
        config_map=Probe()
        if is_elsewhere
        else await probe(
            cluster.get(CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)), observe_config_map
        ),
        argocd_version=nothing
        if is_elsewhere
        else await probe(
            cluster.get(DEPLOYMENTS.path(argocd, "argocd-server")), _version_of
        ),
        grants=Probe(
            value=None if grants.value is None else mine, problem=grants.problem
        ),
        permissions=tuple(rights),
    )


async def probe(asked: Awaitable[Body], read: Callable[[Body], T]) -> Probe[T]:
    """Read something that may not be there, or that may not be read."""
    try:
        return Probe(value=read(await asked))
    except NotFound:
        return Probe()
    except (ClusterError, LookupError, TypeError, InvalidGrant) as error:
        return Probe(problem=why_unreadable(error))


def why_unreadable(error: Exception) -> str:
    """Say it shortly; a missing right of the reader is the usual case."""
    if isinstance(error, Forbidden):
        return NO_PERMISSION
    if isinstance(error, ClusterError):
        return str(error)
    return f"it is not as expected ({type(error).__name__}: {error})"


async def _all(
    cluster: Cluster, namespace: str, resource: Resource, read: Callable[[Body], T]
) -> Probe[tuple[T, ...]]:
    """Read a whole collection."""
    try:
        found = [
            one async for one in list_all(cluster, Collection(resource, namespace))
        ]
        return Probe(value=tuple(map(read, found)))
    except NotFound:
        return Probe(problem="its kind is not served")
    except ClusterError as error:
        return Probe(problem=why_unreadable(error))


async def _crds(cluster: Cluster) -> tuple[CRDFact, ...]:
    """Everybody may see what is served; the CRDs themselves, not everybody."""
    served = await probe(cluster.get(f"/apis/{GROUP}/{VERSION}"), _kinds)
    facts = []
    for kind in KINDS:
        shipped = custom_resource_definition(kind)
        path = CRDS.path("", shipped["metadata"]["name"])
        body = await probe(cluster.get(path), _itself)
        seen = body.value
        is_current = None if seen is None else is_subset(shipped["spec"], seen["spec"])
        facts.append(
            CRDFact(
                plural=kind.plural,
                is_served=Probe(
                    value=kind.plural in (served.value or ()), problem=served.problem
                ),
                is_current=Probe(value=is_current, problem=body.problem),
            )
        )
    return tuple(facts)


async def _admission_problem(cluster: Cluster) -> Probe[str]:
    """Compare the admission policies with the shipped ones; empty if they serve."""
    seen: dict[str, Body] = {}
    for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS):
        for name in POLICY_NAMES:
            found = await probe(cluster.get(resource.path("", name)), _itself)
            if found.problem:
                return Probe(problem=found.problem)
            if found.value is not None:
                seen[f"{resource.plural}/{name}"] = found.value
    problem = find_drift(seen)
    return Probe(value="" if problem is None else problem.message)


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
