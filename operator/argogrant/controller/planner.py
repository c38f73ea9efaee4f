"""Planner of one instance: gathers the input, decides about grants, plans the writes.

It reads the cache (the store and the snapshot of Argo CD) and performs no I/O.
`argogrant plan` runs it to show what the operator would write.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.roles import (
    DiscoveredRole,
    default_roles,
    discover_roles,
    names_used_as_roles,
)
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.placement import (
    IN_CONFIG_MAP,
    BindingMode,
    binding_mode,
    plan_bindings,
)
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.controller.store import InstanceRecord, NamespaceRules, Store
from argogrant.grants.access.policy import Owners
from argogrant.grants.checks import InstanceState
from argogrant.grants.effectiveness import ArgoCDSettings, LoginConfig
from argogrant.grants.model.grant import NO_RISKS
from argogrant.grants.model.identity import IdentityPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredState:
    """State of one instance, and the roles that grants can name."""

    state: InstanceState
    roles: tuple[DiscoveredRole, ...] = ()


class _Sources(NamedTuple):
    instance: Instance | None
    text: PolicyCSV | None
    labels_and_annotations: Mapping[str, str]
    settings: ArgoCDSettings | None
    projects: tuple[Project, ...] | None
    """None if they are unknown."""
    rules: NamespaceRules


class StateGatherer:
    """State of one instance, which is gathered again only after a change."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last_parsed: Instance | None = None
        self._sources: _Sources | None = None
        self._gathered = GatheredState(state=InstanceState(name=name, exists=False))

    def gather(
        self,
        record: InstanceRecord | None,
        seen: Snapshot,
        rules: NamespaceRules | None = None,
    ) -> GatheredState:
        """Return the state of the instance.

        If the ArgoCDInstance can no longer be parsed, the state has its last known
        spec and an unknown policy: bindings stay until they expire, and none is added.

        Returns:
            The same object as before if nothing has changed; the decision cache
            compares it by identity.
        """
        config_map = seen.config_map
        text = config_map.unmanaged if config_map is not None else None
        if record is not None and record.instance is None:
            text = None
        instance = self._instance(record)
        sources = _Sources(
            instance,
            text,
            config_map.labels_and_annotations if config_map is not None else {},
            seen.settings,
            seen.projects if seen.projects_are_known else None,
            rules or NamespaceRules(),
        )
        if sources != self._sources:
            self._sources = sources
            self._gathered = _gather(self._name, sources)
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


def _gather(name: str, sources: _Sources) -> GatheredState:
    instance, text, labels_and_annotations, settings, projects, rules = sources
    if instance is None:
        return GatheredState(state=InstanceState(name=name, exists=False))
    known = projects or ()
    state = InstanceState(
        name=name,
        exists=not instance.being_deleted,
        max_duration=instance.max_duration,
        text_is_known=False,
        projects_are_known=False,
        policies=tuple(
            policy
            for policy in rules.policies
            if not policy.instances or instance.name in policy.instances
        ),
        policies_are_known=rules.are_known,
        unreadable_policies=rules.unreadable,
        requires_access_policy=instance.requires_access_policy,
        strip_prefix=instance.strip_prefix,
        owners=owners_of(instance, known, labels_and_annotations),
        identities=rules.verification,
        url=instance.url,
        access_details=instance.access_details,
    )
    if text is None:
        return GatheredState(state=state)
    roles = discover_roles(text, known)
    state = replace(
        state,
        text_is_known=True,
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


class PlanCache:
    """The last plan, kept until an input of it changes.

    Most changes of a grant are the operator's own status updates. Planning for all
    grants at each of them would take quadratic time.
    """

    def __init__(self) -> None:
        self._inputs: tuple[object, ...] = ()
        self._config_map: ObservedConfigMap | None = None
        self._plan: Plan | None = None

    def plan(
        self,
        decisions: DecisionCache,
        seen: Snapshot,
        *,
        owner: Owner,
        living_owners: Sequence[Owner],
        mode: BindingMode = IN_CONFIG_MAP,
    ) -> Plan:
        """Return the last plan if it is still valid, or plan again."""
        projects = tuple(id(one) for one in seen.projects if mode.concerns(one))
        inputs = (
            *(decisions.revision, seen.text_is_known, owner, tuple(living_owners)),
            *(mode, projects, mode.in_projects and seen.projects_are_known),
        )
        is_same_config_map = self._config_map is seen.config_map
        if self._plan is None or not is_same_config_map or inputs != self._inputs:
            self._plan = plan_bindings(
                decisions.all(),
                seen,
                owner=owner,
                living_owners=living_owners,
                mode=mode,
                now=decisions.decided_at,
            )
            self._config_map, self._inputs = seen.config_map, inputs
        return self._plan


class Planner:
    """Decisions and plans of one instance of the store's namespace."""

    def __init__(
        self, name: str, *, store: Store, verification: AdmissionWatcher, clock: Clock
    ) -> None:
        self.decisions = DecisionCache()
        self._name = name
        self._store = store
        self._verification = verification
        self._clock = clock
        self._gatherer = StateGatherer(name)
        self._plans = PlanCache()

    def gather(self, record: InstanceRecord, seen: Snapshot) -> GatheredState:
        """Build the input that all decisions share."""
        rules = self._store.rules(self._verification.verification())
        return self._gatherer.gather(record, seen, rules)

    def decide(self, record: InstanceRecord, seen: Snapshot) -> None:
        """Decide about every grant of the instance."""
        state = self.gather(record, seen).state
        grants = self._store.grants_of(self._name)
        self.decisions.update(grants, state, self._clock(), self._store)

    def plan(self, record: InstanceRecord, seen: Snapshot) -> Plan:
        """Decide about every grant, and plan the required writes."""
        self.decide(record, seen)
        return self._plans.plan(
            self.decisions,
            seen,
            owner=record.owner,
            living_owners=[r.owner for r in self._store.instances.objects.values()],
            mode=binding_mode(record.instance),
        )
