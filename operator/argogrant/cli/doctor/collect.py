"""Facts that the doctor checks, and their collection with the caller's permissions.

Every fact is read on its own, so that one missing permission hides no other fact.
Nothing is changed.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, TypeVar

from argogrant.api.admission_drift import POLICY_NAMES, find_drift
from argogrant.api.argocdinstance import Instance
from argogrant.api.crd import GROUP, KINDS, VERSION, custom_resource_definition
from argogrant.argocd.managed_access import ManagedAccess
from argogrant.argocd.overlay import Owner
from argogrant.controller.access_survey import (
    NO_PERMISSION,
    AccessSurvey,
    is_managed,
    survey_access,
)
from argogrant.controller.apply import Clock
from argogrant.controller.permissions import (
    home_permissions,
    operator_permissions,
)
from argogrant.controller.store import (
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
from argogrant.kube.permissions import ACCESS_REVIEWS, Permission, who_am_i
from argogrant.kube.refusals import Cause, refusal_of
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    DEPLOYMENTS,
    LEASES,
    NAMESPACES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
    Resource,
)

CRDS: Final = Resource("apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
OWN_REVIEWS: Final = ACCESS_REVIEWS.path("")
REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
CANNOT_REVIEW: Final = "you do not have permission to create subjectaccessreviews"
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
_DEFAULT_LEASE_SECONDS: Final = 15
MOST_OWNERS: Final = 100
"""ArgoCDInstances that are read; others can write the names of more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[T]):
    """Result of one read: a value, nothing (it does not exist), or a problem."""

    value: T | None = None
    problem: str = ""
    """Why it could not be read; empty if it was read or does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFact:
    """Holder of the operator's Lease, and its last renewal."""

    holder: str
    renewed_at: datetime | None
    seconds: float
    """Duration of the Lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFacts:
    """Access that the Argo CDs of one cluster have from argogrant."""

    context: str = ""
    """Kubeconfig context of that cluster; empty for the operator's."""
    found: tuple[ManagedAccess, ...] = ()
    not_read: Mapping[str, str] = field(default_factory=dict)
    """Objects that could not be read, with the reason."""
    managed: Mapping[tuple[Owner, str], bool | None] = field(default_factory=dict)
    """True if the owner exists and manages the Argo CD in this namespace; None if it is
    unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """State of the operator and of its cluster."""

    namespace: str
    """Namespace of the ArgoCDInstances and AccessGrants."""
    operator_namespace: str
    """Namespace that the operator has reported, or else that of the ArgoCDInstances."""
    now: datetime
    """Current time by the API server's clock."""
    kubernetes: Probe[str]
    """Version, such as v1.37.0."""
    admission_kinds: Probe[frozenset[str]]
    """Plurals of the admission policy kinds that the API server serves."""
    crds: Mapping[str, Probe[bool]]
    """True if a CRD equals the one of this version, by plural; nothing if not served.
    """
    lease: Probe[LeaseFact]
    missing_permissions: Probe[tuple[Permission, ...]]
    """Those of ``reporting_permissions`` that the operator does not have."""
    admission_drift: Probe[str]
    """Difference from the shipped admission policies; empty if there is none."""
    instances: Probe[tuple[InstanceRecord, ...]]
    grants: Probe[tuple[GrantRecord, ...]]
    is_terminating: Probe[bool]
    """True if the namespace is being deleted."""
    access: tuple[AccessFacts, ...]
    """Access in the Argo CDs of this cluster, then of another one if it was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """State of one ArgoCDInstance, of its grants and of its Argo CD."""

    record: InstanceRecord
    argocd_version: Probe[str]
    grants: Probe[tuple[GrantRecord, ...]]
    """AccessGrants that name this instance."""
    now: datetime
    """Current time by the API server's clock."""

    @property
    def argocd_namespace(self) -> str:
        """Namespace of Argo CD; its default if the instance cannot be parsed."""
        instance = self.record.instance
        return instance.argocd_namespace if instance is not None else "argocd"

    @property
    def is_remote(self) -> bool:
        """True if Argo CD runs in another cluster, which the doctor does not read."""
        instance = self.record.instance
        return instance is not None and instance.cluster is not None


async def collect_cluster(
    cluster: Cluster,
    namespace: str,
    clock: Clock,
    *,
    others: Mapping[str, Cluster] = {},
) -> ClusterFacts:
    """Read everything about an operator that does not depend on an instance.

    Args:
        cluster: API server of the operator.
        namespace: Namespace of the ArgoCDInstances and AccessGrants.
        clock: Current time.
        others: Other clusters with Argo CDs, by kubeconfig context.
    """
    version = await _probe(cluster.get("/version"), lambda b: str(b["gitVersion"]))
    instances = await _list(cluster, namespace, ARGOCD_INSTANCES, record_instance)
    reported = (one.status.get("operatorNamespace") for one in instances.value or ())
    home = next(filter(None, reported), namespace)
    lease = await _probe(cluster.get(LEASES.path(home, LEASE_NAME)), _read_lease)
    # Grants are read after Argo CD: what is bound meanwhile has a grant.
    named = {one.argocd_namespace for one in _parsed(instances)} | {"argocd"}
    surveys = {
        context: await survey_access(one, sorted(named))
        for context, one in {"": cluster, **others}.items()
    }
    access = [
        await _access(cluster, context, survey) for context, survey in surveys.items()
    ]
    return ClusterFacts(
        namespace=namespace,
        operator_namespace=home,
        now=clock() + timedelta(seconds=cluster.clock_skew()),
        kubernetes=version,
        admission_kinds=await _probe(cluster.get(_ADMISSION), _kinds),
        crds=await _crds(cluster),
        lease=lease,
        missing_permissions=await _missing_permissions(cluster, namespace, home),
        admission_drift=await _admission_drift(cluster),
        instances=instances,
        grants=await _list(cluster, namespace, ACCESS_GRANTS, record_grant),
        is_terminating=await _probe(
            cluster.get(NAMESPACES.path("", namespace)),
            lambda body: "deletionTimestamp" in body["metadata"],
        ),
        access=tuple(access),
    )


def _parsed(instances: Probe[tuple[InstanceRecord, ...]]) -> Iterable[Instance]:
    records = instances.value or ()
    return (one.instance for one in records if one.instance is not None)


async def _access(cluster: Cluster, context: str, survey: AccessSurvey) -> AccessFacts:
    """Find out which owners of the found access exist and manage it."""
    managed: dict[tuple[Owner, str], bool | None] = {}
    for entries in survey.found:
        if entries.owner is None or (entries.owner, entries.namespace) in managed:
            continue
        is_read = len(managed) < MOST_OWNERS
        managed[entries.owner, entries.namespace] = (
            await is_managed(cluster, entries, is_remote=bool(context))
            if is_read
            else None
        )
    return AccessFacts(
        context=context,
        found=tuple(survey.found),
        not_read=survey.not_read,
        managed=managed,
    )


async def collect_instance(
    cluster: Cluster, record: InstanceRecord, common: ClusterFacts
) -> InstanceFacts:
    """Read what belongs to one Argo CD; of one in another cluster, nothing."""
    grants = common.grants
    if grants.value is not None:
        own = tuple(one for one in grants.value if one.instance == record.name)
        grants = Probe(value=own)
    facts = InstanceFacts(
        record=record, argocd_version=Probe(), grants=grants, now=common.now
    )
    if facts.is_remote:
        return facts
    path = DEPLOYMENTS.path(facts.argocd_namespace, "argocd-server")
    return replace(facts, argocd_version=await _probe(cluster.get(path), _version_of))


async def _probe(request: Awaitable[Body], parse: Callable[[Body], T]) -> Probe[T]:
    """Await a request and parse its answer; return a problem instead of raising."""
    try:
        return Probe(value=parse(await request))
    except NotFound:
        return Probe()
    except ClusterError as error:
        return Probe(problem=_describe(error))
    except (LookupError, TypeError, InvalidGrant) as error:
        why = f"unexpected content ({type(error).__name__})"
        return Probe(problem=why)


def _describe(error: ClusterError) -> str:
    is_permission = refusal_of(error).cause is Cause.PERMISSION
    return NO_PERMISSION if is_permission else str(error)


async def _list(
    cluster: Cluster, namespace: str, resource: Resource, parse: Callable[[Body], T]
) -> Probe[tuple[T, ...]]:
    """List a collection, page by page."""
    pages = list_all(cluster, Collection(resource, namespace))
    try:
        return Probe(value=tuple([parse(one) async for one in pages]))
    except NotFound:
        return Probe(problem="the API server does not serve the kind")
    except ClusterError as error:
        return Probe(problem=_describe(error))


async def _crds(cluster: Cluster) -> Mapping[str, Probe[bool]]:
    """Compare the installed CRDs with the shipped ones.

    Every user may discover the served kinds; reading a CRD needs a permission.
    """
    served = await _probe(cluster.get(f"/apis/{GROUP}/{VERSION}"), _kinds)
    crds: dict[str, Probe[bool]] = {}
    for kind in KINDS:
        found: Probe[bool] = Probe()
        if served.problem or kind.plural in (served.value or ()):
            shipped = custom_resource_definition(kind)
            path = CRDS.path("", shipped["metadata"]["name"])
            is_same = partial(is_subset, {"spec": shipped["spec"]})
            found = await _probe(cluster.get(path), is_same)
        crds[kind.plural] = replace(found, problem=served.problem or found.problem)
    return crds


def is_subset(shipped: Any, installed: Any) -> bool:  # noqa: ANN401
    """Return whether an installed object contains everything that was shipped.

    An API server omits empty values and adds defaults; neither is a difference.
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


def reporting_permissions(
    namespace: str, operator_namespace: str
) -> tuple[Permission, ...]:
    """Return the permissions without which the operator cannot report anything.

    Without the Lease it does not reconcile; without its ArgoCDInstances it has no
    object to reconcile, or no status to write. It reports every other missing
    permission in the conditions of its ArgoCDInstances.
    """
    return tuple(
        one
        for one in (
            *operator_permissions(operator_namespace),
            *home_permissions(namespace),
        )
        if one.resource in (LEASES, ARGOCD_INSTANCES)
    )


async def _missing_permissions(
    cluster: Cluster, namespace: str, operator_namespace: str
) -> Probe[tuple[Permission, ...]]:
    """Review the ``reporting_permissions`` of the operator's service account.

    A SelfSubjectAccessReview needs no permission, so it is used if the caller is this
    account, as in the operator's pod. The API server stores neither kind of review.

    Returns:
        The missing permissions; with a problem, those that were found before it.
    """
    account = operator_account(operator_namespace)
    accounts = "system:serviceaccounts"
    # The API server does not add the groups of an account to a review.
    groups = [accounts, f"{accounts}:{operator_namespace}", "system:authenticated"]
    path, subject = REVIEWS, {"user": account, "groups": groups}
    missing, problem = [], ""
    try:
        caller = await who_am_i(cluster)
    except ClusterError:
        caller = None
    if caller is not None and caller.username == account:
        path, subject = OWN_REVIEWS, {}
    try:
        for permission in reporting_permissions(namespace, operator_namespace):
            review = {"spec": {**permission.review()["spec"], **subject}}
            answer = await cluster.create(path, review)
            if not answer["status"]["allowed"]:
                missing.append(permission)
    except Forbidden:
        problem = CANNOT_REVIEW
    except ClusterError as error:
        problem = str(error)
    return Probe(value=tuple(missing), problem=problem)


def operator_account(namespace: str) -> str:
    """Return the user name of the operator's service account."""
    return f"system:serviceaccount:{namespace}:argogrant"


async def _admission_drift(cluster: Cluster) -> Probe[str]:
    """Compare the installed admission policies with the shipped ones.

    Returns:
        The first difference; empty if there is none.
    """
    installed: dict[str, Body] = {}
    for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS):
        for name in POLICY_NAMES:
            found = await _probe(cluster.get(resource.path("", name)), dict)
            if found.problem:
                return Probe(problem=found.problem)
            if found.value is not None:
                installed[f"{resource.plural}/{name}"] = found.value
    drift = find_drift(installed)
    return Probe(value="" if drift is None else drift.message)


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


def abbreviate(names: Sequence[str]) -> str:
    """List the first three names, and count the others."""
    text = ", ".join(names[:3])
    return f"{text} and {len(names) - 3} more" if len(names) > len(names[:3]) else text
