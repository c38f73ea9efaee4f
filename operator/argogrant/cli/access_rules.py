"""Rules by which the operator decides, as far as the caller may read them.

They tell which roles a user may request, and which grants wait for them. The owners of
roles are those that the status of an ArgoCDInstance lists, since few users may read the
AppProjects.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace

from argogrant.api.accessgrant import read_grant
from argogrant.api.accessgrant_view import view_grant
from argogrant.api.accesspolicy import read_policy
from argogrant.api.argocdinstance import read_instance
from argogrant.api.json_fields import get_dict, get_str
from argogrant.cli.caller import read_identity
from argogrant.cli.session import Session, utc_now
from argogrant.cli.status_roles import read_status_roles
from argogrant.cli.terminal.grant_state import awaits_approval
from argogrant.grants.access.entitlement import counts_from
from argogrant.grants.access.policy import AccessPolicy, AccessRules
from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.client import Body
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
    Collection,
    Resource,
)


async def read_access_rules(api: Session) -> dict[str, AccessRules]:
    """Read the rules of each ArgoCDInstance of the namespace, by its name.

    Raises:
        ClusterError: ArgoCDInstances or AccessPolicies cannot be listed.
    """
    instances = [one async for one in _list(api, ARGOCD_INSTANCES)]
    policies = list(
        readable_policies([one async for one in _list(api, ACCESS_POLICIES)])
    )
    return {
        get_str(get_dict(body, "metadata"), "name"): rules
        for body in instances
        if (rules := access_rules(body, policies)) is not None
    }


async def awaiting_caller(api: Session, bodies: Iterable[Body]) -> frozenset[str]:
    """Return the uids of the grants that wait for the approval of the user.

    Raises:
        CommandError: The API server does not report the user.
        ClusterError: The rules cannot be read.
    """
    approver = await read_identity(api)
    rules, now = await read_access_rules(api), utc_now()
    uids = set()
    for body in bodies:
        view = view_grant(body)
        decided = {one.approver for one in view.approvals}
        if not awaits_approval(view) or approver.username in decided:
            continue
        try:
            grant = read_grant(body)
        except AccessGrantError:
            continue
        known = rules.get(grant.instance)
        if known is not None and counts_from(grant, approver, known, now):
            uids.add(grant.uid)
    return frozenset(uids)


def access_rules(body: Body, policies: Iterable[AccessPolicy]) -> AccessRules | None:
    """Return the rules of an ArgoCDInstance; None if it is invalid."""
    try:
        instance = read_instance(body)
    except AccessGrantError:
        return None
    return AccessRules(
        max_duration=instance.max_duration,
        policies=tuple(
            one
            for one in policies
            if not one.instances or instance.name in one.instances
        ),
        requires_access_policy=instance.requires_access_policy,
        strip_prefix=instance.strip_prefix,
        owners=replace(
            read_status_roles(get_dict(body, "status")).owners,
            integration=instance.integration_owners,
        ),
    )


def readable_policies(bodies: Iterable[Body]) -> Iterator[AccessPolicy]:
    """Yield the AccessPolicies that are valid."""
    for body in bodies:
        try:
            yield read_policy(body)
        except AccessGrantError:
            continue


def _list(api: Session, resource: Resource) -> AsyncIterator[Body]:
    return list_all(api.cluster, Collection(resource, api.namespace))
