"""Survey of the access that Argo CDs have from argogrant, with the caller's rights.

``argogrant doctor`` and ``argogrant uninstall`` judge by this survey: statuses and
ArgoCDInstances may be gone or wrong. It reads ``argocd-rbac-cm`` and the AppProjects of
all namespaces. If the caller may read them in some namespaces only, it reads those, and
reports which it could not read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from argogrant.api.json_fields import get_dict, get_str, get_text_map
from argogrant.argocd.managed_access import (
    ManagedAccess,
    access_of_key,
    access_of_project,
)
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.controller.argocd_state import observe_project
from argogrant.grants.model.validation import PROJECT_NAME
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.refusals import Cause, refusal_of
from argogrant.kube.resources import (
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    NAMESPACES,
    Collection,
)

MOST_NAMESPACES: Final = 500
"""Namespaces that are read one by one, if the caller may not read all at once."""
AT_ONCE: Final = 8
NO_PERMISSION: Final = "you do not have permission to read it"
DEFAULT_ARGOCD_NAMESPACE: Final = "argocd"
_OTHERS: Final = "all other namespaces"


@dataclass(slots=True, kw_only=True)
class AccessSurvey:
    """Result of a survey."""

    found: list[ManagedAccess] = field(default_factory=list)
    """In the order of namespace and object."""
    not_read: dict[str, str] = field(default_factory=dict)
    """Objects that could not be read, with the reason."""


async def survey_access(cluster: Cluster, namespaces: Iterable[str]) -> AccessSurvey:
    """Read what argogrant has written into the Argo CDs of a cluster.

    Args:
        cluster: API server of the Argo CDs.
        namespaces: Namespaces that are read in any case.
    """
    survey = AccessSurvey()
    readers = (_read_config_maps, _read_projects)
    refused = [read for read in readers if not await read(cluster, "", survey)]
    if refused:
        names = await _namespaces(cluster, namespaces, survey)
        limit = asyncio.Semaphore(AT_ONCE)

        async def read_one(name: str) -> None:
            async with limit:
                for read in refused:
                    await read(cluster, name, survey)

        await asyncio.gather(*map(read_one, names))
    survey.found.sort(key=lambda one: (one.namespace, one.project))
    return survey


async def _namespaces(
    cluster: Cluster, wanted: Iterable[str], survey: AccessSurvey
) -> list[str]:
    """Return the namespaces to read one by one; report if there may be more."""
    names = dict.fromkeys(wanted)
    try:
        async for body in list_all(cluster, Collection(NAMESPACES, "")):
            if len(names) >= MOST_NAMESPACES:
                reason = f"only {MOST_NAMESPACES} were read, one by one"
                survey.not_read[_OTHERS] = reason
                break
            names[get_str(get_dict(body, "metadata"), "name")] = None
    except ClusterError as error:
        survey.not_read[_OTHERS] = _describe(error)
    return list(names)


async def _read_config_maps(
    cluster: Cluster, namespace: str, survey: AccessSurvey
) -> bool:
    """Read the managed keys of one namespace, or of all.

    A single ConfigMap is read with ``get``, which the shipped Roles permit.

    Returns:
        False if the caller may not read all.
    """

    def record(body: Body) -> None:
        metadata, data = get_dict(body, "metadata"), get_text_map(body, "data")
        access = access_of_key(get_str(metadata, "namespace"), data)
        survey.found += [access] if access is not None else []

    async def get() -> AsyncIterator[Body]:
        yield await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))

    collection = Collection(CONFIG_MAPS, namespace, CONFIG_MAP_NAME)
    bodies = get() if namespace else list_all(cluster, collection)
    return await _read(bodies, collection, record, survey)


async def _read_projects(
    cluster: Cluster, namespace: str, survey: AccessSurvey
) -> bool:
    """Read the AppProjects of one namespace, or of all."""

    def record(body: Body) -> None:
        where = get_str(get_dict(body, "metadata"), "namespace")
        access = access_of_project(where, observe_project(body))
        survey.found += [access] if access is not None else []

    collection = Collection(APP_PROJECTS, namespace)
    return await _read(list_all(cluster, collection), collection, record, survey)


async def _read(
    bodies: AsyncIterator[Body],
    collection: Collection,
    record: Callable[[Body], None],
    survey: AccessSurvey,
) -> bool:
    """Record every object; return False if all namespaces at once are refused."""
    try:
        async for body in bodies:
            record(body)
    except NotFound:
        return True  # There is none, or the kind is not served.
    except ClusterError as error:
        if isinstance(error, Forbidden) and not collection.namespace:
            return False
        survey.not_read[collection.describe()] = _describe(error)
    return True


async def is_managed(
    cluster: Cluster, access: ManagedAccess, *, is_remote: bool = False
) -> bool | None:
    """Return whether the owner exists and manages this Argo CD; None if unknown.

    Args:
        cluster: API server of the ArgoCDInstances.
        access: What was found in Argo CD.
        is_remote: The Argo CD is in another cluster than the ArgoCDInstances.
    """
    owner = access.owner
    # Another name would lead to another path of the API server.
    if owner is None or not all(
        map(PROJECT_NAME.fullmatch, (owner.namespace, owner.instance))
    ):
        return False
    try:
        path = ARGOCD_INSTANCES.path(owner.namespace, owner.instance)
        body = await cluster.get(path)
    except NotFound:
        return False
    except ClusterError:
        return None
    spec = get_dict(body, "spec")
    return (
        get_str(get_dict(body, "metadata"), "uid") == owner.uid
        and argocd_namespace_of(spec) == access.namespace
        and ("cluster" in spec) is is_remote
    )


def argocd_namespace_of(spec: Mapping[str, Any]) -> str:
    """Return the namespace of the Argo CD of an ArgoCDInstance, also an invalid one."""
    return get_str(spec, "namespace") or DEFAULT_ARGOCD_NAMESPACE


def _describe(error: ClusterError) -> str:
    is_permission = refusal_of(error).cause is Cause.PERMISSION
    return NO_PERMISSION if is_permission else str(error)
