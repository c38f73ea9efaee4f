"""What a shell offers at the Tab key: names, asked of the API server.

Nothing is offered that a shell or a terminal might obey, and nothing is said of what
goes wrong: a person in the middle of a line can not use it.
"""

import asyncio
import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

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

PATIENCE_SECONDS: Final = 2.0
"""Who has pressed a key waits no longer."""
_HARMLESS: Final = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
"""Characters that no shell gives a meaning. Source: ``shlex.quote``."""
_PROGRAM: Final = "argogrant"
_VARIABLE: Final = "_ARGOGRANT_COMPLETE"
_NO_FILES: Final = ":4"
"""Source: ``ShellCompDirectiveNoFileComp``, https://github.com/spf13/cobra."""


class Shell(StrEnum):
    """The shells that a script can be written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that you type in.")],
) -> None:
    """Print the script that makes a shell complete commands, grants and roles.

    In bash: source <(argogrant completion bash). For kubectl argogrant none is needed
    but kubectl's own.

    Example: argogrant completion bash
    """
    script = get_completion_script(
        prog_name=_PROGRAM, complete_var=_VARIABLE, shell=shell.value
    )
    typer.echo(script)


def grant_names(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the AccessGrants of the namespace that was typed, or of the usual one."""
    return _offered(_names(context.params, ACCESS_GRANTS), incomplete)


def instance_names(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the ArgoCDInstances of that namespace."""
    return _offered(_names(context.params, ARGOCD_INSTANCES), incomplete)


def role_names(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the roles that the status of the ArgoCDInstance lists."""
    return _offered(_roles(context.params), incomplete)


def answer_kubectl(app: typer.Typer, words: Sequence[str]) -> None:
    """Answer kubectl, which asks a plugin what may come next.

    Args:
        app: The commands.
        words: What was typed after the plugin's name; the last one is incomplete.

    Source: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/.
    """
    os.environ[_VARIABLE] = "complete_bash"
    os.environ["COMP_WORDS"] = shlex.join([_PROGRAM, *words])
    os.environ["COMP_CWORD"] = str(len(words))
    told = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(told):
        app(args=[], prog_name=_PROGRAM)
    names = [name for name in told.getvalue().splitlines() if name]
    sys.stdout.write("".join(f"{line}\n" for line in (*names, _NO_FILES)))


def _offered(names: Any, incomplete: str) -> list[str]:  # noqa: ANN401
    try:
        found = asyncio.run(asyncio.wait_for(names, PATIENCE_SECONDS))
    except (CommandError, ClusterError, TimeoutError):
        return []
    return [
        name
        for name in dict.fromkeys(found)
        if name.startswith(incomplete) and _HARMLESS.fullmatch(name)
    ]


async def _names(typed: dict[str, Any], resource: Resource) -> list[str]:
    async with _client(typed) as asked:
        collection = Collection(resource, asked.namespace)
        return [
            one["metadata"]["name"] async for one in list_all(asked.cluster, collection)
        ]


async def _roles(typed: dict[str, Any]) -> list[str]:
    project = typed.get("project") or ""
    async with _client(typed) as asked:
        path = ARGOCD_INSTANCES.path(
            asked.namespace, typed.get("instance") or "default"
        )
        body = await asked.cluster.get(path)
    return list(_role_names(body, project))


def _role_names(body: dict[str, Any], project: str) -> Iterator[str]:
    for role in body.get("status", {}).get("roles", ()):
        if not project or role.get("project") == project:
            yield role["name"]


def _client(
    typed: dict[str, Any],
) -> contextlib.AbstractAsyncContextManager[Session]:
    return session(typed.get("context") or "", typed.get("namespace") or "")
