"""Deleted grants: held until nothing of them is left in Argo CD, then let go."""

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
"""Seconds after the acknowledged write in which argocd-server's watch has followed."""
RETRY_SECONDS: Final = 5.0


class FinalizerReleaser:
    """Lets the deletions of one namespace finish.

    Args:
        store: Where the grants are known.
        writer: Removes their finalizers.
    """

    def __init__(self, store: Store, writer: StatusWriter) -> None:
        self._store = store
        self._writer = writer
        self._let_go_at: dict[str, float] = {}

    def release(self, records: Iterable[GrantRecord], standing: BindingState) -> None:
        """Let go of every deleted grant of which nothing is left.

        Args:
            records: The grants of an instance.
            standing: What its Argo CD has of them.
        """
        for record in records:
            if record.being_deleted and (
                record.force_release or _is_certainly_gone(record, standing)
            ):
                self._remove_finalizer(record)

    def is_releasing(self, record: GrantRecord) -> bool:
        """Tell whether a grant vanishes at once, so that nothing is to be said of it.

        One that somebody else keeps does not.
        """
        return record.uid in self._let_go_at and record.finalizers == (FINALIZER,)

    def forget(self, uid: str) -> None:
        """Forget a grant that is gone."""
        self._let_go_at.pop(uid, None)

    def _remove_finalizer(self, record: GrantRecord) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time() - self._let_go_at.get(record.uid, float("-inf"))
        if since < RETRY_SECONDS:
            return
        self._let_go_at[record.uid] = loop.time()
        loop.call_later(ARGOCD_WATCH_MARGIN, self._submit, record)

    def _submit(self, record: GrantRecord) -> None:
        current = self._writer.pending_or_stored(record.path, record.status)
        hold = FinalizerChange(wanted=False, finalizers=record.finalizers)
        self._writer.submit(
            status_update(record, current, written=self._store.grants.upsert, hold=hold)
        )


def _is_certainly_gone(record: GrantRecord, standing: BindingState) -> bool:
    decision = standing.decisions.get(record.uid)
    return standing.is_confirmed and standing.is_gone(decision)
