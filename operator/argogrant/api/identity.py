"""Kubernetes identities in objects: who asked, who agreed, and whom a policy means."""

from typing import Annotated, Final

from pydantic import Field

from argogrant.api.schema import Model
from argogrant.grants.model.identity import Identity

MAX_USERNAME_LENGTH: Final = 512
MAX_GROUPS: Final = 512

GroupName = Annotated[str, Field(max_length=MAX_USERNAME_LENGTH)]


class IdentityModel(Model):
    """A person or a program, as the API server knows it."""

    username: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description=(
            "The user name that the API server gives this person, such as"
            " alice@example.com or system:serviceaccount:ci:deployer; `kubectl auth"
            " whoami` tells one's own."
        ),
    )
    groups: list[GroupName] = Field(
        [],
        max_length=MAX_GROUPS,
        description=(
            "All groups that the API server gives this person, such as developers and"
            " system:authenticated; their order does not matter."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


def read_identity(model: IdentityModel | None) -> Identity | None:
    """Read who made an object, as far as it says so."""
    if model is None:
        return None
    return Identity(username=model.username, groups=frozenset(model.groups))
