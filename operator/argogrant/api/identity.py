"""Kubernetes identities in objects: requesters and approvers."""

from typing import Annotated, Final

from pydantic import Field

from argogrant.api.schema import Model
from argogrant.grants.model.identity import Identity

MAX_USERNAME_LENGTH: Final = 512
MAX_GROUPS: Final = 512

GroupName = Annotated[str, Field(max_length=MAX_USERNAME_LENGTH)]


class IdentityModel(Model):
    """Kubernetes user with groups."""

    username: str = Field(min_length=1, max_length=MAX_USERNAME_LENGTH)
    """User name in Kubernetes, such as alice@example.com or
    system:serviceaccount:ci:deployer; `kubectl auth whoami` prints your own."""
    groups: list[GroupName] = Field(
        [], max_length=MAX_GROUPS, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    """All groups of the user in Kubernetes, such as developers and
    system:authenticated, in any order."""


def read_identity(model: IdentityModel | None) -> Identity | None:
    """Convert an identity; return None if the object has none."""
    if model is None:
        return None
    return Identity(username=model.username, groups=frozenset(model.groups))
