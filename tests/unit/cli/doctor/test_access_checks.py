"""Access that Argo CD has, against the clock, the owners and the grants."""

from dataclasses import replace
from typing import Any

import pytest

from argogrant.argocd.managed_access import ManagedAccess
from argogrant.argocd.overlay import Owner
from argogrant.cli.doctor.access_checks import (
    MOST_RESULTS,
    access_is_accounted_for,
)
from argogrant.cli.doctor.checks import examine
from argogrant.cli.doctor.collect import AccessFacts, ClusterFacts
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from argogrant.grants.model.grant import Binding
from support.builders import HOUR, MINUTE, NOON, SECOND
from support.doctor_facts import a_cluster, a_grant_record, a_record, hidden, yes

ALICE = Binding("alice", "role:deployer")
DANA = Binding("dana@example.com", "role:admin")
OURS = Owner(namespace="argogrant", instance="default", uid="i1")
THEIRS = Owner(namespace="team-b", instance="default", uid="i2")
BOUND = {"expiresAt": "2026-11-24T13:00:00Z"}
SWEEP = "argogrant sweep --argocd-namespace argocd"
SWEEP_ALL = "argogrant sweep --all --argocd-namespace argocd"


def an_access(end: Any = NOON + HOUR, binding: Binding = ALICE, **fields: Any):
    """One binding in argocd-rbac-cm, written by the existing instance."""
    defaults: dict[str, Any] = {
        "namespace": "argocd",
        "owner": OURS,
        "ends": {binding: end},
    }
    return ManagedAccess(**{**defaults, **fields})


def facts_of(
    *found: ManagedAccess,
    owners: dict[Owner, bool | None] | None = None,
    not_read: dict[str, str] | None = None,
    context: str = "",
    **changes: Any,
) -> ClusterFacts:
    access = AccessFacts(
        context=context,
        found=found,
        managed={
            (owner, one.namespace): known
            for owner, known in ({OURS: True} if owners is None else owners).items()
            for one in found
        },
        not_read=not_read or {},
    )
    defaults: dict[str, Any] = {"grants": yes((a_grant_record("one"),))}
    return a_cluster(access=(access,), **{**defaults, **changes})


def results(*found: ManagedAccess, **changes: Any) -> list[CheckResult]:
    return access_is_accounted_for(facts_of(*found, **changes))


def test_requested_binding_before_its_end_is_fine() -> None:
    (result,) = results(an_access())

    assert result.outcome is CheckOutcome.FINE
    assert result.text == "1 binding in Argo CD, all requested and before their end"


def test_argocd_without_a_binding_is_fine() -> None:
    (result,) = results()

    assert result.outcome is CheckOutcome.FINE
    assert "no Argo CD that was read has a binding" in result.text


NO_INSTANCE: dict[str, Any] = {"instances": yes(()), "grants": yes(())}
WRONG = [
    pytest.param(
        an_access(NOON - MINUTE),
        {},
        'still gives access that has ended: "alice" has "role:deployer" until',
        SWEEP,
        id="end in the past, while all statuses may be active",
    ),
    pytest.param(
        an_access(NOON - 5 * SECOND),
        {"owners": {OURS: None}},
        "has ended",
        SWEEP,
        id="end in the past, of an owner that may not be read",
    ),
    pytest.param(
        an_access(None),
        {},
        "whose end cannot be read, which the sweep keeps",
        SWEEP_ALL,
        id="no readable end",
    ),
    pytest.param(
        an_access(binding=DANA),
        {"owners": {OURS: False}, **NO_INSTANCE},
        "ArgoCDInstance argogrant/default (uid i1), which wrote it, does not exist",
        SWEEP_ALL,
        id="instance that is gone, its finalizers removed by hand",
    ),
    pytest.param(
        an_access(),
        {"owners": {OURS: False}, "instances": hidden(), "grants": hidden()},
        "does not exist in this cluster",
        SWEEP_ALL,
        id="kinds that are not served",
    ),
    pytest.param(
        an_access(owner=None),
        {},
        "does not name the ArgoCDInstance that wrote it",
        SWEEP_ALL,
        id="broken first line",
    ),
    pytest.param(
        an_access(binding=DANA),
        {},
        'gives access that no AccessGrant requests: "dana@example.com" has',
        SWEEP_ALL,
        id="grant that is gone, its finalizers removed by hand",
    ),
    pytest.param(
        an_access(),
        {"grants": yes((a_grant_record("one", revoked=True),))},
        "that no AccessGrant requests",
        SWEEP_ALL,
        id="grant that was revoked while no operator ran",
    ),
    pytest.param(
        an_access(),
        {"grants": yes((a_grant_record("one", status={"endedAt": "x"}),))},
        "that no AccessGrant requests",
        SWEEP_ALL,
        id="grant that has ended",
    ),
    pytest.param(
        an_access(),
        {
            "grants": yes(
                (
                    a_grant_record(
                        "one", expiresAt="2026-11-24T11:59:00Z", duration=None
                    ),
                )
            )
        },
        "that no AccessGrant requests",
        SWEEP_ALL,
        id="grant that is over by the clock, with a later end in Argo CD",
    ),
    pytest.param(
        an_access(),
        {"grants": yes((a_grant_record("one", instance="other"),))},
        "that no AccessGrant requests",
        SWEEP_ALL,
        id="grant for another instance",
    ),
    pytest.param(
        ManagedAccess(namespace="argocd", owner=OURS, problem="the key has lines"),
        {},
        "argocd/argocd-rbac-cm: the key has lines",
        "kubectl -n argocd edit configmap argocd-rbac-cm",
        id="foreign lines",
    ),
    pytest.param(
        ManagedAccess(namespace="gitops", project="shop", problem="it cannot be read"),
        {},
        "AppProject gitops/shop: it cannot be read",
        "kubectl -n gitops edit appproject shop",
        id="broken annotation of an AppProject",
    ),
    pytest.param(
        an_access(NOON - HOUR, project="shop"),
        {},
        "AppProject argocd/shop still gives access that has ended",
        SWEEP,
        id="members of an AppProject that have ended",
    ),
    pytest.param(
        an_access(NOON - HOUR, namespace="gitops", owner=THEIRS),
        {},
        "gitops/argocd-rbac-cm still gives access that has ended",
        "argogrant sweep --argocd-namespace gitops",
        id="another Argo CD, of another namespace's instance",
    ),
]


@pytest.mark.parametrize(("access", "changes", "words", "command"), WRONG)
def test_access_is_a_problem_with(access, changes, words, command) -> None:
    found = results(access, **changes)

    assert [one.outcome for one in found] == [CheckOutcome.WRONG]
    assert words in found[0].text
    assert found[0].command == command


UNKNOWN = [
    pytest.param(
        (an_access(),), {"owners": {OURS: None}}, "is not known", id="an owner"
    ),
    pytest.param(
        (),
        {"not_read": {"configmaps/argocd-rbac-cm in namespace b": "no permission"}},
        "not read: configmaps/argocd-rbac-cm in namespace b: no permission",
        id="a ConfigMap",
    ),
    pytest.param(
        (),
        {
            "instances": yes(
                (
                    a_record(
                        spec={
                            "cluster": {
                                "server": "https://far:6443",
                                "tokenSecret": {"name": "far"},
                            }
                        }
                    ),
                )
            )
        },
        "in another cluster, https://far:6443, which was not read",
        id="another cluster",
    ),
]


@pytest.mark.parametrize(("found", "changes", "words"), UNKNOWN)
def test_what_was_not_read_is_unknown(found, changes, words) -> None:
    outcomes = {one.outcome: one.text for one in results(*found, **changes)}

    assert words in outcomes[CheckOutcome.UNKNOWN]
    assert CheckOutcome.WRONG not in outcomes


def test_other_cluster_that_was_read_is_judged_by_the_home_grants() -> None:
    """Its problems name the context, also in the command."""
    home = AccessFacts()
    late = AccessFacts(
        context="far", found=(an_access(NOON - HOUR),), managed={(OURS, "argocd"): True}
    )
    facts = replace(facts_of(), access=(home, late))
    (result,) = access_is_accounted_for(facts)

    assert result.text.startswith("far: argocd/argocd-rbac-cm still gives access")
    assert result.command == f"{SWEEP} --context far"


def test_grants_of_another_namespace_are_not_judged() -> None:
    (result,) = results(an_access(owner=THEIRS, binding=DANA), owners={THEIRS: True})

    assert result.outcome is CheckOutcome.FINE


def test_unreadable_grants_are_not_judged() -> None:
    (result,) = results(an_access(binding=DANA), grants=hidden())

    assert result.outcome is CheckOutcome.FINE


@pytest.mark.parametrize(
    ("changes", "is_lost"),
    [
        pytest.param({}, True, id="no binding at all"),
        pytest.param({"found": an_access()}, False, id="its binding"),
        pytest.param({"found": an_access(owner=THEIRS)}, True, id="another's binding"),
        pytest.param({"ready": "-Pending"}, False, id="a grant that waits"),
        pytest.param(
            {"not_read": {"configmaps/argocd-rbac-cm in namespace argocd": "no"}},
            False,
            id="a ConfigMap that was not read",
        ),
        pytest.param(
            {"not_read": {"configmaps/argocd-rbac-cm": "503"}},
            False,
            id="an API server that does not answer",
        ),
    ],
)
def test_active_grant_is_looked_up_in_argocd(changes, is_lost) -> None:
    ready = changes.pop("ready", "+Bound")
    grants = yes((a_grant_record("one", ready, status=BOUND),))
    found = [changes.pop("found")] if "found" in changes else []
    texts = [
        one.text
        for one in results(
            *found, grants=grants, owners={OURS: True, THEIRS: True}, **changes
        )
        if one.outcome is CheckOutcome.WRONG
    ]

    assert any("one: reported active, but Argo CD" in text for text in texts) is is_lost


@pytest.mark.parametrize("late", [0, MOST_RESULTS + 1, 30])
def test_many_problems_are_counted(late) -> None:
    """Problems are listed before what is unknown."""
    ends = [NOON + HOUR] * (50 - late) + [NOON - HOUR] * late
    found = [an_access(end, project=f"p{n}") for n, end in enumerate(ends)]
    listed = results(*found, owners={OURS: None})
    worst = CheckOutcome.WRONG if late else CheckOutcome.UNKNOWN

    assert len(listed) == MOST_RESULTS + 1
    assert listed[-1].text == "30 more results of this kind"
    assert {one.outcome for one in listed} == {worst}


def test_access_is_checked_without_an_instance() -> None:
    """The line about instances does not say that nothing gives access."""
    facts = facts_of(an_access(), owners={OURS: False}, **NO_INSTANCE)
    texts = {one.check: one.text for one in examine(facts, [])}

    assert "does not exist in this cluster" in texts["Access"]
    assert "The line Access shows what Argo CD still has" in texts["Instances"]


def test_namespace_that_is_being_deleted_is_a_problem() -> None:
    facts = a_cluster(is_terminating=yes())
    (result,) = [one for one in examine(facts, []) if one.check == "Namespace"]

    assert result.outcome is CheckOutcome.WRONG
    assert result.command == "argogrant uninstall --namespace argogrant"
