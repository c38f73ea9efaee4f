"""The command ``argogrant show``: the description of one grant."""

from collections.abc import Callable, Sequence

import click

from argogrant.api.accessgrant_view import (
    AccessApprovalView,
    AccessGrantView,
    view_approval,
    view_grant,
)
from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.members import managed_bindings
from argogrant.argocd.policy_csv import (
    CONFIG_MAP_NAME,
    OVERLAY_KEY,
    policy_keys,
    read_key,
    render_binding,
)
from argogrant.cli.choosing import chosen_names, require_names
from argogrant.cli.errors import (
    CommandError,
    collect_errors,
    raise_collected,
    run_command,
)
from argogrant.cli.formats import DocumentFormat
from argogrant.cli.inspect.describe import (
    BindingLookup,
    GrantDescription,
    to_json,
    to_text,
)
from argogrant.cli.parsed_objects import argocd_of, instance_of
from argogrant.cli.serialization import serialize_data
from argogrant.cli.session import Session, grant_body, session, utc_now
from argogrant.cli.terminal.tables import print_line
from argogrant.controller.argocd_state import observe_config_map, observe_project
from argogrant.grants.model.errors import UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    APP_PROJECTS,
    CONFIG_MAPS,
    Collection,
)


def show_grant(
    *,
    names: Sequence[str],
    namespace: str,
    context: str,
    argocd_context: str,
    output: DocumentFormat,
) -> None:
    """Print the description of a grant."""
    require_names(names)
    problems: list[str] = []
    read = run_command(
        "show", _read_all(names, namespace, context, argocd_context, problems)
    )
    if output is DocumentFormat.TEXT:
        for number, facts in enumerate(read):
            if number:
                click.echo()
            _print(facts)
    elif len(names) > 1:
        click.echo(serialize_data({"items": [to_json(one) for one in read]}, output))
    else:
        for facts in read:
            click.echo(serialize_data(to_json(facts), output))
    if problems:
        run_command("show", _fail(problems))


def _print(facts: GrantDescription) -> None:
    print_line(lambda width, marks: to_text(facts, width=width, marks=marks))


async def _fail(problems: list[str]) -> None:
    raise_collected(problems)


async def _read_all(
    names: Sequence[str],
    namespace: str,
    context: str,
    argocd_context: str,
    problems: list[str],
) -> list[GrantDescription]:
    """Describe grants; collect the problems with the others."""
    found = []
    async with session(context, namespace) as home:
        for name in await chosen_names(home, names, "show", lambda _: True):
            with collect_errors(problems):
                found.append(await _read(home, name, argocd_context))
    return found


async def _read(home: Session, name: str, argocd_context: str) -> GrantDescription:
    body = await grant_body(home, name)
    grant = view_grant(body)
    approvals, problem = await _approvals(home, name)
    status = body.get("status") or {}
    generation = body["metadata"].get("generation")
    return GrantDescription(
        grant=grant,
        is_stale=bool(status) and status.get("observedGeneration") != generation,
        approvals=approvals,
        approvals_problem=problem,
        binding=await _find_binding(home, grant, argocd_context),
        now=utc_now(),
    )


async def _approvals(
    home: Session, name: str
) -> tuple[tuple[AccessApprovalView, ...], str]:
    """Return the approvals of a grant, or why they could not be listed."""
    collection = Collection(ACCESS_APPROVALS, home.namespace)
    try:
        found = [view_approval(one) async for one in list_all(home.cluster, collection)]
    except Forbidden:
        return (), "you do not have permission to list them"
    except ClusterError as error:
        return (), str(error)
    return tuple(one for one in found if one.grant_name == name), ""


async def _find_binding(
    home: Session, grant: AccessGrantView, argocd_context: str
) -> tuple[BindingLookup, ...]:
    """Look up a binding in every location that Argo CD reads.

    Returns:
        The location that argogrant writes, then unmanaged ones with the same binding.
    """
    binding = Binding(grant.subject, grant.role)
    try:
        instance = await instance_of(home, grant.instance)
        if instance.cluster is None or argocd_context:
            async with argocd_of(home, instance, argocd_context) as cluster:
                return await _locations(cluster, instance, binding)
        problem = "it is in another cluster; name its context with --argocd-context"
    except Forbidden:
        instance_name = quote(grant.instance)
        problem = f"you do not have permission to read ArgoCDInstance {instance_name}"
    except (CommandError, ClusterError) as error:
        problem = str(error).rstrip(".")
    return (BindingLookup(CONFIG_MAP_NAME, _line_of(binding), problem=problem),)


async def _locations(
    cluster: Cluster, instance: Instance, binding: Binding
) -> tuple[BindingLookup, ...]:
    namespace = instance.argocd_namespace
    path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)
    keys = await _look_up(cluster, path, CONFIG_MAP_NAME, binding, _in_config_map)
    kind, _, rest = binding.role.partition(":")
    project = rest.partition(":")[0] if kind == "proj" else ""
    if not (instance.binds_in_projects and project):
        return keys
    path = APP_PROJECTS.path(namespace, project)
    location = f"AppProject {project}"
    members = await _look_up(cluster, path, location, binding, _in_project)
    return (*members, *(one for one in keys if one.is_present))


async def _look_up(
    cluster: Cluster,
    path: str,
    location: str,
    binding: Binding,
    find: Callable[[Body, Binding], tuple[BindingLookup, ...]],
) -> tuple[BindingLookup, ...]:
    try:
        return find(await cluster.get(path), binding)
    except NotFound:
        problem = "it does not exist"
    except Forbidden:
        problem = "you do not have permission to read it"
    except ClusterError as error:
        problem = str(error)
    return (BindingLookup(location, _line_of(binding), problem=problem),)


def _in_config_map(body: Body, binding: Binding) -> tuple[BindingLookup, ...]:
    """Look up a binding in the managed key, then in every unmanaged key."""
    observed, line = observe_config_map(body), _line_of(binding)
    ends = observed.overlay.ends if observed.overlay else {}
    is_present, until = binding in ends, ends.get(binding)
    keys = [
        BindingLookup(
            f"{CONFIG_MAP_NAME}, {key}", line, is_present=True, is_managed=False
        )
        for key in policy_keys(observed.data)
        if key != OVERLAY_KEY and binding in read_key(key, observed.data[key]).bindings
    ]
    managed = BindingLookup(CONFIG_MAP_NAME, line, is_present=is_present, until=until)
    return (managed, *keys)


def _in_project(body: Body, binding: Binding) -> tuple[BindingLookup, ...]:
    """Look up a binding among the members of an AppProject's role."""
    project, line = observe_project(body), _line_of(binding)
    location, ends = f"AppProject {project.name}", managed_bindings(project)
    if binding not in ends and binding in project.memberships():
        has_returned = any(
            Binding(one.subject, f"proj:{project.name}:{one.role}") == binding
            for one in project.ended_members.members
        )
        return (
            BindingLookup(
                location,
                line,
                is_present=True,
                is_managed=False,
                has_returned=has_returned,
            ),
        )
    is_present, until = binding in ends, ends.get(binding)
    return (BindingLookup(location, line, is_present=is_present, until=until),)


def _line_of(binding: Binding) -> str:
    """Return a binding as a policy line, also if the operator would reject it."""
    try:
        return render_binding(binding)
    except UnsafeText:
        return f"g, {binding.subject!a}, {binding.role!a}"
