"""Removal of all bindings and finalizers of one namespace, before uninstalling.

Steps, in this order:

1. Delete the ArgoCDInstances, and wait while the operator cleans their Argo CDs. Only
   the operator has access to Argo CDs in other clusters.
2. Scale the operator down, so it writes no binding again.
3. Clean the Argo CDs that the operator has not cleaned.
4. Remove the finalizers of the AccessGrants, if nothing failed before.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.argocd.overlay import read_overlay
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.controller.argocd_state import overlay_patch
from argogrant.controller.status.writer import FINALIZER, FinalizerChange
from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    Collection,
    Resource,
)

ATTEMPTS: Final = 5
POLL_SECONDS: Final = 0.5
STOP_SECONDS: Final = 45.0
"""Longer than the termination grace period of the pod, 30 seconds."""


class NotRemoved(AccessGrantError):
    """A binding could not be removed; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step in one line."""

    text: str
    failed: bool = False


async def uninstall(
    cluster: Cluster, namespace: str, *, deployment: str, wait_seconds: float
) -> AsyncIterator[Step]:
    """Remove every binding and every finalizer of one namespace.

    Args:
        cluster: API server of the operator.
        namespace: Namespace of the ArgoCDInstances and AccessGrants.
        deployment: Deployment of the operator, which is scaled to 0; empty for none.
        wait_seconds: Time for the operator to clean its Argo CDs.

    Yields:
        One line for each result. If a step failed, grants keep their finalizers, since
        bindings may remain in Argo CD.
    """
    try:
        instances = await _all(cluster, ARGOCD_INSTANCES, namespace)
        for one in instances:
            await _delete(cluster, one)
        remaining = await _wait_for_operator(cluster, namespace, wait_seconds)
        yield Step(f"{namespace}: {len(remaining)} ArgoCDInstances remain")
        if deployment:
            yield await _stop(cluster, namespace, deployment)
        failed = False
        for one in instances:
            step = await _clean(cluster, one, remaining)
            failed |= step.failed
            yield step
        if not failed:
            yield await _release_grants(cluster, namespace)
    except ClusterError as error:
        yield Step(
            f"{namespace}: {error}. Fix this, then run this command again.", failed=True
        )


async def _all(cluster: Cluster, resource: Resource, namespace: str) -> list[Body]:
    """List all objects of a kind; one that is not installed has none."""
    try:
        return [one async for one in list_all(cluster, Collection(resource, namespace))]
    except NotFound:
        return []


async def _delete(cluster: Cluster, instance: Body) -> None:
    try:
        await cluster.delete(_path_of(instance), uid=instance["metadata"]["uid"])
    except (NotFound, Conflict):
        # Already deleted, or replaced by another object of the same name.
        return


async def _wait_for_operator(
    cluster: Cluster, namespace: str, seconds: float
) -> list[str]:
    """Return the names of the instances that exist when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        instances = await _all(cluster, ARGOCD_INSTANCES, namespace)
        remaining = [one["metadata"]["name"] for one in instances]
        if not remaining or loop.time() >= deadline:
            return remaining
        await asyncio.sleep(POLL_SECONDS)


async def _stop(cluster: Cluster, namespace: str, deployment: str) -> Step:
    path = DEPLOYMENTS.path(namespace, deployment)
    try:
        body = await cluster.merge_patch(path, {"spec": {"replicas": 0}})
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_SECONDS
        while (body.get("status") or {}).get("replicas") and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            body = await cluster.get(path)
    except NotFound:
        return Step(f"{namespace}: the Deployment {deployment} does not exist")
    return Step(f"{namespace}: scaled the Deployment {deployment} to 0")


def _path_of(instance: Body) -> str:
    metadata = instance["metadata"]
    return ARGOCD_INSTANCES.path(metadata["namespace"], metadata["name"])


async def _clean(cluster: Cluster, instance: Body, remaining: list[str]) -> Step:
    """Clean the Argo CD of one deleted instance.

    An instance that no longer exists is included: without a finalizer its deletion did
    not wait for the operator.
    """
    metadata = instance["metadata"]
    title = f"{metadata['namespace']}/{metadata['name']}"
    try:
        if metadata["name"] not in remaining and _needs_operator(instance):
            return Step(f"{title}: cleaned by the operator")
        result = await _remove_overlay(cluster, instance)
        await _remove_finalizer(cluster, _path_of(instance))
    except NotRemoved as error:
        return Step(f"{title}: {error}", failed=True)
    except ClusterError as error:
        return Step(
            f"{title}: {error}. Its bindings may remain in {CONFIG_MAP_NAME}.",
            failed=True,
        )
    return Step(f"{title}: {result}")


async def _remove_overlay(cluster: Cluster, instance: Body) -> str:
    """Remove the managed key if it belongs to this instance; describe the result.

    Raises:
        NotRemoved: Only the operator can remove it, or the ConfigMap does not exist.
    """
    spec, metadata = instance.get("spec") or {}, instance["metadata"]
    if (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true":
        return "not cleaned, because of its annotation; bindings may remain"
    _require_own_configmap(spec)
    argocd = spec.get("namespace") or "argocd"
    path = CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)
    for _ in range(ATTEMPTS):
        try:
            config_map = await cluster.get(path)
        except NotFound as error:
            raise NotRemoved(
                f"{argocd}/{CONFIG_MAP_NAME} does not exist, so Argo CD keeps its last"
                " policy in memory. Restart argocd-server, run the following command,"
                " then run this command again:"
                f" kubectl -n {metadata['namespace']} annotate argocdinstance"
                f" {metadata['name']} {ABANDON_ANNOTATION}=true"
            ) from error
        overlay = read_overlay(config_map.get("data") or {})
        if overlay is None:
            return f"no binding in {argocd}/{CONFIG_MAP_NAME}"
        if overlay.owner and overlay.owner.uid != metadata["uid"]:
            return f"{OVERLAY_KEY} in {argocd} belongs to another instance and stays"
        version = config_map["metadata"]["resourceVersion"]
        try:
            await cluster.merge_patch(path, overlay_patch(None, version))
        except Conflict:
            continue
        return f"removed {len(overlay.bindings)} bindings from {argocd}"
    raise NotRemoved(
        f"{argocd}/{CONFIG_MAP_NAME} changed {ATTEMPTS} times while it was written. Run"
        " this command again."
    )


def _needs_operator(instance: Body) -> bool:
    try:
        _require_own_configmap(instance.get("spec") or {})
    except NotRemoved:
        return True
    return False


def _require_own_configmap(spec: Body) -> None:
    if "cluster" in spec:
        problem = f"its Argo CD is in another cluster, {spec['cluster'].get('server')}"
    elif spec.get("bindProjectRolesIn") == "AppProject":
        problem = "it binds in AppProjects"
    else:
        return
    raise NotRemoved(
        f"{problem}, so only the operator can remove its bindings. Start the operator"
        " (kubectl scale deployment … --replicas=1), then run this command again."
    )


async def _release_grants(cluster: Cluster, namespace: str) -> Step:
    count = 0
    for grant in await _all(cluster, ACCESS_GRANTS, namespace):
        path = ACCESS_GRANTS.path(namespace, grant["metadata"]["name"])
        count += await _remove_finalizer(cluster, path)
    return Step(f"{namespace}: removed the finalizers of {count} AccessGrants")


async def _remove_finalizer(cluster: Cluster, path: str) -> bool:
    """Remove argogrant's finalizer only; return whether the object had it."""
    for _ in range(ATTEMPTS):
        try:
            metadata = (await cluster.get(path))["metadata"]
            finalizers = tuple(metadata.get("finalizers") or ())
            if FINALIZER not in finalizers:
                return False
            patch = FinalizerChange(wanted=False, finalizers=finalizers).patch()
            patch["metadata"]["resourceVersion"] = metadata["resourceVersion"]
            await cluster.merge_patch(path, patch)
        except Conflict:
            continue
        except NotFound:
            return False
        return True
    raise Conflict(f"{path}: changed {ATTEMPTS} times while it was written")
