"""Where bindings are written, and when the former place is cleared."""

from dataclasses import replace
from functools import partial
from typing import Any

from argogrant.argocd.overlay import render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.appproject.placement import (
    BindingMode,
    plan_bindings,
    written_ends,
)
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache
from argogrant.controller.status.reporter import BindingState
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.reasons import Finding, Reason
from support.appprojects import (
    ALICE,
    ELSEWHERE,
    END,
    US,
    a_project,
    applied,
    planned,
    with_alice,
)
from support.builders import NOON, SECOND, a_grant, decided

ROLE = RoleRef(name="deployer", project="team-a")
IN_FORCE = decided(a_grant())._replace(grant=replace(a_grant(), role=ROLE))
UNKNOWN = decided(a_grant(), rbac_policy_is_known=False)._replace(
    grant=replace(a_grant(), role=ROLE)
)
IN_PROJECTS = BindingMode(in_projects=True)


def seen(*projects: Any, bound: tuple[Binding, ...] = (), known: bool = True):
    text = render_overlay(US, dict.fromkeys(bound, END))
    return Snapshot(
        config_map=ObservedConfigMap("7", {OVERLAY_KEY: text}),
        text_is_known=True,
        projects=projects,
        projects_are_known=known,
    )


def bindings_plan(
    snapshot: Snapshot, *decisions: Any, mode: BindingMode = IN_PROJECTS, now=NOON
) -> Plan:
    return plan_bindings(
        decisions, snapshot, owner=US, living_owners=[US], mode=mode, now=now
    )


def test_binding_in_the_config_map_stays_until_the_project_has_it() -> None:
    before = bindings_plan(seen(a_project(), bound=(ALICE,)), IN_FORCE)
    after = bindings_plan(seen(with_alice(), bound=(ALICE,)), IN_FORCE)

    assert before.is_moving
    assert not before.removed
    assert not after.is_moving
    assert after.removed == {ALICE}


def test_binding_in_the_project_stays_until_the_config_map_has_it() -> None:
    before = bindings_plan(seen(with_alice()), IN_FORCE, mode=BindingMode())
    after = bindings_plan(
        seen(with_alice(), bound=(ALICE,)), IN_FORCE, mode=BindingMode()
    )

    assert before.is_moving
    assert not before.removed
    assert after.removed == {ALICE}
    assert not after.has_work


def test_binding_of_unknown_state_stays_where_it_is() -> None:
    for mode in (IN_PROJECTS, BindingMode()):
        project = bindings_plan(seen(with_alice()), UNKNOWN, mode=mode)
        config_map = bindings_plan(
            seen(a_project(), bound=(ALICE,)), UNKNOWN, mode=mode
        )

        assert not project.removed
        assert not config_map.removed
        assert not project.projects


def test_binding_of_unknown_state_is_removed_at_its_written_end() -> None:
    """The grant that wrote it has ended; the one whose state is unknown ends later."""
    for mode in (IN_PROJECTS, BindingMode()):
        for snapshot in (seen(with_alice()), seen(a_project(), bound=(ALICE,))):
            before = bindings_plan(snapshot, UNKNOWN, mode=mode, now=END - SECOND)
            after = bindings_plan(snapshot, UNKNOWN, mode=mode, now=END)

            assert not before.removed
            assert after.removed == {ALICE}


def test_written_end_of_a_binding_is_that_of_the_config_map_or_the_project() -> None:
    in_config_map = written_ends(seen(a_project(), bound=(ALICE,)))
    in_project = written_ends(seen(with_alice()))

    assert in_config_map(ALICE) == END
    assert in_project(ALICE) == END
    assert in_project(Binding("bob", "role:deployer")) is None
    assert written_ends(Snapshot())(ALICE) is None


def test_unknown_projects_block_the_plan() -> None:
    blocked = bindings_plan(seen(known=False)).blocked

    assert blocked is not None
    assert blocked.reason == Reason.INSTANCE_UNAVAILABLE
    assert bindings_plan(seen(known=False), mode=BindingMode()).blocked is None


def test_instance_that_argocd_does_not_allow_only_removes_its_members() -> None:
    """In both modes, and also beside members of others."""
    refusal = Finding(Reason.NOT_ALLOWED_BY_ARGOCD, "Argo CD does not allow it.")
    refused = decided(replace(a_grant(), role=ROLE), is_allowed_by_argocd=False)
    for mode in (IN_PROJECTS, BindingMode()):
        for decisions in ([], [refused]):
            plan = partial(
                plan_bindings,
                decisions,
                owner=US,
                living_owners=[US],
                mode=mode,
                now=NOON,
                refusal=refusal,
            )
            own, foreign = plan(seen(with_alice("bob"))), plan(seen(a_project("bob")))

            assert own.blocked is foreign.blocked is refusal
            assert own.removed == {ALICE}
            assert own.projects[0].groups == {0: ("bob",)}
            assert not foreign.removed
            assert not foreign.projects


def test_members_of_another_instance_are_unmanaged() -> None:
    project = a_project()
    foreign = applied(project, planned(project, ALICE, owner=ELSEWHERE))
    snapshot = seen(foreign)
    state = BindingState(DecisionCache(), bindings_plan(snapshot), snapshot)

    assert not state.present
    assert BindingState(
        DecisionCache(), bindings_plan(seen(with_alice())), seen(with_alice())
    ).leftover


def test_unmanaged_member_satisfies_a_grant() -> None:
    plan = bindings_plan(seen(a_project("alice")), IN_FORCE)

    assert plan.already_bound_by_others == {ALICE}
    assert not plan.projects
