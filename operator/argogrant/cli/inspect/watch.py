"""Changes of a printed list, as of ``kubectl get --watch``."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import typer

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.inspect.grant_table import GrantFilter, ListedGrant, select_grants
from argogrant.cli.terminal.tables import sanitize
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import Collection


class PrintedGrants:
    """The printed grants that still pass the filter.

    A printed grant is printed once more when it ends or is deleted, because a watching
    user waits for that; after that it is forgotten.
    """

    def __init__(self, grant_filter: GrantFilter) -> None:
        self._filter = grant_filter
        self._grants: dict[str, AccessGrantView] = {}

    @property
    def grants(self) -> Sequence[AccessGrantView]:
        """Printed grants that have neither ended nor been deleted."""
        return list(self._grants.values())

    def start(self, bodies: Sequence[Body]) -> list[ListedGrant]:
        """Select the grants of the first list."""
        selected = select_grants(bodies, self._filter)
        self._grants = {one.view.uid: one.view for one in selected}
        return selected

    def record(self, changed: ListedGrant) -> bool:
        """Record a change, and return whether to print it."""
        uid = changed.view.uid
        was_printed = self._grants.pop(uid, None) is not None
        matches = not changed.is_deleted and self._filter.matches(changed.view)
        if matches:
            self._grants[uid] = changed.view
        return matches or was_printed


@asynccontextmanager
async def watch_grants(
    cluster: Cluster, collection: Collection
) -> AsyncIterator[tuple[list[Body], AsyncIterator[ListedGrant]]]:
    """Yield the objects that exist, and an iterator over every later change.

    If the watch breaks, it is opened again after a message on stderr.

    Raises:
        ClusterError: The first list failed, or a later one is forbidden.
    """
    changes: asyncio.Queue[ListedGrant | None] = asyncio.Queue()

    def enqueue(before: Body | None, after: Body | None) -> None:
        body = after or before
        changes.put_nowait(
            ListedGrant(body, view_grant(body), is_deleted=after is None)
            if body
            else None
        )

    informer: Informer[Body] = Informer(
        cluster, collection, read=lambda body: body, on_change=enqueue
    )
    task = asyncio.create_task(informer.run())
    try:
        await informer.attempted.wait()
        if informer.error is not None:
            raise informer.error
        bodies = list(informer.objects.values())
        # The first list also calls on_change, once for each object.
        while not changes.empty():
            changes.get_nowait()
        yield bodies, _iterate(informer, changes)
    finally:
        await stop(task)


async def _iterate(
    informer: Informer[Body], changes: "asyncio.Queue[ListedGrant | None]"
) -> AsyncIterator[ListedGrant]:
    while True:
        change = await changes.get()
        if change is not None:
            yield change
        elif isinstance(informer.error, Forbidden):
            raise informer.error
        elif informer.error is not None:
            typer.echo(f"{sanitize(str(informer.error))}; retrying", err=True)
