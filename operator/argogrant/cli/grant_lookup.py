"""The grant that a command is about."""

from dataclasses import dataclass

from argogrant.api.accessgrant import read_grant
from argogrant.api.stored_status import Announced, read_announced
from argogrant.cli.errors import CommandFailed
from argogrant.cli.session import Session, check_name
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import quoted
from argogrant.kube.client import Body
from argogrant.kube.errors import NotFound
from argogrant.kube.resources import ACCESS_GRANTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An AccessGrant as it is."""

    grant: Grant
    said: Announced
    """What its status says."""


async def found_grant(asked: Session, name: str) -> Found:
    """Read an AccessGrant.

    Raises:
        CommandFailed: There is none, or it is not understood.
        ClusterError: It can not be read.
    """
    body = await grant_body(asked, name)
    try:
        return Found(grant=read_grant(body), said=read_announced(body))
    except InvalidGrant as error:
        raise CommandFailed(
            f"AccessGrant {quoted(name)} can not be understood: {error}; apply the CRDs"
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
        raise CommandFailed(
            f"there is no AccessGrant {quoted(name)} in namespace"
            f" {quoted(asked.namespace)}; argogrant list -A lists them."
        ) from error
