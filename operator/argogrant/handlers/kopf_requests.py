"""kopf's requests, which survive a broken answer of the API server.

kopf ends the whole operator if an answer is no JSON or lacks a field, or if a watch
delivers any ERROR event but 410; an API server that restarts, or a proxy, does that.
The reconcile loops run in the same process, and no end of a grant may wait until it is
started again. kopf has no setting for this, so two functions of its client are wrapped:

    get      an answer that cannot be used is requested again
    stream   an event that cannot be used ends the watch, and kopf opens another

Source: nolar/kopf 1.45, ``_cogs/clients/api.py`` and ``watching.py``
(``continuous_watch``: "Other watch errors should be fatal for the operator").
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import chain, repeat
from typing import Final

from kopf._cogs.clients import api

from argogrant.kube.errors import BROKEN_ANSWERS

REQUIRED: Final = {"/api": "versions", "/apis": "groups"}
"""Lists that kopf expects in its discovery, by path."""
PAUSE_SECONDS: Final = 1.0
"""Pause before a watch is opened again; kopf itself does not wait."""
GONE: Final = 410

logger = logging.getLogger(__name__)
_get: Callable[..., Awaitable[object]] = api.get
_stream: Callable[..., AsyncIterator[object]] = api.stream


class Backoffs:
    """Seconds between the attempts of one request, which never give up."""

    def __iter__(self) -> Iterator[float]:
        """Return new delays."""
        return chain((1, 1, 2, 3), repeat(5))


def survive_broken_answers() -> None:
    """Wrap the two functions of kopf's client."""
    api.get, api.stream = get, stream


async def get(url: str, **options: object) -> object:
    """Request until the answer can be used."""
    for seconds in Backoffs():
        try:
            answer = await _get(url, **options)
        except BROKEN_ANSWERS:
            answer = None
        if _is_usable(url, answer):
            break
        logger.warning("GET %s was answered with no usable JSON.", url)
        await asyncio.sleep(seconds)
    return answer


async def stream(url: str, **options: object) -> AsyncIterator[object]:
    """Yield the events of a watch up to one that cannot be used.

    Raises:
        TimeoutError: There was one; kopf opens the watch again.
    """
    try:
        async for event in _stream(url, **options):
            if not _is_event(event):
                break
            yield event
        else:
            return
    except BROKEN_ANSWERS:
        pass
    logger.warning("GET %s sent an event that cannot be used.", url)
    await asyncio.sleep(PAUSE_SECONDS)
    raise TimeoutError(url)


def _is_usable(url: str, answer: object) -> bool:
    if not isinstance(answer, dict):
        return False
    items = answer.get("items", [])
    has_required = isinstance(answer.get(REQUIRED.get(url, ""), []), list)
    return has_required and isinstance(items, list) and all(map(_is_object, items))


def _is_object(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("metadata"), dict)


def _is_event(event: object) -> bool:
    match event:
        case {"type": "ERROR", "object": {"code": code}}:
            return bool(code == GONE)
        case {"type": str(kind), "object": item}:
            return kind != "ERROR" and _is_object(item)
    return False
