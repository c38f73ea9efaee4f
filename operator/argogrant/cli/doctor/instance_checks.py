"""The checks that concern one ArgoCDInstance and its Argo CD. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from argogrant.api.accessgrant_view import read_conditions
from argogrant.argocd.configmap_size import LIMIT, size_of
from argogrant.cli.doctor.cluster_checks import abbreviate
from argogrant.cli.doctor.facts import InstanceFacts
from argogrant.cli.terminal.checklist import CheckResult, fine, unknown, wrong
from argogrant.controller.cached_objects import GrantRecord
from argogrant.grants.model.grant import SubjectKind
from argogrant.grants.model.reasons import InstanceCondition
from argogrant.grants.model.window import format_instant, parse_instant

InstanceCheck = Callable[[InstanceFacts, datetime], Iterator[CheckResult]]
NEARLY_FULL: Final = 0.9
_SEEN_DIRECTLY: Final = frozenset(
    {
        InstanceCondition.READY,
        InstanceCondition.RBAC_TEXT_VALID,
        InstanceCondition.REQUESTER_VERIFIED,
    }
)
"""Conditions that a check of its own is about."""
_SHOULD_BE_FALSE: Final = frozenset({InstanceCondition.CONTESTED})
_KIB: Final = 1024
_SOON: Final = 24 * 3600


def it_is_ready(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say what the operator says of the instance."""
    check, record = "Ready", facts.record
    ready = read_conditions(record.status).get(InstanceCondition.READY)
    observed = record.status.get("observedGeneration", 0)
    if ready is None or observed < record.generation:
        yield wrong(
            check,
            "the operator has not looked at it yet, or not at its last change",
            remedy="Look at the line Operator, and at its log.",
        )
    elif ready.status:
        yield fine(check, ready.message or ready.reason)
    else:
        yield wrong(check, f"{ready.reason}: {ready.message}")


def conditions_are_good(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say which other condition is not as it should be."""
    for kind, said in read_conditions(facts.record.status).items():
        if kind in _SEEN_DIRECTLY or said.status is (kind not in _SHOULD_BE_FALSE):
            continue
        text = f"{said.reason}: {said.message}"
        yield unknown(kind, text) if said.status is None else wrong(kind, text)


def requesters_are_verified(
    facts: InstanceFacts, _now: datetime
) -> Iterator[CheckResult]:
    """Say if the operator believes whatever it is told, or can not see the policies."""
    kind = InstanceCondition.REQUESTER_VERIFIED
    said = read_conditions(facts.record.status).get(kind)
    if said is not None and said.status is not True:
        text = f"{said.reason}: {said.message}"
        yield unknown(kind, text) if said.status is None else wrong(kind, text)


def config_map_is_there(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say whether there is anything to write into."""
    check, found = "ConfigMap", facts.config_map
    where = f"{facts.argocd_namespace}/argocd-rbac-cm"
    if facts.is_elsewhere:
        yield unknown(check, f"{where} is in another cluster; see Ready")
    elif found.problem:
        yield unknown(check, f"{where}: {found.problem}")
    elif found.value is None:
        yield wrong(
            check,
            f"there is no {where}: Argo CD keeps its last rules in memory, so that"
            " nothing ends. Restore it, or restart argocd-server.",
            remedy="Argo CD's own manifests have an empty one.",
        )
    else:
        overlay = found.value.overlay
        count = len(overlay.bindings) if overlay else 0
        yield fine(check, f"{where} is there, with {count} of our bindings")


def text_is_readable(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Name the line that Argo CD can not read."""
    check, found = "RBAC text", facts.config_map.value
    if found is None:
        kind = InstanceCondition.RBAC_TEXT_VALID
        said = read_conditions(facts.record.status).get(kind)
        if said is not None and said.status is False:
            yield wrong(check, f"{said.reason}: {said.message}")
        return
    problems = found.unmanaged.problems
    if problems:
        yield wrong(
            check,
            f"{problems[0]} ({len(problems)} in all). Argo CD refuses everybody until"
            " that is mended.",
            command=f"kubectl -n {facts.argocd_namespace} edit configmap"
            " argocd-rbac-cm",
        )
    else:
        yield fine(check, "Argo CD can read every line")


def scopes_match_addresses(
    facts: InstanceFacts, _now: datetime
) -> Iterator[CheckResult]:
    """Say whether grants for e-mail addresses can have an effect.

    Source: argoproj/argo-cd, ``util/rbac/rbac.go``: without the claim in ``scopes`` an
    address is compared with the user id and the groups only.
    """
    check, found = "Scopes", facts.config_map.value
    if found is None:
        return
    scopes = found.scopes or "[groups]"
    addressed = sorted(
        one.name for one in facts.grants.value or () if _is_for_an_address(one)
    )
    if addressed and not re.search(r"\bemail\b", scopes):
        patch = '{"data":{"scopes":"[groups,email]"}}'
        yield wrong(
            check,
            f"{scopes}: without email, Argo CD does not find the address in"
            f" {abbreviate(addressed)}, unless it is the user id",
            remedy="Say which claim has the address; keep those that are there.",
            command=f"kubectl -n {facts.argocd_namespace} patch configmap"
            f" argocd-rbac-cm --type=merge -p '{patch}'",
        )
    else:
        yield fine(check, f"{scopes}, and the user id")


def _is_for_an_address(record: GrantRecord) -> bool:
    grant = record.grant
    return (
        grant is not None
        and "endedAt" not in record.status
        and grant.subject.kind is SubjectKind.USER
        and "@" in grant.subject.name
    )


def there_is_room(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say how full the ConfigMap is."""
    check, found = "Size", facts.config_map.value
    if found is None:
        return
    size = size_of(found.data)
    text = f"{size / _KIB:.1f} KiB of {LIMIT // _KIB} KiB are used"
    if size < NEARLY_FULL * LIMIT:
        yield fine(check, text)
    else:
        yield wrong(
            check,
            f"{text}; what does not fit waits (RBACTextFull)",
            remedy="End grants, give roles to groups, or remove rules of others.",
        )


def argocd_has_a_version(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say which Argo CD it is, as far as that can be seen."""
    check, found = "Argo CD", facts.argocd_version
    if facts.is_elsewhere:
        yield unknown(check, "its version: it runs in another cluster")
    elif found.value:
        yield fine(check, found.value)
    else:
        why = found.problem or (
            f"no Deployment argocd-server in namespace {facts.argocd_namespace}"
        )
        yield unknown(check, f"its version: {why}")


def token_is_valid(facts: InstanceFacts, now: datetime) -> Iterator[CheckResult]:
    """Say when the token for another cluster ends."""
    if not facts.is_elsewhere:
        return
    check, text = "Token", str(facts.record.status.get("tokenExpiresAt", ""))
    if not text:
        yield unknown(check, "its end: the operator has not seen one")
        return
    left = (parse_instant(text) - now).total_seconds()
    if left > _SOON:
        yield fine(check, f"it lasts until {format_instant(parse_instant(text))}")
    else:
        yield wrong(
            check,
            f"it {'ends' if left > 0 else 'ended'} at {text}",
            remedy="Store a new one in the Secret, or set spec.cluster.tokenRotation.",
        )


def tracked_grants_have_an_end(
    facts: InstanceFacts, _now: datetime
) -> Iterator[CheckResult]:
    """Name grants that deleting by hand would start anew."""
    tracked = sorted(
        one.name
        for one in facts.grants.value or ()
        if one.grant is not None
        and one.grant.tracked_by_git
        and one.grant.duration is not None
    )
    if tracked:
        yield wrong(
            "Git",
            f"{abbreviate(tracked)}: tracked by Argo CD, but with spec.duration, which"
            " would begin anew whenever the object is made anew (AbsoluteEndRequired)",
            remedy="Write spec.expiresAt in Git instead.",
        )


def grants_are_counted(facts: InstanceFacts, _now: datetime) -> Iterator[CheckResult]:
    """Say what grants are doing, and what those wait for that give nothing."""
    check, found = "Grants", facts.grants
    if found.value is None:
        yield unknown(check, found.problem)
        return
    states = Counter(map(_state, found.value))
    running, over = states.pop("in force", 0), states.pop("over", 0)
    text = f"{running} in force, {over} over"
    if states:
        waiting = ", ".join(f"{count} {why}" for why, count in sorted(states.items()))
        text += f", {states.total()} waiting: {waiting}"
    yield fine(check, text)


def _state(record: GrantRecord) -> str:
    if "endedAt" in record.status:
        return "over"
    ready = read_conditions(record.status).get(InstanceCondition.READY)
    if ready is None:
        return "not looked at yet"
    return "in force" if ready.status else ready.reason


INSTANCE_CHECKS: Final[tuple[InstanceCheck, ...]] = (
    it_is_ready,
    conditions_are_good,
    requesters_are_verified,
    config_map_is_there,
    text_is_readable,
    scopes_match_addresses,
    there_is_room,
    argocd_has_a_version,
    token_is_valid,
    tracked_grants_have_an_end,
    grants_are_counted,
)
