"""Planner of one instance: gathers the input, decides about grants, plans the writes.

It reads the cache (the store and the snapshot of Argo CD) and performs no I/O.
`argogrant plan` runs it to show what the operator would write. Each of the three steps
keeps its last result, and repeats only what depends on a changed object.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.allowed_namespaces import find_refusal
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.roles import (
    DiscoveredRole,
    default_roles,
    discover_roles,
    names_used_as_roles,
    role_inheritance,
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
from argogrant.controller.plan import Plan
from argogrant.controller.store import (
    GrantRecord,
    InstanceRecord,
    NamespaceRules,
    Store,
)
from argogrant.grants.access.policy import Owners
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import InstanceState, build_input
from argogrant.grants.decide import Decision, decide
from argogrant.grants.effectiveness import ArgoCDSettings, LoginConfig
from argogrant.grants.model.grant import NO_RISKS, Grant
from argogrant.grants.model.identity import IdentityPattern
from argogrant.grants.model.reasons import REFUSED_REASONS, Finding

LONGEST_CHAIN: Final = 128
"""Upper limit of the grants in a chain of extensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredState:
    """State of one instance, and the roles that grants can name."""

    state: InstanceState
    roles: tuple[DiscoveredRole, ...] = ()
    refusal: Finding | None = None
    """Why Argo CD's owner does not allow the instance; None if they do."""


class _Sources(NamedTuple):
    instance: Instance | None
    text: PolicyCSV | None
    labels_and_annotations: Mapping[str, str]
    settings: ArgoCDSettings | None
    projects: tuple[Project, ...] | None
    """None if they are unknown."""
    rules: NamespaceRules
    refusal: Finding | None


class StateGatherer:
    """State of one instance, which is gathered again only after a change.

    Args:
        name: Name of the instance.
        operator_namespace: The operator's own namespace; empty if it has none.
    """

    def __init__(self, name: str, operator_namespace: str = "") -> None:
        self._name = name
        self._operator_namespace = operator_namespace
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
            self._refusal(instance, config_map),
        )
        if sources != self._sources:
            self._sources = sources
            self._gathered = _gather(self._name, sources)
        return self._gathered

    def _refusal(
        self, instance: Instance | None, config_map: ObservedConfigMap | None
    ) -> Finding | None:
        if instance is None or config_map is None:
            return None
        return find_refusal(
            config_map.allowed_namespaces,
            namespace=instance.namespace,
            operator_namespace=self._operator_namespace,
            argocd_namespace=instance.argocd_namespace,
            server=instance.location.key[0],
        )

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
    instance, text, labels_and_annotations, settings, projects, rules, refusal = sources
    if instance is None:
        return GatheredState(state=InstanceState(name=name, exists=False))
    known = projects or ()
    state = InstanceState(
        name=name,
        exists=not instance.being_deleted,
        max_duration=instance.max_duration,
        is_allowed_by_argocd=refusal is None,
        rbac_policy_is_known=False,
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
        return GatheredState(state=state, refusal=refusal)
    roles = discover_roles(text, known)
    state = replace(
        state,
        rbac_policy_is_known=True,
        projects_are_known=projects is not None,
        inheritance=role_inheritance(text, known),
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
    return GatheredState(state=state, roles=roles, refusal=refusal)


def owners_of(
    instance: Instance,
    projects: Iterable[Project],
    labels_and_annotations: Mapping[str, str],
) -> Owners:
    """Return the owners of an Argo CD, of its projects, and of its global roles.

    The API calls the owners of an Argo CD (``spec.owners.integration``) integration
    owners: they are the approvers of kind ``IntegrationOwner``.

    A project is owned by the name in one of its labels or annotations, and the global
    roles by a name on ``argocd-rbac-cm``. A name with ``*`` is no owner. Otherwise
    anyone who can label a project could make every user its owner.
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


class DecisionCache:
    """One decision for each grant that can be parsed, by uid.

    A decision depends on the grant, its related objects, the state of the instance and
    the time. It changes with time alone at its ``recheck_at`` only. So a decision is
    reused while its inputs are the same objects and ``recheck_at`` has not come. If the
    clock was set back, nothing is reused.
    """

    def __init__(self) -> None:
        self.decided_at = datetime.min.replace(tzinfo=UTC)
        self.recheck_at: datetime | None = None
        self.revision = 0
        """Changes whenever the desired bindings may have changed."""
        self.records: dict[str, GrantRecord] = {}
        self._decisions: dict[str, Decision] = {}
        self._state: InstanceState | None = None

    def all(self) -> Collection[Decision]:
        """Return all decisions."""
        return self._decisions.values()

    def get(self, uid: str) -> Decision | None:
        """Return the decision about one grant; None if it cannot be parsed."""
        return self._decisions.get(uid)

    def update(
        self,
        records: Iterable[GrantRecord],
        state: InstanceState,
        now: datetime,
        store: Store | None = None,
    ) -> None:
        """Decide about these grants, and drop the decisions about all others.

        Without a store, grants have no approvals and extend no grant.
        """
        is_same_state = state is self._state and now >= self.decided_at
        reusable = self._decisions if is_same_state else {}
        self.records = {record.uid: record for record in records}
        before = self._decisions
        grants = [r.grant for r in self.records.values() if r.grant is not None]
        related_grants = _RelatedGrants(grants, store, state)
        self._decisions = {}
        for grant in related_grants.ordered():
            related = related_grants.get(grant)
            decision = reusable.get(grant.uid)
            if decision is None or not _is_still_valid(decision, grant, related, now):
                decision = decide(build_input(grant, state, now, related))
            self._decisions[grant.uid] = decision
            related_grants.record_active(decision)
        if not _same_bindings(before, self._decisions):
            self.revision += 1
        self._state, self.decided_at = state, now
        instants = (decision.recheck_at for decision in self._decisions.values())
        self.recheck_at = min((i for i in instants if i is not None), default=None)


class _RelatedGrants:
    """Objects that decisions depend on: approvals, extensions, other active grants.

    ``maxActivePerSubject`` counts the older active grants of a subject. If any policy
    sets it, grants are decided in the order of their creation, and each is counted
    before the next one.
    """

    def __init__(
        self, grants: Sequence[Grant], store: Store | None, state: InstanceState
    ) -> None:
        self._grants = grants
        self._extensions = {
            (grant.extends, *grant.binding): grant.name
            for grant in grants
            if grant.extends is not None
        }
        self._store = store
        self._active: defaultdict[str, set[str]] = defaultdict(set)
        self._counts_active = any(
            policy.max_active_per_subject is not None for policy in state.policies
        )

    def ordered(self) -> Iterable[Grant]:
        """Return the grants, by age if any policy limits the active grants."""
        if not self._counts_active:
            return self._grants
        return sorted(self._grants, key=lambda grant: (grant.created_at, grant.name))

    def get(self, grant: Grant) -> RelatedObjects:
        """Return the objects that a decision about this grant depends on."""
        approvals = self._store.approvals_of(grant.name) if self._store else ()
        active = self._active[grant.subject.name] if self._counts_active else ()
        extended_by = ""
        if self._extensions:
            extended_by = self._extensions.get((grant.name, *grant.binding), "")
        if not (approvals or grant.extends or active or extended_by):
            return NO_RELATED_OBJECTS
        chain = self._chain(grant)
        return RelatedObjects(
            approvals=tuple(r.approval for r in approvals if r.approval is not None),
            chain=chain,
            active_before=len(set(active) - {one.uid for one in chain}),
            extended_by=extended_by,
        )

    def record_active(self, decision: Decision) -> None:
        """Count an active grant, neither ended nor refused, for younger ones."""
        if not self._counts_active:
            return
        grant, finding = decision.grant, decision.finding
        is_refused = finding is not None and finding.reason in REFUSED_REASONS
        if not (decision.has_ended or grant.being_deleted or is_refused):
            self._active[grant.subject.name].add(grant.uid)

    def _chain(self, grant: Grant) -> tuple[Grant, ...]:
        chain: list[Grant] = []
        name = grant.extends
        while self._store and name is not None and len(chain) < LONGEST_CHAIN:
            record = self._store.grant(name)
            if record is None or record.grant is None or record.grant in chain:
                break
            chain.append(record.grant)
            name = record.grant.extends
        return tuple(chain)


def _is_still_valid(
    decision: Decision, grant: Grant, related: RelatedObjects, now: datetime
) -> bool:
    return (
        decision.grant is grant
        and decision.related == related
        and (decision.recheck_at is None or now < decision.recheck_at)
    )


def _same_bindings(before: dict[str, Decision], after: dict[str, Decision]) -> bool:
    """Return whether a plan would be the same for both."""
    return before.keys() == after.keys() and all(
        decision is before[uid] or _binding(decision) == _binding(before[uid])
        for uid, decision in after.items()
    )


def _binding(decision: Decision) -> tuple[object, ...]:
    """Return the part of a decision that a plan depends on."""
    grant = decision.grant
    names = (grant.subject.name, grant.role.bound_as)
    return (*names, grant.created_at, decision.desired_binding, decision.window.end)


class PlanCache:
    """The last plan, kept until an input of it changes.

    Most changes of a grant are the operator's own status updates. Planning for all
    grants at each of them would take quadratic time.
    """

    def __init__(self) -> None:
        self._inputs: tuple[object, ...] = ()
        self._config_map: ObservedConfigMap | None = None
        self._plan: Plan | None = None

    def plan(  # noqa: PLR0913
        self,
        decisions: DecisionCache,
        seen: Snapshot,
        *,
        owner: Owner,
        living_owners: Sequence[Owner],
        mode: BindingMode = IN_CONFIG_MAP,
        refusal: Finding | None = None,
    ) -> Plan:
        """Return the last plan if it is still valid, or plan again."""
        projects = tuple(id(one) for one in seen.projects if mode.concerns(one))
        inputs = (
            *(decisions.revision, seen.text_is_known, owner, tuple(living_owners)),
            *(mode, projects, mode.in_projects and seen.projects_are_known, refusal),
        )
        is_same_config_map = self._config_map is seen.config_map
        if self._plan is None or not is_same_config_map or inputs != self._inputs:
            self._plan = plan_bindings(
                decisions.all(),
                seen,
                owner=owner,
                living_owners=living_owners,
                mode=mode,
                refusal=refusal,
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
        self._gatherer = StateGatherer(name, store.operator_namespace)
        self._plans = PlanCache()

    def gather(self, record: InstanceRecord, seen: Snapshot) -> GatheredState:
        """Build the input that all decisions share."""
        rules = self._store.rules(self._verification.verification())
        return self._gatherer.gather(record, seen, rules)

    def decide(self, record: InstanceRecord, seen: Snapshot) -> GatheredState:
        """Decide about every grant of the instance; return the common input."""
        gathered = self.gather(record, seen)
        grants = self._store.grants_of(self._name)
        self.decisions.update(grants, gathered.state, self._clock(), self._store)
        return gathered

    def plan(self, record: InstanceRecord, seen: Snapshot) -> Plan:
        """Decide about every grant, and plan the required writes."""
        gathered = self.decide(record, seen)
        return self._plans.plan(
            self.decisions,
            seen,
            owner=record.owner,
            living_owners=[r.owner for r in self._store.instances.objects.values()],
            mode=binding_mode(record.instance),
            refusal=gathered.refusal,
        )
