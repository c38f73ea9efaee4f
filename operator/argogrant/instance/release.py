"""Deleted grants: held until nothing of them is left in Argo CD, then let go."""

import asyncio
from typing import Final

from argogrant.grants.decide import Holding
from argogrant.instance.argocd import Snapshot
from argogrant.instance.decisions import Decisions
from argogrant.instance.records import GrantRecord
from argogrant.instance.status import Hold, Report, Writer
from argogrant.instance.store import Store
from argogrant.kube.resources import ACCESS_GRANTS

ARGOCD_WATCH_MARGIN: Final = 0.25
"""Seconds after the acknowledged write in which argocd-server's watch has followed."""
RETRY_SECONDS: Final = 5.0


class Releases:
    """Lets the deletions of one namespace finish.

    Args:
        store: Where the grants are known.
        writer: Removes their finalizers.
    """

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._let_go_at: dict[str, float] = {}

    def release(
        self, decisions: Decisions, seen: Snapshot, *, is_certain: bool
    ) -> None:
        """Let go of every deleted grant of which nothing is left.

        Args:
            decisions: What every grant of an instance wants.
            seen: What its Argo CD has.
            is_certain: Whether what is seen is what Argo CD goes by.
        """
        deleted = [r for r in decisions.records.values() if r.being_deleted]
        if not deleted:
            return
        overlay = seen.config_map.overlay if seen.config_map else None
        left = (overlay.bindings if overlay else frozenset()) - {
            decision.grant.binding
            for decision in decisions.all()
            if decision.holding is not Holding.RELEASE
        }
        for record in deleted:
            decision = decisions.of(record.uid)
            is_gone = decision is None or decision.grant.binding not in left
            if record.abandoned or (is_gone and is_certain):
                self._let_go(record)

    def forget(self, uid: str) -> None:
        """Forget a grant that is gone."""
        self._let_go_at.pop(uid, None)

    def _let_go(self, record: GrantRecord) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time() - self._let_go_at.get(record.uid, float("-inf"))
        if since < RETRY_SECONDS:
            return
        self._let_go_at[record.uid] = loop.time()
        loop.call_later(ARGOCD_WATCH_MARGIN, self._submit, record)

    def _submit(self, record: GrantRecord) -> None:
        self._writer.submit(
            Report(
                path=ACCESS_GRANTS.path(record.namespace, record.name),
                uid=record.uid,
                version=record.version,
                old=record.status,
                new=record.status,
                written=self._store.grants.note,
                hold=Hold(wanted=False, finalizers=record.finalizers),
            )
        )
