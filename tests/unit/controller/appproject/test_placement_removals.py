"""Plans that only end access, in the ConfigMap and in AppProjects."""

from typing import Any

import pytest

from argogrant.argocd.overlay import render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.appproject import placement
from argogrant.controller.appproject.placement import BindingMode, plan_removals
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.grants.decide import Decision
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from support.appprojects import ALICE, ELSEWHERE, END, US, a_project, with_alice
from support.builders import HOUR, NOON, SECOND, a_grant, decided

GLOBAL = Binding("alice", "role:deployer")
REFUSED = Finding(Reason.NOT_ALLOWED_BY_ARGOCD, "No.")


def in_force(**grant: Any) -> Decision:
    return decided(a_grant(**grant))


def unknown(**grant: Any) -> Decision:
    return decided(a_grant(**grant), rbac_policy_is_known=False)


IN_PROJECT = {"role": "deployer", "project": "team-a"}


def seen(*projects: Any, owner: Any = US, bound: tuple[Binding, ...] = ()) -> Snapshot:
    text = render_overlay(owner, dict.fromkeys(bound, END))
    return Snapshot(
        config_map=ObservedConfigMap("7", {OVERLAY_KEY: text}),
        text_is_known=True,
        projects=projects,
        projects_are_known=True,
    )


def removals(snapshot: Snapshot, *decisions: Decision, **options: Any) -> Plan:
    settings = {"mode": BindingMode(in_projects=True), "now": NOON, **options}
    return plan_removals(decisions, snapshot, owner=US, living_owners=[US], **settings)


@pytest.mark.parametrize(
    ("decisions", "now", "removed"),
    [
        pytest.param([], NOON, {GLOBAL, ALICE}, id="that no grant wants"),
        pytest.param(
            [in_force(revoked=True), in_force(**IN_PROJECT)],
            NOON,
            {GLOBAL},
            id="whose grant is revoked",
        ),
        pytest.param(
            [in_force(), in_force(**IN_PROJECT)], NOON, set(), id="in force: none"
        ),
        pytest.param(
            [unknown(), unknown(**IN_PROJECT)],
            END - SECOND,
            set(),
            id="of unknown state before the written end: none",
        ),
        pytest.param(
            [unknown(duration=2 * HOUR), unknown(duration=2 * HOUR, **IN_PROJECT)],
            END,
            {GLOBAL, ALICE},
            id="of unknown state at the written end",
        ),
        pytest.param(
            [in_force(duration=2 * HOUR), in_force(duration=2 * HOUR, **IN_PROJECT)],
            END,
            set(),
            id="in force longer than written: none",
        ),
        pytest.param(
            [in_force(revoked=True), in_force(uid="u2"), in_force(**IN_PROJECT)],
            NOON,
            set(),
            id="that another grant wants: none",
        ),
    ],
)
def test_bindings_are_removed(decisions, now, removed) -> None:
    snapshot = seen(with_alice(), bound=(GLOBAL,))
    plan = removals(snapshot, *decisions, now=now)

    assert plan.removed == removed
    assert plan.is_urgent is (GLOBAL in removed)


def test_nothing_is_added_or_moved() -> None:
    snapshot = seen(a_project(), bound=(ALICE,))
    plan = removals(snapshot, in_force(), in_force(**IN_PROJECT))

    assert not plan.has_work
    assert not plan.projects


def test_recorded_member_that_another_program_removed_stays_recorded() -> None:
    """The next whole plan adds it again."""
    project = with_alice()
    without = a_project(members=project.members)

    assert not removals(seen(without), in_force(**IN_PROJECT)).projects


@pytest.mark.parametrize("mode", [BindingMode(), BindingMode(in_projects=True)])
def test_members_are_removed_in_any_mode(mode) -> None:
    assert removals(seen(with_alice()), mode=mode).removed == {ALICE}


def test_project_whose_plan_fails_leaves_the_others_planned(monkeypatch) -> None:
    plan_members, failure = placement.plan_members, ValueError()

    def fail_for_one(project, *arguments, **options):
        if project.name == "team-b":
            raise failure
        return plan_members(project, *arguments, **options)

    monkeypatch.setattr(placement, "plan_members", fail_for_one)
    projects = [a_project(name="team-b", members="{}"), with_alice()]
    plan = removals(seen(*projects, bound=(GLOBAL,)))

    assert plan.removed == {GLOBAL, ALICE}
    assert plan.failures == {"team-b": failure}


def test_project_that_cannot_be_read_keeps_its_members() -> None:
    plan = removals(seen(a_project("alice", members="{")))

    assert not plan.projects
    assert set(plan.obstacles) == {ALICE}


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(seen(owner=ELSEWHERE, bound=(GLOBAL,)), id="of another owner"),
        pytest.param(Snapshot(text_is_known=True), id="that is missing"),
        pytest.param(Snapshot(), id="that was not read"),
    ],
)
def test_nothing_is_removed_from_a_key(snapshot) -> None:
    plan = removals(snapshot)

    assert plan.overlay is None
    assert plan.blocked is not None


def test_instance_that_is_not_allowed_removes_its_own_key() -> None:
    plan = removals(seen(bound=(GLOBAL,)), refusal=REFUSED)

    assert plan.removes_key
    assert plan.is_urgent


def test_instance_that_is_not_allowed_claims_no_key() -> None:
    text = "g, alice, role:deployer\n"
    config_map = ObservedConfigMap("7", {OVERLAY_KEY: text})
    snapshot = Snapshot(config_map=config_map, text_is_known=True)

    assert removals(snapshot, refusal=REFUSED).overlay is None
    assert removals(snapshot).removed == {GLOBAL}
