"""Counting what the operator writes, as the API server saw it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from argogrant.argocd.policy_csv import OVERLAY_KEY
from bench.clients import API, CONFIG_MAP, CONFIG_MAPS, Body

_REQUESTS = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<count>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITES = {"PATCH", "PUT", "APPLY", "DELETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the ConfigMap, as a watch saw it."""

    at: float
    """Wall-clock time at which the event had been read here."""
    names: frozenset[str]
    """The subjects of the marked batch that have a line."""

    @property
    def marked(self) -> int:
        """How many lines are about the marked batch."""
        return len(self.names)


class ConfigMapWatch:
    """Every version of ``argocd-rbac-cm`` since the watch began; each is one write."""

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self._arrived = asyncio.Condition()

    async def add(self, version: Version) -> None:
        """Record a version that was just read."""
        async with self._arrived:
            self.versions.append(version)
            self._arrived.notify_all()

    def writes(self, begin: float, end: float) -> int:
        """Count the versions that appeared between two instants."""
        return sum(begin <= version.at <= end for version in self.versions)

    def writes_at(self, *, since: float) -> list[float]:
        """Say when the versions since an instant appeared."""
        return [version.at for version in self.versions if version.at >= since]

    def first_without(self, name: str, *, since: float) -> float:
        """Find when one of the marked batch first had no line any longer."""
        found = (v.at for v in self.versions if v.at >= since and name not in v.names)
        return next(found, float("inf"))

    def first(self, marked: int, *, since: float) -> float | None:
        """Find when the ConfigMap first had so many lines about the marked batch."""
        found = (v.at for v in self.versions if v.at >= since and v.marked == marked)
        return next(found, None)

    async def wait_for(self, marked: int, *, since: float, within: float) -> float:
        """Wait until the ConfigMap has so many lines about the marked batch.

        Returns:
            When it first had them.

        Raises:
            TimeoutError: It has not.
        """
        async with asyncio.timeout(within), self._arrived:
            while (found := self.first(marked, since=since)) is None:
                await self._arrived.wait()
        return found


@asynccontextmanager
async def watching(api: API, batch: str) -> AsyncIterator[ConfigMapWatch]:
    """Watch the ConfigMap for the length of a block; a batch is what is counted."""
    seen = ConfigMapWatch()
    version = (await api.get(CONFIG_MAP))["metadata"]["resourceVersion"]

    line = re.compile(rf"^g, ({batch}-\d+),", re.MULTILINE)

    async def follow() -> None:
        path = f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Dargocd-rbac-cm"
        async for event in api.watch(path, version):
            names = frozenset(line.findall(overlay_of(event["object"])))
            await seen.add(Version(at=time.time(), names=names))

    following = asyncio.create_task(follow())
    try:
        yield seen
        if following.done():  # it must not end before the block does
            following.result()
            raise RuntimeError("the watch of argocd-rbac-cm ended: measure again")
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def overlay_of(config_map: Body) -> str:
    """Read the operator's key of the ConfigMap."""
    text: str = (config_map.get("data") or {}).get(OVERLAY_KEY, "")
    return text


def grant_writes(metrics: str) -> int:
    """Sum up the writes of AccessGrants, their creations (which are ours) apart."""
    total = 0.0
    for line in metrics.splitlines():
        found = _REQUESTS.match(line)
        if found is None:
            continue
        labels = dict(_LABEL.findall(found["labels"]))
        if labels["resource"] == "accessgrants" and labels["verb"] in _WRITES:
            total += float(found["count"])
    return int(total)
