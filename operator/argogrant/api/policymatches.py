"""Whom and what an AccessPolicy is about: requesters, subjects, roles."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import TEXT_RULE
from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.policyrules import (
    REQUESTER_RULES,
    ROLE_PATTERN_RULES,
    SUBJECT_PATTERN_RULES,
    SUBJECTS_RULES,
)
from argogrant.api.schema import Model, validations
from argogrant.grants.model.validation import MAX_NAME_LENGTH

SubjectPattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=validations(*SUBJECT_PATTERN_RULES),
    ),
]


class RequesterModel(Model):
    """Somebody who may ask."""

    model_config = ConfigDict(json_schema_extra=validations(*REQUESTER_RULES))

    kind: Literal["User", "Group", "ServiceAccount"] = Field(
        description=(
            "What the name is compared with: User with the user name that the API"
            " server knows, Group with each of the person's groups there,"
            " ServiceAccount with a service account of one namespace, such as the one"
            " with which Argo CD applies grants from Git."
        )
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description=(
            "The name, such as alice@example.com, developers or deployer; '*' stands"
            " for any text, every other character for itself. A pattern for users or"
            " groups matches a name that begins with system: only if it begins so"
            " itself: '*' means people. With effect: Deny it means everybody."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )
    namespace: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description=(
            "The namespace of a ServiceAccount, such as argocd. The other kinds have"
            " none."
        ),
    )


class SubjectsModel(Model):
    """For whom access may be asked; it is enough that one of these matches."""

    model_config = ConfigDict(json_schema_extra=validations(*SUBJECTS_RULES))

    is_self: bool | None = Field(
        None,
        alias="self",
        description=(
            "true: for oneself. The requester's user name has to begin with the"
            " ArgoCDInstance's identity.stripPrefix, and what follows is what Argo CD"
            " sees."
        ),
    )
    users: list[SubjectPattern] = Field(
        [],
        max_length=64,
        description=(
            "For these subjects of kind User, such as alice@example.com or"
            " '*@example.com'; '*' stands for any text."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    groups: list[SubjectPattern] = Field(
        [],
        max_length=64,
        description=(
            "For these subjects of kind Group, such as on-call or 'team-*'; '*' stands"
            " for any text."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class RolePatternModel(Model):
    """Roles that may be asked for."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_PATTERN_RULES))

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "Without project: global roles, such as role:deployer or 'role:*'; '*'"
            " alone means every global role, role:admin too. With project: bare names"
            " of roles of such projects, such as deployer or '*'."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=r"^[-a-z0-9.*]+$",
        description=(
            "The AppProjects whose roles these are, such as team-a or 'team-*'. Left"
            " out: global roles only."
        ),
    )
