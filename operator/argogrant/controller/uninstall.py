"""The end of argogrant in a namespace: no binding and no finalizer of ours is left.

The operator is asked first, by deleting the ArgoCDInstances: it reaches every Argo CD
that it serves, in other clusters too. Then it is stopped, so that it puts nothing back,
and what it has left is removed here.
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
PAUSE: Final = 0.5
STOP_SECONDS: Final = 45.0
"""A pod has 30 seconds to end."""


class NotRemoved(AccessGrantError):
    """Something could not be removed; the message names it, and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, or could not be done, in one line."""

    text: str
    failed: bool = False


async def uninstall(
    cluster: Cluster, namespace: str, *, deployment: str, wait_seconds: float
) -> AsyncIterator[Step]:
    """Remove every binding and every finalizer of one namespace.

    Args:
        cluster: Where the operator runs.
        namespace: Whose ArgoCDInstances and AccessGrants are meant.
        deployment: The operator's own, which is scaled down; empty for none.
        wait_seconds: How long the operator may take.

    Yields:
        A line for each thing that was done or that failed. The finalizers of grants
        stay while something failed: they say that access may be left.
    """
    try:
        instances = await _all(cluster, ARGOCD_INSTANCES, namespace)
        for one in instances:
            await _remove(cluster, one)
        left = await _wait_for_the_operator(cluster, namespace, wait_seconds)
        yield Step(f"{namespace}: the operator has left {len(left)} ArgoCDInstances")
        if deployment:
            yield await _stop(cluster, namespace, deployment)
        failed = False
        for one in instances:
            step = await _finish(cluster, one, left)
            failed |= step.failed
            yield step
        if not failed:
            yield await _release_grants(cluster, namespace)
    except ClusterError as error:
        yield Step(f"{namespace}: {error}. Mend that and run this again.", failed=True)


async def _all(cluster: Cluster, resource: Resource, namespace: str) -> list[Body]:
    """Read what there is; a kind that is not installed has no objects."""
    try:
        return [one async for one in list_all(cluster, Collection(resource, namespace))]
    except NotFound:
        return []


async def _remove(cluster: Cluster, instance: Body) -> None:
    try:
        await cluster.delete(_path_of(instance), uid=instance["metadata"]["uid"])
    except (NotFound, Conflict):
        return  # gone, or another one by now, which is none of ours to remove


async def _wait_for_the_operator(
    cluster: Cluster, namespace: str, seconds: float
) -> list[str]:
    """Give the names of the instances that are left when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        there = await _all(cluster, ARGOCD_INSTANCES, namespace)
        left = [one["metadata"]["name"] for one in there]
        if not left or loop.time() >= deadline:
            return left
        await asyncio.sleep(PAUSE)


async def _stop(cluster: Cluster, namespace: str, deployment: str) -> Step:
    path = DEPLOYMENTS.path(namespace, deployment)
    try:
        body = await cluster.merge_patch(path, {"spec": {"replicas": 0}})
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_SECONDS
        while (body.get("status") or {}).get("replicas") and loop.time() < deadline:
            await asyncio.sleep(PAUSE)
            body = await cluster.get(path)
    except NotFound:
        return Step(f"{namespace}: there is no Deployment {deployment}")
    return Step(f"{namespace}: scaled the Deployment {deployment} to 0")


def _path_of(instance: Body) -> str:
    metadata = instance["metadata"]
    return ARGOCD_INSTANCES.path(metadata["namespace"], metadata["name"])


async def _finish(cluster: Cluster, instance: Body, left: list[str]) -> Step:
    """Do for one deleted instance what the operator has not done.

    One that vanished is looked at too: without a finalizer nobody waited for anybody.
    """
    metadata = instance["metadata"]
    title = f"{metadata['namespace']}/{metadata['name']}"
    try:
        if metadata["name"] not in left and _needs_the_operator(instance):
            return Step(f"{title}: left to the operator, and gone")
        done = await _remove_overlay(cluster, instance)
        await _drop_finalizer(cluster, _path_of(instance))
    except NotRemoved as error:
        return Step(f"{title}: {error}", failed=True)
    except ClusterError as error:
        return Step(
            f"{title}: {error}. Its bindings may be left in {CONFIG_MAP_NAME}.",
            failed=True,
        )
    return Step(f"{title}: {done}")


async def _remove_overlay(cluster: Cluster, instance: Body) -> str:
    """Remove our key, if it is this instance's; say what was done.

    Raises:
        NotRemoved: Only the operator can do it, or Argo CD would not notice.
    """
    spec, metadata = instance.get("spec") or {}, instance["metadata"]
    if (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true":
        return "abandoned as its annotation says, bindings may be left"
    _refuse_what_only_the_operator_can(spec)
    argocd = spec.get("namespace") or "argocd"
    path = CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)
    for _ in range(ATTEMPTS):
        try:
            config_map = await cluster.get(path)
        except NotFound as error:
            raise NotRemoved(
                f"there is no {argocd}/{CONFIG_MAP_NAME}, so Argo CD keeps its last"
                " rules in memory. Restart argocd-server, then run this again after:"
                f" kubectl -n {metadata['namespace']} annotate argocdinstance"
                f" {metadata['name']} {ABANDON_ANNOTATION}=true"
            ) from error
        overlay = read_overlay(config_map.get("data") or {})
        if overlay is None:
            return f"nothing of it was left in {argocd}/{CONFIG_MAP_NAME}"
        if overlay.owner and overlay.owner.uid != metadata["uid"]:
            return f"{OVERLAY_KEY} in {argocd} is another instance's, and stays"
        version = config_map["metadata"]["resourceVersion"]
        try:
            await cluster.merge_patch(path, overlay_patch(None, version))
        except Conflict:
            continue
        return f"removed {len(overlay.bindings)} bindings from {argocd}"
    raise NotRemoved(
        f"{argocd}/{CONFIG_MAP_NAME} changed {ATTEMPTS} times while it was written; run"
        " this again."
    )


def _needs_the_operator(instance: Body) -> bool:
    try:
        _refuse_what_only_the_operator_can(instance.get("spec") or {})
    except NotRemoved:
        return True
    return False


def _refuse_what_only_the_operator_can(spec: Body) -> None:
    if "cluster" in spec:
        problem = f"its Argo CD is in another cluster, {spec['cluster'].get('server')}"
    elif spec.get("bindProjectRolesIn") == "AppProject":
        problem = "it binds in AppProjects"
    else:
        return
    raise NotRemoved(
        f"{problem}, and only a running operator takes its bindings away. Start the"
        " operator (kubectl scale deployment … --replicas=1) and run this again."
    )


async def _release_grants(cluster: Cluster, namespace: str) -> Step:
    count = 0
    for grant in await _all(cluster, ACCESS_GRANTS, namespace):
        path = ACCESS_GRANTS.path(namespace, grant["metadata"]["name"])
        count += await _drop_finalizer(cluster, path)
    return Step(f"{namespace}: removed the finalizers of {count} AccessGrants")


async def _drop_finalizer(cluster: Cluster, path: str) -> bool:
    """Remove our finalizer and nobody else's; tell whether there was one."""
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
