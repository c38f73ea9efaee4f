"""The CustomResourceDefinitions, generated from the models."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.accessapproval import AccessApprovalSpec, AccessApprovalStatus
from argogrant.api.accessgrant_spec import AccessGrantSpec
from argogrant.api.accessgrant_status import AccessGrantStatus
from argogrant.api.accesspolicy import AccessPolicyStatus
from argogrant.api.accesspolicy_spec import AccessPolicySpec
from argogrant.api.argocdinstance import ArgoCDInstanceStatus
from argogrant.api.argocdinstance_spec import ArgoCDInstanceSpec
from argogrant.api.schema import Model, structural_schema

GROUP: Final = "argogrant.dev"
VERSION: Final = "v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One of our kinds, as far as the CRD needs to know."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[Model]
    spec_is_required: bool
    status: type[Model]
    columns: tuple[tuple[str, str, str], ...]
    """Column name, JSONPath, and ``wide`` for those that ``-o wide`` adds."""
    selectable: tuple[str, ...] = ()
    """Fields that ``kubectl get --field-selector`` can ask for."""


_READY: Final = '.status.conditions[?(@.type=="Ready")]'

ACCESS_GRANT: Final = Kind(
    kind="AccessGrant",
    plural="accessgrants",
    short_name="agrant",
    description=(
        "An AccessGrant gives a user or an SSO group one Argo CD role from a start"
        " until an end. When the end comes, or the grant is revoked or deleted, its"
        " binding is taken out of Argo CD's RBAC text and Argo CD refuses again; a"
        " deleted grant is gone only after that. After creation only a revocation and"
        " an earlier end can be written."
    ),
    spec=AccessGrantSpec,
    spec_is_required=True,
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
        "An ArgoCDInstance is one Argo CD installation that AccessGrants of the same"
        " namespace are for, and says what is known of it: its roles, and whether its"
        " RBAC text can be read. Deleting it removes every binding that argogrant has"
        " written there; its grants stay, and wait for an instance of that name."
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
        "An AccessPolicy says who may ask for which Argo CD roles and for whom, for how"
        " long, and who has to agree. As soon as an ArgoCDInstance has one, only what"
        " some policy allows is given there; a policy with effect: Deny refuses"
        " whatever others allow. Policies can be edited: what they stop allowing stops"
        " being in force at once."
    ),
    spec=AccessPolicySpec,
    spec_is_required=True,
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
        "An AccessApproval says that somebody approves or refuses one AccessGrant of"
        " the same namespace. It counts if an AccessPolicy that could admit the grant"
        " names this approver. It can not be changed; one that is deleted no longer"
        " counts."
    ),
    spec=AccessApprovalSpec,
    spec_is_required=True,
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
"""Columns that hold numbers."""

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
    """Write the CRD as the file ``crds/<plural>.yaml`` holds it."""
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
    spec = structural_schema(kind.spec)
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
            "status": structural_schema(kind.status),
        },
    }
