"""AccessGrants of a manifest file, as the API server would store them."""

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
        CommandError: The file cannot be read, or contains another kind.
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
        raise CommandError(f"cannot read {quote(source)}: {problem}") from error
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
                f"{quote(source)} contains a {shown_kind(kind)}. Remove it; plan"
                " accepts AccessGrants only."
            )
        case _:
            raise CommandError(
                f"{quote(source)} contains a document that is not an AccessGrant with"
                " metadata.name and spec."
            )


def shown_kind(kind: str) -> str:
    """Return a kind from a file in printable form; a file may contain any text."""
    return kind if kind.isidentifier() else quote(kind)


async def dry_run_create(api: Session, body: Body) -> Body:
    """Return a grant as the API server would store it, without persisting it.

    Args:
        api: A session with ``dry_run``.
        body: The manifest.

    Raises:
        CommandError: The manifest names another namespace.
        ClusterError: The API server would reject the manifest.
    """
    metadata = body["metadata"]
    namespace = metadata.get("namespace", api.namespace)
    if namespace != api.namespace:
        raise CommandError(
            f"AccessGrant {quote(metadata['name'])} is in namespace"
            f" {quote(str(namespace))}. Select this namespace (-n)."
        )
    path = ACCESS_GRANTS.path(namespace)
    with_namespace = {**body, "metadata": {**metadata, "namespace": namespace}}
    try:
        return await api.cluster.create(path, with_namespace)
    except Conflict:
        patch = {"spec": body["spec"]}
        return await api.cluster.merge_patch(f"{path}/{metadata['name']}", patch)
