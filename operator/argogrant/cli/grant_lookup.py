"""Lookup of the AccessGrant that a command is about."""

from dataclasses import dataclass

from argogrant.api.accessgrant import read_grant
from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, check_name
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import NotFound
from argogrant.kube.resources import ACCESS_GRANTS


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLookup:
    """AccessGrant with its stored status."""

    grant: Grant
    stored: StoredStatus


async def find_grant(api: Session, name: str) -> GrantLookup:
    """Read and parse an AccessGrant.

    Raises:
        CommandError: The grant does not exist, or is invalid.
        ClusterError: The request failed.
    """
    body = await grant_body(api, name)
    try:
        return GrantLookup(grant=read_grant(body), stored=read_stored_status(body))
    except InvalidGrant as error:
        raise CommandError(
            f"AccessGrant {quote(name)} is invalid: {with_full_stop(str(error))} Apply"
            " the CRDs of this version."
        ) from error


async def grant_body(api: Session, name: str) -> Body:
    """Read an AccessGrant without parsing it.

    Raises:
        CommandError: The grant does not exist, or the name is invalid.
        ClusterError: The request failed.
    """
    check_name("AccessGrant", name)
    try:
        return await api.cluster.get(ACCESS_GRANTS.path(api.namespace, name))
    except NotFound as error:
        raise CommandError(
            f"AccessGrant {quote(name)} does not exist in namespace"
            f" {quote(api.namespace)}. To list grants, run: argogrant list -A."
        ) from error
