"""What a person writes into an ArgoCDInstance, with the texts of `kubectl explain`."""

from typing import Final, Literal

from pydantic import ConfigDict, Field, field_validator

from argogrant.api.cel_rules import (
    DETAILS_RULES,
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
    """Somebody who owns an integration."""

    kind: Literal["User", "Group"] = Field(
        description="User or Group, as the API server knows them."
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description=(
            "The name of one user or group, such as platform-team; no pattern."
        ),
        json_schema_extra=validations(TEXT_RULE, *OWNER_NAME_RULES),
    )


class ResourceOwnerModel(Model):
    """Where Argo CD's objects say whose they are."""

    key: str = Field(
        min_length=1,
        max_length=317,
        pattern=LABEL_KEY_PATTERN,
        description=(
            "The key of a label or an annotation, such as example.com/owner, whose"
            " value names the owner: of an AppProject for its roles, of argocd-rbac-cm"
            " for global roles."
        ),
    )
    kind: Literal["User", "Group"] = Field(
        description="What that value names: a User or a Group of Kubernetes."
    )


class OwnersModel(Model):
    """Who owns an Argo CD, and what is in it."""

    model_config = ConfigDict(json_schema_extra=validations(*OWNERS_RULES))

    integration: list[OwnerModel] = Field(
        [],
        max_length=32,
        description=(
            "The owners of this Argo CD: whom AccessPolicies call IntegrationOwner, and"
            " who decide wherever a resource names no owner."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    resource: ResourceOwnerModel | None = Field(
        None,
        description=(
            "Where to find whom AccessPolicies call ResourceOwner. It needs integration"
            " beside it, for resources that name nobody."
        ),
    )


class IdentityRuleModel(Model):
    """How Kubernetes and Argo CD call the same person."""

    strip_prefix: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description=(
            "What stands before Argo CD's name in a Kubernetes user name, such as"
            " 'oidc:': alice@example.com in Argo CD is oidc:alice@example.com in"
            " Kubernetes. Users without that prefix can not ask for themselves. Left"
            " out: both call a person the same."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )


class ArgoCDInstanceSpec(Model):
    """Where Argo CD is, how long grants for it may last, and who owns it."""

    namespace: str = Field(
        "argocd",
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description=(
            "The namespace in which Argo CD runs, such as argocd: where argocd-rbac-cm"
            " and the AppProjects are. The operator needs the Role of"
            " manifests/argocd-namespace.yaml there; without it the instance is not"
            " Ready (Forbidden)."
        ),
    )
    cluster: ClusterModel | None = Field(
        None,
        description=(
            "The cluster in which that Argo CD runs. Left out: the cluster of this"
            " ArgoCDInstance."
        ),
    )
    url: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=r"^https?://[^\s\"<>]+$",
        description=(
            "The URL at which people reach this Argo CD, such as"
            " https://argocd.example.com; shown to those who hold a grant."
        ),
    )
    bind_project_roles_in: Literal["ConfigMap", "AppProject"] = Field(
        "ConfigMap",
        description=(
            "Where roles of AppProjects are given. ConfigMap: in argocd-rbac-cm, as"
            " global ones are. AppProject: in spec.roles[].groups of the project, where"
            " Argo CD's pages show them; whoever holds such a role can make tokens of"
            " it, which are removed when the grant ends."
        ),
    )
    remove_tokens: bool = Field(
        default=True,
        description=(
            "With bindProjectRolesIn: AppProject. true: when somebody ceases to be a"
            " member of a role, all tokens of that role that were made in the meantime"
            " are removed, since Argo CD does not say by whom. false: they stay, and"
            " whoever has one keeps its access."
        ),
    )
    max_duration: Duration = Field(
        "24h",
        description=(
            "The longest time that any grant lasts, in hours, minutes and seconds, such"
            " as 8h or 1h30m, counted from the grant's start. A grant that asks for"
            " more is not refused: it ends here, and its condition says so. Lowering"
            " the ceiling shortens running grants; raising it lengthens none of them."
        ),
    )
    require_access_policy: bool = Field(
        default=False,
        description=(
            "true: without an AccessPolicy nothing is given. false: as long as there is"
            " no AccessPolicy for this instance, whoever may create AccessGrants in"
            " this namespace decides; as soon as there is one, policies do."
        ),
    )
    owners: OwnersModel | None = Field(
        None,
        description="Who owns this Argo CD: people whom AccessPolicies can ask.",
    )
    identity: IdentityRuleModel | None = Field(
        None,
        description=(
            "How a Kubernetes user becomes a subject of Argo CD, for policies that let"
            " people ask for themselves (subjects.self), and to see that nobody"
            " approves their own grant."
        ),
    )
    access_details: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_ACCESS_DETAILS,
        description=(
            "What people who hold a grant should know, such as how to log in; shown in"
            " the grant's status. {subject}, {role}, {end} and {url} stand for the"
            " grant's own."
        ),
        json_schema_extra=validations(*DETAILS_RULES),
    )

    @field_validator("access_details")
    @classmethod
    def _details_can_be_shown(cls, text: str | None) -> str | None:
        problem = validate_template(text or "")
        if problem is not None:
            raise ValueError(problem)
        return text

    retention: Duration = Field(
        "720h",
        description=(
            "How long a grant is kept after it ended, as a record, before it is"
            " deleted. Grants that Argo CD tracks from Git are never deleted."
        ),
    )
