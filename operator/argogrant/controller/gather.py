"""Input of the decisions: the observed state of one instance and its Argo CD.

The result is the same object while its sources are unchanged. The decision cache
relies on this: it compares by identity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.roles import (
    DiscoveredRole,
    default_roles,
    discover_roles,
    names_used_as_roles,
)
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.store import InstanceRecord, NamespaceRules
from argogrant.grants.access.policy import Owners
from argogrant.grants.facts import InstanceState
from argogrant.grants.model.identity import (
    IdentityPattern,
)
from argogrant.grants.model.sign_in import ArgoCDSettings, LoginConfig
from argogrant.grants.role_warnings import NO_RISKS


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredState:
    """State of one instance, and the roles that grants can name."""

    state: InstanceState
    roles: tuple[DiscoveredRole, ...] = ()


NO_RULES: Final = NamespaceRules()


class StateGatherer:
    """Builder of the state of one instance, which it builds again after a change only.

    Args:
        name: Name of the instance, as in ``spec.instance``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._last_parsed: Instance | None = None
        self._sources: object = None
        self._gathered = GatheredState(state=InstanceState(name=name, exists=False))

    def gather(
        self,
        record: InstanceRecord | None,
        seen: Snapshot,
        rules: NamespaceRules = NO_RULES,
    ) -> GatheredState:
        """Return the state of the instance.

        If the ArgoCDInstance can no longer be parsed, the state has its last known
        spec and an unknown policy: bindings stay until they expire, and none is added.

        Args:
            record: The ArgoCDInstance, if it exists.
            seen: The observed objects of its Argo CD.
            rules: The rules of the namespace.

        Returns:
            The same object as before if nothing has changed.
        """
        text = seen.config_map.unmanaged if seen.config_map is not None else None
        labels_and_annotations = (
            seen.config_map.labels_and_annotations
            if seen.config_map is not None
            else {}
        )
        if record is not None and record.instance is None:
            text = None
        instance = self._instance(record)
        sources = (
            instance,
            text,
            labels_and_annotations,
            seen.settings,
            seen.projects,
            seen.projects_are_known,
            rules,
        )
        if sources != self._sources:
            self._sources = sources
            known = seen.projects if seen.projects_are_known else None
            gathered = _gather(self._name, instance, text, known, seen.settings)
            if instance is not None:
                owners = owners_of(instance, known or (), labels_and_annotations)
                state = _with_rules(gathered.state, instance, rules, owners)
                gathered = replace(gathered, state=state)
            self._gathered = gathered
        return self._gathered

    def _instance(self, record: InstanceRecord | None) -> Instance | None:
        if record is None:
            return None
        if record.instance is not None:
            self._last_parsed = record.instance
            return record.instance
        last = self._last_parsed or Instance(
            uid=record.uid,
            namespace=record.namespace,
            name=record.name,
            argocd_namespace="",
            # A lower default would expire grants permanently.
            max_duration=timedelta.max,
        )
        return replace(last, being_deleted=record.being_deleted)


def _with_rules(
    state: InstanceState, instance: Instance, rules: NamespaceRules, owners: Owners
) -> InstanceState:
    return replace(
        state,
        policies=tuple(
            policy
            for policy in rules.policies
            if not policy.instances or instance.name in policy.instances
        ),
        policies_are_known=rules.are_known,
        unreadable_policies=rules.unreadable,
        requires_access_policy=instance.requires_access_policy,
        strip_prefix=instance.strip_prefix,
        owners=owners,
        identities=rules.verification,
        url=instance.url,
        access_details=instance.access_details,
    )


def owners_of(
    instance: Instance,
    projects: Iterable[Project],
    labels_and_annotations: Mapping[str, str],
) -> Owners:
    """Return the owners of an Argo CD, of its projects, and of its global roles.

    The API calls the owners of an Argo CD (``spec.owners.integration``) integration
    owners: they are the approvers of kind ``IntegrationOwner``.

    A name with ``*`` is no owner. Otherwise anyone who can label a project could make
    every user its owner.

    Args:
        instance: Its owners, and the label that names other owners.
        projects: The AppProjects.
        labels_and_annotations: Those of ``argocd-rbac-cm``.
    """
    kind = instance.resource_owner_kind

    def owner(labels: Mapping[str, str]) -> IdentityPattern | None:
        name = labels.get(instance.resource_owner_key, "")
        if kind is None or not name or "*" in name:
            return None
        return IdentityPattern(kind=kind, name=name)

    owned = (
        (project.name, owner(project.labels_and_annotations)) for project in projects
    )
    return Owners(
        integration=instance.integration_owners,
        of_projects={name: one for name, one in owned if one is not None},
        of_global_roles=owner(labels_and_annotations),
    )


def _gather(
    name: str,
    instance: Instance | None,
    text: PolicyCSV | None,
    projects: tuple[Project, ...] | None,
    settings: ArgoCDSettings | None,
) -> GatheredState:
    if instance is None:
        return GatheredState(state=InstanceState(name=name, exists=False))
    if text is None:
        return GatheredState(
            state=InstanceState(
                name=name,
                exists=not instance.being_deleted,
                max_duration=instance.max_duration,
                text_is_known=False,
                projects_are_known=False,
            )
        )
    known = projects or ()
    roles = discover_roles(text, known)
    state = InstanceState(
        name=name,
        exists=not instance.being_deleted,
        max_duration=instance.max_duration,
        projects_are_known=projects is not None,
        roles=frozenset(role.bound_as for role in roles),
        unreadable_projects={
            project.name: str(problem)
            for project in known
            if (problem := project.problem())
        },
        names_used_as_roles=names_used_as_roles(text, known),
        role_risks={
            role.bound_as: role.risks for role in roles if role.risks != NO_RISKS
        },
        login=LoginConfig(
            claims=text.claims,
            default_role=text.default_role,
            default_roles=default_roles(text, known),
            settings=settings,
        ),
    )
    return GatheredState(state=state, roles=roles)
