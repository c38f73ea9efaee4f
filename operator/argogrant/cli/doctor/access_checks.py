"""Checks of the access that Argo CD has, against the clock and the grants. Pure.

They need no ArgoCDInstance, no running operator and no status: what was removed by
force, or is not reported any more, is found in Argo CD itself.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from argogrant.api.accessgrant_view import read_conditions
from argogrant.argocd.managed_access import ManagedAccess
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.doctor.collect import AccessFacts, ClusterFacts, abbreviate
from argogrant.cli.terminal.checklist import (
    CheckOutcome,
    CheckResult,
    fine,
    unknown,
    wrong,
)
from argogrant.controller.store import GrantRecord
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import GrantCondition
from argogrant.kube.resources import CONFIG_MAPS, Collection

CHECK: Final = "Access"
REMOVAL: Final = timedelta(seconds=5)
"""Time in which a running operator removes what has ended."""
MOST_RESULTS: Final = 20
_REMOVE_ALL: Final = (
    "The next command removes all bindings of argogrant there. A running operator adds"
    " those of active grants again."
)


def access_is_accounted_for(facts: ClusterFacts) -> list[CheckResult]:
    """Check that each binding of argogrant has an owner, a grant and an end ahead."""
    requested = _requested(facts)
    problems = [
        result
        for access in facts.access
        for entries in access.found
        for result in _problems(facts, access, entries, requested)
    ]
    problems += _lost_bindings(facts)
    hidden = list(_hidden(facts))
    problems.sort(key=lambda one: one.outcome is not CheckOutcome.WRONG)
    rest = problems[MOST_RESULTS:]
    if rest:
        text = f"{len(rest)} more results of this kind"
        problems[MOST_RESULTS:] = [CheckResult(CHECK, rest[0].outcome, text)]
    if problems:
        return problems + hidden
    count = sum(len(one.ends) for access in facts.access for one in access.found)
    bindings = "binding" if count == 1 else "bindings"
    text = (
        f"{count} {bindings} in Argo CD, all requested and before their end"
        if count
        else "no Argo CD that was read has a binding of argogrant"
    )
    return [fine(CHECK, text), *hidden]


def _problems(
    facts: ClusterFacts,
    access: AccessFacts,
    entries: ManagedAccess,
    requested: Mapping[str, AbstractSet[Binding]] | None,
) -> Iterator[CheckResult]:
    """Find what is wrong with the entries of one object; the worst for each binding."""
    options = f"--argocd-namespace {entries.namespace}"
    options += f" --context {access.context}" if access.context else ""
    sweep, remove_all = f"argogrant sweep {options}", f"argogrant sweep --all {options}"
    place = f"{access.context}: {entries.place}" if access.context else entries.place
    if entries.problem:
        yield _unreadable(place, entries)
    ended = entries.ended(facts.now - REMOVAL)
    if ended:
        text = f"{place} still gives access that has ended: {entries.describe(ended)}"
        yield wrong(CHECK, text, command=sweep)
    endless = entries.without_end()
    if endless:
        yield wrong(
            CHECK,
            f"{place} gives access whose end cannot be read, which the sweep keeps:"
            f" {entries.describe(endless)}",
            remedy=_REMOVE_ALL,
            command=remove_all,
        )
    others = entries.ends.keys() - ended - endless
    if not others:
        return
    listed = entries.describe(others)
    owner = entries.owner
    managed = access.managed.get((owner, entries.namespace)) if owner else False
    if managed is None:
        yield unknown(
            CHECK,
            f"{place} gives access ({listed}); whether {entries.owner_name}, which"
            " wrote it, exists is not known",
        )
    elif not managed:
        yield wrong(
            CHECK,
            _ownerless(place, entries, listed),
            remedy=_REMOVE_ALL,
            command=remove_all,
        )
    elif owner and owner.namespace == facts.namespace and requested is not None:
        unrequested = others - requested.get(owner.instance, frozenset())
        if unrequested:
            yield wrong(
                CHECK,
                f"{place} gives access that no AccessGrant requests:"
                f" {entries.describe(unrequested)}",
                remedy=f"A running operator removes it. Without one: {_REMOVE_ALL}",
                command=remove_all,
            )


def _unreadable(place: str, entries: ManagedAccess) -> CheckResult:
    if entries.project:
        return wrong(
            CHECK,
            f"{place}: {entries.problem}",
            remedy="Restore the annotation; or remove it, and the members that"
            " argogrant added.",
            command=f"kubectl -n {entries.namespace} edit appproject {entries.project}",
        )
    return wrong(
        CHECK,
        f"{place}: {entries.problem}",
        remedy="A running operator removes them. Without an operator, remove them:",
        command=f"kubectl -n {entries.namespace} edit configmap {CONFIG_MAP_NAME}",
    )


def _ownerless(place: str, entries: ManagedAccess, listed: str) -> str:
    if entries.owner is None:
        return (
            f"{place} gives access ({listed}), and does not name the ArgoCDInstance"
            " that wrote it. Only the sweep removes it, at its end."
        )
    return (
        f"{place} gives access ({listed}), but {entries.owner_name} (uid"
        f" {entries.owner.uid}), which wrote it, does not exist in this cluster, or"
        " manages another Argo CD. Only the sweep removes it, at its end. If an"
        " operator in another cluster manages this Argo CD, run the doctor there."
    )


def _requested(facts: ClusterFacts) -> Mapping[str, AbstractSet[Binding]] | None:
    """Return the requested bindings by instance; None if grants are unknown."""
    if facts.grants.value is None:
        return None
    requested = defaultdict[str, set[Binding]](set)
    for record in facts.grants.value:
        if record.grant is not None and not _is_over(record, facts.now):
            requested[record.instance].add(record.grant.binding)
    return requested


def _is_over(record: GrantRecord, now: datetime) -> bool:
    """Return whether a grant requests nothing any more, by the clock and itself."""
    grant = record.grant
    if grant is None or grant.revoked or record.being_deleted:
        return True
    ends = (grant.expires_at, grant.frozen_end)
    has_passed = any(end is not None and end <= now - REMOVAL for end in ends)
    return has_passed or "endedAt" in record.status


def _lost_bindings(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Find grants that are reported active, and have no binding in Argo CD."""
    (home, *_) = facts.access
    for record in facts.instances.value or ():
        instance = record.instance
        if instance is None or instance.cluster is not None:
            continue
        place = Collection(CONFIG_MAPS, instance.argocd_namespace, CONFIG_MAP_NAME)
        everywhere = Collection(CONFIG_MAPS, "", CONFIG_MAP_NAME)
        if {place.describe(), everywhere.describe()} & home.not_read.keys():
            continue
        present = {
            binding
            for entries in home.found
            if entries.owner == record.owner
            for binding in entries.ends
        }
        # Of a role of an AppProject, people may have added the member themselves.
        lost = [
            one.name
            for one in facts.grants.value or ()
            if one.instance == record.name
            and one.grant is not None
            and not (one.grant.role.project and instance.binds_in_projects)
            and _is_reported_active(one)
            and not _is_over(one, facts.now)
            and one.grant.binding not in present
        ]
        if lost:
            yield wrong(
                CHECK,
                f"{abbreviate(sorted(lost))}: reported active, but Argo CD in namespace"
                f" {instance.argocd_namespace} has no binding of argogrant for it",
                remedy="A running operator adds it again: see the lines Operator and"
                " Ready.",
            )


def _is_reported_active(record: GrantRecord) -> bool:
    ready = read_conditions(record.status).get(GrantCondition.READY)
    return ready is not None and ready.status is True


def _hidden(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Report what was not read, and so may give access."""
    for access in facts.access:
        where = f"{access.context}: " if access.context else ""
        reasons: dict[str, list[str]] = {}
        for what, why in access.not_read.items():
            reasons.setdefault(why, []).append(what)
        for why, names in reasons.items():
            yield unknown(CHECK, f"{where}not read: {abbreviate(names)}: {why}")
    if len(facts.access) > 1:
        return
    for record in facts.instances.value or ():
        if record.instance is not None and record.instance.cluster is not None:
            yield unknown(
                CHECK,
                f"the Argo CD of {record.name} is in another cluster,"
                f" {record.instance.cluster.server}, which was not read. Name a"
                " kubeconfig context of that cluster with --argocd-context.",
            )
