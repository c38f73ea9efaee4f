"""Removal of bindings without the operator: ``argogrant sweep`` and ``uninstall``.

A CronJob runs ``argogrant sweep`` as a second path to every revocation. It reads no
AccessGrant: the managed key of ``argocd-rbac-cm`` and the members annotation of
AppProjects contain the expiry of each binding. Both are swept, and each AppProject by
itself: a failure is reported, and ends the sweep of one object only.

``argogrant uninstall`` removes all bindings and finalizers of one namespace, in this
order:

1. Delete the ArgoCDInstances, and wait while the operator cleans their Argo CDs. Only
   the operator has access to Argo CDs in other clusters.
2. Scale the operator down, so it writes no binding again.
3. Clean the Argo CDs that the operator has not cleaned.
4. Read all Argo CDs, as far as the caller may, and report the access that remains: that
   of an ArgoCDInstance which was removed by force, for example.
5. Remove the finalizers of the AccessGrants, if nothing failed before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from argogrant.api.accessgrant import ABANDON_ANNOTATION, FINALIZER
from argogrant.api.json_fields import get_dict, get_str, get_text_map, get_texts
from argogrant.argocd.appproject.members import SweptMembers, owner_of, sweep_members
from argogrant.argocd.overlay import Swept, read_overlay, sweep_overlay
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.controller.access_survey import (
    argocd_namespace_of,
    is_managed,
    survey_access,
)
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import observe_project, overlay_patch
from argogrant.controller.status.writer import FinalizerChange
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.exception_text import describe_exception
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import END_OF_TIME
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.refusals import refusal_of
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
_AGAIN: Final = "Fix this, then run this command again."
MOST_REPORTED: Final = 100
STOP_SECONDS: Final = 45.0
"""Longer than the termination grace period of the pod, 30 seconds."""


class SweepFailed(AccessGrantError):
    """The ConfigMap could not be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSweep:
    """Result of the sweep of all AppProjects of one namespace."""

    members: SweptMembers
    failures: tuple[str, ...] = ()
    """Why an AppProject, or the list of them, could not be swept."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step in one line."""

    text: str
    failed: bool = False


async def sweep_config_map(
    cluster: Cluster, namespace: str, clock: Clock, *, is_everything: bool = False
) -> Swept:
    """Remove expired bindings from the managed key, and change nothing else.

    Args:
        cluster: API server of Argo CD.
        namespace: Namespace of Argo CD.
        clock: Current time.
        is_everything: Remove the managed key with all bindings, expired or not.

    Raises:
        SweepFailed: The ConfigMap is missing or could not be read or written.
    """

    def edit(config_map: Body) -> tuple[Swept, Body | None]:
        text = get_text_map(config_map, "data").get(OVERLAY_KEY, "")
        version = _version_of(config_map)
        if is_everything and text:
            overlay = read_overlay({OVERLAY_KEY: text})
            count = len(overlay.bindings) if overlay is not None else 0
            swept = Swept(text="", removed=count, kept=0, unreadable=0)
            return swept, overlay_patch(None, version)
        swept = sweep_overlay(text, clock())
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
        remedy = refusal_of(error).remedy("the user of this command")
        raise SweepFailed(
            " ".join(filter(None, [f"{error}. Nothing was removed.", remedy]))
        ) from error
    except Exception as error:
        raise SweepFailed(f"{_unexpected(error)}. Nothing was removed.") from error


def _unexpected(error: Exception) -> str:
    """Describe an error that no reader or client should raise."""
    return f"an internal error ({describe_exception(error)})"


async def sweep_projects(
    cluster: Cluster,
    namespace: str,
    clock: Clock,
    *,
    is_everything: bool = False,
    owner: str = "",
) -> ProjectSweep | None:
    """Remove expired members of AppProjects, and the tokens they could have issued.

    Args:
        cluster: API server of Argo CD.
        namespace: Namespace of Argo CD.
        clock: Current time.
        is_everything: Remove all managed members, expired or not.
        owner: Uid of the ArgoCDInstance whose members are removed; empty for any.

    Returns:
        The removed members, and the failures; None if AppProjects may not be listed or
        are not served.
    """
    total, failures, is_listed = SweptMembers(), list[str](), False

    def edit(project: Body) -> tuple[SweptMembers, Body | None]:
        observed = observe_project(project)
        found = owner_of(observed)
        if owner and (found is None or found.uid != owner):
            return SweptMembers(), None
        swept, planned = sweep_members(observed, clock(), is_everything=is_everything)
        return swept, project_patch(project, planned) if planned is not None else None

    try:
        async for body in list_all(cluster, Collection(APP_PROJECTS, namespace)):
            is_listed = True
            try:
                total += await _sweep_project(cluster, body, edit)
            except ClusterError as error:
                failures.append(str(error))
            except Exception as error:  # noqa: BLE001 - the others are swept
                name = quote(get_str(get_dict(body, "metadata"), "name"))
                failures.append(f"AppProject {name}: {_unexpected(error)}")
    except ClusterError as error:
        if isinstance(error, Forbidden | NotFound) and not is_listed:
            return None
        failures.append(str(error))
    return ProjectSweep(members=total, failures=tuple(failures))


async def _sweep_project(
    cluster: Cluster,
    body: Body,
    edit: Callable[[Body], tuple[SweptMembers, Body | None]],
) -> SweptMembers:
    try:
        return await _patch(cluster, _path_of(APP_PROJECTS, body), edit, body)
    except NotFound:
        return SweptMembers()  # The project was deleted meanwhile.


async def uninstall(
    cluster: Cluster,
    namespace: str,
    *,
    deployment: str,
    wait_seconds: float,
    argocd_namespaces: Iterable[str] = (),
) -> AsyncIterator[Step]:
    """Remove every binding and every finalizer of one namespace.

    Args:
        cluster: API server of the operator.
        namespace: Namespace of the ArgoCDInstances and AccessGrants.
        deployment: Deployment of the operator, which is scaled to 0; empty for none.
        wait_seconds: Time for the operator to clean its Argo CDs.
        argocd_namespaces: Namespaces of Argo CDs, besides those of the instances, that
            are read in any case.

    Yields:
        One line for each result. A failure of one object stops no other. If a step
        failed, grants keep their finalizers, since bindings may remain in Argo CD.
    """
    try:
        instances = await _all(cluster, ARGOCD_INSTANCES, namespace)
        failures = [step async for step in _delete_all(cluster, instances)]
        for step in failures:
            yield step
        remaining = await _wait_for_operator(cluster, namespace, wait_seconds)
        yield Step(f"{namespace}: {len(remaining)} ArgoCDInstances remain")
        if deployment:
            yield await _stop(cluster, namespace, deployment)
        failed = bool(failures)
        for one in instances:
            name = get_str(get_dict(one, "metadata"), "name")
            step = await _clean(cluster, one, exists=name in remaining)
            failed |= step.failed
            yield Step(f"{namespace}/{name}: {step.text}", failed=step.failed)
        named = {*argocd_namespaces, *map(_argocd_of, instances)}
        async for step in _report_remaining(cluster, namespace, named):
            failed |= step.failed
            yield step
        if not failed:
            async for step in _release_grants(cluster, namespace):
                yield step
    except ClusterError as error:
        yield Step(f"{namespace}: {error}. {_AGAIN}", failed=True)


def _argocd_of(instance: Body) -> str:
    """Return the namespace of the Argo CD of an instance."""
    return argocd_namespace_of(get_dict(instance, "spec"))


async def _report_remaining(
    cluster: Cluster, namespace: str, argocds: Iterable[str]
) -> AsyncIterator[Step]:
    """Report access that no ArgoCDInstance of another namespace has to end."""
    survey = await survey_access(cluster, sorted(argocds))
    for access in survey.found[:MOST_REPORTED]:
        owner = access.owner_name
        if access.owner is not None:
            owner += f" (uid {access.owner.uid})"
            if access.owner.namespace != namespace:
                managed = await is_managed(cluster, access)
                if managed is None:
                    yield Step(
                        f"{access.place} has bindings of {owner}. Whether it exists"
                        " could not be read."
                    )
                if managed is not False:
                    continue
        listed = f"{access.describe(access.ends)}, by {owner}" if access.ends else ""
        what = "; ".join(filter(None, (listed, access.problem)))
        remedy = f"argogrant sweep --all --argocd-namespace {access.namespace}"
        if access.project and access.problem:
            remedy = f"kubectl -n {access.namespace} edit appproject {access.project}"
        yield Step(
            f"{access.place} still gives access: {what}. Unless an operator in another"
            f" cluster manages it, remove it, then run this command again: {remedy}",
            failed=True,
        )
    rest = len(survey.found) - MOST_REPORTED
    if rest > 0:
        yield Step(f"{rest} more places have bindings", failed=True)
    for what, why in survey.not_read.items():
        yield Step(f"{namespace}: access was not read in {what}: {why}")


async def _delete_all(
    cluster: Cluster, instances: Iterable[Body]
) -> AsyncIterator[Step]:
    """Delete the instances, and yield the failures."""
    for one in instances:
        metadata, path = get_dict(one, "metadata"), _path_of(ARGOCD_INSTANCES, one)
        try:
            await cluster.delete(path, uid=get_str(metadata, "uid"))
        except (NotFound, Conflict):
            continue  # Conflict: another object of the same name has replaced it.
        except ClusterError as error:
            yield Step(f"{get_str(metadata, 'name')}: {error}. {_AGAIN}", failed=True)


async def _release_grants(cluster: Cluster, namespace: str) -> AsyncIterator[Step]:
    """Remove the finalizers of all grants, and yield the failures and the result."""
    count = 0
    for one in await _all(cluster, ACCESS_GRANTS, namespace):
        try:
            count += await _remove_finalizer(cluster, _path_of(ACCESS_GRANTS, one))
        except ClusterError as error:
            yield Step(f"{namespace}: {error}. {_AGAIN}", failed=True)
    yield Step(f"{namespace}: removed the finalizers of {count} AccessGrants")


async def _all(cluster: Cluster, resource: Resource, namespace: str) -> list[Body]:
    """List all objects of a kind; one that is not installed has none."""
    try:
        return [one async for one in list_all(cluster, Collection(resource, namespace))]
    except NotFound:
        return []


def _path_of(resource: Resource, body: Body) -> str:
    metadata = get_dict(body, "metadata")
    return resource.path(get_str(metadata, "namespace"), get_str(metadata, "name"))


def _version_of(body: Body) -> str:
    return get_str(get_dict(body, "metadata"), "resourceVersion")


async def _wait_for_operator(
    cluster: Cluster, namespace: str, seconds: float
) -> list[str]:
    """Return the names of the instances that exist when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        instances = await _all(cluster, ARGOCD_INSTANCES, namespace)
        remaining = [get_str(get_dict(one, "metadata"), "name") for one in instances]
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
    server = _other_cluster(get_dict(instance, "spec"))
    if server and not exists:
        return Step("cleaned by the operator")
    annotations = get_dict(get_dict(instance, "metadata"), "annotations")
    try:
        if annotations.get(ABANDON_ANNOTATION) == "true":
            step = Step("not cleaned, because of its annotation; bindings may remain")
        elif server:
            step = Step(
                f"its Argo CD is in another cluster, {server}, so only the operator can"
                " remove its bindings. Start the operator (kubectl scale deployment …"
                " --replicas=1), then run this command again.",
                failed=True,
            )
        else:
            step = await _remove_bindings(cluster, instance)
        if not step.failed:
            await _remove_finalizer(cluster, _path_of(ARGOCD_INSTANCES, instance))
    except ClusterError as error:
        step = Step(f"{error}. {_MAY_REMAIN}", failed=True)
    except Exception as error:  # noqa: BLE001 - the other instances are cleaned
        step = Step(f"{_unexpected(error)}. {_MAY_REMAIN}", failed=True)
    return step


_MAY_REMAIN: Final = f"Its bindings may remain in {CONFIG_MAP_NAME}."


def _other_cluster(spec: Mapping[str, Any]) -> str:
    """Return the API server of the other cluster with Argo CD; empty if in this one."""
    if "cluster" not in spec:
        return ""
    return get_str(get_dict(spec, "cluster"), "server") or "(unknown)"


async def _remove_bindings(cluster: Cluster, instance: Body) -> Step:
    """Remove the managed key and the members of AppProjects of this instance."""
    step = await _remove_overlay(cluster, instance)
    argocd = _argocd_of(instance)
    uid = get_str(get_dict(instance, "metadata"), "uid")
    # The operator may have been stopped after ``bindProjectRolesIn`` was changed.
    projects = await sweep_projects(
        cluster, argocd, _no_clock, is_everything=True, owner=uid
    )
    binds_in_projects = (
        get_dict(instance, "spec").get("bindProjectRolesIn") == "AppProject"
    )
    if projects is None and binds_in_projects:
        return Step(
            f"{step.text}. It binds in AppProjects, which you may not list and patch in"
            f" namespace {argocd}. {_AGAIN}",
            failed=True,
        )
    if projects is None or (not projects.failures and not projects.members.removed):
        return step
    text = f"{step.text}; removed {projects.members.removed} members of AppProjects"
    failures = [with_full_stop(one) for one in projects.failures]
    text = " ".join([with_full_stop(text), *failures, _AGAIN]) if failures else text
    return Step(text, failed=step.failed or bool(failures))


def _no_clock() -> datetime:
    """Return a time that nothing depends on: everything is removed."""
    return END_OF_TIME


async def _remove_overlay(cluster: Cluster, instance: Body) -> Step:
    """Remove the managed key if it belongs to this instance."""
    metadata = get_dict(instance, "metadata")
    uid, name = get_str(metadata, "uid"), get_str(metadata, "name")
    argocd = _argocd_of(instance)

    def edit(config_map: Body) -> tuple[str, Body | None]:
        overlay = read_overlay(get_text_map(config_map, "data"))
        if overlay is None:
            return f"no binding in {argocd}/{CONFIG_MAP_NAME}", None
        if overlay.owner and overlay.owner.uid != uid:
            belongs = f"{OVERLAY_KEY} in {argocd} belongs to another instance and stays"
            return belongs, None
        patch = overlay_patch(None, _version_of(config_map))
        return f"removed {len(overlay.bindings)} bindings from {argocd}", patch

    try:
        path = CONFIG_MAPS.path(argocd, CONFIG_MAP_NAME)
        return Step(await _patch(cluster, path, edit))
    except NotFound:
        return Step(
            f"{argocd}/{CONFIG_MAP_NAME} does not exist, so Argo CD keeps its last"
            " policy in memory. Restart argocd-server, run the following command,"
            " then run this command again:"
            f" kubectl -n {get_str(metadata, 'namespace')} annotate argocdinstance"
            f" {name} {ABANDON_ANNOTATION}=true",
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
        finalizers = get_texts(get_dict(body, "metadata"), "finalizers")
        if FINALIZER not in finalizers:
            return False, None
        patch = FinalizerChange(wanted=False, finalizers=finalizers).patch()
        patch["metadata"]["resourceVersion"] = _version_of(body)
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
