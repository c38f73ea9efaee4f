"""Members of project roles: ours come and go, everybody else's stay."""

from dataclasses import replace
from typing import Any

import pytest

from argogrant.argocd.appproject.annotation import (
    LIMIT,
)
from argogrant.argocd.appproject.members import (
    group_of,
    managed_bindings,
    owner_of,
    plan_members,
)
from argogrant.argocd.appproject.plan import DesiredMembers
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Reason
from support.appprojects import (
    ALICE,
    DEAD,
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


def test_who_is_wanted_joins_after_those_who_are_there() -> None:
    project = with_alice("ops")

    assert groups(project) == ("ops", "alice")
    assert managed_bindings(project) == {ALICE: END}
    assert owner_of(project) == US


def test_an_applied_plan_leaves_no_work() -> None:
    assert not planned(with_alice("ops"), ALICE).has_work
    assert not planned(a_project("ops")).has_work


def test_who_is_no_longer_wanted_leaves_and_the_annotation_with_them() -> None:
    plan = planned(with_alice("ops"))
    after = applied(with_alice("ops"), plan)

    assert plan.is_urgent
    assert plan.to_remove == {ALICE}
    assert groups(after) == ("ops",)
    assert after.members is None


def test_a_member_who_was_there_before_us_is_never_ours() -> None:
    plan = planned(a_project("alice"), ALICE)

    assert not plan.has_work
    assert plan.unmanaged == {ALICE}
    assert managed_bindings(a_project("alice")) == {}


def test_a_member_whom_a_person_adds_later_stays() -> None:
    both = replace(
        with_alice(), roles=(ProjectRole(name="deployer", groups=("alice", "bob")),)
    )

    assert groups(applied(both, planned(both))) == ("bob",)


def test_who_was_removed_by_somebody_is_put_back() -> None:
    without = replace(with_alice(), roles=(ProjectRole(name="deployer"),))
    plan = planned(without, ALICE)

    assert plan.to_add == {ALICE}
    assert not plan.is_urgent
    assert groups(applied(without, plan)) == ("alice",)
    assert managed_bindings(without) == {}


def test_nobody_is_put_back_while_nothing_may_be_added() -> None:
    without = replace(with_alice(), roles=(ProjectRole(name="deployer"),))

    assert not planned(without, ALICE, may_add=False).has_work
    assert not planned(a_project(), ALICE, may_add=False).has_work


def test_who_is_in_doubt_stays_and_is_given_no_time() -> None:
    project = with_alice()
    later = planned(project, kept={ALICE: END + HOUR})
    sooner = planned(project, kept={ALICE: END - HOUR})

    assert not later.has_work
    assert managed_bindings(applied(project, sooner)) == {ALICE: END - HOUR}


def test_who_is_in_doubt_is_not_added() -> None:
    assert not planned(a_project(), kept={ALICE: END}).has_work


def test_a_later_end_is_written_down() -> None:
    later = DesiredMembers(desired={ALICE: END + HOUR})
    plan = plan_members(
        with_alice(), later, owner=US, living_owners=[US], now=NOON + HOUR
    )

    assert not plan.is_urgent
    assert managed_bindings(applied(with_alice(), plan)) == {ALICE: END + HOUR}


@pytest.mark.parametrize(
    ("subject", "group"),
    [
        pytest.param("alice", "alice", id="a name is itself"),
        pytest.param("CN=a,OU=b", '"CN=a,OU=b"', id="a comma takes quotes around it"),
        pytest.param("#x", "#x", id="a number sign inside a line is no comment"),
        pytest.param('a"b', None, id="a quote is refused"),
        pytest.param('"a"', None, id="quotes around are refused"),
        pytest.param('a","b', None, id="a quote beside a comma is refused"),
        pytest.param("", None, id="nobody is refused"),
        pytest.param(" a", None, id="a leading blank would be lost"),
        pytest.param("a ", None, id="a trailing blank would be lost"),
        pytest.param("a\ng, b, role:admin", None, id="a second line is refused"),
        pytest.param("a\tb", None, id="a tab is refused"),
        pytest.param(" a,b", None, id="a blank before a comma would be kept inside"),
    ],
)
def test_a_subject_as_a_group(subject: str, group: str | None) -> None:
    assert group_of(subject) == group


def test_a_subject_with_a_comma_comes_and_goes() -> None:
    dn = Binding("CN=a,OU=b", "proj:team-a:deployer")
    project = applied(a_project(), planned(a_project(), dn))

    assert groups(project) == ('"CN=a,OU=b"',)
    assert project.problem() is None
    assert managed_bindings(project) == {dn: END}
    assert groups(applied(project, planned(project))) == ()


def obstacle(project: Project, binding: Binding = ALICE, **asked: Any) -> str:
    plan = planned(project, binding, **asked)
    assert not plan.has_work
    return plan.obstacles[binding].reason


TWICE = (ProjectRole(name="deployer"), ProjectRole(name="deployer"))


def test_what_stands_in_the_way_is_said() -> None:
    quote = Binding('a"b', ALICE.role)

    assert obstacle(a_project(), quote) == Reason.SUBJECT_REFUSED
    assert obstacle(a_project(role="other")) == Reason.ROLE_NOT_FOUND
    assert obstacle(a_project(roles=TWICE)) == Reason.PROJECT_INVALID
    full = a_project(annotation_bytes=LIMIT - 200)
    assert obstacle(full) == Reason.RBAC_TEXT_FULL
    assert obstacle(a_project(members="{")) == Reason.PROJECT_INVALID


def test_the_first_are_served_while_there_is_room() -> None:
    bob = Binding("bob", ALICE.role)
    left = LIMIT - len(with_alice().members or "") - 60
    plan = planned(a_project(annotation_bytes=left), ALICE, bob)

    assert plan.to_add == {ALICE}
    assert set(plan.obstacles) == {bob}


def test_a_member_leaves_every_role_of_that_name() -> None:
    roles = tuple(ProjectRole(name="deployer", groups=("alice",)) for _ in range(2))
    twice = replace(with_alice(), roles=roles)

    assert [role.groups for role in applied(twice, planned(twice)).roles] == [(), ()]


def test_a_role_that_vanished_leaves_nothing_behind() -> None:
    gone = replace(with_alice(), roles=(ProjectRole(name="viewer", groups=("alice",)),))
    after = applied(gone, planned(gone))

    assert after.members is None
    assert groups(after) == ("alice",), "a member of a role that was there before"


def test_a_role_that_was_renamed_loses_our_member() -> None:
    renamed = replace(
        with_alice("ops"),
        roles=(ProjectRole(name="releaser", groups=("ops", "alice")),),
    )

    assert groups(applied(renamed, planned(renamed))) == ("ops",)


def test_a_new_role_alone_is_no_reason_to_write() -> None:
    project = with_alice()
    more = replace(project, roles=(*project.roles, ProjectRole(name="new")))

    assert not planned(more, ALICE).has_work


def test_a_project_that_was_made_anew_has_nothing_of_ours() -> None:
    assert planned(a_project(), ALICE).to_add == {ALICE}


def test_a_copy_of_the_project_is_cleaned_of_our_members() -> None:
    copy = replace(with_alice(), name="team-b")
    plan = planned(copy)

    assert plan.to_remove == {Binding("alice", "proj:team-b:deployer")}
    assert groups(applied(copy, plan)) == ()


def test_the_project_default_is_one_like_others() -> None:
    alice = Binding("alice", "proj:default:deployer")

    assert planned(a_project(name="default"), alice).to_add == {alice}


def test_members_of_another_living_instance_are_respected() -> None:
    project = with_alice()
    for other in (ELSEWHERE, replace(US, uid="u2")):
        living = [US, other]
        assert not planned(project, owner=other, living=living).has_work
        plan = planned(project, ALICE, owner=other, living=living)
        assert plan.obstacles[ALICE].reason == Reason.OVERLAY_OWNED_BY_ANOTHER


def test_members_of_an_instance_that_is_gone_are_taken_over() -> None:
    project = a_project()
    project = applied(project, planned(project, ALICE, owner=DEAD, living=[DEAD]))

    assert planned(project).to_remove == {ALICE}
    assert owner_of(applied(project, planned(project, ALICE))) == US


def test_nothing_is_taken_from_a_project_whose_annotation_is_unreadable() -> None:
    project = replace(with_alice("ops"), members="[]")

    assert not planned(project).has_work
    assert owner_of(project) is None
    assert set(managed_bindings(project)) == {ALICE, Binding("ops", ALICE.role)}
    assert ALICE in planned(project).obstacles
