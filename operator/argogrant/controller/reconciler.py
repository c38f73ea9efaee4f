"""Reconcile loop of one ArgoCDInstance.

The loop is level-triggered: an event triggers a reconciliation, which evaluates every
grant and makes Argo CD's policy equal to the grants that are in force::

    remove    if the instance, its policies or Argo CD's objects have changed since
       │      they were gathered: write only what ends access, by the decisions of
       │      before and by the grants that have changed since
       │      (``Planner.plan_removals``); any other end is decided, planned and
       │      applied below
       ▼
    gather    cached objects: grants, policies and approvals (store), Argo CD's
       │      ConfigMap and AppProjects (snapshot); informers keep both current
       ▼
    decide    one decision per grant: binding PRESENT, UNCHANGED or ABSENT, the
       │      condition, and the time at which that can change (grants/decide); in
       │      steps, between which other instances and removals of this one go on
       ▼
    plan      the difference: the text of policy.argogrant.csv, and the members of
       │      AppProjects; no grant without the finalizer adds a binding; pure
       │      (planner, plan)
       ▼
    apply     one patch of the ConfigMap and one of each changed AppProject, with the
       │      resource version that was planned on; after a conflict, read and plan
       │      again (at most three attempts)
       ▼
    analyse   the roles, for the notes in statuses; a long analysis goes on in the
       │      background (role_analysis)
       ▼
    report    statuses, audit events and metrics, and the finalizers of new grants,
       │      which the next reconciliation binds; a writer sends them in the
       │      background, so no revocation waits for a status; the first report
       │      waits for the first analysis
       ▼
    wait      until an object changes, a delayed write is due, or a decision expires
       │
       ▼
    pause     three times as long as the reconciliation took, at most 0.75 s: the
       │      changes of a burst share the next one; removals are written meanwhile;
       │      just before an end, the next one does not begin (``_debounce``)
       │
       └────► remove

Much of what is gathered and analysed is written by other people. Gathering takes at
most a quarter of the loop's time: if changes come faster, only removals are written
until the pause is over (``GATHER_SHARE``). An unforeseen exception for one grant or
AppProject leaves the others decided, written and reported (faults). After any other
one, only removals are written until the next attempt, the last of them by nothing but
the grants themselves.

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

- A removal waits for no status and for no addition. It waits for the step or the plan
  in progress, for up to 0.25 s after a change whose burst it shares
  (``LONGEST_DEBOUNCE``, ``REMOVAL_PAUSE``), and for up to a second if AppProjects of
  the same reconciliation are written slowly.
- An addition waits up to 1.2 s after another one (``Applier.write_delay``), longer if
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
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from argogrant.api.argocdinstance import Instance
from argogrant.api.remote_cluster import ArgoCDLocation
from argogrant.argocd.appproject.ended_members import ReturnedMember
from argogrant.argocd.capacity import size_of
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import (
    Applier,
    Clock,
    Contention,
    contested_finding,
    orphans_of,
    overdue_since,
)
from argogrant.controller.appproject.apply import (
    ARGOCD_WATCH_DELAY,
    ProjectApplier,
    ProjectWriteResult,
)
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.faults import Faults
from argogrant.controller.pending_writes import PendingWrites
from argogrant.controller.permissions import PermissionWatcher
from argogrant.controller.plan import Plan
from argogrant.controller.planner import Planner
from argogrant.controller.remote.connection import (
    Connect,
    ObservedSecret,
    RemoteConnection,
)
from argogrant.controller.remote.token_rotation import TokenRotator, TokenState
from argogrant.controller.role_analysis import NOT_ANALYSED, RoleAnalyzer
from argogrant.controller.status.instance_conditions import (
    NOT_KNOWN,
    NOT_RECONCILED,
    NOWHERE,
    InstanceStatusInput,
)
from argogrant.controller.status.reporter import Reporter
from argogrant.controller.stepwise import Stepwise, perform
from argogrant.controller.store import OBSERVE_TIMEOUT, InstanceRecord, Store
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.steps import Steps
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Backoff, ClusterError, Conflict, Forbidden, NotFound
from argogrant.kube.refusals import refusal_of
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS
from argogrant.telemetry.metrics import InstanceMetrics

ATTEMPTS: Final = 3
LONGEST_SLEEP: Final = 1.0
"""Seconds. Deadlines are wall-clock times: polling notices a stepped clock."""
RECONNECT_PAUSE: Final = 1.0
"""Seconds between two connections. Others may change the Secret with the token without
end, and each connection reads certificates on the event loop that all share."""
GATHER_SHARE: Final = 0.25
"""Part of the time in which the instances of a namespace gather their states; after
each gathering there is a pause for the rest. Removals do not wait for it."""
UNDIVIDED_SECONDS: Final = 0.1
"""Seconds of long work after which an instance shares the time with others."""
LONGEST_DEBOUNCE: Final = 0.25
"""Seconds after the first change of a burst. The others share its reconciliation."""
LONGEST_PAUSE: Final = 0.75
"""Seconds between two reconciliations that take long, while changes go on."""
REMOVAL_PAUSE: Final = 0.25
"""Seconds between two removals because of changes, while a reconciliation waits."""
CLOCK_ROUNDING: Final = 0.001
"""Seconds. The event loop's clock is not the one that ends are compared with."""
LOCATION_CHANGED: Final = (
    "spec.namespace and spec.cluster.server are immutable; restore them, or delete this"
    " ArgoCDInstance and create another"
)

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Reconciler:
    """Reconcile loop of one ArgoCDInstance.

    Args:
        name: Name of the instance, in the store's namespace.
        verification: Watcher of the admission policies, which verify requesters.
        home: Client of the operator's own cluster.
        connect: Builds clients of other clusters.
        one_at_a_time: Lock of long work in the background.
        work_lock: Lock of the instances whose work takes long.
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
        one_at_a_time: asyncio.Lock,
        work_lock: asyncio.Lock,
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
        self._resume_at = float("-inf")
        """Time of the event loop from which more than removals is planned again."""
        self._removed: frozenset[Binding] = frozenset()
        """Bindings that were removed since the last report."""
        self._returned: tuple[ReturnedMember, ...] = ()
        """Members that had returned at the last report."""
        self._contested: frozenset[str] = frozenset()
        """Texts that other programs overwrote repeatedly, at the last report."""
        self._has_failed = False
        """True after an unforeseen exception, until a reconciliation has succeeded."""
        self._work_lock = work_lock
        self._decided_in = 0.0
        """Seconds of work of the last decisions."""
        self._faults = Faults(self._qualified_name, metrics.record_internal_error)
        self._writes = PendingWrites(self._retry_now)
        self._applier = Applier(self._qualified_name, metrics, clock)
        self._projects = ProjectApplier(
            self._qualified_name, metrics, clock, self._faults, self._writes
        )
        self._planner = Planner(
            name,
            store=store,
            verification=verification,
            clock=clock,
            faults=self._faults,
        )
        self._analyzer = RoleAnalyzer(
            self._faults, self._changed.set, one_at_a_time=one_at_a_time
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
        self.has_ended_access = False
        """True if the instance or its namespace is being deleted, and Argo CD has none
        of its bindings."""

    async def run(self) -> None:
        """Reconcile until the instance is deleted and its bindings are removed."""
        await self._store.wait_until_synced()
        with suppress(TimeoutError):
            # Until it is known who verified requesters, nothing is added.
            async with asyncio.timeout(OBSERVE_TIMEOUT):
                await self._verification.wait_until_observed()
        record = await self._wait_until_valid()
        if record is not None and record.instance is not None:
            self.uid, self._location = record.uid, record.instance.location
            rotation = self._start(
                "the token rotation",
                partial(self._rotator.run, self._instance, self._secret),
            )
            try:
                loop = asyncio.get_running_loop()
                opened_at = loop.time()
                while not await self._run_connected(self._location, rotation):
                    await asyncio.sleep(opened_at + RECONNECT_PAUSE - loop.time())
                    opened_at = loop.time()
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
                await self._report_invalid(record)
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
            on_change=self._retry_now,
        )
        tasks = [self._start("the watch of the token Secret", connection.run)]
        try:
            await connection.open()
            cluster = connection.cluster
            argocd = ArgoCD(cluster, location.namespace, self._changed.set)
            self._argocd = argocd
            self._permissions.record(self._instance())
            tasks += [
                *(
                    self._start(f"the watch of {one.collection.describe()}", one.run)
                    for one in argocd.informers
                ),
                self._start(
                    "the check of permissions", partial(self._permissions.run, cluster)
                ),
                self._start("the analysis of the roles", self._analyzer.run),
            ]
            with suppress(TimeoutError):
                async with asyncio.timeout(OBSERVE_TIMEOUT):
                    await argocd.wait_until_observed()
            return await self._loop(argocd, connection, [*tasks, rotation])
        finally:
            self._argocd = None
            await _cancel([*tasks, *([self._resync] if self._resync else [])])
            await self._writes.close()
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
        last: InstanceRecord | None = None
        while not any(task.done() for task in tasks):
            self._changed.clear()
            before, record = last, self._record()
            if record is None or record.uid != self.uid:
                if record is None and before is not None:
                    await self._remove_of_vanished(argocd, before)
                return True
            last = record
            if record.instance is not None:
                self._location = record.instance.location
                if connection.is_outdated(self._location):
                    return False
            if await self._take_turn(argocd, record):
                return True
        for task in tasks:
            if task.done():
                task.result()
        return False

    async def _remove_of_vanished(self, argocd: ArgoCD, last: InstanceRecord) -> None:
        """Remove the bindings of an instance that was deleted without its finalizer.

        Its finalizer was removed by hand, so nothing waits for this, and after some
        attempts the bindings are left to the sweep. A new instance of the same name
        takes them over.
        """
        if last.is_force_released or self.has_ended_access:
            return
        instance = last.instance
        if instance is not None:
            instance = replace(instance, being_deleted=True)
        record = replace(last, being_deleted=True, instance=instance)
        for _ in range(ATTEMPTS):
            try:
                await self._remove(argocd, record)
                if self._writes.is_empty:
                    return
                await self._writes.wait()
            except ClusterError as error:
                logger.warning("%s: %s", self._qualified_name, error)
                await self._backoff.wait()
            if self._store.instance(self._name) is not None:
                return

    async def _take_turn(self, argocd: ArgoCD, record: InstanceRecord) -> bool:
        """Reconcile once, and wait until it has to be done again.

        Returns:
            True if the instance is deleted and its bindings are removed.
        """
        began = asyncio.get_running_loop().time()
        self.has_ended_access = False
        try:
            result = await self._reconcile(argocd, record)
        except ClusterError as error:
            with self._faults.contain("the report of a failed request"):
                lasting = self._is_lasting(error)
                await self._report_failure(argocd, error, repeated=lasting)
            if record.is_force_released:
                return True
            await self._backoff.wait()
            return False
        except Exception as error:  # noqa: BLE001 - the last resort
            self._faults.record("a reconciliation", error)
            result = await self._remove_after_failure(argocd, record)
        took = asyncio.get_running_loop().time() - began
        if not result.is_complete:
            delay = self._backoff.next_delay()
            result = replace(result, wait=min(delay, result.wait or delay))
        elif not result.is_partial:
            self._backoff.reset()
            self._metrics.record_reconciliation(took, self._clock())
        seen = argocd.snapshot()
        has_no_binding = result.is_complete and _are_bindings_known(seen)
        self.has_ended_access = record.being_deleted and has_no_binding
        # A missing ConfigMap may be restored from a backup, with its bindings, so the
        # finalizer waits for it. If only the namespace of the instance is being
        # deleted, its grants are released meanwhile.
        is_clean = self.has_ended_access and seen.config_map is not None
        is_deleted = is_clean and self._is_being_deleted()
        if record.is_force_released or is_deleted:
            return True
        ended_at = asyncio.get_running_loop().time()
        await self._wait_until_due(result.wait)
        await self._debounce(argocd, record, took, ended_at)
        return False

    async def _reconcile(self, argocd: ArgoCD, record: InstanceRecord) -> "_Result":
        """Make Argo CD's policy equal to the grants that are in force.

        If something has changed since the state was gathered, what ends access is
        written first, by the decisions of before.
        """
        loop = asyncio.get_running_loop()
        is_current = self._planner.is_current(record, argocd.snapshot())
        if not is_current or self._has_failed:
            removed = await self._remove(argocd, record)
            if self._resume_at > loop.time():
                removed = await self._remove_by_last_state(argocd, record)
                wait = max(0.0, self._resume_at - loop.time())
                return replace(removed, wait=wait, is_partial=True)
        self._faults.begin()
        try:
            await self._decide(argocd, record)
        finally:
            if not is_current:
                # Everything that others have written was read.
                share = GATHER_SHARE / max(len(self._store.instances.objects), 1)
                self._resume_at = loop.time() + self._decided_in * (1 / share - 1)
        result = await self._converge(argocd, record)
        self._has_failed = False
        return result

    async def _remove_by_last_state(
        self, argocd: ArgoCD, record: InstanceRecord
    ) -> "_Result":
        """Decide again by the state of before, and write only what ends access.

        A denial ends access so, while nothing new can be gathered.
        """
        await self._decide(argocd, record, by_last_state=True)
        return await self._remove(argocd, record)

    async def _decide(
        self, argocd: ArgoCD, record: InstanceRecord, *, by_last_state: bool = False
    ) -> None:
        """Decide about every grant, in steps between which everything else goes on."""
        work = Stepwise(
            self._planner.decide(record, argocd.snapshot(), by_last_state=by_last_state)
        )
        try:
            await self._perform(work, argocd, record)
        finally:
            self._decided_in = work.seconds

    async def _perform(
        self, work: Stepwise[T], argocd: ArgoCD, record: InstanceRecord
    ) -> T:
        """Do long work in steps, and return its result.

        A namespace with many policies and grants takes long. After a part of a second,
        only one instance works at a time, for half of the time, and what ends access
        is written meanwhile.
        """
        remove_at = asyncio.get_running_loop().time()
        while work.seconds < UNDIVIDED_SECONDS:
            if work.advance():
                return work.result
            await asyncio.sleep(0)
        while True:
            async with self._work_lock:
                if await work.share_time():
                    return work.result
            remove_at = await self._remove_meanwhile(argocd, record, remove_at)

    async def _remove_meanwhile(
        self, argocd: ArgoCD, record: InstanceRecord, remove_at: float
    ) -> float:
        """Write what ends access, if a grant ends now or something has changed.

        Args:
            argocd: Argo CD's objects.
            record: The instance.
            remove_at: When to do so because of a change at the earliest.

        Returns:
            The next such time. Ends have whole seconds, so they never come too fast.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        has_changed = self._changed.is_set() and began >= remove_at
        if not has_changed and self._until_recheck() > 0:
            return remove_at
        try:
            await self._remove(argocd, record)
        except ClusterError as error:
            logger.warning("%s: %s", self._qualified_name, error)
        ended = loop.time()
        return ended + REMOVAL_PAUSE + 3 * (ended - began)

    async def _converge(self, argocd: ArgoCD, record: InstanceRecord) -> "_Result":
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._decide(argocd, record)
            seen = argocd.snapshot()
            planned = self._planner.plan(record, seen)
            planned = replace(
                planned, removed_before=self._removed, adding=self._writes.additions
            )
            planned = self._detect_contention(planned, seen)
            members = await self._write_members(argocd, record, planned)
            remove_key = _removes_key(record, planned) and planned.overlay_exists(seen)
            write_delay = None if remove_key else self._applier.write_delay(planned)
            try:
                if remove_key or (planned.has_work and write_delay is None):
                    await self._write_key(argocd, record, planned, seen)
            except Conflict:
                await argocd.refresh_config_map()
                continue
            if members.conflicts and attempt < ATTEMPTS - 1:
                continue
            if planned.is_moving:
                await asyncio.sleep(ARGOCD_WATCH_DELAY)
            failure = members.failure or self._writes.overdue
            if members.conflicts:
                failure = failure or Conflict(_changed_meanwhile(members.conflicts))
            planned = _with_obstacles(planned, members)
            await self._report(argocd, record, planned, failure)
            is_complete = failure is None and self._faults.finding is None
            is_complete = is_complete and self._writes.is_empty
            wait = members.no_later_than(write_delay)
            return _Result(wait=wait, is_complete=is_complete)
        raise Conflict(_changed_meanwhile(["argocd-rbac-cm"]))

    async def _remove(
        self, argocd: ArgoCD, record: InstanceRecord, *, alone: bool = False
    ) -> "_Result":
        """Write only what ends access; no ConfigMap or AppProject delays another.

        Raises:
            ClusterError: The ConfigMap could not be written.
        """
        for _ in range(ATTEMPTS):
            seen = argocd.snapshot()
            planned = self._planner.plan_removals(record, seen, alone=alone)
            failure, members = await asyncio.gather(
                self._write_key_removals(argocd, record, planned, seen),
                self._write_members(argocd, record, planned),
            )
            self._removed |= planned.removed
            if isinstance(failure, Conflict):
                await argocd.refresh_config_map()
            elif failure is not None:
                raise failure
            elif not members.conflicts:
                break
        if failure is not None:
            raise Conflict(_changed_meanwhile(["argocd-rbac-cm"]))
        has_failed = members.failures or members.conflicts or planned.failures
        return _Result(is_complete=not has_failed and self._writes.is_empty)

    async def _write_key_removals(
        self, argocd: ArgoCD, record: InstanceRecord, planned: Plan, seen: Snapshot
    ) -> ClusterError | None:
        """Write the managed key if that ends access; return why it failed."""
        remove_key = _removes_key(record, planned) and planned.overlay_exists(seen)
        try:
            if planned.is_urgent or remove_key:
                await self._write_key(argocd, record, planned, seen)
        except ClusterError as error:
            return error
        return None

    async def _write_members(
        self, argocd: ArgoCD, record: InstanceRecord, planned: Plan
    ) -> ProjectWriteResult:
        self._report_members(record, planned)
        result = await self._projects.write(argocd, planned)
        self._planner.remember_written(result.written)
        return result

    async def _remove_alone(self, argocd: ArgoCD, record: InstanceRecord) -> "_Result":
        """Write only what ends access, by the grants' own objects alone."""
        return await self._remove(argocd, record, alone=True)

    async def _remove_after_failure(
        self, argocd: ArgoCD, record: InstanceRecord
    ) -> "_Result":
        """Remove what is over, after a reconciliation has failed unexpectedly.

        First by the last decisions, then by each grant's own object alone.
        """
        result = _Result(is_complete=False)
        for remove in (self._remove_by_last_state, self._remove_alone):
            try:
                result = await remove(argocd, record)
                break
            except ClusterError as error:
                logger.warning("%s: %s", self._qualified_name, error)
                break
            except Exception as error:  # noqa: BLE001 - the last resort
                self._faults.record("the removal of bindings", error)
        await self._report_fault(argocd, record)
        pause = self._backoff.next_delay()
        now = asyncio.get_running_loop().time()
        self._has_failed = True
        self._resume_at = max(self._resume_at, now + pause)
        return replace(result, wait=self._resume_at - now, is_partial=True)

    async def _write_key(
        self, argocd: ArgoCD, record: InstanceRecord, planned: Plan, seen: Snapshot
    ) -> None:
        """Write the managed key, or remove it if the instance is being deleted.

        A slow write goes on in the background (``PendingWrites``).

        Raises:
            Conflict: The ConfigMap has changed since it was observed.
            ClusterError: The ConfigMap could not be written.
        """
        orphans = orphans_of(planned, self._decisions.all())
        with self._faults.contain("the report of bindings without a grant"):
            self._reporter.report_orphans(record, orphans, seen, self._clock())
        remove_key = _removes_key(record, planned)
        write = partial(
            self._applier.write,
            argocd,
            planned,
            seen,
            orphans=orphans,
            remove_key=remove_key,
        )
        adds = planned.overlay.to_add if planned.overlay else frozenset[Binding]()
        await self._writes.run(f"ConfigMap {CONFIG_MAP_NAME}", write, adds)

    def _report_members(self, record: InstanceRecord, planned: Plan) -> None:
        with self._faults.contain("the report of members and tokens"):
            self._reporter.report_members(record, planned, self._clock())

    async def _wait_until_due(self, write_delay: float | None) -> None:
        """Wait for a change, a delayed write, or a time at which a decision changes."""
        loop = asyncio.get_running_loop()
        write_due = float("inf") if write_delay is None else loop.time() + write_delay
        while True:
            write_wait = write_due - loop.time()
            seconds = min(LONGEST_SLEEP, self._until_recheck(), write_wait)
            is_set_back = self._clock() < self._decisions.decided_at
            may_decide = loop.time() >= self._resume_at
            is_overdue = may_decide and self._decisions.has_postponed
            if seconds <= 0 or is_set_back or is_overdue:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
                    return

    async def _debounce(
        self, argocd: ArgoCD, record: InstanceRecord, took: float, ended_at: float
    ) -> None:
        """Pause in proportion to the last reconciliation; removals go on meanwhile.

        Args:
            argocd: Argo CD's objects.
            record: The instance. The pause ends if it is deleted.
            took: Seconds of the last reconciliation.
            ended_at: Its end, in the time of the event loop.
        """
        loop = asyncio.get_running_loop()
        pause = min(3 * took, LONGEST_DEBOUNCE)
        if pause < LONGEST_DEBOUNCE:
            # Everything is decided again sooner than it takes to plan removals alone.
            await asyncio.sleep(max(0.0, min(pause, self._until_recheck())))
            return
        resume_at = max(loop.time() + pause, ended_at + min(3 * took, LONGEST_PAUSE))
        remove_at, latest = loop.time(), resume_at + took
        while self._is_being_deleted() is record.being_deleted:
            try:
                remove_at = await self._remove_meanwhile(argocd, record, remove_at)
            except Exception as error:  # noqa: BLE001 - the reconciliation comes now
                self._faults.record("the removal of bindings", error)
                return
            now, end_in = loop.time(), self._until_recheck()
            if end_in < took:
                # It would have to wait for the reconciliation.
                resume_at = min(max(resume_at, now + end_in + CLOCK_ROUNDING), latest)
            if resume_at <= now:
                return
            next_look = min(resume_at - now, REMOVAL_PAUSE, end_in)
            await asyncio.sleep(max(0.0, next_look))

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

    async def _report(
        self,
        argocd: ArgoCD,
        record: InstanceRecord,
        planned: Plan,
        failure: ClusterError | None,
    ) -> None:
        """Report a reconciliation, with the notes about grants that are known.

        The first report waits for the first analysis: otherwise, every start would
        report all grants twice.
        """
        if failure is not None:
            logger.warning("%s: %s", self._qualified_name, failure)
            if isinstance(failure, Forbidden):
                self._permissions.request_check()
        self._request_analysis()
        if self._analyzer.result is None:
            return
        notes = self._planner.add_notes(self._analyzer.result.analysis)
        await self._perform(Stepwise(notes), argocd, record)
        seen = argocd.snapshot()
        self._removed = frozenset()
        contentions = [self._applier.contention, *self._projects.contentions]
        contested = contested_finding(contentions)
        self._report_further_contentions(contentions)
        self._record_overdue(seen)
        self._metrics.observed(
            bindings=len(seen.overlay.bindings) if seen.overlay else 0,
            text_bytes=size_of(seen.config_map.data) if seen.config_map else 0,
            contested=contested is not None,
        )
        report = Stepwise(self._report_grants(planned, seen))
        self._metrics.grants(await self._perform(report, argocd, record))
        self._metrics.in_force(self._decisions.all())
        failures = self._connection.failures if self._connection is not None else ()
        self._returned = planned.returned
        self._report_instance(
            InstanceStatusInput(
                seen=seen,
                blocked=planned.blocked or planned.capacity_finding,
                contested=contested,
                clock_skew=self._home.clock_skew(),
                failures=(*failures, *self._store.failures()),
                error=failure,
            )
        )

    def _report_further_contentions(self, contentions: Sequence[Contention]) -> None:
        """Report a text that is contested while another one is already.

        The condition ``Contested``, which is True by then, causes no event.
        """
        now = {one.what: one.describe() for one in contentions if one.is_contested}
        record = self._record()
        if self._contested and record is not None:
            for what in now.keys() - self._contested:
                self._reporter.report_contested(record, now[what], self._clock())
        self._contested = frozenset(now)

    def _request_analysis(self) -> None:
        gathered = self._planner.gathered
        self._analyzer.request(gathered.roles if gathered is not None else None)

    async def _report_fault(self, argocd: ArgoCD, record: InstanceRecord) -> None:
        """Report an unexpected failure, with as little code as possible."""
        blocked = self._faults.finding
        with self._faults.contain("the metric of overdue bindings"):
            self._record_overdue(argocd.snapshot())
        with self._faults.contain("the report of the grants"):
            self._planner.replace_outdated()
            nothing = Plan(overlay=None, blocked=blocked, removed_before=self._removed)
            self._removed = frozenset()
            await perform(self._report_grants(nothing, argocd.snapshot()))
        with self._faults.contain("the report of the instance"):
            if blocked is not None:
                self._reporter.report_not_ready(record, blocked, self._clock())

    def _is_lasting(self, error: ClusterError) -> bool:
        """Return whether a retry has failed, or cannot succeed."""
        return self._backoff.has_failed or refusal_of(error).needs_a_change

    async def _report_failure(
        self, argocd: ArgoCD, error: ClusterError, *, repeated: bool
    ) -> None:
        """Report a failed reconciliation; grants report it if the next one fails."""
        logger.warning("%s: %s", self._qualified_name, error)
        seen = argocd.snapshot()
        self._record_overdue(seen)
        if repeated:
            record = self._record()
            if record is not None:
                await self._decide(argocd, record)
            nothing = Plan(overlay=None, blocked=NOT_RECONCILED)
            await perform(self._report_grants(nothing, seen))
        if isinstance(error, Forbidden):
            self._permissions.request_check()
        self._report_instance(InstanceStatusInput(seen=seen, error=error))

    async def _report_invalid(self, record: InstanceRecord) -> None:
        """Report that the instance was never valid: its location is unknown."""
        seen = Snapshot()
        await perform(self._planner.decide(record, seen))
        nothing = Plan(overlay=None, blocked=NOT_KNOWN)
        self._metrics.grants(await perform(self._report_grants(nothing, seen)))
        self._report_instance(InstanceStatusInput(seen=seen))

    def _report_grants(self, planned: Plan, seen: Snapshot) -> Steps[Mapping[str, int]]:
        """Report all grants; return their number by the reason of their condition."""
        return self._reporter.report_and_release_grants(
            self._decisions, planned, seen, self._clock(), self._faults
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
            returned=self._unacknowledged(record),
            fault=self._faults.finding,
            analysed=self._analyzer.result or NOT_ANALYSED,
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
            gathered=self._planner.gathered,
            now=self._clock(),
            last_write_at=self._applier.last_write_at,
        )

    def _unacknowledged(self, record: InstanceRecord) -> tuple[ReturnedMember, ...]:
        found = tuple(
            one for one in self._returned if one.id not in record.acknowledged
        )
        self._metrics.returned(sum(one.is_kept for one in found))
        return found

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
        if record is None:
            return None
        record = self._store.as_ending(record)
        if record.instance is None or self._location is None:
            return record
        if record.instance.location.key == self._location.key:
            return record
        return replace(record, instance=None, problem=LOCATION_CHANGED)

    def _is_being_deleted(self) -> bool:
        record = self._store.instance(self._name)
        return record is None or record.being_deleted

    def _instance(self) -> Instance | None:
        record = self._record()
        return record.instance if record is not None else None

    def _secret(self) -> ObservedSecret | None:
        return self._connection.secret if self._connection is not None else None

    def _start(
        self, what: str, work: Callable[[], Awaitable[None]]
    ) -> "asyncio.Task[None]":
        """Start a background task that is started again after every exception."""
        return asyncio.create_task(self._faults.keep_running(what, work))

    def _retry_now(self) -> None:
        """Retry at once: the Secret may have a new token, or a slow write has ended."""
        self._backoff.retry_now()
        self._changed.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """Result of one reconciliation."""

    wait: float | None = None
    """Seconds until more has to be written; None if nothing is delayed."""
    is_complete: bool = True
    """False if something failed and has to be tried again."""
    is_partial: bool = False
    """True if nothing but removals was written."""


def _changed_meanwhile(names: Iterable[str]) -> str:
    return f"{' and '.join(sorted(names))} changed {ATTEMPTS} times while written"


def _with_obstacles(planned: Plan, members: ProjectWriteResult) -> Plan:
    """Add why the bindings of projects that were not written are not changed."""
    unwritten = members.failures.keys() | members.conflicts
    bindings = (
        one.to_add | one.to_remove
        for one in planned.projects
        if one.project in unwritten
    )
    found = dict.fromkeys(frozenset[Binding]().union(*bindings), NOT_RECONCILED)
    return replace(planned, obstacles={**planned.obstacles, **found})


def _removes_key(record: InstanceRecord, planned: Plan) -> bool:
    """Return whether the managed key has to go, if it exists."""
    return record.being_deleted or planned.removes_key


def _are_bindings_known(seen: Snapshot) -> bool:
    """Return whether every object that may have bindings was read, or does not exist.

    A cluster without the kind AppProject has no bindings in AppProjects.
    """
    failed = {collection.resource: error for collection, error in seen.failures}
    text_is_known = seen.text_is_known and CONFIG_MAPS not in failed
    return (seen.config_map is not None or text_is_known) and (
        seen.projects_are_known or isinstance(failed.get(APP_PROJECTS), NotFound)
    )


async def _cancel(tasks: Sequence["asyncio.Task[None] | asyncio.Task[int]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
