"""What an instance needs beside its convergence: our rights, and a fresh token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from argogrant.api.argocdinstance import Instance
from argogrant.controller.apply import Clock
from argogrant.controller.permissions import PermissionWatcher
from argogrant.controller.remote.connection import RemoteConnection, RemoteConnections
from argogrant.controller.remote.token_lifetime import (
    NO_MAINTENANCE,
    MaintenanceState,
    TokenState,
)
from argogrant.controller.remote.token_rotation import TokenRotator
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.store import Store
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.telemetry.metrics import InstanceMetrics


class Maintenance:
    """Looks after one instance in the background; no convergence waits for it.

    Args:
        name: The instance.
        store: Our own kinds.
        connections: The ways to Argo CDs.
        reporter: Tells of tokens that were renewed.
        metrics: Told of every rotation.
        clock: Tells the time in UTC.
    """

    def __init__(  # noqa: PLR0913
        self,
        name: str,
        *,
        store: Store,
        connections: RemoteConnections,
        reporter: Reporter,
        metrics: InstanceMetrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._store = store
        self._connections = connections
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._wake = store.event(name).set
        self._connection: RemoteConnection | None = None
        self._permissions: PermissionWatcher | None = None
        self._rotation = TokenRotator(
            connections.home,
            connect=connections.connect,
            told=self,
            clock=clock,
            on_change=self._wake,
        )

    @asynccontextmanager
    async def of(self, connection: RemoteConnection) -> AsyncIterator[None]:
        """Look after the instance, as it is reached now, for the length of a block."""
        self._connection = connection
        home, there = self._connections.home, connection.cluster
        self._permissions = PermissionWatcher(home, there, self._wake)
        self._permissions.record(self._instance())
        tasks = [
            asyncio.create_task(self._permissions.run()),
            asyncio.create_task(self._rotation.run(self._instance, connection)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def ask(self) -> None:
        """Ask for our rights soon."""
        if self._permissions is not None:
            self._permissions.request_check()

    def look(self, error: ClusterError | None) -> MaintenanceState:
        """Say how it stands.

        Args:
            error: What went wrong elsewhere; a refusal is a reason to ask anew.
        """
        if self._permissions is None:
            return NO_MAINTENANCE
        self._permissions.record(self._instance())
        if isinstance(error, Forbidden):
            self._permissions.request_check()
        return MaintenanceState(missing=self._permissions.missing, token=self._token())

    def _token(self) -> TokenState | None:
        instance, connection = self._instance(), self._connection
        if instance is None or connection is None:
            return None
        state = self._rotation.state(instance, connection)
        if state is not None:
            self._metrics.token(
                state.lifetime.expires_at, is_at_risk=state.needs_attention
            )
        return state

    def rotated(self, result: str) -> None:
        """Count a rotation by its result."""
        self._metrics.rotated(result)

    def renewed(self, expires_at: datetime | None, *, version: str) -> None:
        """Tell of a token that is stored."""
        record = self._store.instance(self._name)
        if record is not None:
            self._reporter.report_token(
                record, expires_at, version=version, now=self._clock()
            )

    def _instance(self) -> Instance | None:
        record = self._store.instance(self._name)
        return record.instance if record is not None else None
