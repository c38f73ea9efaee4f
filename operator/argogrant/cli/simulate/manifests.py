"""AccessGrants from a file, as the API server would keep them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict
from argogrant.kube.resources import ACCESS_GRANTS

KIND: Final = "AccessGrant"
STDIN: Final = "-"


def read_grants(source: str) -> tuple[Body, ...]:
    """Read the AccessGrants of a file; ``-`` is standard input.

    Raises:
        CommandFailed: It can not be read, or holds something else.
    """
    try:
        text = (
            sys.stdin.read()
            if source == STDIN
            else Path(source).read_text(encoding="utf-8")
        )
        documents = list(yaml.safe_load_all(text))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise CommandError(f"{quote(source)} can not be read: {problem}") from error
    return tuple(one for document in documents for one in _grants(document, source))


def _grants(document: object, source: str) -> Iterator[Body]:
    match document:
        case None:
            return
        case {"kind": "List", "items": list(items)}:
            for item in items:
                yield from _grants(item, source)
        case {"kind": "AccessGrant", "metadata": {"name": str()}, "spec": dict()}:
            assert isinstance(document, dict)
            yield document
        case {"kind": str(kind)} if kind != KIND:
            raise CommandError(
                f"{quote(source)} holds a {shown_kind(kind)}; only AccessGrants can be"
                " supposed."
            )
        case _:
            raise CommandError(
                f"{quote(source)} holds something that is no AccessGrant with a"
                " metadata.name and a spec."
            )


def shown_kind(kind: str) -> str:
    """Write a kind that a file names; it may be anything."""
    return kind if kind.isidentifier() else quote(kind)


async def dry_run_create(trying: Session, body: Body) -> Body:
    """Let the API server judge a grant and fill it in, without keeping it.

    Args:
        trying: Keeps nothing of what is written.
        body: What would be applied.

    Raises:
        CommandFailed: It is for another namespace.
        ClusterError: The API server would refuse it.
    """
    metadata = body["metadata"]
    namespace = metadata.get("namespace", trying.namespace)
    if namespace != trying.namespace:
        raise CommandError(
            f"AccessGrant {quote(metadata['name'])} is for namespace"
            f" {quote(str(namespace))}; name it (-n)."
        )
    path = ACCESS_GRANTS.path(namespace)
    whole = {**body, "metadata": {**metadata, "namespace": namespace}}
    try:
        return await trying.cluster.create(path, whole)
    except Conflict:
        patch = {"spec": body["spec"]}
        return await trying.cluster.merge_patch(f"{path}/{metadata['name']}", patch)
