"""Shell completion of the names of objects, which come from the API server.

Only names without characters that a shell or a terminal
interprets are offered. Errors are not printed, because the user is in the middle of a
line; the completion is then empty.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Iterable
from typing import Any, Final

import click

from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, session
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    Collection,
    Resource,
)

TIMEOUT_SECONDS: Final = 2.0
"""Seconds that a user waits after the Tab key at most."""
_SAFE_NAME: Final = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
"""Characters that no shell interprets. Source: ``shlex.quote``."""


def grant_names(context: click.Context, incomplete: str) -> list[str]:
    """Return the names of AccessGrants in the namespace of the command line."""
    return _complete(_names(context.params, ACCESS_GRANTS), incomplete)


def instance_names(context: click.Context, incomplete: str) -> list[str]:
    """Return the names of ArgoCDInstances in the namespace of the command line."""
    return _complete(_names(context.params, ARGOCD_INSTANCES), incomplete)


def role_names(context: click.Context, incomplete: str) -> list[str]:
    """Return the roles in the status of the ArgoCDInstance of the command line."""
    return _complete(_roles(context.params), incomplete)


def _complete(names: Awaitable[Iterable[str]], incomplete: str) -> list[str]:
    async def within_timeout() -> Iterable[str]:
        return await asyncio.wait_for(names, TIMEOUT_SECONDS)

    try:
        found = asyncio.run(within_timeout())
    except (CommandError, ClusterError, TimeoutError):
        return []
    return [
        name
        for name in dict.fromkeys(found)
        if name.startswith(incomplete) and _SAFE_NAME.fullmatch(name)
    ]


async def _names(params: dict[str, Any], resource: Resource) -> list[str]:
    async with _session(params) as api:
        bodies = list_all(api.cluster, Collection(resource, api.namespace))
        return [one["metadata"]["name"] async for one in bodies]


async def _roles(params: dict[str, Any]) -> list[str]:
    project = params.get("project") or ""
    async with _session(params) as api:
        path = ARGOCD_INSTANCES.path(api.namespace, params.get("instance") or "default")
        body = await api.cluster.get(path)
    roles = body.get("status", {}).get("roles", ())
    return [
        one["name"]
        for one in roles
        if project in ("", one.get("project")) and not one.get("allowsNothing")
    ]


def _session(
    params: dict[str, Any],
) -> contextlib.AbstractAsyncContextManager[Session]:
    return session(params.get("context") or "", params.get("namespace") or "")
