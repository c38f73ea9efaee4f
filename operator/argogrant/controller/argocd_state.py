"""Cache of the objects of one Argo CD, and the only code that writes to them.

Three informers keep ``argocd-rbac-cm``, ``argocd-cm`` and the AppProjects. All writes
carry the resourceVersion that was planned on, so a concurrent change of another program
is a Conflict and never overwritten. Responses to writes go into the informers, and the
next reconciliation sees its own write even if the watch is slow.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_str,
    get_text_map,
    get_texts,
)
from argogrant.api.managed_fields import owner_of_field
from argogrant.argocd.allowed_namespaces import read_allowed_namespaces
from argogrant.argocd.appproject.ended_members import ENDED_ANNOTATION
from argogrant.argocd.appproject.members import ProjectPlan
from argogrant.argocd.appproject.project import (
    MAX_LABELS,
    MEMBERS_ANNOTATION,
    Project,
    ProjectRole,
)
from argogrant.argocd.argocd_cm import SETTINGS_NAME, read_settings
from argogrant.argocd.capacity import size_of
from argogrant.argocd.field_owner import FieldOwner
from argogrant.argocd.overlay import Overlay, read_overlay
from argogrant.argocd.policy_csv import (
    CONFIG_MAP_NAME,
    OVERLAY_KEY,
    SCOPES_KEY,
    PolicyCSV,
    read_scopes,
    read_unmanaged_keys,
)
from argogrant.controller.appproject.patch import project_patch, tokens_of
from argogrant.grants.effectiveness import ArgoCDSettings
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden
from argogrant.kube.informer import CollectionLimit, Informer
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, Collection

MAX_MARK: Final = 256
"""Characters; longer labels and annotations are not kept and name no owner."""
PROJECTS_LIMIT: Final = CollectionLimit(objects=5_000, size=32 * 2**20)
"""AppProjects that are kept of one Argo CD; others may create them, or own its cluster.

Five thousand projects of six kilobytes.
"""
SETTINGS_BACKOFF: Final = 300.0
"""Longest seconds between attempts to read argocd-cm. Access to it is optional, and
frequent refused requests would fill the audit log of the API server."""


@dataclass(frozen=True)
class ObservedConfigMap:
    """``argocd-rbac-cm`` as last observed; each of its keys is parsed once."""

    resource_version: str
    data: dict[str, str]
    key_owner: FieldOwner | None = None
    """The field manager that wrote the managed key; None if it is not recorded."""
    labels_and_annotations: Mapping[str, str] = field(default_factory=dict)
    """Short labels and annotations, which can name an owner."""
    allowed_namespaces: tuple[str, ...] | None = None
    """Namespaces whose ArgoCDInstances may bind; None without the annotation."""

    @cached_property
    def unmanaged(self) -> PolicyCSV:
        """The policy of all keys that argogrant does not manage."""
        return read_unmanaged_keys(self.data)

    @cached_property
    def overlay(self) -> Overlay | None:
        """The managed key ``policy.argogrant.csv``; None if it does not exist."""
        return read_overlay(self.data)

    @cached_property
    def unmanaged_data(self) -> Mapping[str, str]:
        """All keys that argogrant does not manage, not parsed."""
        return {key: text for key, text in self.data.items() if key != OVERLAY_KEY}

    @cached_property
    def is_loadable(self) -> bool:
        """True if Argo CD loads it; it does not if ``scopes`` is no list."""
        return read_scopes(self.data.get(SCOPES_KEY, "")) is not None

    @property
    def scopes(self) -> str | None:
        """The key ``scopes``: claims that Argo CD compares with subjects."""
        return self.data.get(SCOPES_KEY)


def observe_config_map(
    body: Body, previous: ObservedConfigMap | None = None
) -> ObservedConfigMap:
    """Parse ``argocd-rbac-cm``; never raises.

    The unmanaged keys are parsed again only if they differ from the previous version:
    the operator itself writes most versions.
    """
    metadata, data = get_dict(body, "metadata"), get_text_map(body, "data")
    observed = ObservedConfigMap(
        get_str(metadata, "resourceVersion"),
        data,
        owner_of_field(metadata, "data", OVERLAY_KEY),
        # Sorted: of too many, the same ones are kept each time.
        dict(sorted(_labels_and_annotations(metadata).items())[:MAX_LABELS]),
        read_allowed_namespaces(get_dict(metadata, "annotations")),
    )
    parsed = vars(previous).get("unmanaged") if previous is not None else None
    if parsed and previous and _unmanaged(previous.data) == _unmanaged(data):
        vars(observed)["unmanaged"] = parsed
    return observed


def _unmanaged(data: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in data.items() if key != OVERLAY_KEY}


def _labels_and_annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return short labels and annotations; a label overrides an annotation."""
    both = get_text_map(metadata, "annotations") | get_text_map(metadata, "labels")
    # These change with every write of argogrant itself.
    both.pop(MEMBERS_ANNOTATION, None)
    both.pop(ENDED_ANNOTATION, None)
    return {key: value for key, value in both.items() if len(value) <= MAX_MARK}


def observe_project(body: Body) -> Project:
    """Parse an AppProject; every field may be missing or of another type.

    The roles have the indices of ``spec.roles``, because a patch needs them.
    """
    metadata = get_dict(body, "metadata")
    annotations = get_text_map(metadata, "annotations")
    members = annotations.pop(MEMBERS_ANNOTATION, None)
    ended = annotations.pop(ENDED_ANNOTATION, None)
    return Project(
        name=get_str(metadata, "name"),
        labels_and_annotations=_labels_and_annotations(metadata),
        resource_version=get_str(metadata, "resourceVersion"),
        roles_owner=owner_of_field(metadata, "spec", "roles"),
        members_owner=owner_of_field(
            metadata, "metadata", "annotations", MEMBERS_ANNOTATION
        ),
        members=members,
        ended=ended,
        annotation_bytes=size_of(annotations),
        tokens=tokens_of(body),
        roles=tuple(
            ProjectRole(
                name=get_str(role, "name"),
                description=get_str(role, "description"),
                policies=get_texts(role, "policies"),
                groups=get_texts(role, "groups"),
            )
            for role in get_dicts(get_dict(body, "spec"), "roles")
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The observed objects of an Argo CD at one instant."""

    config_map: ObservedConfigMap | None = None
    last_loaded_config_map: ObservedConfigMap | None = None
    """The last version that Argo CD loaded, and keeps if the ConfigMap is deleted."""
    text_is_known: bool = False
    """True if the ConfigMap was listed; it may still be missing."""
    projects: tuple[Project, ...] = ()
    projects_are_known: bool = False
    settings: ArgoCDSettings | None = None
    """The login settings as last observed; None if they were never readable, which is
    no failure. They stay during an outage, or it would change every status."""
    failures: tuple[tuple[Collection, ClusterError], ...] = ()
    """Collections that cannot be read at the moment, and why."""

    @property
    def instance_label_key(self) -> str:
        """Label that ``argocd-cm`` configures as Argo CD's mark; empty if unknown."""
        return self.settings.instance_label_key if self.settings is not None else ""

    @property
    def overlay(self) -> Overlay | None:
        """The managed key; None if it does not exist or is unknown."""
        return self.config_map.overlay if self.config_map is not None else None


class ArgoCD:
    """Informers for the objects of one Argo CD, and the writes to them."""

    def __init__(
        self, cluster: Cluster, namespace: str, on_change: Callable[[], None]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)
        self._last_loaded: ObservedConfigMap | None = None

        def record_loaded(_before: object, after: ObservedConfigMap | None) -> None:
            if after is not None and after.is_loadable:
                self._last_loaded = after
            on_change()

        self._config_map = Informer(
            cluster,
            Collection(CONFIG_MAPS, namespace, CONFIG_MAP_NAME),
            read=lambda body: observe_config_map(
                body, self._config_map.objects.get(CONFIG_MAP_NAME)
            ),
            on_change=record_loaded,
        )
        self._projects = Informer(
            cluster,
            Collection(APP_PROJECTS, namespace),
            read=observe_project,
            on_change=lambda _before, _after: on_change(),
            limit=PROJECTS_LIMIT,
        )
        self._settings = Informer(
            cluster,
            Collection(CONFIG_MAPS, namespace, SETTINGS_NAME),
            read=lambda body: read_settings(get_text_map(body, "data")),
            on_change=lambda before, after: None if before == after else on_change(),
            longest_backoff=SETTINGS_BACKOFF,
        )

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers, each of which has to run."""
        return (self._config_map, self._projects, self._settings)

    async def wait_until_observed(self) -> None:
        """Wait until everything is listed, or its first list has failed."""
        for informer in self.informers:
            await informer.attempted.wait()

    async def relist(self) -> int:
        """List everything again and return the number of differences."""
        config_map, projects = await asyncio.gather(
            self._config_map.relist(), self._projects.relist()
        )
        if self._settings.error is None:
            with suppress(Forbidden):
                await self._settings.relist()
        return config_map + projects

    def snapshot(self) -> Snapshot:
        """Return the present state."""
        return Snapshot(
            config_map=self._config_map.objects.get(CONFIG_MAP_NAME),
            last_loaded_config_map=self._last_loaded,
            text_is_known=self._config_map.synced.is_set(),
            projects=tuple(self._projects.objects.values()),
            projects_are_known=self._projects.synced.is_set(),
            settings=self._settings.objects.get(SETTINGS_NAME),
            failures=tuple(
                (informer.collection, informer.error)
                for informer in (self._config_map, self._projects)
                if informer.error is not None
            ),
        )

    async def refresh_config_map(self) -> None:
        """Read the ConfigMap again, after a Conflict with another writer."""
        self._config_map.upsert(await self._cluster.get(self._path))

    async def write_overlay(self, text: str | None, resource_version: str) -> None:
        """Set the managed key, or remove it with None; change nothing else.

        Raises:
            Conflict: The ConfigMap has another version now.
            NotFound: The ConfigMap does not exist; it is never created.
        """
        body = overlay_patch(text, resource_version)
        self._config_map.upsert(await self._cluster.merge_patch(self._path, body))

    async def write_project(self, planned: ProjectPlan) -> None:
        """Change the members of one AppProject, and nothing else.

        Raises:
            Conflict: The project has another version now; it was read again.
            NotFound: The project does not exist.
        """
        path = APP_PROJECTS.path(self._namespace, planned.project)
        body = await self._cluster.get(path)
        self._projects.upsert(body)
        if body["metadata"]["resourceVersion"] != planned.resource_version:
            raise Conflict(f"AppProject {planned.project} changed")
        patch = project_patch(body, planned)
        try:
            self._projects.upsert(await self._cluster.merge_patch(path, patch))
        except Conflict:
            self._projects.upsert(await self._cluster.get(path))
            raise


def overlay_patch(text: str | None, resource_version: str) -> Body:
    """Build the only patch that argogrant sends for ``argocd-rbac-cm``.

    None as the text removes the managed key. The API server rejects the patch for any
    other version.
    """
    version = {"resourceVersion": resource_version}
    return {"metadata": version, "data": {OVERLAY_KEY: text}}
