"""AccessGrants: kopf opens their namespace, and holds deleted ones until revoked."""

import asyncio
from typing import Any, Final

import kopf

GRANTS: Final = ("argogrant.dev", "v1alpha1", "accessgrants")
ARGOCD_WATCH_MARGIN: Final = 0.25
"""Seconds after the acknowledged write in which argocd-server's watch has followed."""

LONGEST_WAIT: Final = 5.0


@kopf.on.event(*GRANTS)
async def notice(*, namespace: str | None, memo: kopf.Memo, **_: Any) -> None:  # noqa: ANN401
    """Open the namespace of a grant; its store has watches of its own."""
    memo.rooms.of(namespace)


@kopf.on.delete(*GRANTS)
async def revoke(
    *,
    namespace: str | None,
    uid: str,
    memo: kopf.Memo,
    **_: Any,  # noqa: ANN401
) -> None:
    """Hold a deleted grant until its revocation was acknowledged."""
    while True:
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await memo.rooms.of(namespace).wait_for_release(uid)
        except TimeoutError:
            continue  # ask again: the namespace may have been opened anew
        await asyncio.sleep(ARGOCD_WATCH_MARGIN)
        return
