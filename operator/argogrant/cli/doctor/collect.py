"""Collection of the facts that the doctor checks.

Every fact is read on its own, with the caller's permissions, so that one missing
permission hides no other fact. Nothing is changed.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from argogrant.api.admission_drift import POLICY_NAMES, find_drift
from argogrant.api.crd import GROUP, KINDS, VERSION, custom_resource_definition
from argogrant.cli.doctor.facts import (
    ClusterFacts,
    CRDFact,
    InstanceFacts,
    LeaseFact,
    Probe,
)
from argogrant.cli.doctor.permission_review import review_permissions
from argogrant.controller.apply import Clock
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
    DEPLOYMENTS,
    LEASES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
    Resource,
)

CRDS: Final = Resource("apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
_DEFAULT_LEASE_SECONDS: Final = 15
NO_PERMISSION: Final = "you do not have permission to read it"

T = TypeVar("T")


async def collect_cluster(
    cluster: Cluster, namespace: str, clock: Clock
) -> ClusterFacts:
    """Read everything that does not depend on an instance.

    Args:
        cluster: Cluster of the operator.
        namespace: Namespace of the operator.
        clock: Current time of this machine.
    """
    version = await probe(cluster.get("/version"), lambda b: str(b["gitVersion"]))
    return ClusterFacts(
        namespace=namespace,
        now=clock() + timedelta(seconds=cluster.clock_skew()),
        kubernetes=version,
        admission_kinds=await probe(cluster.get(_ADMISSION), _kinds),
        crds=await _crds(cluster),
        lease=await probe(cluster.get(LEASES.path(namespace, LEASE_NAME)), _read_lease),
        permissions=await review_permissions(cluster, namespace),
        admission_drift=await _admission_drift(cluster),
        instances=await _list(cluster, namespace, ARGOCD_INSTANCES, record_instance),
        grants=await _list(cluster, namespace, ACCESS_GRANTS, record_grant),
    )


async def collect_instance(
    cluster: Cluster, record: InstanceRecord, grants: Probe[tuple[GrantRecord, ...]]
) -> InstanceFacts:
    """Read what belongs to one Argo CD; of one in another cluster, nothing.

    Args:
        cluster: Cluster of the operator.
        record: The ArgoCDInstance.
        grants: AccessGrants of its namespace.
    """
    facts = InstanceFacts(record=record, argocd_version=Probe(), grants=grants)
    version: Probe[str] = Probe()
    if not facts.is_remote:
        path = DEPLOYMENTS.path(facts.argocd_namespace, "argocd-server")
        version = await probe(cluster.get(path), _version_of)
    if grants.value is not None:
        grants = Probe(
            value=tuple(one for one in grants.value if one.instance == record.name)
        )
    return InstanceFacts(record=record, argocd_version=version, grants=grants)


async def probe(request: Awaitable[Body], parse: Callable[[Body], T]) -> Probe[T]:
    """Await a request and parse its answer; return a problem instead of raising."""
    try:
        return Probe(value=parse(await request))
    except NotFound:
        return Probe()
    except (ClusterError, LookupError, TypeError, InvalidGrant) as error:
        return Probe(problem=why_unreadable(error))


def why_unreadable(error: Exception) -> str:
    """Return a short message; usually the caller has no permission."""
    if isinstance(error, Forbidden):
        return NO_PERMISSION
    if isinstance(error, ClusterError):
        return str(error)
    return f"unexpected content ({type(error).__name__}: {error})"


async def _list(
    cluster: Cluster, namespace: str, resource: Resource, parse: Callable[[Body], T]
) -> Probe[tuple[T, ...]]:
    """List a collection, page by page."""
    try:
        found = [
            one async for one in list_all(cluster, Collection(resource, namespace))
        ]
        return Probe(value=tuple(map(parse, found)))
    except NotFound:
        return Probe(problem="the API server does not serve the kind")
    except ClusterError as error:
        return Probe(problem=why_unreadable(error))


async def _crds(cluster: Cluster) -> tuple[CRDFact, ...]:
    """Compare the installed CRDs with the shipped ones.

    Every user may discover the served kinds; reading a CRD needs a permission.
    """
    served = await probe(cluster.get(f"/apis/{GROUP}/{VERSION}"), _kinds)
    facts = []
    for kind in KINDS:
        shipped = custom_resource_definition(kind)
        installed = await probe(
            cluster.get(CRDS.path("", shipped["metadata"]["name"])), _spec
        )
        is_current = (
            None
            if installed.value is None
            else is_subset(shipped["spec"], installed.value)
        )
        facts.append(
            CRDFact(
                plural=kind.plural,
                is_served=Probe(
                    value=kind.plural in (served.value or ()), problem=served.problem
                ),
                is_current=Probe(value=is_current, problem=installed.problem),
            )
        )
    return tuple(facts)


def is_subset(shipped: Any, installed: Any) -> bool:  # noqa: ANN401
    """Return whether an installed object contains everything that was shipped.

    An API server omits empty values and adds defaults; neither is a difference.

    Args:
        shipped: Part of an object, as shipped.
        installed: The same part, as the API server returns it.
    """
    if isinstance(shipped, dict):
        return isinstance(installed or {}, dict) and all(
            is_subset(value, (installed or {}).get(key))
            for key, value in shipped.items()
        )
    if isinstance(shipped, list):
        found = installed or []
        return (
            isinstance(found, list)
            and len(found) == len(shipped)
            and all(map(is_subset, shipped, found))
        )
    return bool(shipped == installed) or (not shipped and not installed)


async def _admission_drift(cluster: Cluster) -> Probe[str]:
    """Compare the installed admission policies with the shipped ones.

    Returns:
        The first difference; empty if there is none.
    """
    installed: dict[str, Body] = {}
    for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS):
        for name in POLICY_NAMES:
            found = await probe(cluster.get(resource.path("", name)), dict)
            if found.problem:
                return Probe(problem=found.problem)
            if found.value is not None:
                installed[f"{resource.plural}/{name}"] = found.value
    drift = find_drift(installed)
    return Probe(value="" if drift is None else drift.message)


def _spec(body: Body) -> Body:
    spec: Body = body["spec"]
    return spec


def _kinds(body: Body) -> frozenset[str]:
    return frozenset(str(one["name"]) for one in body.get("resources") or ())


def _read_lease(body: Body) -> LeaseFact:
    spec = body.get("spec") or {}
    renewed = spec.get("renewTime")
    return LeaseFact(
        holder=str(spec.get("holderIdentity") or ""),
        renewed_at=parse_instant(renewed) if renewed else None,
        seconds=float(spec.get("leaseDurationSeconds") or _DEFAULT_LEASE_SECONDS),
    )


def _version_of(deployment: Body) -> str:
    """Return the tag of the image, or else the conventional label."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    image = str(containers[0]["image"]).partition("@")[0]
    _, colon, tag = image.rpartition("/")[2].partition(":")
    labels = deployment["metadata"].get("labels") or {}
    return tag if colon else str(labels.get("app.kubernetes.io/version", ""))
