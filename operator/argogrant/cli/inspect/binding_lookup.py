"""What Argo CD has of a grant, read with the caller's own rights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.members import managed_bindings
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import (
    CONFIG_MAP_NAME,
    OVERLAY_KEY,
    policy_keys,
    read_key,
)
from argogrant.argocd.policy_line import render_binding
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.grants.model.errors import UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingLookup:
    """One place where a binding may be, and whether it is."""

    place: str
    """Such as ``argocd-rbac-cm`` or ``AppProject team-a``."""
    line: str
    """The binding as Argo CD reads it."""
    is_present: bool | None = None
    """None if it could not be looked at."""
    is_managed: bool = True
    """Whether argogrant writes there; else the line is somebody else's."""
    until: datetime | None = None
    """The end that is written beside it."""
    problem: str = ""
    """Why it could not be looked at."""


async def find_binding(
    cluster: Cluster, instance: Instance, binding: Binding
) -> tuple[BindingLookup, ...]:
    """Look wherever Argo CD can have it from.

    Args:
        cluster: Where Argo CD runs.
        instance: Its ArgoCDInstance.
        binding: What the grant gives.

    Returns:
        The place that is argogrant's first, then those where somebody else wrote it.
    """
    namespace, line = instance.argocd_namespace, line_of(binding)
    path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)
    config_map = await _read(cluster, path, CONFIG_MAP_NAME, line)
    project = project_of(binding.role)
    if not (instance.binds_in_projects and project):
        if isinstance(config_map, BindingLookup):
            return (config_map,)
        return find_in_config_map(observe_config_map(config_map), binding)
    place, path = f"AppProject {project}", APP_PROJECTS.path(namespace, project)
    body = await _read(cluster, path, place, line)
    ours = (
        body
        if isinstance(body, BindingLookup)
        else find_in_project(observe_project(body), binding)
    )
    if isinstance(config_map, BindingLookup):
        return (ours,)
    others = find_in_config_map(observe_config_map(config_map), binding)
    return (ours, *(one for one in others if one.is_present))


def project_of(role: str) -> str:
    """Name the AppProject that a role belongs to; empty for a global one."""
    kind, _, rest = role.partition(":")
    return rest.partition(":")[0] if kind == "proj" else ""


def find_in_config_map(
    seen: ObservedConfigMap, binding: Binding
) -> tuple[BindingLookup, ...]:
    """Say which keys hold a binding: ours in any case, others' if they do."""
    ends: Mapping[Binding, datetime | None] = seen.overlay.ends if seen.overlay else {}
    ours = BindingLookup(
        place=CONFIG_MAP_NAME,
        line=line_of(binding),
        is_present=binding in ends,
        until=ends.get(binding),
    )
    keys = [
        key
        for key in policy_keys(seen.data)
        if key != OVERLAY_KEY and binding in read_key(key, seen.data[key]).bindings
    ]
    return (ours, *(_of_others(f"{CONFIG_MAP_NAME}, {key}", binding) for key in keys))


def find_in_project(project: Project, binding: Binding) -> BindingLookup:
    """Say whether a binding is among the members of a project's role."""
    place = f"AppProject {project.name}"
    ours = managed_bindings(project)
    if binding in ours or binding not in project.memberships():
        return BindingLookup(
            place=place,
            line=line_of(binding),
            is_present=binding in ours,
            until=ours.get(binding),
        )
    return _of_others(place, binding)


def line_of(binding: Binding) -> str:
    """Write a binding as Argo CD reads it, also one that would never be written."""
    try:
        return render_binding(binding)
    except UnsafeText:
        return f"g, {binding.subject!a}, {binding.role!a}"


def not_readable(place: str, line: str, problem: str) -> BindingLookup:
    """Say that a place could not be looked at, and why."""
    return BindingLookup(place=place, line=line, problem=problem)


def _of_others(place: str, binding: Binding) -> BindingLookup:
    return BindingLookup(
        place=place, line=line_of(binding), is_present=True, is_managed=False
    )


async def _read(
    cluster: Cluster, path: str, place: str, line: str
) -> Body | BindingLookup:
    try:
        return await cluster.get(path)
    except NotFound:
        return not_readable(place, line, "it is not there")
    except Forbidden:
        return not_readable(place, line, "you may not read it")
    except ClusterError as error:
        return not_readable(place, line, str(error))
