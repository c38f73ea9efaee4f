"""The CustomResourceDefinitions, generated from the models."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.accessgrant import AccessGrantStatus
from argogrant.api.argocdinstance import ArgoCDInstanceSpec, ArgoCDInstanceStatus
from argogrant.api.grantspec import AccessGrantSpec
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
        ("Instance", ".spec.instance", "wide"),
        ("Justification", ".spec.justification", "wide"),
        ("Message", f"{_READY}.message", "wide"),
    ),
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

KINDS: Final = (ACCESS_GRANT, ARGOCD_INSTANCE)


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
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
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
        "type": "integer" if name in {"Bindings", "Roles"} else "string",
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
