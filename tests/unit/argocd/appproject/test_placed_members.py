"""Members that only the statuses of grants record, after the annotations are lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from argogrant.argocd.appproject.ended_members import MAX_RECORDS, read_ended
from argogrant.argocd.appproject.members import ProjectPlan, managed_bindings
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.appproject.tokens import Token
from argogrant.grants.model.grant import Binding, PlacedMember
from support.appprojects import (
    ALICE,
    ELSEWHERE,
    END,
    a_project,
    applied,
    groups,
    planned,
    with_alice,
)
from support.builders import HOUR, MINUTE, NOON, SECOND

SINCE = NOON - 5 * MINUTE
"""As the annotation has it for a member that was added at noon."""
LATER = NOON + 2 * HOUR
ADDED = PlacedMember(SINCE)
REMOVED = PlacedMember(SINCE, NOON + HOUR)


def plan(
    project: Project,
    *placed: PlacedMember | tuple[Binding, PlacedMember],
    wanted: tuple[Binding, ...] = (),
    **options: Any,
) -> ProjectPlan:
    """Plan two hours later; a member without a binding is alice."""
    settings = {"now": LATER, "undoes_returns": True, **options}
    pairs = [(ALICE, p) if isinstance(p, PlacedMember) else p for p in placed]
    return planned(project, *wanted, placed=pairs, **settings)


def test_removed_member_that_returns_without_annotations_is_removed_once_more() -> None:
    project = a_project("ops", "alice")
    found = plan(project, REMOVED)

    assert groups(applied(project, found)) == ("ops",)
    assert found.is_urgent
    (returned,) = found.new_returns
    assert (returned.subject, returned.returns, returned.is_kept) == ("alice", 1, False)


def test_member_that_returns_once_more_is_kept_and_reported() -> None:
    project = a_project("alice")
    once = applied(project, plan(project, REMOVED))
    again = replace(once, roles=project.roles)
    after = applied(again, plan(again, REMOVED))
    listed = plan(after, REMOVED)

    assert groups(after) == ("alice",)
    assert [one.is_kept for one in listed.returned] == [True]
    assert not listed.has_work


def test_member_that_no_status_records_stays() -> None:
    assert not plan(a_project("alice", "bob")).has_work


def test_other_members_of_the_role_stay() -> None:
    project = a_project("bob", "alice", "carol")

    assert groups(applied(project, plan(project, REMOVED))) == ("bob", "carol")


def test_member_of_another_role_stays() -> None:
    roles = (
        ProjectRole(name="deployer"),
        ProjectRole(name="viewer", groups=("alice",)),
    )

    assert not plan(a_project(roles=roles), REMOVED).has_work


def test_removed_member_that_is_absent_causes_no_write() -> None:
    assert not plan(a_project("ops"), REMOVED).has_work


def test_removed_member_of_a_project_of_another_instance_stays() -> None:
    theirs = applied(
        a_project("alice"),
        planned(a_project("alice"), Binding("bob", ALICE.role), owner=ELSEWHERE),
    )

    assert not plan(theirs, REMOVED).has_work


def test_active_member_whose_annotation_is_lost_is_recorded_again() -> None:
    project = a_project("alice")
    found = plan(project, ADDED, wanted=(ALICE,))
    after = applied(project, found)

    assert managed_bindings(after) == {ALICE: END}
    assert not found.already_bound_by_others
    assert not found.new_returns
    assert not plan(after, ADDED, wanted=(ALICE,)).has_work


def test_active_member_of_unknown_state_is_recorded_again_without_an_extension() -> (
    None
):
    project = a_project("alice")
    after = applied(project, plan(project, ADDED, kept={ALICE: END}))

    assert managed_bindings(after) == {ALICE: END}


def test_member_whose_grant_ends_while_its_annotation_is_lost_is_removed() -> None:
    project = a_project("ops", "alice")
    found = plan(project, ADDED)

    assert found.to_remove == {ALICE}
    assert not found.new_returns
    after = applied(project, found)
    assert groups(after) == ("ops",)
    (record,) = read_ended(after.ended or "").members
    assert record.since == SINCE


def test_end_that_the_annotation_records_is_no_return() -> None:
    found = plan(with_alice(), ADDED)

    assert found.to_remove == {ALICE}
    assert not found.new_returns


def test_end_of_an_extension_is_no_return_of_the_grant_that_it_extends() -> None:
    """The member of both grants is the same one."""
    found = plan(with_alice(), REMOVED, ADDED)

    assert found.to_remove == {ALICE}
    assert not found.new_returns


def test_tokens_of_an_active_member_stay_while_its_status_is_behind() -> None:
    """Git had removed the member, and the operator has added it again."""
    token = Token(int(NOON.timestamp()) + 60, id="t")
    project = replace(with_alice(), tokens={"deployer": frozenset({token})})

    assert not plan(project, REMOVED, wanted=(ALICE,)).has_work


def test_stale_annotation_after_a_restart_is_a_return() -> None:
    found = plan(with_alice(), REMOVED)

    assert found.to_remove == {ALICE}
    assert [one.is_kept for one in found.new_returns] == [False]


def test_member_that_was_added_by_people_stays_while_a_grant_wants_it() -> None:
    found = plan(a_project("alice"), wanted=(ALICE,))

    assert found.already_bound_by_others == {ALICE}
    assert not found.has_work


def test_next_period_of_a_member_differs_from_the_last_one() -> None:
    project = a_project("alice")
    after = applied(project, plan(project, REMOVED, wanted=(ALICE,), now=NOON))
    annotation = after.annotation()

    assert annotation is not None
    (member,) = annotation.members
    assert member.since > SINCE


@pytest.mark.parametrize(
    ("issued_after", "is_removed"),
    [
        pytest.param(-10 * MINUTE, False, id="before the member was added"),
        pytest.param(-MINUTE, False, id="in the margin for clocks"),
        pytest.param(SECOND, True, id="while it was a member"),
        pytest.param(HOUR + SECOND, False, id="after it was removed"),
    ],
)
def test_token_that_returns_with_the_member_is_removed_if_it_was_created(
    issued_after: timedelta,
    is_removed: bool,  # noqa: FBT001
) -> None:
    token = Token(int((NOON + issued_after).timestamp()), id="t")
    project = a_project("alice", tokens={"deployer": frozenset({token})})

    assert bool(plan(project, REMOVED).tokens) is is_removed


def test_token_stays_if_its_member_has_not_returned() -> None:
    token = Token(int(NOON.timestamp()) + 60, id="t")
    project = a_project("ops", tokens={"deployer": frozenset({token})})

    assert not plan(project, REMOVED).has_work


def test_tokens_of_a_member_whose_annotation_is_lost_end_with_it() -> None:
    early, made = (Token(int(NOON.timestamp()) + s, id=str(s)) for s in (-60, 60))
    project = a_project("alice", tokens={"deployer": frozenset({early, made})})

    assert plan(project, ADDED).tokens == (("deployer", made),)


def test_more_returns_than_are_recorded_are_removed_one_after_another() -> None:
    names = [f"user-{number}" for number in range(MAX_RECORDS + 10)]
    placed = [(Binding(name, ALICE.role), REMOVED) for name in names]
    project = a_project(*names)
    first = applied(project, plan(project, *placed))
    second = applied(first, plan(first, *placed))

    assert len(groups(first)) == 10
    assert groups(second) == ()
