"""Planner of one instance: gathers the input, decides about grants, plans the writes.

It reads the cache (the store and the snapshot of Argo CD) and performs no I/O.
`argogrant plan` runs it to show what the operator would write. Each of the three steps
keeps its last result, and repeats only what depends on a changed object.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    default_roles_in,
    discover_roles,
    names_used_as_roles,
    names_used_as_roles_in,
    role_inheritance,
)
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.placement import (
    IN_CONFIG_MAP,
    BindingMode,
    binding_mode,
    plan_bindings,
    written_ends,
)
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.controller.store import (
    GrantRecord,
    InstanceRecord,
    NamespaceRules,
    Store,
)
from argogrant.grants.access.evaluation import policies_are_known_and_valid
from argogrant.grants.access.history import AccessHistory, requested_duration
from argogrant.grants.access.policy import Owners
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import InstanceState, build_input
from argogrant.grants.decide import Decision, DesiredBinding, decide
from argogrant.grants.effectiveness import ArgoCDSettings, LoginConfig
from argogrant.grants.model.grant import NO_RISKS, Binding, Grant, accounted_to
from argogrant.grants.model.identity import IdentityPattern
from argogrant.grants.model.reasons import Finding

LONGEST_CHAIN: Final = 128
"""Upper limit of the grants in a chain of extensions."""

WrittenEnd = Callable[[Binding], datetime | None]
"""Returns the end that Argo CD's RBAC policy contains for a binding."""


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
        max_open_per_requester=instance.max_open_per_requester,
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
    if text is None or text.is_too_large or refusal is not None:
        # Roles of an Argo CD are not shown to namespaces that it does not allow.
        return GatheredState(state=state, refusal=refusal)
    roles = discover_roles(text, known)
    state = replace(
        state,
        rbac_policy_is_known=True,
        projects_are_known=projects is not None,
        inheritance=role_inheritance(text, known),
        roles=frozenset(role.bound_as for role in roles),
        unreadable_projects={
            project.name: why
            for project in known
            if (why := project.why_not_grantable())
        },
        names_used_as_roles=names_used_as_roles(text),
        names_used_as_roles_in=names_used_as_roles_in(known),
        role_risks={
            role.bound_as: role.risks for role in roles if role.risks != NO_RISKS
        },
        login=LoginConfig(
            claims=text.claims,
            default_role=text.default_role,
            default_roles=default_roles(text),
            default_roles_in=default_roles_in(text, known),
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

    With ``finalizer_first``, a plan adds no binding of a grant without the finalizer.
    """

    def __init__(self, *, finalizer_first: bool = True) -> None:
        self._finalizer_first = finalizer_first
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

    def to_plan(self) -> Collection[Decision]:
        """Return all decisions as a plan may carry them out.

        A grant without the finalizer is UNCHANGED: it adds no binding before the
        finalizer is written, and keeps one that exists.
        """
        if not self._finalizer_first:
            return self.all()
        return [
            decision._replace(desired_binding=DesiredBinding.UNCHANGED)
            if decision.desired_binding is DesiredBinding.PRESENT
            and not decision.grant.has_finalizer
            else decision
            for decision in self._decisions.values()
        ]

    def get(self, uid: str) -> Decision | None:
        """Return the decision about one grant; None if it cannot be parsed."""
        return self._decisions.get(uid)

    def update(
        self,
        records: Iterable[GrantRecord],
        state: InstanceState,
        now: datetime,
        store: Store | None = None,
        written_end: WrittenEnd = lambda _binding: None,
    ) -> None:
        """Decide about these grants, and drop the decisions about all others.

        Without a store, grants have no approvals and extend no grant. ``written_end``
        returns the end that Argo CD's RBAC policy contains for a binding.
        """
        is_same_state = state is self._state and now >= self.decided_at
        reusable = self._decisions if is_same_state else {}
        self.records = {record.uid: record for record in records}
        before = self._decisions
        grants = [r.grant for r in self.records.values() if r.grant is not None]
        related_grants = _RelatedGrants(grants, store, state, written_end)
        self._decisions = {}
        for grant in related_grants.ordered():
            related = related_grants.get(grant)
            decision = reusable.get(grant.uid)
            if decision is None or not _is_still_valid(decision, grant, related, now):
                decision = decide(build_input(grant, state, now, related))
            self._decisions[grant.uid] = decision
            related_grants.record(decision, now)
        if not _same_bindings(before, self._decisions):
            self.revision += 1
        self._state, self.decided_at = state, now
        instants = (decision.recheck_at for decision in self._decisions.values())
        self.recheck_at = min((i for i in instants if i is not None), default=None)


class _RelatedGrants:
    """Objects that decisions depend on: approvals, extensions, earlier grants.

    Grants are decided in the order of ``AccessHistory``, and each is recorded before
    the next one. If no limit concerns more than one grant, they have no order.
    """

    def __init__(
        self,
        grants: Sequence[Grant],
        store: Store | None,
        state: InstanceState,
        written_end: WrittenEnd,
    ) -> None:
        self._grants = grants
        self._extensions = {
            (grant.extends, grant.binding): grant.name
            for grant in grants
            if grant.extends is not None
        }
        self._extended_until: dict[str, datetime | None] = {
            name: None for name, _ in self._extensions
        }
        """Ends of the grants that others extend, by spec and approvals."""
        self._store = store
        self._history = AccessHistory(grants, state)
        self._open = _OpenGrants(grants, state)
        self._written_end = written_end
        self._policies_are_unknown = policies_are_known_and_valid(state) is not None
        maximums = [one.max_duration for one in state.policies]
        maximums += [
            one.break_glass.max_duration
            for one in state.policies
            if one.break_glass.allowed
        ]
        self._lowest_maximum = min(filter(None, maximums), default=timedelta.max)

    def ordered(self) -> Iterable[Grant]:
        """Return the grants in the order in which decisions depend on each other."""
        if self._extended_until or self._history.is_needed or self._open.is_needed:
            return self._history.ordered()
        return self._grants

    def get(self, grant: Grant) -> RelatedObjects:
        """Return the objects that a decision about this grant depends on."""
        approvals = self._store.approvals_of(grant.name) if self._store else ()
        chain = self._chain(grant) if grant.extends is not None else ()
        earlier = self._history.before(grant, chain)
        written_end = self._written_end_of(grant)
        refused = self._store.refused_finalizers if self._store else {}
        finalizer_problem = refused.get(grant.uid, "")
        is_over_quota = self._open.are_too_many(grant)
        extended_by = ""
        if self._extensions:
            extended_by = self._extensions.get((grant.name, grant.binding), "")
        objects = approvals or chain or any(earlier) or written_end or extended_by
        if not (objects or finalizer_problem or is_over_quota):
            return NO_RELATED_OBJECTS
        return RelatedObjects(
            approvals=tuple(r.approval for r in approvals if r.approval is not None),
            chain=chain,
            extended_until=self._extended_until.get(grant.extends or ""),
            earlier=earlier,
            written_end=written_end,
            extended_by=extended_by,
            finalizer_problem=finalizer_problem,
            is_over_quota=is_over_quota,
        )

    def record(self, decision: Decision, now: datetime) -> None:
        """Record a decision, for those that depend on it."""
        grant, access = decision.grant, decision.policy_result.access
        if grant.name in self._extended_until and access is not None:
            self._extended_until[grant.name] = access.end
        if self._history.is_needed:
            self._history.record(grant, decision.outcome(now))
        self._open.record(decision)

    def _written_end_of(self, grant: Grant) -> datetime | None:
        """Return the end in Argo CD's RBAC policy, if the decision may depend on it.

        Otherwise every write would cost a decision about each grant that it concerns.
        """
        if not self._policies_are_unknown:
            if grant.frozen_end is None:
                return None
            if grant.extends is None:
                is_longer = requested_duration(grant) > self._lowest_maximum
                return self._written_end(grant.binding) if is_longer else None
        return self._written_end(grant.binding)

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


class _OpenGrants:
    """Grants that have not ended, counted by requester, break glass apart."""

    def __init__(self, grants: Sequence[Grant], state: InstanceState) -> None:
        self._most = state.max_open_per_requester
        self._since = state.identities.named_since
        self._counts: Counter[tuple[str, bool]] = Counter()
        self.is_needed = len(grants) > self._most and any(
            count > self._most
            for count in Counter(map(self._quota_of, grants)).values()
        )
        """True if a requester has more grants than may be open; most have ended."""

    def are_too_many(self, grant: Grant) -> bool:
        """Return whether the grants recorded so far leave no quota for this one."""
        return self.is_needed and self._counts[self._quota_of(grant)] >= self._most

    def record(self, decision: Decision) -> None:
        """Count a grant for later ones, unless it has ended."""
        if self.is_needed and not (decision.has_ended or decision.grant.being_deleted):
            self._counts[self._quota_of(decision.grant)] += 1

    def _quota_of(self, grant: Grant) -> tuple[str, bool]:
        return accounted_to(grant, self._since) or "", grant.break_glass


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
    return (
        *(grant.binding, grant.has_finalizer, grant.created_at, decision.accounted_to),
        *(decision.desired_binding, decision.window.end),
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
                decisions.to_plan(),
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
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        clock: Clock,
        finalizer_first: bool = True,
    ) -> None:
        self.decisions = DecisionCache(finalizer_first=finalizer_first)
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
        self.decisions.update(
            grants, gathered.state, self._clock(), self._store, written_ends(seen)
        )
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
