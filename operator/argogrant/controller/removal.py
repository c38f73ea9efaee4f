"""Removal of bindings without the operator: ``argogrant sweep`` and ``uninstall``.

A CronJob runs ``argogrant sweep`` as a second path to every revocation. It reads no
AccessGrant: the managed key of ``argocd-rbac-cm`` and the members annotation of
AppProjects contain the expiry of each binding.

``argogrant uninstall`` removes all bindings and finalizers of one namespace, in this
order:

1. Delete the ArgoCDInstances, and wait while the operator cleans their Argo CDs. Only
   the operator has access to Argo CDs in other clusters.
2. Scale the operator down, so it writes no binding again.
3. Clean the Argo CDs that the operator has not cleaned.
4. Remove the finalizers of the AccessGrants, if nothing failed before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.argocd.appproject.members import SweptMembers, sweep_members
from argogrant.argocd.overlay import Swept, read_overlay, sweep_overlay
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import observe_project, overlay_patch
from argogrant.controller.status.writer import FINALIZER, FinalizerChange
from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    Collection,
    Resource,
)

T = TypeVar("T")

ATTEMPTS: Final = 5
POLL_SECONDS: Final = 0.5
STOP_SECONDS: Final = 45.0
"""Longer than the termination grace period of the pod, 30 seconds."""


class SweepFailed(AccessGrantError):
    """A ConfigMap or an AppProject could not be read or written."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step in one line."""

    text: str
    failed: bool = False


async def sweep_config_map(cluster: Cluster, namespace: str, clock: Clock) -> Swept:
    """Remove expired bindings from the managed key, and change nothing else.

    Raises:
        SweepFailed: The ConfigMap is missing or could not be read or written.
    """

    def edit(config_map: Body) -> tuple[Swept, Body | None]:
        text = (config_map.get("data") or {}).get(OVERLAY_KEY, "")
        swept = sweep_overlay(text, clock())
        version = config_map["metadata"]["resourceVersion"]
        return swept, overlay_patch(swept.text, version) if swept.removed else None

    try:
        return await _patch(cluster, CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME), edit)
    except NotFound as error:
        raise SweepFailed(
            "the ConfigMap does not exist, so Argo CD keeps its last policy in memory."
            " Restore the ConfigMap, or restart argocd-server to drop the policy."
        ) from error
    except Conflict as error:
        raise SweepFailed(
            f"it changed {ATTEMPTS} times while it was written. Try again."
        ) from error
    except ClusterError as error:
        raise SweepFailed(f"{error}. Nothing was removed.") from error


async def sweep_projects(
    cluster: Cluster, namespace: str, clock: Clock
) -> SweptMembers | None:
    """Remove expired members of AppProjects, and the tokens they could have issued.

    Returns:
        The removed members; None if AppProjects may not be listed or are not served.

    Raises:
        SweepFailed: An AppProject could not be read or written.
    """

    def edit(project: Body) -> tuple[SweptMembers, Body | None]:
        swept, planned = sweep_members(observe_project(project), clock())
        return swept, project_patch(project, planned) if planned is not None else None

    total = SweptMembers()
    try:
        async for body in list_all(cluster, Collection(APP_PROJECTS, namespace)):
            path = _path_of(APP_PROJECTS, body)
            total += await _patch(cluster, path, edit, body)
    except ClusterError as error:
        if isinstance(error, Forbidden | NotFound) and "PATCH" not in str(error):
            return None
        raise SweepFailed(f"{error}.") from error
    return total


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
            # Conflict: another object of the same name has replaced it.
            with suppress(NotFound, Conflict):
                path = _path_of(ARGOCD_INSTANCES, one)
                await cluster.delete(path, uid=one["metadata"]["uid"])
        remaining = await _wait_for_operator(cluster, namespace, wait_seconds)
        yield Step(f"{namespace}: {len(remaining)} ArgoCDInstances remain")
        if deployment:
            yield await _stop(cluster, namespace, deployment)
        failed = False
        for one in instances:
            name = one["metadata"]["name"]
            step = await _clean(cluster, one, exists=name in remaining)
            failed |= step.failed
            yield Step(f"{namespace}/{name}: {step.text}", failed=step.failed)
        if not failed:
            grants = await _all(cluster, ACCESS_GRANTS, namespace)
            paths = [_path_of(ACCESS_GRANTS, one) for one in grants]
            count = sum([await _remove_finalizer(cluster, path) for path in paths])
            yield Step(f"{namespace}: removed the finalizers of {count} AccessGrants")
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


def _path_of(resource: Resource, body: Body) -> str:
    return resource.path(body["metadata"]["namespace"], body["metadata"]["name"])


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


async def _clean(cluster: Cluster, instance: Body, *, exists: bool) -> Step:
    """Clean the Argo CD of one deleted instance.

    An instance that no longer exists is included: without a finalizer its deletion did
    not wait for the operator.
    """
    problem = _obstacle(instance.get("spec") or {})
    if problem and not exists:
        return Step("cleaned by the operator")
    annotations = instance["metadata"].get("annotations") or {}
    try:
        if annotations.get(ABANDON_ANNOTATION) == "true":
            step = Step("not cleaned, because of its annotation; bindings may remain")
        elif problem:
            step = Step(
                f"{problem}, so only the operator can remove its bindings. Start the"
                " operator (kubectl scale deployment … --replicas=1), then run this"
                " command again.",
                failed=True,
            )
        else:
            step = await _remove_overlay(cluster, instance)
        if not step.failed:
            await _remove_finalizer(cluster, _path_of(ARGOCD_INSTANCES, instance))
    except ClusterError as error:
        step = Step(
            f"{error}. Its bindings may remain in {CONFIG_MAP_NAME}.", failed=True
        )
    return step


def _obstacle(spec: Body) -> str:
    """Return why only the operator can remove the bindings; empty if others can."""
    if "cluster" in spec:
        return f"its Argo CD is in another cluster, {spec['cluster'].get('server')}"
    if spec.get("bindProjectRolesIn") == "AppProject":
        return "it binds in AppProjects"
    return ""


async def _remove_overlay(cluster: Cluster, instance: Body) -> Step:
    """Remove the managed key if it belongs to this instance."""
    metadata = instance["metadata"]
    argocd = (instance.get("spec") or {}).get("namespace") or "argocd"

    def edit(config_map: Body) -> tuple[str, Body | None]:
        overlay = read_overlay(config_map.get("data") or {})
        if overlay is None:
            return f"no binding in {argocd}/{CONFIG_MAP_NAME}", None
        if overlay.owner and overlay.owner.uid != metadata["uid"]:
            belongs = f"{OVERLAY_KEY} in {argocd} belongs to another instance and stays"
            return belongs, None
        patch = overlay_patch(None, config_map["metadata"]["resourceVersion"])
        return f"removed {len(overlay.bindings)} bindings from {argocd}", patch

    try:
        path = CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)
        return Step(await _patch(cluster, path, edit))
    except NotFound:
        return Step(
            f"{argocd}/{CONFIG_MAP_NAME} does not exist, so Argo CD keeps its last"
            " policy in memory. Restart argocd-server, run the following command,"
            " then run this command again:"
            f" kubectl -n {metadata['namespace']} annotate argocdinstance"
            f" {metadata['name']} {ABANDON_ANNOTATION}=true",
            failed=True,
        )
    except Conflict:
        return Step(
            f"{argocd}/{CONFIG_MAP_NAME} changed {ATTEMPTS} times while it was written."
            " Run this command again.",
            failed=True,
        )


async def _remove_finalizer(cluster: Cluster, path: str) -> bool:
    """Remove argogrant's finalizer only; return whether the object had it."""

    def edit(body: Body) -> tuple[bool, Body | None]:
        finalizers = tuple(body["metadata"].get("finalizers") or ())
        if FINALIZER not in finalizers:
            return False, None
        patch = FinalizerChange(wanted=False, finalizers=finalizers).patch()
        patch["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"]
        return True, patch

    try:
        return await _patch(cluster, path, edit)
    except NotFound:
        return False


async def _patch(
    cluster: Cluster,
    path: str,
    edit: Callable[[Body], tuple[T, Body | None]],
    body: Body | None = None,
) -> T:
    """Patch one object; after a conflict, read it and edit it again.

    ``edit`` returns the result and the patch; None writes nothing.

    Raises:
        Conflict: The object changed at every attempt.
    """
    for _ in range(ATTEMPTS):
        result, patch = edit(body or await cluster.get(path))
        if patch is None:
            return result
        try:
            await cluster.merge_patch(path, patch)
        except Conflict:
            body = None
            continue
        return result
    raise Conflict(f"PATCH {path}: it changed {ATTEMPTS} times while it was written")
