"""Removal of the finalizer from deleted grants that are revoked.

The finalizer keeps a deleted AccessGrant until nothing of it is left in Argo CD, so
``kubectl delete`` returns when the access is gone:

    AccessGrant           Argo CD's policy     what happens next
    --------------------  -------------------  ------------------------------------
    no finalizer          no binding           the binding is written
    no finalizer          binding              the finalizer is written (see writer)
    finalizer             binding              ... until the grant is deleted
    finalizer, deleted    binding              the binding is removed
    finalizer, deleted    no binding           the finalizer is removed
    gone                  no binding

A grant that is deleted in the second state is gone at once. No grant accounts for its
binding any more, so the next reconciliation removes it.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.status.binding_state import BindingState
from argogrant.controller.status.writer import (
    FINALIZER,
    FinalizerChange,
    StatusWriter,
    status_update,
)
from argogrant.controller.store import Store

ARGOCD_WATCH_MARGIN: Final = 0.25
"""Seconds after an acknowledged write in which argocd-server's watch delivers it."""
RETRY_SECONDS: Final = 5.0


class FinalizerReleaser:
    """Removes the finalizers of the deleted grants of one namespace.

    Args:
        store: Cache of the grants.
        writer: Writes the finalizers.
    """

    def __init__(self, store: Store, writer: StatusWriter) -> None:
        self._store = store
        self._writer = writer
        self._released_at: dict[str, float] = {}

    def release(self, records: Iterable[GrantRecord], state: BindingState) -> None:
        """Remove the finalizer of every deleted grant that is revoked.

        Args:
            records: The grants of an instance.
            state: Bindings that its Argo CD has.
        """
        for record in records:
            if record.being_deleted and (
                record.force_release or _is_revoked(record, state)
            ):
                self._remove_finalizer(record)

    def is_releasing(self, record: GrantRecord) -> bool:
        """Return whether a grant is about to be gone, so its status is not written.

        A grant with the finalizer of another program stays.
        """
        return record.uid in self._released_at and record.finalizers == (FINALIZER,)

    def forget(self, uid: str) -> None:
        """Forget a grant that no longer exists."""
        self._released_at.pop(uid, None)

    def _remove_finalizer(self, record: GrantRecord) -> None:
        """Remove the finalizer after a margin; repeat it if the grant stays.

        The API server acknowledged the write that removed the binding, but
        argocd-server learns of it through its watch. Without the margin the object
        could be gone while argocd-server still allows the access.
        """
        loop = asyncio.get_running_loop()
        since = loop.time() - self._released_at.get(record.uid, float("-inf"))
        if since < RETRY_SECONDS:
            return
        self._released_at[record.uid] = loop.time()
        loop.call_later(ARGOCD_WATCH_MARGIN, self._submit, record)

    def _submit(self, record: GrantRecord) -> None:
        status = self._writer.pending_or_stored(record.path, record.status)
        change = FinalizerChange(wanted=False, finalizers=record.finalizers)
        self._writer.submit(
            status_update(
                record, status, written=self._store.grants.upsert, finalizer=change
            )
        )


def _is_revoked(record: GrantRecord, state: BindingState) -> bool:
    decision = state.decisions.get(record.uid)
    return state.is_confirmed and state.is_gone(decision)
