"""Background writer of the status of argogrant's objects, and of their finalizers.

The finalizer keeps a deleted AccessGrant until nothing of it is left in Argo CD, so
``kubectl delete`` returns when the access is gone. It is written before the binding: an
object that cannot carry it could be neither deleted nor revoked, and is never bound.
The same patch writes the record (``grants/model/record.py``), without which a copy of
the object would get new time; a binding waits for both.

    AccessGrant           Argo CD's policy     what happens next
    --------------------  -------------------  ------------------------------------
    no finalizer          no binding           the finalizer is written
    finalizer             no binding           the binding is written
    finalizer             binding              ... until the grant ends
    no finalizer          binding              the finalizer is written again
    finalizer refused     any                  the binding is removed: NotRecordable
    finalizer, deleted    binding              the binding is removed
    finalizer, deleted    no binding           the finalizer is removed
    gone                  no binding

The fourth state is that of a grant whose finalizer was removed by hand. If it is
deleted then, it is gone at once. No grant accounts for its binding any more, so the
next reconciliation removes it.

A binding waits for its finalizer only, so finalizers are written before all statuses. A
removal waits for nothing:

    AccessGrant at version 7
      PATCH metadata             (uid, version 7)  ->  version 8
      PATCH argocd-rbac-cm       shared by the grants of a burst
      PATCH status               (uid, version 8)  ->  version 9

Objects that cannot be written do not delay the others (``write_queue``).

Each patch names the uid and the version that it was made for. If another writer was
faster, the API server answers 409; the object is read again, and the patch repeated.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from argogrant.api.accessgrant import FINALIZER
from argogrant.api.json_fields import get_texts
from argogrant.controller.permissions import remedy_for
from argogrant.controller.status.write_queue import Urgency, WriteQueue
from argogrant.controller.store import GrantRecord, Record
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
)
from argogrant.kube.refusals import refusal_of

ATTEMPTS: Final = 5
ARGOCD_WATCH_MARGIN: Final = 0.25
"""Seconds after an acknowledged write in which argocd-server's watch delivers it."""
RELEASE_RETRY_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizerChange:
    """Addition or removal of the finalizer, and what is written with it."""

    wanted: bool
    finalizers: tuple[str, ...]
    """All finalizers that the object has."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Missing labels that are added with the finalizer."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations that are missing or differ: the record."""
    is_awaited: bool = False
    """True if a binding is added as soon as this is written."""

    @property
    def is_applied(self) -> bool:
        """True if the object has the wanted finalizer, labels and annotations."""
        has_finalizer = (FINALIZER in self.finalizers) is self.wanted
        return has_finalizer and not (self.labels or self.annotations)

    @property
    def is_optional(self) -> bool:
        """True if the finalizer stays as it is, and nothing waits for the rest."""
        return (FINALIZER in self.finalizers) is self.wanted and not self.is_awaited

    def patch(self) -> Body:
        """Return the merge patch; it keeps the finalizers of other programs."""
        maps = {"labels": self.labels, "annotations": self.annotations}
        metadata: Body = {key: dict(texts) for key, texts in maps.items() if texts}
        if (FINALIZER in self.finalizers) is not self.wanted:
            others = [name for name in self.finalizers if name != FINALIZER]
            metadata["finalizers"] = [*others, FINALIZER] if self.wanted else others
        return {"metadata": metadata}


@dataclass(frozen=True, slots=True)
class _Update:
    """Desired status of one object, and the change of its finalizer."""

    record: Record
    """The object as observed. Each patch names its uid and version: another object with
    the same name or a newer version is not written."""
    new: dict[str, Any]
    written: Callable[[Body], object]
    finalizer: FinalizerChange | None
    refused: Callable[[str], object]

    @property
    def urgency(self) -> Urgency:
        """Urgency of the most urgent part."""
        if self.finalizer is None or self.finalizer.is_applied:
            return Urgency.STATUS
        if self.finalizer.is_optional:
            return Urgency.STATUS
        return Urgency.FINALIZER if self.finalizer.wanted else Urgency.RELEASE

    def patch(self) -> Body:
        """Return the merge patch from the old status to the new one."""
        removed = {key: None for key in self.record.status if key not in self.new}
        return {"metadata": {}, "status": {**removed, **self.new}}


class StatusWriter:
    """Writes updates in the background; a newer update replaces a pending one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue = WriteQueue(self._write_pending)
        self._pending: dict[str, _Update] = {}
        self._released_at: dict[str, float] = {}
        """By uid: when the removal of the finalizer was scheduled."""

    def is_pending(self, record: Record) -> bool:
        """Return whether an update of an object is queued or being written."""
        return record.path in self._pending

    def pending_or_stored(self, record: Record) -> dict[str, Any]:
        """Return the status of an object once everything is written."""
        pending = self._pending.get(record.path)
        return pending.new if pending is not None else record.status

    def submit(
        self,
        record: Record,
        new: dict[str, Any],
        *,
        written: Callable[[Body], object],
        finalizer: FinalizerChange | None = None,
        refused: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Queue an update of an object, unless it changes nothing.

        ``written`` receives the object after each write, and ``refused`` the answer of
        the API server if it will never accept the finalizer on this object.
        """
        is_applied = finalizer is None or finalizer.is_applied
        if is_applied and self.pending_or_stored(record) == new:
            return
        update = _Update(record, new, written, finalizer, refused)
        self._pending[record.path] = update
        self._queue.put(record.path, update.urgency)

    def release(self, record: GrantRecord, written: Callable[[Body], object]) -> None:
        """Remove the finalizer after a margin; repeat it if the grant stays.

        The API server acknowledged the write that removed the binding, but
        argocd-server learns of it through its watch. Without the margin the object
        could be gone while argocd-server still allows the access.
        """
        loop = asyncio.get_running_loop()
        since = loop.time() - self._released_at.get(record.uid, float("-inf"))
        if since >= RELEASE_RETRY_SECONDS:
            self._released_at[record.uid] = loop.time()
            loop.call_later(ARGOCD_WATCH_MARGIN, self._release, record, written)

    def _release(self, record: GrantRecord, written: Callable[[Body], object]) -> None:
        change = FinalizerChange(wanted=False, finalizers=record.finalizers)
        status = self.pending_or_stored(record)
        self.submit(record, status, written=written, finalizer=change)

    def is_releasing(self, record: GrantRecord) -> bool:
        """Return whether a grant is about to be gone, so its status is not written.

        A grant with the finalizer of another program stays.
        """
        return record.uid in self._released_at and record.finalizers == (FINALIZER,)

    def forget(self, uid: str) -> None:
        """Forget a grant that no longer exists."""
        self._released_at.pop(uid, None)

    async def run(self) -> None:
        """Write updates until cancelled."""
        await self._queue.run()

    async def _write_pending(self, path: str) -> bool:
        """Write what is pending for an object; return whether it is written or futile.

        A permission may be granted later, and the API server may be available again.
        """
        update = self._pending[path]
        try:
            await self._write(update)
        except (Forbidden, Unavailable):
            return False
        if self._pending[path] is update:
            del self._pending[path]
        return True

    async def _write(self, update: _Update) -> None:
        record = update.record
        try:
            version = record.version
            if update.finalizer is not None:
                version = await self._write_metadata(update, update.finalizer)
            if update.new != record.status:
                await self._patch(update, lambda _: update.patch(), version, "/status")
        except (NotFound, Conflict):
            pass  # The object is gone, or another object has its name.
        except Unavailable as error:
            if not _is_refusal(error):
                raise
            logger.warning("%s cannot be written: %s", record.path, error)
        except Forbidden as error:
            message = f"{with_full_stop(str(error))} {remedy_for(error)}"
            logger.warning("%s cannot be written yet: %s", record.path, message)
            raise
        except ClusterError as error:
            logger.warning("%s cannot be written: %s", record.path, error)

    async def _write_metadata(self, update: _Update, change: FinalizerChange) -> str:
        """Write finalizer and record; return the object's version after that.

        If the object already has the finalizer, and the API server refuses the rest,
        the status is written anyway.
        """
        try:
            return await self._change_finalizer(update, change)
        except ClusterError as error:
            if change.is_optional and _is_refusal(error):
                path = update.record.path
                logger.warning("The record of %s is refused: %s", path, error)
                return update.record.version
            if change.wanted and _is_refusal(error):
                update.refused(str(error))
            raise

    async def _change_finalizer(self, update: _Update, change: FinalizerChange) -> str:
        """Add or remove the finalizer; return the object's version after that.

        The object may be deleted at the same time. The API server decides the race:

            finalizer first    the deletion waits for the revocation
            deletion first     404: the object is gone, nothing is left to write;
                               409: a finalizer of another program keeps the object,
                               but a deleted object accepts no new finalizer
        """

        def patch_of(metadata: Body | None) -> Body | None:
            current = change
            if metadata is not None:
                finalizers = tuple(metadata.get("finalizers") or ())
                current = replace(change, finalizers=finalizers)
                if change.is_optional:
                    current = replace(current, wanted=FINALIZER in finalizers)
                if change.wanted and "deletionTimestamp" in metadata:
                    return None
            return None if current.is_applied else current.patch()

        record = update.record
        if isinstance(record, GrantRecord) and record.has_more_finalizers:
            metadata = (await self._cluster.get(record.path))["metadata"]
            change = replace(change, finalizers=get_texts(metadata, "finalizers"))
            record = replace(record, version=metadata["resourceVersion"])
        return await self._patch(update, patch_of, record.version)

    async def _patch(
        self,
        update: _Update,
        patch_of: Callable[[Body | None], Body | None],
        version: str,
        subresource: str = "",
    ) -> str:
        """Patch an object, and again if another writer changed it in between.

        ``patch_of`` returns the patch, or None if there is nothing to write. It gets
        the metadata of the object if it had to be read again.

        Raises:
            Conflict: Another object has its name.
            Unavailable: Every attempt conflicted.
        """
        metadata: Body | None = None
        path, uid = update.record.path, update.record.uid
        for _ in range(ATTEMPTS):
            patch = patch_of(metadata)
            if patch is None:
                return version
            patch["metadata"] |= {"uid": uid, "resourceVersion": version}
            try:
                body = await self._cluster.merge_patch(path + subresource, patch)
            except Conflict:
                metadata = (await self._cluster.get(path))["metadata"]
                if metadata["uid"] != uid:
                    raise
                version = metadata["resourceVersion"]
            else:
                update.written(body)
                return str(body["metadata"]["resourceVersion"])
        raise Unavailable(f"{path} was changed {ATTEMPTS} times during the write")


def _is_refusal(error: ClusterError) -> bool:
    """Return whether the API server will refuse the same change again."""
    return refusal_of(error).needs_a_change
