"""What is kept of each object: typed, small, and never a reason to crash."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from argogrant.api.accessgrant import ABANDON_ANNOTATION, read_grant
from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.grants.errors import AccessGrantError
from argogrant.grants.grant import Grant
from argogrant.kube.cluster import FIELD_MANAGER, Body
from argogrant.rbac.overlay import Overlay, Owner, read_overlay
from argogrant.rbac.projects import Project, ProjectRole
from argogrant.rbac.text import SCOPES_KEY, RBACText, read_others


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """An AccessGrant as last seen; ``grant`` is None if it can not be understood."""

    uid: str
    namespace: str
    name: str
    instance: str
    generation: int
    version: str
    """The resource version."""
    finalizers: tuple[str, ...]
    status: dict[str, Any]
    being_deleted: bool
    abandoned: bool
    """A person asked not to wait for the revocation when the grant is deleted."""
    grant: Grant | None
    problem: str = ""

    def decides_like(self, other: "GrantRecord") -> bool:
        """Tell whether nothing differs that a decision or a deletion looks at."""
        return (
            self.grant == other.grant
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.abandoned == other.abandoned
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """An ArgoCDInstance as last seen; ``instance`` is None if not understood."""

    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resource version."""
    status: dict[str, Any]
    being_deleted: bool
    abandoned: bool
    """A person asked not to wait until it is clean when the instance is deleted."""
    instance: Instance | None
    problem: str = ""

    def decides_like(self, other: "InstanceRecord") -> bool:
        """Tell whether nothing differs that a convergence looks at."""
        return (
            self.uid == other.uid
            and self.instance == other.instance
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.abandoned == other.abandoned
        )

    @property
    def is_given_up(self) -> bool:
        """Whether it may vanish whatever is left of it in Argo CD."""
        return self.being_deleted and self.abandoned

    @property
    def owner(self) -> Owner:
        """What its overlay is marked with."""
        return Owner(namespace=self.namespace, instance=self.name, uid=self.uid)


@dataclass(frozen=True)
class ObservedConfigMap:
    """``argocd-rbac-cm`` as last seen or written; each of its keys is read once."""

    resource_version: str
    data: dict[str, str]
    last_manager: str = ""
    """The field manager other than ours that wrote last, as far as it is recorded."""

    @cached_property
    def others(self) -> RBACText:
        """What everybody else wrote."""
        return read_others(self.data)

    @cached_property
    def overlay(self) -> Overlay | None:
        """What our own key holds."""
        return read_overlay(self.data)

    @property
    def scopes(self) -> str | None:
        """The claims that Argo CD compares with subjects, as written."""
        return self.data.get(SCOPES_KEY)


def record_grant(body: Body) -> GrantRecord:
    """Keep what matters of an AccessGrant."""
    metadata = body["metadata"]
    grant, problem = None, ""
    try:
        grant = read_grant(body)
    except AccessGrantError as error:
        problem = str(error)
    spec = body.get("spec")
    named = spec.get("instance") if isinstance(spec, dict) else None
    return GrantRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        instance=named if isinstance(named, str) else "default",
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        finalizers=tuple(metadata.get("finalizers") or ()),
        status=body.get("status") or {},
        being_deleted="deletionTimestamp" in metadata,
        abandoned=_is_abandoned(metadata),
        grant=grant,
        problem=problem,
    )


def _is_abandoned(metadata: Body) -> bool:
    return (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true"


def record_instance(body: Body) -> InstanceRecord:
    """Keep what matters of an ArgoCDInstance."""
    metadata = body["metadata"]
    instance, problem = None, ""
    try:
        instance = read_instance(body)
    except AccessGrantError as error:
        problem = str(error)
    return InstanceRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        status=body.get("status") or {},
        being_deleted="deletionTimestamp" in metadata,
        abandoned=_is_abandoned(metadata),
        instance=instance,
        problem=problem,
    )


def observe_config_map(body: Body) -> ObservedConfigMap:
    """Keep what matters of ``argocd-rbac-cm``."""
    metadata = body["metadata"]
    managers = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER
    ]
    _, last_manager = max(managers, default=("", ""))
    return ObservedConfigMap(
        metadata["resourceVersion"], dict(body.get("data") or {}), last_manager
    )


def observe_project(body: Body) -> Project:
    """Keep what matters of an AppProject, whatever its author left out."""
    roles = (body.get("spec") or {}).get("roles") or ()
    return Project(
        name=body["metadata"]["name"],
        roles=tuple(
            ProjectRole(
                name=str(role.get("name", "")),
                description=str(role.get("description") or ""),
                policies=tuple(map(str, role.get("policies") or ())),
                groups=tuple(map(str, role.get("groups") or ())),
            )
            for role in roles
        ),
    )
