"""What is known of our own kinds in one namespace, and who has to be woken."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection as SizedIterable
from typing import Final

from argogrant.instance.records import (
    GrantRecord,
    InstanceRecord,
    record_grant,
    record_instance,
)
from argogrant.kube.cluster import Cluster
from argogrant.kube.failures import ClusterError
from argogrant.kube.reflector import Reflector
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES, Collection

UNASSIGNED: Final = ""
"""The signal for grants whose ``spec.instance`` names nothing; no name is empty."""


class Store:
    """The AccessGrants and ArgoCDInstances of a namespace, kept fresh by watches.

    A change computes nothing: it updates the store and sets a signal.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self.on_gone: Callable[[str], None] = lambda _uid: None
        """Told of every grant that is not there any longer."""
        self.grants: Reflector[GrantRecord] = Reflector(
            cluster,
            Collection(ACCESS_GRANTS, namespace),
            read=record_grant,
            on_change=self._grant_changed,
        )
        self.instances: Reflector[InstanceRecord] = Reflector(
            cluster,
            Collection(ARGOCD_INSTANCES, namespace),
            read=record_instance,
            on_change=self._instance_changed,
        )
        self._by_instance: defaultdict[str, dict[str, GrantRecord]] = defaultdict(dict)
        self._signals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        """Keep the store fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.grants.run())
            tasks.create_task(self.instances.run())

    async def wait_until_synced(self) -> None:
        """Wait until both kinds were listed once: nothing is decided on half a view."""
        await self.grants.synced.wait()
        await self.instances.synced.wait()

    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """What of our own can not be read at the moment."""
        return tuple(
            (kind.collection, kind.failure)
            for kind in (self.grants, self.instances)
            if kind.failure is not None
        )

    def is_synced(self) -> bool:
        """Tell whether both kinds were listed once and can be reached."""
        kinds = (self.grants, self.instances)
        return all(kind.synced.is_set() and kind.failure is None for kind in kinds)

    def signal(self, instance: str) -> asyncio.Event:
        """The signal that is set when something about this instance changed."""
        return self._signals[instance]

    def grants_of(self, instance: str) -> SizedIterable[GrantRecord]:
        """The grants that name this instance."""
        return self._by_instance[instance].values()

    def unassigned_grants(self) -> list[GrantRecord]:
        """The grants whose instance does not exist."""
        return [
            record
            for instance, records in self._by_instance.items()
            if instance not in self.instances.objects
            for record in records.values()
        ]

    def instance(self, name: str) -> InstanceRecord | None:
        """The ArgoCDInstance of this name, if there is one."""
        return self.instances.objects.get(name)

    def _grant_changed(
        self, before: GrantRecord | None, after: GrantRecord | None
    ) -> None:
        if before is None and after is None:
            self._wake_all()
        if before is not None and (after is None or before.instance != after.instance):
            self._by_instance[before.instance].pop(before.name, None)
        if before is not None and (after is None or after.uid != before.uid):
            self.on_gone(before.uid)
        if after is not None:
            self._by_instance[after.instance][after.name] = after
        if before is not None and after is not None and before.decides_like(after):
            return
        for record in (before, after):
            if record is not None:
                self._wake(record.instance)

    def _instance_changed(
        self, before: InstanceRecord | None, after: InstanceRecord | None
    ) -> None:
        record = after or before
        if record is None:
            self._wake_all()
        if record is None or (before and after and before.decides_like(after)):
            return
        self._wake(record.name)
        self._signals[UNASSIGNED].set()

    def _wake_all(self) -> None:
        for signal in self._signals.values():
            signal.set()

    def _wake(self, instance: str) -> None:
        self._signals[instance].set()
        if instance not in self.instances.objects:
            self._signals[UNASSIGNED].set()
