"""Messages about an object that does not exist in the namespace of a command.

The usual cause is the namespace: it is that of a kubeconfig context, and no operator
serves it. A message names the namespace, where it comes from, and the namespaces that
have an ArgoCDInstance.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from argogrant.api.json_fields import get_dict, get_str
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ARGOCD_INSTANCES, Collection

DEFAULT_NAMESPACE: Final = "argogrant"
"""Namespace in which the chart and the manifests create the ArgoCDInstance."""
MAX_NAMES: Final = 5
"""Number of names that a message lists."""
INSTANCE_KIND: Final = "ArgoCDInstance"
_LIST_INSTANCES: Final = "To list instances, run: kubectl get argocdinstances -A."
_LIST_GRANTS: Final = "To list grants, run: argogrant list -A."

Instances = Mapping[str, Sequence[str]]
"""Names of ArgoCDInstances by namespace."""


class NamespaceOrigin(NamedTuple):
    """Namespace of a command."""

    namespace: str
    source: str = ""
    """Where it comes from, as a clause; empty if an option names it."""

    def describe(self) -> str:
        """Name the namespace, and where it comes from, for a message."""
        text = f"namespace {quote(self.namespace)}"
        return f"{text}, {self.source}" if self.source else text


async def describe_absence(
    cluster: Cluster, place: NamespaceOrigin, kind: str, name: str
) -> str:
    """Return that an object does not exist, the probable cause and the remedy."""
    found = await find_instances(cluster, place.namespace)
    sentence = f"{kind} {quote(name)} does not exist in {place.describe()}."
    return f"{sentence} {_remedy(found, place, kind, name)}"


async def describe_unserved(cluster: Cluster, place: NamespaceOrigin) -> str:
    """Return that a namespace has no ArgoCDInstance; empty if it has, or may have."""
    found = await find_instances(cluster, place.namespace)
    if found is None or found.get(place.namespace):
        return ""
    sentence = f"No operator serves {place.describe()}: it has no ArgoCDInstance."
    return f"{sentence} {_elsewhere(found, '')}"


async def describe_alternatives(cluster: Cluster, place: NamespaceOrigin) -> str:
    """Return which namespaces are served instead of one that is forbidden.

    Returns:
        A sentence with a blank before it; empty if the namespace is served, or if no
        other one is known.
    """
    found = await _list(cluster, "")
    if found is None:
        found = await _list(cluster, DEFAULT_NAMESPACE)
    others = {name: names for name, names in (found or {}).items() if names}
    if place.namespace in others or not others:
        return ""
    where = f" This is {place.describe()}." if place.source else ""
    return f"{where} {_elsewhere(others, '')}"


async def find_instances(cluster: Cluster, namespace: str) -> Instances | None:
    """Return the ArgoCDInstances of all namespaces that the caller may list.

    Without permission for all namespaces, only this one and the default one are read.

    Returns:
        None if the caller may not even list those of this namespace.
    """
    everywhere = await _list(cluster, "")
    if everywhere is not None:
        return everywhere
    here = await _list(cluster, namespace)
    if here is None:
        return None
    if namespace == DEFAULT_NAMESPACE:
        return here
    return {**(await _list(cluster, DEFAULT_NAMESPACE) or {}), **here}


async def _list(cluster: Cluster, namespace: str) -> Instances | None:
    found: dict[str, list[str]] = {}
    try:
        async for body in list_all(cluster, Collection(ARGOCD_INSTANCES, namespace)):
            metadata = get_dict(body, "metadata")
            where = get_str(metadata, "namespace") or namespace
            found.setdefault(where, []).append(get_str(metadata, "name"))
    except ClusterError:
        return None
    return found


def _remedy(
    found: Instances | None, place: NamespaceOrigin, kind: str, name: str
) -> str:
    is_instance = kind == INSTANCE_KIND
    if found is None:
        return _LIST_INSTANCES if is_instance else _LIST_GRANTS
    here = found.get(place.namespace)
    if not here:
        cause = "No operator serves that namespace: it has no ArgoCDInstance."
        return f"{cause} {_elsewhere(found, name if is_instance else '')}"
    if is_instance:
        return f"That namespace has {_listed(here)}: add --instance NAME."
    return _LIST_GRANTS


def _elsewhere(found: Instances, name: str) -> str:
    """Return which namespaces have an instance, preferably one with a name."""
    same = sorted(one for one, names in found.items() if name in names)
    others = same or sorted(one for one, names in found.items() if names)
    if not others:
        return _LIST_INSTANCES
    if len(others) == 1:
        return (
            f"An ArgoCDInstance is in namespace {quote(others[0])}: add -n {others[0]}."
        )
    return f"ArgoCDInstances are in the namespaces {_listed(others)}: add -n NAMESPACE."


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(quote, sorted(names)[:MAX_NAMES]))
    rest = len(names) - MAX_NAMES
    return f"{listed} and {rest} more" if rest > 0 else listed
