"""Rules by which the operator decides, as far as the caller may read them.

They tell which roles a user may request, and which grants wait for them. The owners of
roles are those that the status of an ArgoCDInstance lists, since few users may read the
AppProjects.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from argogrant.api.accessgrant import read_grant
from argogrant.api.accessgrant_view import view_grant
from argogrant.api.accesspolicy import read_policy
from argogrant.api.argocdinstance import read_instance
from argogrant.api.json_fields import get_dict, get_str
from argogrant.cli.caller import InstanceKey, read_identity
from argogrant.cli.session import Session, utc_now
from argogrant.cli.status_roles import read_status_roles
from argogrant.cli.terminal.grant_state import awaits_approval
from argogrant.grants.access.entitlement import counts_from
from argogrant.grants.access.policy import AccessPolicy, AccessRules
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.identity import Identity
from argogrant.kube.client import Body
from argogrant.kube.informer import Informer, list_all, stop
from argogrant.kube.resources import ACCESS_POLICIES, ARGOCD_INSTANCES, Collection

RulesByInstance = Mapping[InstanceKey, AccessRules]


async def read_access_rules(api: Session, namespace: str) -> RulesByInstance:
    """Read the rules of each ArgoCDInstance.

    Args:
        api: Where the objects are.
        namespace: Namespace of the objects; empty for all of them.

    Raises:
        ClusterError: ArgoCDInstances or AccessPolicies cannot be listed.
    """
    instances, policies = [
        [one async for one in list_all(api.cluster, Collection(resource, namespace))]
        for resource in (ARGOCD_INSTANCES, ACCESS_POLICIES)
    ]
    return rules_by_instance(instances, policies)


@asynccontextmanager
async def watched_access_rules(
    api: Session, namespace: str
) -> AsyncIterator[Callable[[], RulesByInstance]]:
    """Watch the rules of each ArgoCDInstance; yield a function that returns them.

    If a watch breaks, the function returns the last known rules until it is open again.

    Args:
        api: Where the objects are.
        namespace: Namespace of the objects; empty for all of them.

    Raises:
        ClusterError: ArgoCDInstances or AccessPolicies cannot be listed.
    """
    rules: RulesByInstance | None = None

    def forget(*_: object) -> None:
        nonlocal rules
        rules = None

    def current() -> RulesByInstance:
        nonlocal rules
        if rules is None:
            rules = rules_by_instance(*(one.objects.values() for one in informers))
        return rules

    informers: list[Informer[Body]] = [
        Informer(
            api.cluster,
            Collection(resource, namespace),
            read=lambda body: body,
            on_change=forget,
        )
        for resource in (ARGOCD_INSTANCES, ACCESS_POLICIES)
    ]
    tasks = [asyncio.create_task(one.run()) for one in informers]
    try:
        for one in informers:
            await one.attempted.wait()
            if one.error is not None:
                raise one.error
        yield current
    finally:
        for task in tasks:
            await stop(task)


def rules_by_instance(
    instances: Iterable[Body], policies: Iterable[Body]
) -> RulesByInstance:
    """Return the rules of each valid ArgoCDInstance, by its namespace and name.

    An AccessPolicy applies in its own namespace only.
    """
    in_namespace: defaultdict[str, list[Body]] = defaultdict(list)
    for body in policies:
        in_namespace[_key_of(body)[0]].append(body)
    parsed = {
        namespace: list(readable_policies(bodies))
        for namespace, bodies in in_namespace.items()
    }
    found = {}
    for body in instances:
        key = _key_of(body)
        rules = access_rules(body, parsed.get(key[0], ()))
        if rules is not None:
            found[key] = rules
    return found


def _key_of(body: Body) -> InstanceKey:
    metadata = get_dict(body, "metadata")
    return get_str(metadata, "namespace"), get_str(metadata, "name")


def awaits_approver(
    body: Body, approver: Identity, rules: RulesByInstance, now: datetime
) -> bool:
    """Return whether a grant waits for the approval of a user, as far as is known."""
    view = view_grant(body)
    decided = {one.approver for one in view.approvals}
    if not awaits_approval(view) or approver.username in decided:
        return False
    try:
        grant = read_grant(body)
    except AccessGrantError:
        return False
    known = rules.get((view.namespace, grant.instance))
    return known is not None and counts_from(grant, approver, known, now)


async def awaiting_caller(api: Session, bodies: Iterable[Body]) -> frozenset[str]:
    """Return the uids of the grants of a namespace that wait for the user's approval.

    Raises:
        CommandError: The API server does not report the user.
        ClusterError: The rules cannot be read.
    """
    approver = await read_identity(api)
    rules, now = await read_access_rules(api, api.namespace), utc_now()
    return frozenset(
        view_grant(body).uid
        for body in bodies
        if awaits_approver(body, approver, rules, now)
    )


@asynccontextmanager
async def awaits_caller(
    api: Session, namespace: str, *, watches: bool
) -> AsyncIterator[Callable[[Body], bool]]:
    """Yield a function that returns whether a grant waits for the user's approval.

    Args:
        api: Where the objects are.
        namespace: Namespace of the grants; empty for all of them.
        watches: Whether the function follows later changes of the rules.

    Raises:
        CommandError: The API server does not report the user.
        ClusterError: The rules cannot be read.
    """
    approver = await read_identity(api)
    if not watches:
        rules = await read_access_rules(api, namespace)
        yield lambda body: awaits_approver(body, approver, rules, utc_now())
        return
    async with watched_access_rules(api, namespace) as current:
        yield lambda body: awaits_approver(body, approver, current(), utc_now())


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
