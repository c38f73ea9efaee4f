"""CustomResourceDefinitions, generated from the models."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.accessapproval import AccessApprovalSpec, AccessApprovalStatus
from argogrant.api.accessgrant import AccessGrantSpec, AccessGrantStatus
from argogrant.api.accesspolicy import AccessPolicySpec, AccessPolicyStatus
from argogrant.api.argocdinstance import ArgoCDInstanceSpec, ArgoCDInstanceStatus
from argogrant.api.schema import Model
from argogrant.api.structural_schema import (
    WANTED,
    property_with_messages,
    required_rules,
    structural_schema,
    without_messages,
)

GROUP: Final = "argogrant.dev"
VERSION: Final = "v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Description of one kind for its CRD."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[Model]
    wanted: str = ""
    """Required fields of spec; empty if a spec is not required."""
    status: type[Model]
    columns: tuple[tuple[str, str, str], ...]
    """Column name, JSONPath, and ``wide`` for columns of ``-o wide`` only."""
    selectable: tuple[str, ...] = ()
    """Fields that ``kubectl get --field-selector`` supports."""


_READY: Final = '.status.conditions[?(@.type=="Ready")]'

ACCESS_GRANT: Final = Kind(
    kind="AccessGrant",
    plural="accessgrants",
    short_name="agrant",
    description=(
        "AccessGrant grants one Argo CD role to a user or an SSO group for a limited"
        " time. When the grant expires, is revoked or is deleted, the operator removes"
        " its binding from Argo CD's RBAC policy, and Argo CD denies access. A"
        " finalizer keeps a deleted grant until the binding is removed. After creation,"
        " a grant can only be revoked or, with expiresAt, set to expire earlier."
    ),
    spec=AccessGrantSpec,
    wanted="must have subject, role, and either expiresAt or duration, such as spec:"
    " {subject: {kind: User, name: alice@example.com}, role: {name: role:deployer},"
    " duration: 2h30m}",
    status=AccessGrantStatus,
    columns=(
        ("Subject", ".spec.subject.name", ""),
        ("Role", ".spec.role.name", ""),
        ("Project", ".spec.role.project", ""),
        ("Ready", f"{_READY}.status", ""),
        ("Reason", f"{_READY}.reason", ""),
        ("Expires", ".status.expiresAt", ""),
        ("Requester", ".spec.requester.username", "wide"),
        ("Instance", ".spec.instance", "wide"),
        ("Policy", ".status.accessPolicy", "wide"),
        ("Justification", ".spec.justification", "wide"),
        ("Message", f"{_READY}.message", "wide"),
    ),
    selectable=(".spec.breakGlass", ".spec.instance"),
)

ARGOCD_INSTANCE: Final = Kind(
    kind="ArgoCDInstance",
    plural="argocdinstances",
    short_name="argoinst",
    description=(
        "ArgoCDInstance represents one Argo CD installation to which AccessGrants of"
        " the same namespace refer. Its status lists the roles and reports whether Argo"
        " CD can parse its RBAC policy. When it is deleted, the operator removes all of"
        " its bindings there; the AccessGrants stay, and wait for an ArgoCDInstance of"
        " the same name."
    ),
    spec=ArgoCDInstanceSpec,
    status=ArgoCDInstanceStatus,
    columns=(
        ("Argo CD", ".spec.namespace", ""),
        ("Ready", f"{_READY}.status", ""),
        ("Reason", f"{_READY}.reason", ""),
        ("Bindings", ".status.bindings", ""),
        ("Roles", ".status.roleCount", ""),
        ("Last Write", ".status.lastWriteAt", "wide"),
        ("Message", f"{_READY}.message", "wide"),
    ),
)

ACCESS_POLICY: Final = Kind(
    kind="AccessPolicy",
    plural="accesspolicies",
    short_name="apolicy",
    description=(
        "AccessPolicy defines who may request which Argo CD roles, for which subjects"
        " and how long, and who must approve. Once an AccessPolicy applies to an"
        " ArgoCDInstance, only grants that a policy allows become active there. A"
        " policy with effect: Deny takes precedence over all others. When an edited"
        " policy no longer allows an active grant, the access of the grant ends"
        " immediately; a lower maxDuration only shortens it."
    ),
    spec=AccessPolicySpec,
    wanted="must have requesters, subjects and roles, such as spec: {requesters:"
    " [{kind: Group, name: developers}], subjects: {self: true}, roles: [{name:"
    " role:deployer}]}",
    status=AccessPolicyStatus,
    columns=(
        ("Effect", ".spec.effect", ""),
        ("Approvals", ".spec.approval.required", ""),
        ("Max", ".spec.maxDuration", ""),
        ("Ready", f"{_READY}.status", ""),
        ("Message", f"{_READY}.message", "wide"),
    ),
)

_COUNTED: Final = '.status.conditions[?(@.type=="Counted")]'

ACCESS_APPROVAL: Final = Kind(
    kind="AccessApproval",
    plural="accessapprovals",
    short_name="aapproval",
    description=(
        "AccessApproval approves or denies one AccessGrant of the same namespace. It"
        " counts if an AccessPolicy that matches the grant names this verified"
        " approver; by default, approvals by the requester or the recipient do not"
        " count. It is immutable. A deleted approval no longer counts; a denial that"
        " counted remains final."
    ),
    spec=AccessApprovalSpec,
    wanted="must have grant and decision, such as spec: {grant: {name: deploy-4711,"
    " uid: 5b0cb1a5-2f4e-4f0c-9a52-3f8f6c1c9f10}, decision: Approve}",
    status=AccessApprovalStatus,
    columns=(
        ("Grant", ".spec.grant.name", ""),
        ("Decision", ".spec.decision", ""),
        ("Approver", ".spec.approver.username", ""),
        ("Counted", f"{_COUNTED}.status", ""),
        ("Reason", f"{_COUNTED}.reason", ""),
        ("Comment", ".spec.comment", "wide"),
        ("Message", f"{_COUNTED}.message", "wide"),
    ),
)

_COUNTS: Final = frozenset({"Bindings", "Roles", "Approvals"})
"""Columns with numbers."""

KINDS: Final = (ACCESS_GRANT, ARGOCD_INSTANCE, ACCESS_POLICY, ACCESS_APPROVAL)


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """Build the CRD of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [kind.short_name],
                "categories": ["argogrant"],
            },
            "scope": "Namespaced",
            "versions": [_version(kind)],
        },
    }


def crd_yaml(kind: Kind) -> str:
    """Render the CRD for the file ``crds/<plural>.yaml``."""
    head = "# Generated from the models in operator/argogrant/api by `make generate`.\n"
    return head + yaml.safe_dump(
        custom_resource_definition(kind), sort_keys=False, width=88, allow_unicode=True
    )


def _version(kind: Kind) -> dict[str, Any]:
    fields = {"selectableFields": [{"jsonPath": path} for path in kind.selectable]}
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        **(fields if kind.selectable else {}),
        "additionalPrinterColumns": [
            *(_column(*column) for column in kind.columns if column[2] != "wide"),
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            *(_column(*column) for column in kind.columns if column[2] == "wide"),
        ],
        "schema": {"openAPIV3Schema": _object_schema(kind)},
    }


def _column(name: str, path: str, when: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "integer" if name in _COUNTS else "string",
        "jsonPath": path,
        "priority": 1 if when == "wide" else 0,
    }


def _object_schema(kind: Kind) -> dict[str, Any]:
    """Build the schema of the whole object; that of ``spec`` answers in sentences."""
    schema = schema_with_limits(kind)
    parts = {
        **schema["properties"],
        "spec": property_with_messages(schema, "spec"),
        "status": without_messages(schema["properties"]["status"]),
    }
    head = {key: schema[key] for key in ("type", "description")}
    return {**head, "properties": parts, **required_rules(schema)}


def schema_with_limits(kind: Kind) -> dict[str, Any]:
    """Build the schema of a kind with its limits as keywords, for the reference."""
    extra: dict[str, Any] = {WANTED: kind.wanted} if kind.wanted else {"default": {}}
    spec = {**structural_schema(kind.spec), **extra}
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"] if kind.wanted else [],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": structural_schema(kind.status),
        },
    }
