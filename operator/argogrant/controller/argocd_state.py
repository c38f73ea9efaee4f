"""One Argo CD as it is seen: its ConfigMap and its AppProjects, kept fresh.

What is kept of Argo CD's objects: its ConfigMap and its AppProjects.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from argogrant.argocd.appproject.annotation import MEMBERS_ANNOTATION
from argogrant.argocd.appproject.plan import ProjectPlan
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.argocd_cm import SETTINGS_NAME, read_settings
from argogrant.argocd.overlay import Overlay, read_overlay
from argogrant.argocd.policy_csv import (
    CONFIG_MAP_NAME,
    OVERLAY_KEY,
    SCOPES_KEY,
    PolicyCSV,
    read_unmanaged_keys,
)
from argogrant.controller.appproject.patch import project_patch, tokens_of
from argogrant.grants.model.sign_in import ArgoCDSettings
from argogrant.kube.client import FIELD_MANAGER, Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden
from argogrant.kube.informer import Informer
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, Collection

MAX_MARK: Final = 256
"""Characters of a label or an annotation that may name an owner."""


@dataclass(frozen=True)
class ObservedConfigMap:
    """``argocd-rbac-cm`` as last seen or written; each of its keys is read once."""

    resource_version: str
    data: dict[str, str]
    last_manager: str = ""
    """The field manager other than ours that wrote last, as far as it is recorded."""
    labels_and_annotations: Mapping[str, str] = field(default_factory=dict)
    """Labels and annotations, by which an owner may be named."""

    @cached_property
    def unmanaged(self) -> PolicyCSV:
        """What everybody else wrote."""
        return read_unmanaged_keys(self.data)

    @cached_property
    def overlay(self) -> Overlay | None:
        """What our own key holds."""
        return read_overlay(self.data)

    @property
    def is_loadable(self) -> bool:
        """Whether Argo CD goes by it; with ``scopes`` that are no list it does not."""
        return self.unmanaged.claims is not None

    @property
    def scopes(self) -> str | None:
        """The claims that Argo CD compares with subjects, as written."""
        return self.data.get(SCOPES_KEY)


def observe_config_map(body: Body) -> ObservedConfigMap:
    """Keep what matters of ``argocd-rbac-cm``."""
    metadata = body["metadata"]
    return ObservedConfigMap(
        metadata["resourceVersion"],
        dict(body.get("data") or {}),
        _last_manager(metadata),
        _labels_and_annotations(metadata),
    )


def _last_manager(metadata: Body) -> str:
    managers = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER
    ]
    _, last_manager = max(managers, default=("", ""))
    return last_manager


def observe_settings(body: Body) -> ArgoCDSettings:
    """Keep of ``argocd-cm`` how people sign in; it may be as large as it likes."""
    return read_settings(body.get("data") or {})


def _labels_and_annotations(metadata: Body) -> dict[str, str]:
    """Keep short labels and annotations; a label counts before an annotation."""
    both = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    both.pop(MEMBERS_ANNOTATION, None)  # it changes with what we write
    return {key: str(value) for key, value in both.items() if len(value) <= MAX_MARK}


def observe_project(body: Body) -> Project:
    """Keep what matters of an AppProject, whatever its author left out."""
    metadata = body["metadata"]
    roles = (body.get("spec") or {}).get("roles") or ()
    annotations = dict(metadata.get("annotations") or {})
    members = annotations.pop(MEMBERS_ANNOTATION, None)
    return Project(
        name=metadata["name"],
        labels_and_annotations=_labels_and_annotations(metadata),
        resource_version=str(metadata.get("resourceVersion", "")),
        last_manager=_last_manager(metadata),
        members=members,
        annotation_bytes=sum(
            len(key.encode()) + len(str(value).encode())
            for key, value in annotations.items()
        ),
        tokens=tokens_of(body),
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


SETTINGS_PAUSE: Final = 300.0
"""Seconds between two attempts to read what it is no harm not to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of an Argo CD at one instant."""

    config_map: ObservedConfigMap | None = None
    last_loaded_config_map: ObservedConfigMap | None = None
    """The ConfigMap as Argo CD last took it in; without another it goes by this."""
    text_is_known: bool = False
    """Whether the ConfigMap was looked at; it may still be missing."""
    projects: tuple[Project, ...] = ()
    projects_are_known: bool = False
    settings: ArgoCDSettings | None = None
    """How people sign in, as last seen; None if that never could be read, which is no
    failure. An outage changes nothing, or it would change every grant's status."""
    failures: tuple[tuple[Collection, ClusterError], ...] = ()
    """What can not be read at the moment."""


class ArgoCD:
    """The objects of one Argo CD that argogrant reads, and the key that it writes.

    Args:
        cluster: Where Argo CD runs.
        namespace: Where its ConfigMap and its AppProjects are.
        on_change: Called after every change of what is known.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, on_change: Callable[[], None]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)

        self._remembered: ObservedConfigMap | None = None

        def changed(_before: object, _after: object) -> None:
            on_change()

        def remember(_before: object, after: ObservedConfigMap | None) -> None:
            if after is not None and after.is_loadable:
                self._remembered = after
            on_change()

        self._config_map: Informer[ObservedConfigMap] = Informer(
            cluster,
            Collection(CONFIG_MAPS, namespace, CONFIG_MAP_NAME),
            read=observe_config_map,
            on_change=remember,
        )
        self._projects: Informer[Project] = Informer(
            cluster,
            Collection(APP_PROJECTS, namespace),
            read=observe_project,
            on_change=changed,
        )
        self._settings: Informer[ArgoCDSettings] = Informer(
            cluster,
            Collection(CONFIG_MAPS, namespace, SETTINGS_NAME),
            read=observe_settings,
            on_change=lambda before, after: None if before == after else on_change(),
            longest_backoff=SETTINGS_PAUSE,
        )

    async def run(self) -> None:
        """Keep what is known fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._config_map.run())
            tasks.create_task(self._projects.run())
            tasks.create_task(self._settings.run())

    async def wait_until_observed(self) -> None:
        """Wait until everything was listed, or failed to be."""
        for reflector in (self._config_map, self._projects, self._settings):
            await reflector.attempted.wait()

    def retry_now(self) -> None:
        """Read now what could not be read, instead of after a pause."""
        for reflector in (self._config_map, self._projects):
            reflector.retry_now()

    async def relist(self) -> int:
        """Compare with what is there now; answers how much was not as believed."""
        config_map, projects = await asyncio.gather(
            self._config_map.relist(), self._projects.relist()
        )
        if self._settings.error is None:
            with suppress(Forbidden):  # asked for too often it would fill audit logs
                await self._settings.relist()
        return config_map + projects

    def snapshot(self) -> Snapshot:
        """What is known now."""
        return Snapshot(
            config_map=self._config_map.objects.get(CONFIG_MAP_NAME),
            last_loaded_config_map=self._remembered,
            text_is_known=self._config_map.synced.is_set(),
            projects=tuple(self._projects.objects.values()),
            projects_are_known=self._projects.synced.is_set(),
            settings=self._settings.objects.get(SETTINGS_NAME),
            failures=tuple(
                (reflector.collection, reflector.error)
                for reflector in (self._config_map, self._projects)
                if reflector.error is not None
            ),
        )

    async def refresh_config_map(self) -> None:
        """Read the ConfigMap anew, after somebody else was quicker."""
        self._config_map.upsert(await self._cluster.get(self._path))

    async def write_overlay(self, text: str | None, resource_version: str) -> None:
        """Set our own key, or remove it with None; nothing else is touched.

        Args:
            text: The whole overlay.
            resource_version: The version that the text was planned on.

        Raises:
            Conflict: The ConfigMap has another version by now.
            NotFound: It is gone; it is never created.
        """
        body = overlay_patch(text, resource_version)
        self._config_map.upsert(await self._cluster.merge_patch(self._path, body))

    async def write_project(self, planned: ProjectPlan) -> None:
        """Change the members of one AppProject, and nothing else of it.

        Raises:
            Conflict: The project has another version by now; it was read anew.
            NotFound: It is gone.
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
    """The only change that is ever made to ``argocd-rbac-cm``.

    Args:
        text: What our key should hold; None removes it.
        resource_version: Another version of the ConfigMap refuses the change.
    """
    return {
        "metadata": {"resourceVersion": resource_version},
        "data": {OVERLAY_KEY: text},
    }
