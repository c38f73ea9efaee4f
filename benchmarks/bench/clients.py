"""The API server and argocd-server, asked over connections that stay open."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from controlplane.people import NOBODY
from controlplane.plane import ControlPlane

Body = dict[str, Any]

READ_BUFFER = 2**21
"""Bytes; one event of a watch holds the whole ConfigMap, and is one line."""
CONCURRENCY = 20
QUESTION = quote("team-a/shop", safe="")
CONFIG_MAP = "/api/v1/namespaces/argocd/configmaps/argocd-rbac-cm"
CONFIG_MAPS = "/api/v1/namespaces/argocd/configmaps"
GRANTS = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants"


class API:
    """The API server, as its admin."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trusted = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._session = aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(
                ssl=ssl.create_default_context(cadata=trusted)
            ),
            headers={"Authorization": f"Bearer {user['token']}"},
            read_bufsize=READ_BUFFER,
            timeout=aiohttp.ClientTimeout(total=60),
        )

    async def get(self, path: str) -> Body:
        """Read an object or a list."""
        return await self._ask("GET", path)

    async def create(self, path: str, bodies: list[Body]) -> None:
        """Create objects, many at a time."""
        places = asyncio.Semaphore(CONCURRENCY)

        async def one(body: Body) -> None:
            async with places:
                await self._ask("POST", path, body)

        await asyncio.gather(*map(one, bodies))

    async def delete(self, path: str) -> None:
        """Delete an object, or the objects that a selector names."""
        await self._ask("DELETE", path)

    async def patch(self, path: str, body: Body) -> Body:
        """Merge into an object."""
        return await self._ask("PATCH", path, body, kind="application/merge-patch+json")

    async def watch(self, path: str, version: str) -> AsyncIterator[Body]:
        """Follow a collection for ever, from a resource version."""
        timeout = aiohttp.ClientTimeout(total=None)
        url = f"{path}&watch=true&resourceVersion={version}&timeoutSeconds=86400"
        async with self._session.get(URL(url, encoded=True), timeout=timeout) as answer:
            async for line in answer.content:
                yield json.loads(line)

    async def metrics(self) -> str:
        """Read what the API server counted."""
        async with self._session.get("/metrics") as answer:
            return await answer.text()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        kind: str = "application/json",
    ) -> Body:
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method,
            URL(path, encoded=True),
            data=data,
            headers={"Content-Type": kind},
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            parsed: Body = json.loads(text)
            return parsed


class Judge:
    """argocd-server, asked about members of any SSO group."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._session = aiohttp.ClientSession(plane.argocd.url)

    async def allows(self, group: str) -> bool:
        """Ask whether a member of this group may sync an application."""
        token = self._plane.argocd.token(NOBODY, groups=[group])
        return await self._answer(token)

    async def first(
        self, group: str, *, allowed: bool, within: float, pause: float = 0
    ) -> float:
        """Ask until it answers so; give the wall-clock time of that answer.

        Raises:
            TimeoutError: It never did.
        """
        token = self._plane.argocd.token(NOBODY, groups=[group])
        deadline = time.time() + within
        while await self._answer(token) is not allowed:
            if time.time() > deadline:
                word = "yes" if allowed else "no"
                raise TimeoutError(f"no {word} for {group} within {within:.0f} s")
            await asyncio.sleep(pause)
        return time.time()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _answer(self, token: str) -> bool:
        path = f"/api/v1/account/can-i/applications/sync/{QUESTION}"
        async with self._session.get(
            URL(path, encoded=True), headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            value = (await answer.json())["value"]
        return bool(value == "yes")


class Clients:
    """Both, for the length of a block."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def __aenter__(self) -> Self:
        """Open the connections."""
        self.api = API(self._plane.kubeconfig())
        self.judge = Judge(self._plane)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.judge.close()
        await self.api.close()
