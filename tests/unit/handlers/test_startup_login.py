"""kopf's own requests, which use the credential of the process."""

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web

from argogrant.handlers.startup import log_in
from argogrant.kube.api_server import ApiServer
from argogrant.kube.credentials import Credential
from argogrant.kube.errors import CredentialUnavailable
from support.hostile_api_server import serving


class Rotating:
    """Source of credentials with another token after each rejection."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    async def current(self) -> Credential:
        if not self.tokens:
            raise CredentialUnavailable("the exec plugin failed.")
        return Credential(f"Bearer {self.tokens[0]}")

    async def renew(self, rejected: Credential) -> Credential | None:
        if len(self.tokens) < 2:
            return None
        if await self.current() == rejected:
            self.tokens.pop(0)
        return await self.current()


async def only_new(request: web.BaseRequest) -> web.StreamResponse:
    accepted = request.headers.get("Authorization") == "Bearer new"
    return web.json_response({}, status=200 if accepted else 401)


def ask(source: Rotating, requests: int = 1) -> tuple[list[int], list[str]]:
    """Log in as kopf does, and send requests; return the answers and the tokens."""

    async def story() -> tuple[list[int], list[str]]:
        async with serving(only_new) as server:
            api_server = ApiServer(url=server.url, credentials=source)
            memo: Any = SimpleNamespace(cluster=SimpleNamespace(api_server=api_server))
            login = await log_in(memo=memo)
            statuses = []
            async with login.aiohttp_session as session:
                for _ in range(requests):
                    response = await session.get(f"{login.server}/version")
                    statuses.append(response.status)
            return statuses, [one["Authorization"] for one in server.headers]

    return asyncio.run(story())


def test_rejected_request_is_sent_again_with_a_new_credential() -> None:
    assert ask(Rotating("old", "new"), 2) == (
        [200, 200],
        ["Bearer old", "Bearer new", "Bearer new"],
    )


def test_rejected_request_is_not_repeated_without_another_credential() -> None:
    assert ask(Rotating("old")) == ([401], ["Bearer old"])


def test_missing_credential_is_asked_for_again_later() -> None:
    with pytest.raises(kopf.TemporaryError, match="exec plugin failed"):
        ask(Rotating())


def test_later_request_without_a_credential_is_one_that_kopf_repeats() -> None:
    """kopf ends the operator at an exception that it does not know."""

    async def story() -> None:
        async with serving(only_new) as server:
            source = Rotating("new")
            api_server = ApiServer(url=server.url, credentials=source)
            memo: Any = SimpleNamespace(cluster=SimpleNamespace(api_server=api_server))
            login = await log_in(memo=memo)
            async with login.aiohttp_session as session:
                source.tokens.clear()
                await session.get(f"{login.server}/version")

    with pytest.raises(aiohttp.ClientConnectionError):
        asyncio.run(story())
