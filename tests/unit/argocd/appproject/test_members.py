"""Plans for managed members of project roles; unmanaged members stay."""

from dataclasses import replace
from typing import Any

import pytest

from argogrant.argocd.appproject.members import (
    DesiredMembers,
    group_of,
    managed_bindings,
    owner_of,
    plan_members,
)
from argogrant.argocd.appproject.project import (
    LIMIT,
    MAX_ROLES,
    Project,
    ProjectRole,
)
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Reason
from support.appprojects import (
    ALICE,
    DELETED,
    ELSEWHERE,
    END,
    US,
    a_project,
    applied,
    groups,
    planned,
    with_alice,
)
from support.builders import HOUR, NOON


def test_new_member_is_appended_to_the_groups() -> None:
    project = with_alice("ops")

    assert groups(project) == ("ops", "alice")
    assert managed_bindings(project) == {ALICE: END}
    assert owner_of(project) == US


def test_applied_plan_is_followed_by_an_empty_plan() -> None:
    assert not planned(with_alice("ops"), ALICE).has_work
    assert not planned(a_project("ops")).has_work


def test_last_member_is_removed_with_the_annotation() -> None:
    plan = planned(with_alice("ops"))
    after = applied(with_alice("ops"), plan)

    assert plan.is_urgent
    assert plan.to_remove == {ALICE}
    assert groups(after) == ("ops",)
    assert after.members is None


def test_existing_member_stays_unmanaged() -> None:
    plan = planned(a_project("alice"), ALICE)

    assert not plan.has_work
    assert plan.already_bound_by_others == {ALICE}
    assert managed_bindings(a_project("alice")) == {}


def test_member_that_was_added_manually_stays() -> None:
    both = replace(
        with_alice(), roles=(ProjectRole(name="deployer", groups=("alice", "bob")),)
    )

    assert groups(applied(both, planned(both))) == ("bob",)


def test_member_that_another_program_removed_is_restored() -> None:
    without = replace(with_alice(), roles=(ProjectRole(name="deployer"),))
    plan = planned(without, ALICE)

    assert plan.to_add == {ALICE}
    assert not plan.is_urgent
    assert groups(applied(without, plan)) == ("alice",)
    assert managed_bindings(without) == {}


def test_member_is_not_restored_while_additions_are_suspended() -> None:
    without = replace(with_alice(), roles=(ProjectRole(name="deployer"),))

    assert not planned(without, ALICE, may_add=False).has_work
    assert not planned(a_project(), ALICE, may_add=False).has_work


def test_member_of_unknown_state_stays_without_an_extension() -> None:
    project = with_alice()
    later = planned(project, kept={ALICE: END + HOUR})
    sooner = planned(project, kept={ALICE: END - HOUR})

    assert not later.has_work
    assert managed_bindings(applied(project, sooner)) == {ALICE: END - HOUR}


def test_member_of_unknown_state_is_not_added() -> None:
    assert not planned(a_project(), kept={ALICE: END}).has_work


def test_later_expiry_is_recorded() -> None:
    later = DesiredMembers(desired={ALICE: END + HOUR})
    plan = plan_members(
        with_alice(), later, owner=US, living_owners=[US], now=NOON + HOUR
    )

    assert not plan.is_urgent
    assert managed_bindings(applied(with_alice(), plan)) == {ALICE: END + HOUR}


@pytest.mark.parametrize(
    ("subject", "group"),
    [
        pytest.param("alice", "alice", id="a plain name"),
        pytest.param("CN=a,OU=b", '"CN=a,OU=b"', id="a comma is quoted"),
        pytest.param("#x", "#x", id="a number sign is not a comment"),
        pytest.param('a"b', None, id="a quote is refused"),
        pytest.param('"a"', None, id="quotes around are refused"),
        pytest.param('a","b', None, id="a quote beside a comma is refused"),
        pytest.param("", None, id="an empty name is refused"),
        pytest.param(" a", None, id="a leading blank is refused"),
        pytest.param("a ", None, id="a trailing blank is refused"),
        pytest.param("a\ng, b, role:admin", None, id="a second line is refused"),
        pytest.param("a\tb", None, id="a tab is refused"),
        pytest.param(" a,b", None, id="a leading blank before a comma is refused"),
    ],
)
def test_subject_is_formatted_as_a_group(subject: str, group: str | None) -> None:
    assert group_of(subject) == group


def test_subject_with_a_comma_is_added_and_removed() -> None:
    dn = Binding("CN=a,OU=b", "proj:team-a:deployer")
    project = applied(a_project(), planned(a_project(), dn))

    assert groups(project) == ('"CN=a,OU=b"',)
    assert project.problem() is None
    assert managed_bindings(project) == {dn: END}
    assert groups(applied(project, planned(project))) == ()


def obstacle(project: Project, binding: Binding = ALICE, **options: Any) -> str:
    plan = planned(project, binding, **options)
    assert not plan.has_work
    return plan.obstacles[binding].reason


TWICE = (ProjectRole(name="deployer"), ProjectRole(name="deployer"))


def test_obstacle_has_a_reason() -> None:
    quote = Binding('a"b', ALICE.role)

    assert obstacle(a_project(), quote) == Reason.SUBJECT_REFUSED
    assert obstacle(a_project(role="other")) == Reason.ROLE_NOT_FOUND
    assert obstacle(a_project(roles=TWICE)) == Reason.PROJECT_INVALID
    full = a_project(annotation_bytes=LIMIT - 200)
    assert obstacle(full) == Reason.RBAC_TEXT_FULL
    assert obstacle(a_project(members="{")) == Reason.PROJECT_INVALID


def test_first_members_take_precedence_if_the_annotation_is_full() -> None:
    bob = Binding("bob", ALICE.role)
    size = LIMIT - len(with_alice().members or "") - 60
    plan = planned(a_project(annotation_bytes=size), ALICE, bob)

    assert plan.to_add == {ALICE}
    assert set(plan.obstacles) == {bob}


def test_member_is_removed_from_every_role_of_that_name() -> None:
    roles = tuple(ProjectRole(name="deployer", groups=("alice",)) for _ in range(2))
    twice = replace(with_alice(), roles=roles)

    assert [role.groups for role in applied(twice, planned(twice)).roles] == [(), ()]


def test_members_of_a_deleted_role_are_dropped_from_the_annotation() -> None:
    gone = replace(with_alice(), roles=(ProjectRole(name="viewer", groups=("alice",)),))
    after = applied(gone, planned(gone))

    assert after.members is None
    assert groups(after) == ("alice",), "a member of a role that existed before"


def test_managed_member_is_removed_from_a_renamed_role() -> None:
    renamed = replace(
        with_alice("ops"),
        roles=(ProjectRole(name="releaser", groups=("ops", "alice")),),
    )

    assert groups(applied(renamed, planned(renamed))) == ("ops",)


def test_new_role_alone_causes_no_write() -> None:
    project = with_alice()
    more = replace(project, roles=(*project.roles, ProjectRole(name="new")))

    assert not planned(more, ALICE).has_work


def test_member_is_added_to_a_recreated_project() -> None:
    assert planned(a_project(), ALICE).to_add == {ALICE}


def test_managed_members_are_removed_from_a_copy_of_the_project() -> None:
    copy = replace(with_alice(), name="team-b")
    plan = planned(copy)

    assert plan.to_remove == {Binding("alice", "proj:team-b:deployer")}
    assert groups(applied(copy, plan)) == ()


def test_member_is_added_to_the_default_project() -> None:
    alice = Binding("alice", "proj:default:deployer")

    assert planned(a_project(name="default"), alice).to_add == {alice}


def test_members_of_another_existing_instance_stay() -> None:
    project = with_alice()
    for other in (ELSEWHERE, replace(US, uid="u2")):
        living = [US, other]
        assert not planned(project, owner=other, living=living).has_work
        plan = planned(project, ALICE, owner=other, living=living)
        assert plan.obstacles[ALICE].reason == Reason.OVERLAY_OWNED_BY_ANOTHER


def test_members_of_a_deleted_instance_are_taken_over() -> None:
    project = a_project()
    project = applied(project, planned(project, ALICE, owner=DELETED, living=[DELETED]))

    assert planned(project).to_remove == {ALICE}
    assert owner_of(applied(project, planned(project, ALICE))) == US


def test_members_are_removed_from_a_project_beyond_a_limit() -> None:
    more = tuple(ProjectRole(name=f"r{n}") for n in range(MAX_ROLES))
    project = with_alice("ops")
    large = replace(project, roles=(*project.roles, *more))

    assert large.excess
    assert groups(applied(large, planned(large))) == ("ops",)


def test_project_with_an_unreadable_annotation_is_not_changed() -> None:
    project = replace(with_alice("ops"), members="[]")

    assert not planned(project).has_work
    assert owner_of(project) is None
    assert set(managed_bindings(project)) == {ALICE, Binding("ops", ALICE.role)}
    assert ALICE in planned(project).obstacles
