"""A list that goes on: what changes after it, as of ``kubectl get --watch``."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import typer

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.inspect.grant_table import GrantFilter, chosen
from argogrant.cli.terminal.tables import sanitize
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import Collection


class GrantEvent(NamedTuple):
    """An object as it is now, or as it was before it was deleted."""

    body: Body
    is_gone: bool


class Follower:
    """Chooses what is told of a list that goes on.

    What was told of is told of once more when it is over or deleted: that is what
    somebody who follows a list waits for.
    """

    def __init__(self, wanted: GrantFilter) -> None:
        self._wanted = wanted
        self._told: dict[str, AccessGrantView] = {}

    @property
    def told(self) -> Sequence[AccessGrantView]:
        """What was told of and is neither over nor deleted."""
        return list(self._told.values())

    def begin(self, bodies: Sequence[Body]) -> list[tuple[Body, AccessGrantView]]:
        """Choose from what is there."""
        pairs = chosen(bodies, self._wanted)
        self._told = {grant.uid: grant for _, grant in pairs}
        return pairs

    def take(self, change: GrantEvent) -> AccessGrantView | None:
        """Read a grant that is to be told of; None if it is not."""
        grant = view_grant(change.body)
        is_wanted = not change.is_gone and self._wanted.includes(grant)
        was_told = self._told.pop(grant.uid, None) is not None
        if is_wanted:
            self._told[grant.uid] = grant
        return grant if is_wanted or was_told else None


@asynccontextmanager
async def following(
    cluster: Cluster, collection: Collection
) -> AsyncIterator[tuple[list[Body], AsyncIterator[GrantEvent]]]:
    """Give the objects that are there, and then every change.

    A watch that breaks is opened again, and that is said on stderr.

    Raises:
        ClusterError: The objects could not be listed at first, or no more.
    """
    news: asyncio.Queue[GrantEvent | None] = asyncio.Queue()

    def note(before: Body | None, after: Body | None) -> None:
        body = after or before
        news.put_nowait(GrantEvent(body, is_gone=after is None) if body else None)

    reflector: Informer[Body] = Informer(
        cluster, collection, read=lambda body: body, on_change=note
    )
    task = asyncio.create_task(reflector.run())
    try:
        await reflector.attempted.wait()
        if reflector.error is not None:
            raise reflector.error
        there = list(reflector.objects.values())
        while not news.empty():
            news.get_nowait()  # how it came to be there
        yield there, _changes(reflector, news)
    finally:
        await stop(task)


async def _changes(
    reflector: Informer[Body], news: "asyncio.Queue[GrantEvent | None]"
) -> AsyncIterator[GrantEvent]:
    while True:
        change = await news.get()
        if change is not None:
            yield change
        elif isinstance(reflector.error, Forbidden):
            raise reflector.error
        elif reflector.error is not None:
            typer.echo(f"{sanitize(str(reflector.error))}; asked again", err=True)
