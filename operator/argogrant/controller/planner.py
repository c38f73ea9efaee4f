"""Planner of one instance: gathers the input, decides about grants, plans the writes.

It reads the cache (the store and the snapshot of Argo CD) and performs no I/O.
`argogrant plan` runs it to show what the operator would write. Each of the three steps
keeps its last result, and repeats only what depends on a changed object.
"""

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.allowed_namespaces import find_refusal
from argogrant.argocd.appproject.ended_members import EndedMemory, read_ended
from argogrant.argocd.appproject.members import ProjectPlan, ended_members_of
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.roles import (
    RoleAnalysis,
    find_global_roles,
    names_used_as_roles,
    names_used_as_roles_in,
    role_inheritance,
)
from argogrant.argocd.subject_rules import index_subject_rules
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.placement import (
    IN_CONFIG_MAP,
    NO_MEMORY,
    BindingMode,
    binding_mode,
    placed_members,
    plan_bindings,
    plan_removals,
    written_ends,
)
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.faults import Faults
from argogrant.controller.plan import Plan
from argogrant.controller.role_analysis import RoleSources
from argogrant.controller.store import (
    GrantRecord,
    InstanceRecord,
    NamespaceRules,
    Store,
)
from argogrant.grants.access.evaluation import policies_are_known_and_valid
from argogrant.grants.access.history import (
    NO_EARLIER_ACCESS,
    AccessHistory,
    requested_duration,
)
from argogrant.grants.access.policy import Owners
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import InstanceState, build_input, lacks_absolute_end
from argogrant.grants.decide import Decision, DesiredBinding, decide, decide_alone
from argogrant.grants.effectiveness import ArgoCDSettings, LoginConfig
from argogrant.grants.model.grant import Binding, Grant, accounted_to
from argogrant.grants.model.identity import IdentityPattern
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.steps import Steps
from argogrant.grants.model.validation import quote
from argogrant.grants.near_misses import (
    NO_NAMES,
    EarlierSubjects,
    KnownNames,
    known_names,
)
from argogrant.grants.status_notes import (
    NO_NOTES,
    SimilarRoles,
    StatusNotes,
    add_notes,
    counts_as_subject,
)

LONGEST_CHAIN: Final = 128
"""Upper limit of the grants in a chain of extensions."""

WrittenEnd = Callable[[Binding], datetime | None]
"""Returns the end that Argo CD's RBAC policy contains for a binding."""


NOT_GATHERED: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "Argo CD's RBAC policy was not read yet.",
    is_unknown=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredState:
    """State of one instance, and what only its status needs."""

    state: InstanceState
    """Input of all decisions; the same object while nothing in it has changed."""
    roles: RoleSources | None = None
    """Texts that define the roles; None if they are unknown."""
    settings: ArgoCDSettings | None = None
    refusal: Finding | None = None
    """Why Argo CD's owner does not allow the instance; None if they do."""


class _Sources(NamedTuple):
    instance: Instance | None
    data: Mapping[str, str] | None
    """Unmanaged keys of argocd-rbac-cm, not parsed; None if they are unknown."""
    labels_and_annotations: Mapping[str, str]
    projects: tuple[Project, ...] | None
    """None if they are unknown."""
    rules: NamespaceRules
    refusal: Finding | None
    instance_label_key: str


class StateGatherer:
    """State of one instance, which is gathered again only after a change.

    Args:
        name: Name of the instance.
        operator_namespace: The operator's own namespace; empty if it has none.
        faults: Records what fails unexpectedly for one text or AppProject; it is set
            aside, and everything else gathered.
    """

    def __init__(
        self, name: str, operator_namespace: str = "", faults: Faults | None = None
    ) -> None:
        self._name = name
        self._operator_namespace = operator_namespace
        self._faults = faults or Faults()
        self._last_parsed: Instance | None = None
        self._sources: _Sources | None = None
        self._parsed: tuple[object, ...] = ()
        self.last: GatheredState | None = None
        """The state as last gathered."""

    def is_current(
        self, record: InstanceRecord | None, seen: Snapshot, rules: NamespaceRules
    ) -> bool:
        """Return whether ``last`` is the present state; parses nothing."""
        return self._sources_of(record, seen, rules) == self._sources

    def gather(
        self,
        record: InstanceRecord | None,
        seen: Snapshot,
        rules: NamespaceRules | None = None,
    ) -> Steps[GatheredState]:
        """Find the state of the instance; yield after each AppProject.

        Others can create thousands of AppProjects. Until the last step, ``last`` is the
        state of before.

        If the ArgoCDInstance can no longer be parsed, the state has its last known
        spec and an unknown policy: bindings stay until they expire, and none is added.

        Returns:
            The same state as before if nothing in it has changed; the decision cache
            compares it by identity.
        """
        sources = self._sources_of(record, seen, rules or NamespaceRules())
        settings, last = seen.settings, self.last
        if last is None or sources != self._sources:
            earlier_faults = self._faults.count
            last = yield from self._gather(sources, seen, last)
            # What failed is tried again.
            has_failed = self._faults.count != earlier_faults
            self._sources = None if has_failed else sources
            self._parsed = () if has_failed else self._parsed
        if last.settings != settings:
            last = replace(last, settings=settings)
        self.last = last
        return last

    def _gather(
        self, sources: _Sources, seen: Snapshot, last: GatheredState | None
    ) -> Steps[GatheredState]:
        text: PolicyCSV | None = None
        if sources.data is not None and seen.config_map is not None:
            with self._faults.contain("argocd-rbac-cm"):
                text = seen.config_map.unmanaged
        parsed = (*sources[:1], text, *sources[2:])
        if last is None or parsed != self._parsed:
            last = yield from _gather(self._name, sources, text, self._faults)
            self._parsed = parsed
        return last

    def _sources_of(
        self, record: InstanceRecord | None, seen: Snapshot, rules: NamespaceRules
    ) -> _Sources:
        config_map = seen.config_map
        is_known = config_map is not None and not (record and record.instance is None)
        return _Sources(
            self._instance(record),
            config_map.unmanaged_data if config_map is not None and is_known else None,
            config_map.labels_and_annotations if config_map is not None else {},
            seen.projects if seen.projects_are_known else None,
            rules,
            self.refusal(record, seen),
            seen.instance_label_key,
        )

    def refusal(self, record: InstanceRecord | None, seen: Snapshot) -> Finding | None:
        """Return why Argo CD's owner does not allow the instance; None if they do."""
        instance, config_map = self._instance(record), seen.config_map
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


def _gather(
    name: str, sources: _Sources, text: PolicyCSV | None, faults: Faults
) -> Steps[GatheredState]:
    instance, projects, rules = sources.instance, sources.projects, sources.rules
    refusal = sources.refusal
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
        owners=owners_of(instance, known, sources.labels_and_annotations),
        identities=rules.verification,
        instance_label_key=sources.instance_label_key,
        url=instance.url,
        access_details=instance.access_details,
    )
    if text is None or text.is_too_large or refusal is not None:
        # Roles of an Argo CD are not shown to namespaces that it does not allow.
        return GatheredState(state=state, refusal=refusal)
    roles: set[str] = set()
    used_as_roles_in: dict[str, frozenset[str]] = {}
    unreadable: dict[str, str] = {}
    readable: list[Project] = []
    for project in known:
        with faults.contain(f"AppProject {quote(project.name)}"):
            if why := project.why_not_grantable():
                unreadable[project.name] = why
            names = {f"proj:{project.name}:{role.name}" for role in project.roles}
            used_as_roles_in |= names_used_as_roles_in([project])
            roles |= names
            readable.append(project)
        yield 1
    all_are_read = projects is not None and len(readable) == len(known)
    all_are_read = all_are_read and not any(one.excess for one in readable)
    roles |= yield from find_global_roles(text, readable if all_are_read else None)
    state = replace(
        state,
        rbac_policy_is_known=True,
        projects_are_known=projects is not None,
        inheritance=role_inheritance(text, readable),
        roles=frozenset(roles),
        unreadable_projects=unreadable,
        failed_projects=frozenset(
            {one.name for one in known} - {one.name for one in readable}
        ),
        names_used_as_roles=names_used_as_roles(text),
        names_used_as_roles_in=used_as_roles_in,
        subject_rules=index_subject_rules(
            text, readable, binds_in_projects=instance.binds_in_projects
        ),
    )
    return GatheredState(state=state, roles=RoleSources(text, tuple(readable)))


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

    If a decision fails unexpectedly, that grant is decided by its own object alone.

    Args:
        faults: Records the failure.
        finalizer_first: A plan adds no binding of a grant without finalizer and record.
    """

    def __init__(
        self, faults: Faults | None = None, *, finalizer_first: bool = True
    ) -> None:
        self._faults = faults or Faults()
        self._finalizer_first = finalizer_first
        self.decided_at = datetime.min.replace(tzinfo=UTC)
        self.recheck_at: datetime | None = None
        self.has_postponed = False
        """True if a decision is due, and only its removal was planned since."""
        self.revision = 0
        """Changes whenever the desired bindings may have changed."""
        self.records: dict[str, GrantRecord] = {}
        self._decisions: dict[str, Decision] = {}
        self._state: InstanceState | None = None
        self._notes = NO_NOTES
        self._without_notes: set[str] = set()
        """Grants with a new decision."""
        self._subjects = EarlierSubjects()

    def all(self) -> Collection[Decision]:
        """Return all decisions."""
        return self._decisions.values()

    def contains_all(self, decisions: Mapping[str, Decision]) -> bool:
        """Return whether ``as_of`` returned the decisions of the cache, unchanged."""
        return decisions is self._decisions

    def to_plan(self, decisions: Collection[Decision]) -> Collection[Decision]:
        """Return decisions as a plan may carry them out.

        A grant without the finalizer and a record of its own is UNCHANGED: it adds no
        binding before they are written, and keeps one that exists.
        """
        if not self._finalizer_first:
            return decisions
        return [
            decision._replace(desired_binding=DesiredBinding.UNCHANGED)
            if decision.desired_binding is DesiredBinding.PRESENT
            and not decision.grant.is_recorded
            else decision
            for decision in decisions
        ]

    def as_of(
        self, records: Iterable[GrantRecord], now: datetime
    ) -> Mapping[str, Decision]:
        """Return the decisions as far as they still hold, without deciding again.

        A grant that is new or has changed, or whose decision changes with time, is
        decided by its own object alone: it is over, or its binding stays as it is. The
        cost is linear, however many policies there are.

        Returns:
            Decisions by uid; the same object as before if all of them hold.
        """
        before, present = self._decisions, dict[str, Decision]()
        for record in records:
            grant = record.grant
            if grant is None:
                continue
            decision = before.get(grant.uid)
            if decision is None or not _holds(decision, grant, now):
                decision = _decide_meanwhile(grant, decision, now)
            present[grant.uid] = decision
        is_same = len(present) == len(before) and all(
            decision is before.get(uid) for uid, decision in present.items()
        )
        return before if is_same else present

    def is_outdated(self, uid: str, current: GrantRecord | None, now: datetime) -> bool:
        """Return whether a grant has to be decided again, by its present record.

        Its binding may have been removed since it was decided.
        """
        if current is None or current.uid != uid:
            return True
        return not _holds(self._decisions.get(uid), current.grant, now)

    def postpone_recheck(self, decisions: Iterable[Decision], now: datetime) -> None:
        """Set ``recheck_at`` to the first time after now, if removals wait for it."""
        self.has_postponed |= self.recheck_at is not None and self.recheck_at <= now
        instants = (decision.recheck_at for decision in decisions)
        self.recheck_at = min((i for i in instants if i and i > now), default=None)

    def replace_outdated(self, records: Iterable[GrantRecord], now: datetime) -> None:
        """Replace the decisions that no longer hold, if it is impossible to decide."""
        self.records = {record.uid: record for record in records}
        self._replace(self.as_of(self.records.values(), now), None, now)

    def get(self, uid: str) -> Decision | None:
        """Return the decision about one grant; None if it cannot be parsed."""
        return self._decisions.get(uid)

    def decide(
        self,
        records: Iterable[GrantRecord],
        state: InstanceState,
        now: datetime,
        store: Store | None = None,
        written_end: WrittenEnd = lambda _binding: None,
    ) -> Steps[None]:
        """Decide about these grants, and drop the decisions about all others.

        Without a store, grants have no approvals and extend no grant. ``written_end``
        returns the end that Argo CD's RBAC policy contains for a binding.

        Yields:
            After each grant. Until the last step, the cache has the earlier decisions.
        """
        is_same_state = state is self._state and now >= self.decided_at
        reusable = self._decisions if is_same_state else {}
        by_uid = {record.uid: record for record in records}
        grants = [r.grant for r in by_uid.values() if r.grant is not None]
        decisions: dict[str, Decision] = {}
        related_grants = _RelatedGrants(grants, store, state, written_end)
        for grant in related_grants.ordered():
            decision = self._decide(grant, related_grants, state, now, reusable)
            decisions[grant.uid] = decision
            yield 1
        self.records = by_uid
        self._replace(decisions, state, now)

    def _replace(
        self,
        decisions: Mapping[str, Decision],
        state: InstanceState | None,
        now: datetime,
    ) -> None:
        before, self._decisions = self._decisions, dict(decisions)
        self._without_notes = {
            uid
            for uid, decision in decisions.items()
            if uid in self._without_notes or decision is not before.get(uid)
        }
        if not _same_bindings(before, self._decisions):
            self.revision += 1
        self._state, self.decided_at, self.has_postponed = state, now, False
        instants = (decision.recheck_at for decision in self._decisions.values())
        self.recheck_at = min((i for i in instants if i is not None), default=None)

    def add_notes(self, notes: StatusNotes) -> Steps[None]:
        """Add the notes to the decisions without them; yield after each."""
        is_new = notes is not self._notes
        self._subjects.retain(self._decisions)
        for uid in self._without_notes:
            decision = self._decisions.get(uid)
            if decision is not None and counts_as_subject(decision):
                self._subjects.add(decision.grant)
            elif decision is not None:
                self._subjects.discard(decision.grant)
        for uid in list(self._decisions if is_new else self._without_notes):
            decision = self._decisions.get(uid)
            if decision is not None:
                with self._faults.contain(f"AccessGrant {decision.grant.name}"):
                    earlier = self._subjects.before(decision.grant)
                    self._decisions[uid] = add_notes(decision, notes, earlier)
            yield 1
        self._notes = notes
        self._without_notes.clear()

    def _decide(
        self,
        grant: Grant,
        related_grants: "_RelatedGrants",
        state: InstanceState,
        now: datetime,
        reusable: Mapping[str, Decision],
    ) -> Decision:
        try:
            related = related_grants.get(grant)
            decision = reusable.get(grant.uid)
            if decision is None or not _is_still_valid(decision, grant, related, now):
                decision = decide(build_input(grant, state, now, related))
            related_grants.record(decision, now)
        except Exception as error:  # noqa: BLE001 - others are decided
            problem = self._faults.record(f"AccessGrant {grant.name}", error)
            decision = decide_alone(grant, now, problem)
        return decision


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
        self._state = state
        self._history = AccessHistory(grants, state)
        self._needs_history = self._history.is_needed
        self._open = _OpenGrants(grants, state)
        self._written_end = written_end
        self._subject_rules = state.subject_rules
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
        if self._extended_until or self._needs_history or self._open.is_needed:
            return self._history.ordered()
        return self._grants

    def get(self, grant: Grant) -> RelatedObjects:
        """Return the objects that a decision about this grant depends on."""
        approvals = self._store.approvals_of(grant.name) if self._store else ()
        chain = self._chain(grant) if grant.extends is not None else ()
        earlier = NO_EARLIER_ACCESS
        if self._needs_history:
            earlier = self._history.before(grant, chain)
        written_end = self._written_end_of(grant)
        refused = self._store.refused_finalizers if self._store else {}
        finalizer_problem = refused.get(grant.uid, "")
        original = self._by_uid.get(grant.original) if grant.original else None
        is_over_quota = self._open.are_too_many(grant)
        extended_by = ""
        if self._extensions:
            extended_by = self._extensions.get((grant.name, grant.binding), "")
        objects = approvals or chain or any(earlier) or written_end or extended_by
        if not (objects or original or finalizer_problem or is_over_quota):
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
            original=original,
        )

    @cached_property
    def _by_uid(self) -> Mapping[str, Grant]:
        """All grants by their uid, for the copies of others; there are few copies."""
        return {grant.uid: grant for grant in self._grants}

    def record(self, decision: Decision, now: datetime) -> None:
        """Record a decision, for those that depend on it."""
        if self._extended_until:
            grant, access = decision.grant, decision.policy_result.access
            if grant.name in self._extended_until and access is not None:
                self._extended_until[grant.name] = access.end
        if self._needs_history:
            self._history.record(decision.grant, decision.outcome(now))
        self._open.record(decision)

    def _written_end_of(self, grant: Grant) -> datetime | None:
        """Return the end in Argo CD's RBAC policy, if the decision may depend on it.

        Otherwise every write would cost a decision about each grant that it concerns.
        """
        if not self._policies_are_unknown:
            if grant.frozen_end is None:
                return None
            activated = self._subject_rules.activated_by(grant.subject.name, grant.role)
            if lacks_absolute_end(grant, self._state) or activated.only_elsewhere:
                return self._written_end(grant.binding)
            if grant.extends is None:
                is_longer = requested_duration(grant) > self._lowest_maximum
                return self._written_end(grant.binding) if is_longer else None
        return self._written_end(grant.binding)

    def _chain(self, grant: Grant) -> tuple[Grant, ...]:
        chain: dict[str, Grant] = {}
        name = grant.extends
        while self._store and name is not None and len(chain) < LONGEST_CHAIN:
            record = self._store.grant(name)
            if record is None or record.grant is None or name in chain:
                break
            chain[name] = record.grant
            name = record.grant.extends
        return tuple(chain.values())


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
        and decision.policy_result.reason is not Reason.INTERNAL_ERROR
        and decision.related == related
        and not _is_due(decision, now)
    )


def _holds(decision: Decision | None, grant: Grant | None, now: datetime) -> bool:
    """Return whether a decision is still that about a grant, if it can be parsed."""
    if decision is None:
        return grant is None
    return decision.grant is grant and not _is_due(decision, now)


def _is_due(decision: Decision, now: datetime) -> bool:
    """Return whether the time alone can have changed a decision."""
    return decision.recheck_at is not None and decision.recheck_at <= now


def _decide_meanwhile(grant: Grant, last: Decision | None, now: datetime) -> Decision:
    """Decide by the grant's own object, until it is decided by everything again."""
    alone = decide_alone(grant, now, NOT_GATHERED)
    if last is None or alone.desired_binding is DesiredBinding.ABSENT:
        return alone
    if last.desired_binding is DesiredBinding.ABSENT:
        return last
    is_over = last.window.has_closed(now)
    desired = DesiredBinding.ABSENT if is_over else DesiredBinding.UNCHANGED
    return last._replace(desired_binding=desired)


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
        *(grant.binding, grant.is_recorded, grant.created_at, decision.accounted_to),
        *(decision.desired_binding, decision.window.end),
        # A member in force is recorded in its AppProject as well.
        grant.member if grant.member and grant.member.removed_at else None,
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
        present: Mapping[str, Decision] | None = None,
        owner: Owner,
        living_owners: Sequence[Owner],
        mode: BindingMode = IN_CONFIG_MAP,
        refusal: Finding | None = None,
        memory: EndedMemory = NO_MEMORY,
    ) -> Plan:
        """Return the last plan if it is still valid, or plan again.

        Args:
            decisions: All decisions.
            seen: The observed objects of Argo CD.
            present: The decisions that hold now, if some of the others do not.
            owner: The instance that the bindings belong to.
            living_owners: All instances of the namespace.
            mode: Where bindings are written.
            refusal: Why Argo CD's owner does not allow the instance.
            memory: Ended members that AppProjects had recorded.
        """
        chosen = decisions.all() if present is None else present.values()
        placed = placed_members(chosen)
        projects = tuple(id(one) for one in seen.projects if mode.concerns(one, placed))
        inputs = (
            *(decisions.revision, seen.text_is_known, owner, tuple(living_owners)),
            *(mode, projects, mode.in_projects and seen.projects_are_known, refusal),
        )
        is_same = self._config_map is seen.config_map and inputs == self._inputs
        is_same = is_same and present is None
        if self._plan is None or self._plan.failures or not is_same:
            self._plan = plan_bindings(
                decisions.to_plan(chosen),
                seen,
                owner=owner,
                living_owners=living_owners,
                mode=mode,
                refusal=refusal,
                memory=memory,
                placed=placed,
                now=decisions.decided_at,
            )
            # A plan by other decisions than those of the cache is used once.
            self._inputs = inputs if present is None else ()
            self._config_map = seen.config_map
        return self._plan


class Planner:
    """Decisions and plans of one instance of the store's namespace."""

    def __init__(  # noqa: PLR0913
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        clock: Clock,
        faults: Faults,
        finalizer_first: bool = True,
    ) -> None:
        self.decisions = DecisionCache(faults, finalizer_first=finalizer_first)
        self._name = name
        self._store = store
        self._verification = verification
        self._clock = clock
        self._faults = faults
        self._gatherer = StateGatherer(name, store.operator_namespace, faults)
        self._plans = PlanCache()
        self._ended = EndedMemory()
        self._remembered: dict[str, Project] = {}
        self._notes = NO_NOTES
        self._noted_roles: frozenset[str] = frozenset()
        self._noted_for: tuple[object, ...] = ()

    @property
    def gathered(self) -> GatheredState | None:
        """The state as last gathered; None at the start."""
        return self._gatherer.last

    def is_current(self, record: InstanceRecord, seen: Snapshot) -> bool:
        """Return whether the last gathered state is the present one."""
        return self._gatherer.is_current(record, seen, self._rules())

    def decide(
        self, record: InstanceRecord, seen: Snapshot, *, by_last_state: bool = False
    ) -> Steps[None]:
        """Decide about every grant of the instance; yield after each, and each project.

        One namespace can have so many policies and grants that all of it takes minutes.

        Args:
            record: The instance.
            seen: The observed objects of Argo CD.
            by_last_state: Gather nothing; do nothing if nothing was gathered yet.
        """
        gathered = self.gathered
        if not by_last_state:
            gathered = yield from self._gatherer.gather(record, seen, self._rules())
        if gathered is None:
            return
        grants = self._store.grants_of(self._name)
        yield from self.decisions.decide(
            grants, gathered.state, self._clock(), self._store, written_ends(seen)
        )

    def plan(self, record: InstanceRecord, seen: Snapshot) -> Plan:
        """Plan the required writes, by the decisions as far as they still hold."""
        last, now = self.gathered, self._clock()
        present = self.decisions.as_of(self._store.grants_of(self._name), now)
        self._remember(seen, record.owner)
        planned = self._plans.plan(
            self.decisions,
            seen,
            present=None if self.decisions.contains_all(present) else present,
            owner=record.owner,
            living_owners=self._living_owners(),
            mode=binding_mode(record.instance),
            refusal=last.refusal if last is not None else None,
            memory=self._ended,
        )
        self._record_failures(planned)
        return planned

    def plan_removals(
        self, record: InstanceRecord, seen: Snapshot, *, alone: bool = False
    ) -> Plan:
        """Plan only what ends access, by the state as it was last gathered.

        This reads no text of other people except the places of the bindings, and
        evaluates no policy: a grant that was not decided, or has changed since, is
        decided by its own object alone.

        Args:
            record: The instance.
            seen: The observed objects of Argo CD.
            alone: Decide every grant by its own object alone; for the case that
                everything else fails.
        """
        refusal, now = self._gatherer.refusal(record, seen), self._clock()
        decisions = DecisionCache(self._faults) if alone else self.decisions
        present = decisions.as_of(self._store.grants_of(self._name), now)
        self.decisions.postpone_recheck(present.values(), now)
        planned = plan_removals(
            () if record.being_deleted or refusal else present.values(),
            seen,
            owner=record.owner,
            living_owners=self._living_owners(),
            mode=binding_mode(record.instance),
            refusal=refusal,
            memory=self._ended,
            placed=placed_members(present.values()),
            now=now,
        )
        self._record_failures(planned)
        return planned

    def replace_outdated(self) -> None:
        """Replace the decisions that no longer hold, if it is impossible to decide."""
        grants = self._store.grants_of(self._name)
        self.decisions.replace_outdated(grants, self._clock())

    def remember_written(self, plans: Iterable[ProjectPlan]) -> None:
        """Remember the ended members that were just recorded.

        Another program can replace an AppProject without its annotations before it is
        observed again.
        """
        for one in plans:
            if one.ended is not None:
                self._ended.observe(one.project, read_ended(one.ended).members)

    def _remember(self, seen: Snapshot, owner: Owner) -> None:
        """Remember the ended members that AppProjects record."""
        recording = {one.name: one for one in seen.projects if one.ended is not None}
        for name, project in recording.items():
            if self._remembered.get(name) is not project:
                with self._faults.contain(f"AppProject {quote(name)}"):
                    ended = ended_members_of(project, owner, self._living_owners())
                    self._ended.observe(name, ended or ())
        self._remembered = recording

    def add_notes(self, analysis: RoleAnalysis) -> Steps[None]:
        """Add notes from an analysis of the roles to decisions; yield after each."""
        last = self.gathered
        if last is None:
            return
        if self._noted_for != (last.roles, last.settings, analysis):
            notes = notes_from(last, analysis)
            if notes != self._notes or last.state.roles != self._noted_roles:
                self._notes, self._noted_roles = notes, last.state.roles
            self._noted_for = (last.roles, last.settings, analysis)
        yield from self.decisions.add_notes(self._notes)

    def _rules(self) -> NamespaceRules:
        return self._store.rules(self._verification.verification())

    def _living_owners(self) -> list[Owner]:
        return [one.owner for one in self._store.instances.objects.values()]

    def _record_failures(self, planned: Plan) -> None:
        for project, error in planned.failures.items():
            self._faults.record(f"AppProject {quote(project)}", error)


def notes_from(gathered: GatheredState, analysis: RoleAnalysis) -> StatusNotes:
    """Build the notes about grants from what was gathered and analysed."""
    roles, login = gathered.roles, None
    if roles is not None:
        login = LoginConfig(
            claims=roles.text.claims,
            default_role=roles.text.default_role,
            default_roles=analysis.default_roles,
            default_roles_in=analysis.default_roles_in,
            settings=gathered.settings,
        )
    return StatusNotes(
        role_risks=analysis.risks,
        login=login,
        subject_rules=gathered.state.subject_rules,
        roles_without_effect=analysis.without_effect,
        known_names=_known_names(gathered),
        strip_prefix=gathered.state.strip_prefix,
        similar_roles=SimilarRoles(gathered.state.roles, analysis.without_effect),
    )


def _known_names(gathered: GatheredState) -> KnownNames:
    """Return the names that Argo CD's configuration has for users and groups."""
    roles, settings = gathered.roles, gathered.settings
    if roles is None:
        return NO_NAMES
    used_as_roles = gathered.state.names_used_as_roles
    return known_names(
        (
            one.subject
            for one in roles.text.bindings
            if one.subject not in used_as_roles
        ),
        settings.accounts if settings is not None else (),
    )
