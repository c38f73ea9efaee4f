"""A whole collection, however many pages it has."""

from collections.abc import AsyncIterator

from argogrant.kube.client import Body, Cluster
from argogrant.kube.resources import Collection


async def listed(cluster: Cluster, collection: Collection) -> AsyncIterator[Body]:
    """Read every object of a collection, page by page.

    Raises:
        ClusterError: A page could not be read.
    """
    page = ""
    while True:
        listing = await cluster.list(collection, page)
        for body in listing.items:
            yield body
        page = listing.next_page
        if not page:
            return
