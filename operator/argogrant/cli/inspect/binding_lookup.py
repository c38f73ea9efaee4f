"""Lookup of a grant's binding in Argo CD, with the caller's permissions."""

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
    """One location of a binding, and whether the binding is there."""

    location: str
    """ConfigMap or AppProject, such as ``argocd-rbac-cm`` or ``AppProject team-a``."""
    line: str
    """The binding as a line of Argo CD's policy."""
    is_present: bool | None = None
    """None if the location could not be read."""
    is_managed: bool = True
    """False for a line that argogrant did not write."""
    until: datetime | None = None
    """End of the grant, as written next to the binding."""
    problem: str = ""
    """Why the location could not be read."""


async def find_binding(
    cluster: Cluster, instance: Instance, binding: Binding
) -> tuple[BindingLookup, ...]:
    """Look up a binding in every location that Argo CD reads.

    Args:
        cluster: Cluster of Argo CD.
        instance: ArgoCDInstance of the grant.
        binding: Binding of the grant.

    Returns:
        The location that argogrant writes, then unmanaged ones with the same binding.
    """
    namespace, line = instance.argocd_namespace, line_of(binding)
    path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)
    config_map = await _read(cluster, path, CONFIG_MAP_NAME, line)
    project = project_of(binding.role)
    if not (instance.binds_in_projects and project):
        if isinstance(config_map, BindingLookup):
            return (config_map,)
        return find_in_config_map(observe_config_map(config_map), binding)
    location, path = f"AppProject {project}", APP_PROJECTS.path(namespace, project)
    body = await _read(cluster, path, location, line)
    members = (
        body
        if isinstance(body, BindingLookup)
        else find_in_project(observe_project(body), binding)
    )
    if isinstance(config_map, BindingLookup):
        return (members,)
    keys = find_in_config_map(observe_config_map(config_map), binding)
    return (members, *(one for one in keys if one.is_present))


def project_of(role: str) -> str:
    """Return the AppProject of a role; empty for a global role."""
    kind, _, rest = role.partition(":")
    return rest.partition(":")[0] if kind == "proj" else ""


def find_in_config_map(
    observed: ObservedConfigMap, binding: Binding
) -> tuple[BindingLookup, ...]:
    """Look up a binding in the managed key, then in every unmanaged key.

    Returns:
        One result for the managed key, and one for each other key that has the binding.
    """
    ends: Mapping[Binding, datetime | None] = (
        observed.overlay.ends if observed.overlay else {}
    )
    managed = BindingLookup(
        location=CONFIG_MAP_NAME,
        line=line_of(binding),
        is_present=binding in ends,
        until=ends.get(binding),
    )
    keys = [
        key
        for key in policy_keys(observed.data)
        if key != OVERLAY_KEY and binding in read_key(key, observed.data[key]).bindings
    ]
    return (
        managed,
        *(_unmanaged(f"{CONFIG_MAP_NAME}, {key}", binding) for key in keys),
    )


def find_in_project(project: Project, binding: Binding) -> BindingLookup:
    """Look up a binding among the members of an AppProject's role."""
    location = f"AppProject {project.name}"
    managed = managed_bindings(project)
    if binding in managed or binding not in project.memberships():
        return BindingLookup(
            location=location,
            line=line_of(binding),
            is_present=binding in managed,
            until=managed.get(binding),
        )
    return _unmanaged(location, binding)


def line_of(binding: Binding) -> str:
    """Return a binding as a policy line, also if the operator would reject it."""
    try:
        return render_binding(binding)
    except UnsafeText:
        return f"g, {binding.subject!a}, {binding.role!a}"


def not_readable(location: str, line: str, problem: str) -> BindingLookup:
    """Return the result for a location that could not be read."""
    return BindingLookup(location=location, line=line, problem=problem)


def _unmanaged(location: str, binding: Binding) -> BindingLookup:
    return BindingLookup(
        location=location, line=line_of(binding), is_present=True, is_managed=False
    )


async def _read(
    cluster: Cluster, path: str, location: str, line: str
) -> Body | BindingLookup:
    try:
        return await cluster.get(path)
    except NotFound:
        return not_readable(location, line, "it does not exist")
    except Forbidden:
        return not_readable(location, line, "you do not have permission to read it")
    except ClusterError as error:
        return not_readable(location, line, str(error))
