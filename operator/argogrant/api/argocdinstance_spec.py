"""Spec of an ArgoCDInstance, with the field descriptions of ``kubectl explain``."""

from typing import Final, Literal

from pydantic import ConfigDict, Field, field_validator

from argogrant.api.cel_rules import (
    DETAILS_RULES,
    INSTANCE_RULES,
    LABEL_KEY_PATTERN,
    OWNER_NAME_RULES,
    OWNERS_RULES,
    TEXT_RULE,
)
from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.remote_cluster import ClusterModel
from argogrant.api.schema import Duration, Model, validations
from argogrant.grants.access_details import validate_template

MAX_ACCESS_DETAILS: Final = 400


class OwnerModel(Model):
    """Owner of an Argo CD."""

    kind: Literal["User", "Group"]
    """Kind of the owner in Kubernetes: User or Group."""
    name: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=validations(TEXT_RULE, *OWNER_NAME_RULES),
    )
    """Name of one user or group, such as platform-team. Patterns are not allowed."""


class ResourceOwnerModel(Model):
    """Label or annotation that names the owners of Argo CD's resources."""

    key: str = Field(min_length=1, max_length=317, pattern=LABEL_KEY_PATTERN)
    """Key of a label or annotation, such as example.com/owner. Its value on an
    AppProject names the owner of the project's roles; its value on argocd-rbac-cm names
    the owner of the global roles."""
    kind: Literal["User", "Group"]
    """Kind of the owner in Kubernetes: User or Group."""


class OwnersModel(Model):
    """Owners of an Argo CD and of its roles."""

    model_config = ConfigDict(json_schema_extra=validations(*OWNERS_RULES))

    integration: list[OwnerModel] = Field(
        [], max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    """Owners of this Argo CD, for approvers of kind IntegrationOwner. They also own
    every role that has no owner."""
    resource: ResourceOwnerModel | None = None
    """Label or annotation that names the owner of a role, for approvers of kind
    ResourceOwner. It requires integration, for roles without an owner."""


class IdentityRuleModel(Model):
    """Mapping of Kubernetes user names to Argo CD user names."""

    strip_prefix: str | None = Field(
        None, min_length=1, max_length=64, json_schema_extra=validations(TEXT_RULE)
    )
    """Prefix of Kubernetes user names that Argo CD's user names lack, such as 'oidc:'
    if oidc:alice@example.com in Kubernetes is alice@example.com in Argo CD. Users
    without the prefix cannot request access for themselves. If omitted, both user names
    are equal."""


class ArgoCDInstanceSpec(Model):
    """Location of an Argo CD, limits for its grants, and its owners."""

    model_config = ConfigDict(json_schema_extra=validations(*INSTANCE_RULES))

    namespace: str = Field(
        "argocd",
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    )
    """Namespace of Argo CD, with argocd-rbac-cm and the AppProjects. The operator
    requires the Role of manifests/argocd-namespace.yaml there; without it the instance
    is not Ready (Forbidden). Immutable."""
    cluster: ClusterModel | None = None
    """Remote cluster in which Argo CD runs. If omitted, Argo CD runs in the cluster of
    this ArgoCDInstance. It can be neither added nor removed after creation."""
    url: str | None = Field(
        None, min_length=1, max_length=512, pattern=r"^https?://[^\s\"<>]+$"
    )
    """URL of Argo CD for users, such as https://argocd.example.com. The status of
    active grants contains it."""
    bind_project_roles_in: Literal["ConfigMap", "AppProject"] = "ConfigMap"
    """Where bindings to roles of AppProjects are written. ConfigMap: in argocd-rbac-cm,
    as for global roles. AppProject: in spec.roles[].groups of the project, which Argo
    CD's UI shows. Members of such a role can create project tokens; see
    removeTokens."""
    remove_tokens: bool = Field(
        default=True,
        description=(
            "Whether project tokens are removed with a member; only used with"
            " bindProjectRolesIn: AppProject. true: when a grant ends, the operator"
            " removes all tokens of the role that were created during the grant,"
            " because Argo CD does not record their creator. false: the tokens stay"
            " and remain valid after the grant."
        ),
    )
    max_duration: Duration = "24h"
    """Maximum duration of a grant in hours, minutes and seconds, such as 8h or 1h30m,
    counted from the start of the grant. A grant that requests more is shortened, not
    rejected; its Ready condition mentions it. Lowering the value shortens active
    grants; raising it does not extend them."""
    require_access_policy: bool = Field(
        default=False,
        description=(
            "Whether every grant requires an AccessPolicy that allows it. false: while"
            " no AccessPolicy applies to this instance, anyone who can create"
            " AccessGrants in this namespace can grant any role; with an AccessPolicy,"
            " policies decide. true: without an AccessPolicy no grant is allowed."
        ),
    )
    owners: OwnersModel | None = None
    """Owners of this Argo CD, which AccessPolicies use as approvers."""
    identity: IdentityRuleModel | None = None
    """Mapping of Kubernetes users to subjects of Argo CD, for policies with
    subjects.self and for the check that users do not approve their own grant."""
    access_details: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_ACCESS_DETAILS,
        json_schema_extra=validations(*DETAILS_RULES),
    )
    """Information for users with a grant, such as how to log in. The status of active
    grants contains it. {subject}, {role}, {end} and {url} are replaced with the values
    of the grant."""

    @field_validator("access_details")
    @classmethod
    def _details_can_be_shown(cls, text: str | None) -> str | None:
        problem = validate_template(text or "")
        if problem is not None:
            raise ValueError(problem)
        return text

    retention: Duration = "720h"
    """Time for which a grant is kept after it ended, before the operator deletes it.
    The operator never deletes grants that Argo CD tracks from Git."""
