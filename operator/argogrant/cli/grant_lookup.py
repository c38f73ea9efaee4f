"""The grant that a command is about."""

from dataclasses import dataclass

from argogrant.api.accessgrant import read_grant
from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, check_name
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import NotFound
from argogrant.kube.resources import ACCESS_GRANTS


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLookup:
    """An AccessGrant as it is."""

    grant: Grant
    stored: StoredStatus
    """What its status says."""


async def find_grant(asked: Session, name: str) -> GrantLookup:
    """Read an AccessGrant.

    Raises:
        CommandFailed: There is none, or it is not understood.
        ClusterError: It can not be read.
    """
    body = await grant_body(asked, name)
    try:
        return GrantLookup(grant=read_grant(body), stored=read_stored_status(body))
    except InvalidGrant as error:
        raise CommandError(
            f"AccessGrant {quote(name)} can not be understood: {error}; apply the CRDs"
            " of this version."
        ) from error


async def grant_body(asked: Session, name: str) -> Body:
    """Read an AccessGrant, whatever it lacks.

    Raises:
        CommandFailed: There is none, or none can be called that.
        ClusterError: It can not be read.
    """
    check_name("AccessGrant", name)
    try:
        return await asked.cluster.get(ACCESS_GRANTS.path(asked.namespace, name))
    except NotFound as error:
        raise CommandError(
            f"there is no AccessGrant {quote(name)} in namespace"
            f" {quote(asked.namespace)}; argogrant list -A lists them."
        ) from error
