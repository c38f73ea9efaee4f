"""Reconcile loop of one ArgoCDInstance.

The loop is level-triggered: an event triggers a reconciliation, which evaluates every
grant and makes Argo CD's policy equal to the grants that are in force. ``Planner.plan``
performs the first three steps::

    gather    cached objects: grants, policies and approvals (store), Argo CD's
       │      ConfigMap and AppProjects (snapshot); informers keep both current
       ▼
    decide    one decision per grant: binding PRESENT, UNCHANGED or ABSENT, the
       │      condition, and the time at which that can change (grants/decide)
       ▼
    plan      the difference: the text of policy.argogrant.csv, and the members of
       │      AppProjects; no grant without the finalizer adds a binding; pure
       │      (planner, plan)
       ▼
    apply     one patch of the ConfigMap and one of each changed AppProject, with the
       │      resource version that was planned on; after a conflict, read and plan
       │      again (at most three attempts)
       ▼
    report    statuses, audit events and metrics; a writer sends them in the
       │      background, so no revocation waits for a status
       ▼
    wait      until an object changes, a delayed write is due, or a decision expires
       │
       └────► gather

States of a binding::

    absent ──── grant in force ────► finalizer written ────► bound
                                       the write may wait      │
                                       for others of its       │ grant expired,
                                       burst                   │ revoked, denied or
                                                               │ deleted: the write
                                                               ▼ never waits
    confirmed ◄───────── Argo CD has loaded the change ──── removed
                                       from the ConfigMap or the AppProject

    Once the removal is confirmed, the operator reports the end of the grant and, if the
    grant is being deleted, removes its finalizer.

- The loop never delays a removal, neither for other writes nor for a status. An
  addition waits up to a second after another write (``Applier.write_delay``), longer if
  another program repeatedly reverts it, and as long as the ConfigMap has no capacity or
  has lines that Argo CD cannot parse.
- If the state of Argo CD or of a policy is unknown, decisions are UNCHANGED: bindings
  stay until their grant expires, and none is added.
- If a write fails, the loop retries with backoff. A finalizer keeps a deleted grant or
  ArgoCDInstance until its bindings are known to be removed; the annotation
  ``argogrant.dev/abandon`` releases it without confirmation.

For an Argo CD in another cluster, the client uses the token in a Secret; a new token
starts the loop again with another client. ``spec.namespace`` and
``spec.cluster.server`` are immutable, so no binding is left in a previous location.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import ArgoCDLocation
from argogrant.argocd.capacity import size_of
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Applier, Clock, orphans_of, overdue_since
from argogrant.controller.appproject.apply import ProjectApplier
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.permissions import PermissionWatcher
from argogrant.controller.plan import Plan
from argogrant.controller.planner import Planner
from argogrant.controller.remote.connection import (
    OBSERVE_TIMEOUT,
    Connect,
    ObservedSecret,
    RemoteConnection,
)
from argogrant.controller.remote.token_rotation import TokenRotator, TokenState
from argogrant.controller.status.instance_conditions import (
    NOT_KNOWN,
    NOT_RECONCILED,
    NOWHERE,
    InstanceStatusInput,
)
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.store import InstanceRecord, Store
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Backoff, ClusterError, Conflict, Forbidden, NotFound
from argogrant.telemetry.metrics import InstanceMetrics

ATTEMPTS: Final = 3
LONGEST_SLEEP: Final = 1.0
"""Seconds. Deadlines are wall-clock times: polling notices a stepped clock."""
LONGEST_DEBOUNCE: Final = 0.25
"""Seconds. A burst of changes shares one reconciliation."""
LOCATION_CHANGED: Final = (
    "spec.namespace and spec.cluster.server are immutable; restore them, or delete this"
    " ArgoCDInstance and create another"
)

logger = logging.getLogger(__name__)


class Reconciler:
    """Reconcile loop of one ArgoCDInstance.

    Args:
        name: Name of the instance, in the store's namespace.
        verification: Watcher of the admission policies, which verify requesters.
        home: Client of the operator's own cluster.
        connect: Builds clients of other clusters.
    """

    def __init__(  # noqa: PLR0913
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        home: Cluster,
        connect: Connect,
        reporter: Reporter,
        metrics: InstanceMetrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._qualified_name = f"{store.namespace}/{name}"
        self._store = store
        self._verification = verification
        self._home = home
        self._connect = connect
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._changed = store.event(name)
        self._backoff = Backoff()
        self._applier = Applier(self._qualified_name, metrics, clock)
        self._projects = ProjectApplier(self._qualified_name, metrics, clock)
        self._planner = Planner(
            name, store=store, verification=verification, clock=clock
        )
        self._decisions = self._planner.decisions
        self._rotator = TokenRotator(
            home,
            connect=connect,
            clock=clock,
            on_change=self._changed.set,
            on_result=metrics.rotated,
            on_stored=self._report_rotation,
        )
        self._location: ArgoCDLocation | None = None
        self._connection: RemoteConnection | None = None
        self._argocd: ArgoCD | None = None
        self._permissions = PermissionWatcher(home, self._changed.set)
        self._resync: asyncio.Task[int] | None = None
        self.uid = ""
        """Uid of the instance, once it is valid."""

    async def run(self) -> None:
        """Reconcile until the instance is deleted and its bindings are removed."""
        await self._store.wait_until_synced()
        await self._verification.wait_until_observed()
        record = await self._wait_until_valid()
        if record is not None and record.instance is not None:
            self.uid, self._location = record.uid, record.instance.location
            rotation = asyncio.create_task(
                self._rotator.run(self._instance, self._secret)
            )
            try:
                while not await self._run_connected(self._location, rotation):
                    logger.info(
                        "%s: connecting with new credentials.", self._qualified_name
                    )
            finally:
                await _cancel([rotation])
        self._metrics.forget()

    async def resync(self, differences_elsewhere: int) -> int:
        """Compare the cached objects of Argo CD with the API server.

        Returns:
            How many of them differed; the metric includes ``differences_elsewhere``.
        """
        differences = await self._relist_argocd()
        self._metrics.record_resync(differences_elsewhere + differences)
        self._changed.set()
        return differences

    async def _relist_argocd(self) -> int:
        self._permissions.request_check()
        if self._argocd is None:
            return 0
        # A token change closes the client and cancels this task.
        resync = self._resync = asyncio.create_task(self._argocd.relist())
        try:
            await asyncio.wait({resync})
        finally:
            resync.cancel()
        try:
            return 0 if resync.cancelled() else resync.result()
        except ClusterError as error:
            if self._location is None or self._location.cluster is None:
                raise
            # The informers retry; another cluster delays no resync of this one.
            logger.warning("%s: %s", self._qualified_name, error)
            return 0

    async def _wait_until_valid(self) -> InstanceRecord | None:
        """Wait until the instance is valid; return None if it is deleted before."""
        existed = False
        while True:
            self._changed.clear()
            record = self._store.instance(self._name)
            if record is not None and record.instance is not None:
                return record
            if record is None and existed:
                return None
            if record is not None:
                if record.is_force_released:
                    return None
                existed = True
                self._report_invalid(record)
            await self._wait_until_due(None)

    async def _run_connected(
        self, location: ArgoCDLocation, rotation: asyncio.Task[None]
    ) -> bool:
        """Reconcile on one connection; return as ``_loop`` does."""
        connection = self._connection = RemoteConnection(
            self._home,
            self._store.namespace,
            location,
            connect=self._connect,
            on_change=self._secret_changed,
        )
        tasks = [asyncio.create_task(connection.run())]
        try:
            await connection.open()
            cluster = connection.cluster
            argocd = ArgoCD(cluster, location.namespace, self._changed.set)
            self._argocd = argocd
            self._permissions.record(self._instance())
            checks = self._permissions.run(cluster)
            tasks += map(asyncio.create_task, (argocd.run(), checks))
            with suppress(TimeoutError):
                async with asyncio.timeout(OBSERVE_TIMEOUT):
                    await argocd.wait_until_observed()
            return await self._loop(argocd, connection, [*tasks, rotation])
        finally:
            self._argocd = None
            await _cancel([*tasks, *([self._resync] if self._resync else [])])
            await connection.close()

    async def _loop(
        self,
        argocd: ArgoCD,
        connection: RemoteConnection,
        tasks: Sequence[asyncio.Task[None]],
    ) -> bool:
        """Reconcile until another connection is needed, or the instance is deleted.

        The loop fails if one of the background tasks fails.

        Returns:
            True if the instance is deleted and its bindings are removed.
        """
        self._backoff.reset()
        while not any(task.done() for task in tasks):
            self._changed.clear()
            record = self._record()
            if record is None or record.uid != self.uid:
                return True
            if record.instance is not None:
                self._location = record.instance.location
                if connection.is_outdated(self._location):
                    return False
            began = asyncio.get_running_loop().time()
            try:
                write_delay = await self._reconcile(argocd, record)
                self._backoff.reset()
            except ClusterError as error:
                self._report_failure(argocd, error, repeated=self._backoff.has_failed)
                if record.is_force_released:
                    return True
                await self._backoff.wait()
                continue
            took = asyncio.get_running_loop().time() - began
            self._metrics.record_reconciliation(took, self._clock())
            is_clean = record.being_deleted and _is_readable(argocd.snapshot())
            if is_clean or record.is_force_released:
                return True
            await self._wait_until_due(write_delay)
            await self._debounce(took)
        for task in tasks:
            if task.done():
                task.result()
        return False

    async def _reconcile(self, argocd: ArgoCD, record: InstanceRecord) -> float | None:
        """Make Argo CD's policy equal to the grants that are in force.

        Returns:
            Seconds until a delayed write is due; None if there is none.
        """
        for _ in range(ATTEMPTS):
            seen = argocd.snapshot()
            planned = self._planner.plan(record, seen)
            self._record_overdue(seen)
            planned = self._detect_contention(planned, seen)
            self._reporter.report_tokens(record, planned, self._clock())
            members = await self._projects.write(argocd, planned)
            if members.conflict:
                continue
            is_unwanted = record.being_deleted or planned.removes_key
            remove_key = is_unwanted and planned.overlay_exists(seen)
            write_delay = None if remove_key else self._applier.write_delay(planned)
            try:
                if remove_key or (planned.has_work and write_delay is None):
                    orphans = orphans_of(planned, self._decisions.all())
                    self._reporter.report_orphans(record, orphans, seen, self._clock())
                    await self._applier.write(
                        argocd, planned, seen, orphans=orphans, remove_key=remove_key
                    )
            except Conflict:
                await argocd.refresh_config_map()
                continue
            await members.wait_for_argocd(planned)
            self._report(argocd, planned)
            return members.no_later_than(write_delay)
        raise Conflict(f"Argo CD's objects changed {ATTEMPTS} times while written")

    async def _wait_until_due(self, write_delay: float | None) -> None:
        """Wait for a change, a delayed write, or a time at which a decision changes."""
        loop = asyncio.get_running_loop()
        write_due = float("inf") if write_delay is None else loop.time() + write_delay
        while True:
            write_wait = write_due - loop.time()
            seconds = min(LONGEST_SLEEP, self._until_recheck(), write_wait)
            if seconds <= 0 or self._clock() < self._decisions.decided_at:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
                    return

    async def _debounce(self, took: float) -> None:
        """Pause in proportion to the last reconciliation, never past a recheck."""
        pause = min(3 * took, LONGEST_DEBOUNCE, self._until_recheck())
        if pause > 0:
            await asyncio.sleep(pause)

    def _until_recheck(self) -> float:
        """Return the seconds until a decision can change without any other change."""
        recheck_at = self._decisions.recheck_at
        if recheck_at is None:
            return float("inf")
        return (recheck_at - self._clock()).total_seconds()

    def _detect_contention(self, planned: Plan, seen: Snapshot) -> Plan:
        """Mark the plan as blocked where another program undoes the writes."""
        planned = self._projects.detect_external_change(planned, seen)
        if planned.blocked is None and planned.has_work:
            planned = replace(planned, blocked=self._applier.contested)
        self._applier.detect_external_change(planned, seen)
        return planned

    def _record_overdue(self, seen: Snapshot) -> None:
        since = overdue_since(seen, self._decisions.all(), self._clock())
        self._metrics.overdue_since(since)

    def _report(self, argocd: ArgoCD, planned: Plan) -> None:
        seen = argocd.snapshot()
        contested = self._applier.contested or self._projects.contested
        self._record_overdue(seen)
        self._metrics.observed(
            bindings=len(seen.overlay.bindings) if seen.overlay else 0,
            text_bytes=size_of(seen.config_map.data) if seen.config_map else 0,
            contested=contested is not None,
        )
        self._metrics.grants(self._report_grants(planned, seen))
        self._metrics.in_force(self._decisions.all())
        failures = self._connection.failures if self._connection is not None else ()
        self._report_instance(
            InstanceStatusInput(
                seen=seen,
                blocked=planned.blocked or planned.capacity_finding,
                contested=contested,
                clock_skew=self._home.clock_skew(),
                failures=(*failures, *self._store.failures()),
            )
        )

    def _report_failure(
        self, argocd: ArgoCD, error: ClusterError, *, repeated: bool
    ) -> None:
        """Report a failed reconciliation; grants report it if the next one fails."""
        logger.warning("%s: %s", self._qualified_name, error)
        seen = argocd.snapshot()
        if repeated:
            self._report_grants(Plan(overlay=None, blocked=NOT_RECONCILED), seen)
        if isinstance(error, Forbidden):
            self._permissions.request_check()
        self._report_instance(InstanceStatusInput(seen=seen, error=error))

    def _report_invalid(self, record: InstanceRecord) -> None:
        """Report that the instance was never valid: its location is unknown."""
        seen = Snapshot()
        self._planner.decide(record, seen)
        nothing = Plan(overlay=None, blocked=NOT_KNOWN)
        self._metrics.grants(self._report_grants(nothing, seen))
        self._report_instance(InstanceStatusInput(seen=seen))

    def _report_grants(self, planned: Plan, seen: Snapshot) -> Mapping[str, int]:
        """Report all grants; return their number by the reason of their condition."""
        return self._reporter.report_and_release_grants(
            self._decisions, planned, seen, self._clock()
        )

    def _report_instance(self, status_input: InstanceStatusInput) -> None:
        """Complete the findings of the last reconciliation, and report them."""
        record = self._record()
        if record is None:
            return
        self._permissions.record(record.instance)
        status_input = replace(
            status_input,
            problem=record.problem,
            is_waiting=record.being_deleted,
            identities=self._verification.verification(),
            missing_permissions=self._permissions.missing,
            token=self._token_state(record.instance),
            location=self._location or NOWHERE,
            operator_namespace=self._store.operator_namespace,
            namespace=record.namespace,
        )
        self._reporter.report_instance(
            record,
            status_input,
            gathered=self._planner.gather(record, status_input.seen),
            now=self._clock(),
            last_write_at=self._applier.last_write_at,
        )

    def _token_state(self, instance: Instance | None) -> TokenState | None:
        state = self._rotator.state(instance, self._secret()) if instance else None
        if state is not None:
            self._metrics.token(
                state.lifetime.expires_at, is_at_risk=state.needs_attention
            )
        return state

    def _report_rotation(self, expires_at: datetime | None, version: str) -> None:
        """Report a new token, with the version of the Secret that has it."""
        record = self._store.instance(self._name)
        if record is not None:
            self._reporter.report_token(
                record, expires_at, version=version, now=self._clock()
            )

    def _record(self) -> InstanceRecord | None:
        """Return the instance; invalid if it names a different Argo CD than before.

        The current CRD rejects this change. Bindings stay until they expire.
        """
        record = self._store.instance(self._name)
        if record is None or record.instance is None or self._location is None:
            return record
        if record.instance.location.key == self._location.key:
            return record
        return replace(record, instance=None, problem=LOCATION_CHANGED)

    def _instance(self) -> Instance | None:
        record = self._record()
        return record.instance if record is not None else None

    def _secret(self) -> ObservedSecret | None:
        return self._connection.secret if self._connection is not None else None

    def _secret_changed(self) -> None:
        """Retry a failed reconciliation at once: the Secret may contain a new token."""
        self._backoff.retry_now()
        self._changed.set()


def _is_readable(seen: Snapshot) -> bool:
    """Return whether every object that may have bindings was read.

    A cluster without the kind AppProject has no bindings in AppProjects.
    """
    return seen.config_map is not None and (
        seen.projects_are_known
        or any(isinstance(error, NotFound) for _, error in seen.failures)
    )


async def _cancel(tasks: Sequence["asyncio.Task[None] | asyncio.Task[int]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
