"""CustomResourceDefinitions, generated from the models."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.accessapproval import AccessApprovalSpec, AccessApprovalStatus
from argogrant.api.accessgrant import AccessGrantSpec, AccessGrantStatus
from argogrant.api.accesspolicy import AccessPolicySpec, AccessPolicyStatus
from argogrant.api.argocdinstance import ArgoCDInstanceSpec, ArgoCDInstanceStatus
from argogrant.api.schema import Model

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
    spec_is_required: bool = True
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
    spec_is_required=False,
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
    spec = _structural_schema(kind.spec)
    if not kind.spec_is_required:
        spec["default"] = {}
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"] if kind.spec_is_required else [],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _structural_schema(kind.status),
        },
    }


def _structural_schema(model: type[Model]) -> dict[str, Any]:
    """Convert the JSON schema of a model into a structural schema.

    Source: Kubernetes, "Specifying a structural schema": no ``$ref``, no ``anyOf`` with
    types, no ``title``.
    """
    schema = model.model_json_schema(by_alias=True)
    converted: dict[str, Any] = _convert(schema, schema.pop("$defs", {}))
    return converted


def _convert(node: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401
    """Resolve references and unwrap ``X | None``, depth first."""
    if isinstance(node, list):
        return [_convert(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    node = _without_null(node)
    if "$ref" in node:
        name = node.pop("$ref").rsplit("/", 1)[-1]
        node = {**definitions[name], **node}
    converted = {
        key: (
            {name: _convert(value, definitions) for name, value in item.items()}
            if key == "properties"
            else _convert(item, definitions)
        )
        for key, item in node.items()
        if key not in {"title", "additionalProperties"}
    }
    if converted.get("default", ...) in (None, []):
        del converted["default"]
    if isinstance(text := converted.get("description"), str):
        converted["description"] = " ".join(text.split())
    return converted


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Replace ``anyOf: [X, null]`` with X, because Kubernetes omits null fields."""
    choices = [c for c in node.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) != 1:
        return dict(node)
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**choices[0], **rest}
