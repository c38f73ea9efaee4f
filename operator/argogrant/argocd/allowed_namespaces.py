"""Annotation of ``argocd-rbac-cm`` that names who may bind roles of an Argo CD.

Users who can create an ArgoCDInstance choose the Argo CD that it names. So the owner of
an Argo CD, who may edit its ``argocd-rbac-cm``, says in an annotation of that ConfigMap
which namespaces' ArgoCDInstances may bind there::

    argogrant.dev/allowed-namespaces: argogrant,team-b

The value contains exact names of namespaces, separated by commas; blanks around a name
are ignored, and there are no wildcards. Without the annotation, only ArgoCDInstances of
the operator's own namespace may bind. The operator reads the annotation and never
writes it.
"""

import re
from collections.abc import Mapping
from typing import Final

from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.grants.model.reasons import Finding, Reason

ALLOWED_NAMESPACES_ANNOTATION: Final = "argogrant.dev/allowed-namespaces"
MAX_NAMESPACES: Final = 100
"""Names that are read; those after them allow nothing."""
_BLANKS: Final = " \t\r\n"
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
"""A label of RFC 1123: the API server accepts no other name of a namespace."""


def read_allowed_namespaces(
    annotations: Mapping[str, object],
) -> tuple[str, ...] | None:
    """Return the namespaces that the annotation names; None if there is none.

    A part that is no name of a namespace, such as ``*``, allows nothing. Neither does a
    value that is no text.
    """
    if ALLOWED_NAMESPACES_ANNOTATION not in annotations:
        return None
    value = annotations[ALLOWED_NAMESPACES_ANNOTATION]
    parts = value.split(",", MAX_NAMESPACES) if isinstance(value, str) else ()
    names = (part.strip(_BLANKS) for part in parts[:MAX_NAMESPACES])
    return tuple(dict.fromkeys(name for name in names if _NAMESPACE.fullmatch(name)))


def find_refusal(
    allowed: tuple[str, ...] | None,
    *,
    namespace: str,
    operator_namespace: str,
    argocd_namespace: str,
    server: str = "",
) -> Finding | None:
    """Return why the ArgoCDInstances of a namespace may not bind; None if they may.

    Args:
        allowed: The namespaces that the annotation names; None without annotation.
        namespace: Namespace of the ArgoCDInstance.
        operator_namespace: The operator's own namespace; empty if it has none.
        argocd_namespace: Namespace of ``argocd-rbac-cm``.
        server: URL of Argo CD's cluster; empty for the operator's cluster.
    """
    by_default = (operator_namespace,) if operator_namespace else ()
    named = by_default if allowed is None else allowed
    if namespace in named:
        return None
    place = f"namespace {argocd_namespace}{f' of {server}' if server else ''}"
    if allowed is not None:
        cause = f"does not name namespace {namespace}"
    else:
        own = f" ({operator_namespace})" if operator_namespace else ""
        cause = f"is missing, so only the operator's own namespace{own} may bind there"
    value = ",".join((*named, namespace))
    return Finding(
        Reason.NOT_ALLOWED_BY_ARGOCD,
        f"The annotation {ALLOWED_NAMESPACES_ANNOTATION} of {CONFIG_MAP_NAME} in"
        f" {place} {cause}. This ArgoCDInstance adds no binding, and those that it had"
        " added are removed. Whoever owns that Argo CD can allow it:"
        f" kubectl -n {argocd_namespace} annotate configmap {CONFIG_MAP_NAME}"
        f" {ALLOWED_NAMESPACES_ANNOTATION}={value} --overwrite",
    )
