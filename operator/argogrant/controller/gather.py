"""From what was seen to the facts that decisions are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from argogrant.controller.cached_objects import InstanceRecord
from argogrant.grants.access.policy import AccessPolicy, Owners
from argogrant.grants.facts import InstanceState
from argogrant.grants.model.identity import (
    UNVERIFIED,
    IdentityPattern,
    RequesterVerification,
)
from argogrant.grants.model.sign_in import ArgoCDSettings, LoginConfig
from argogrant.grants.role_warnings import NO_RISKS


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredState:
    """The facts about one instance, and the roles that it can be asked for."""

    inputs: InstanceState
    roles: tuple[DiscoveredRole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRules:
    """What decides about all grants of a namespace, beside the grants themselves."""

    policies: tuple[AccessPolicy, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """AccessPolicies that can not be understood, and why."""
    are_known: bool = True
    """Whether AccessPolicies and AccessApprovals could be read."""
    verification: RequesterVerification = UNVERIFIED
    """Whether the API server vouches for requesters and approvers."""


NO_RULES: Final = NamespaceRules()


class StateGatherer:
    """Gathers facts anew only when something that they are made of changed.

    Args:
        name: What grants call the instance.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._understood: Instance | None = None
        self._sources: object = None
        self._gathered = GatheredState(inputs=InstanceState(name=name, exists=False))

    def gather(
        self,
        record: InstanceRecord | None,
        seen: Snapshot,
        rules: NamespaceRules = NO_RULES,
    ) -> GatheredState:
        """Put together what is known of the instance.

        One that can not be understood any longer is taken for what it was, but its
        grants are in doubt: what is bound stays until its end, and nothing is added.

        Args:
            record: The ArgoCDInstance, if there is one.
            seen: Its Argo CD.
            rules: What the namespace says about all its grants.

        Returns:
            The very object of the last time if nothing changed since.
        """
        text = seen.config_map.unmanaged if seen.config_map is not None else None
        marks = (
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
            marks,
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
                owners = owners_of(instance, known or (), marks)
                facts = _with_rules(gathered.inputs, instance, rules, owners)
                gathered = replace(gathered, inputs=facts)
            self._gathered = gathered
        return self._gathered

    def _instance(self, record: InstanceRecord | None) -> Instance | None:
        if record is None:
            return None
        if record.instance is not None:
            self._understood = record.instance
            return record.instance
        last = self._understood or Instance(
            uid=record.uid,
            namespace=record.namespace,
            name=record.name,
            argocd_namespace="",
            max_duration=timedelta.max,  # a guess could end grants for good
        )
        return replace(last, being_deleted=record.being_deleted)


def _with_rules(
    facts: InstanceState, instance: Instance, rules: NamespaceRules, owners: Owners
) -> InstanceState:
    return replace(
        facts,
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
    instance: Instance, projects: Iterable[Project], marks: Mapping[str, str]
) -> Owners:
    """Find who owns an Argo CD, its projects, and its global roles.

    A name with ``*`` is nobody's: whoever may label a project must not make everybody
    its owner.

    Args:
        instance: Names the integration's owners, and the mark that names others.
        projects: The AppProjects.
        marks: The labels and annotations of ``argocd-rbac-cm``.
    """
    kind = instance.resource_owner_kind

    def owner(marks: Mapping[str, str]) -> IdentityPattern | None:
        name = marks.get(instance.resource_owner_key, "")
        if kind is None or not name or "*" in name:
            return None
        return IdentityPattern(kind=kind, name=name)

    owned = (
        (project.name, owner(project.labels_and_annotations)) for project in projects
    )
    return Owners(
        integration=instance.integration_owners,
        of_projects={name: one for name, one in owned if one is not None},
        of_global_roles=owner(marks),
    )


def _gather(
    name: str,
    instance: Instance | None,
    text: PolicyCSV | None,
    projects: tuple[Project, ...] | None,
    settings: ArgoCDSettings | None,
) -> GatheredState:
    if instance is None:
        return GatheredState(inputs=InstanceState(name=name, exists=False))
    if text is None:
        return GatheredState(
            inputs=InstanceState(
                name=name,
                exists=not instance.being_deleted,
                max_duration=instance.max_duration,
                text_is_known=False,
                projects_are_known=False,
            )
        )
    known = projects or ()
    roles = discover_roles(text, known)
    facts = InstanceState(
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
    return GatheredState(inputs=facts, roles=roles)
