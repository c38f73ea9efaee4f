"""One Argo CD as it is seen: its ConfigMap and its AppProjects, kept fresh."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from argogrant.argocd.appproject.plan import ProjectPlan
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.argocd_cm import SETTINGS_NAME
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.observations import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
    observe_settings,
)
from argogrant.grants.model.sign_in import Settings
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden
from argogrant.kube.informer import Reflector
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, Collection

SETTINGS_PAUSE: Final = 300.0
"""Seconds between two attempts to read what it is no harm not to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of an Argo CD at one instant."""

    config_map: ObservedConfigMap | None = None
    remembered: ObservedConfigMap | None = None
    """The ConfigMap as Argo CD last took it in; without another it goes by this."""
    text_is_known: bool = False
    """Whether the ConfigMap was looked at; it may still be missing."""
    projects: tuple[Project, ...] = ()
    projects_are_known: bool = False
    settings: Settings | None = None
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
            if after is not None and after.is_taken_in:
                self._remembered = after
            on_change()

        self._config_map: Reflector[ObservedConfigMap] = Reflector(
            cluster,
            Collection(CONFIG_MAPS, namespace, CONFIG_MAP_NAME),
            read=observe_config_map,
            on_change=remember,
        )
        self._projects: Reflector[Project] = Reflector(
            cluster,
            Collection(APP_PROJECTS, namespace),
            read=observe_project,
            on_change=changed,
        )
        self._settings: Reflector[Settings] = Reflector(
            cluster,
            Collection(CONFIG_MAPS, namespace, SETTINGS_NAME),
            read=observe_settings,
            on_change=lambda before, after: None if before == after else on_change(),
            longest_pause=SETTINGS_PAUSE,
        )

    async def run(self) -> None:
        """Keep what is known fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._config_map.run())
            tasks.create_task(self._projects.run())
            tasks.create_task(self._settings.run())

    async def wait_until_looked_at(self) -> None:
        """Wait until everything was listed, or failed to be."""
        for reflector in (self._config_map, self._projects, self._settings):
            await reflector.looked_at.wait()

    def hurry(self) -> None:
        """Read now what could not be read, instead of after a pause."""
        for reflector in (self._config_map, self._projects):
            reflector.hurry()

    async def relist(self) -> int:
        """Compare with what is there now; answers how much was not as believed."""
        config_map, projects = await asyncio.gather(
            self._config_map.relist(), self._projects.relist()
        )
        if self._settings.failure is None:
            with suppress(Forbidden):  # asked for too often it would fill audit logs
                await self._settings.relist()
        return config_map + projects

    def snapshot(self) -> Snapshot:
        """What is known now."""
        return Snapshot(
            config_map=self._config_map.objects.get(CONFIG_MAP_NAME),
            remembered=self._remembered,
            text_is_known=self._config_map.synced.is_set(),
            projects=tuple(self._projects.objects.values()),
            projects_are_known=self._projects.synced.is_set(),
            settings=self._settings.objects.get(SETTINGS_NAME),
            failures=tuple(
                (reflector.collection, reflector.failure)
                for reflector in (self._config_map, self._projects)
                if reflector.failure is not None
            ),
        )

    async def refresh_config_map(self) -> None:
        """Read the ConfigMap anew, after somebody else was quicker."""
        self._config_map.note(await self._cluster.get(self._path))

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
        self._config_map.note(await self._cluster.merge_patch(self._path, body))

    async def write_project(self, planned: ProjectPlan) -> None:
        """Change the members of one AppProject, and nothing else of it.

        Raises:
            Conflict: The project has another version by now; it was read anew.
            NotFound: It is gone.
        """
        path = APP_PROJECTS.path(self._namespace, planned.project)
        body = await self._cluster.get(path)
        self._projects.note(body)
        if body["metadata"]["resourceVersion"] != planned.resource_version:
            raise Conflict(f"AppProject {planned.project} changed")
        patch = project_patch(body, planned)
        try:
            self._projects.note(await self._cluster.merge_patch(path, patch))
        except Conflict:
            self._projects.note(await self._cluster.get(path))
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
