"""The record of our members, and the tokens that go with them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.annotation import (
    Member,
    MembersAnnotation,
    Token,
    read_annotation,
    render_annotation,
)
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from support.appprojects import (
    ALICE,
    ISSUED,
    US,
    a_project,
    applied,
    groups,
    planned,
    with_alice,
)
from support.builders import HOUR, NOON

OLD = Token(ISSUED - 3600, id="old")
YOUNG = Token(ISSUED - 30, id="young")
"""Made before alice joined, by a clock that may differ."""
MADE = Token(ISSUED + 60, ISSUED + 999, "made")


def with_tokens(project: Project, *tokens: Token, role: str = "deployer") -> Project:
    return replace(project, tokens={role: frozenset(tokens)})


def test_tokens_that_were_made_meanwhile_go_with_the_member() -> None:
    project = with_alice(tokens={"deployer": frozenset({OLD, YOUNG})})
    plan = planned(with_tokens(project, OLD, YOUNG, MADE))

    assert plan.tokens == (("deployer", MADE),)


def test_tokens_of_other_roles_stay() -> None:
    assert not planned(with_tokens(with_alice(), MADE, role="viewer")).tokens


def test_tokens_stay_while_their_member_does() -> None:
    assert not planned(with_tokens(with_alice(), MADE), ALICE).has_work


def test_tokens_stay_if_that_is_wished() -> None:
    plan = planned(with_tokens(with_alice(), MADE), removes_tokens=False)

    assert plan.to_remove
    assert not plan.tokens


def test_tokens_of_a_role_that_vanished_go_too() -> None:
    gone = replace(with_tokens(with_alice(), MADE), roles=())

    assert planned(gone).tokens == (("deployer", MADE),)


def test_tokens_go_also_if_somebody_removed_the_member_before() -> None:
    without = replace(
        with_tokens(with_alice(), MADE), roles=(ProjectRole(name="deployer"),)
    )

    assert planned(without).tokens == (("deployer", MADE),)


def test_a_member_that_is_put_back_has_joined_long_ago() -> None:
    without = replace(
        with_tokens(with_alice(), MADE), roles=(ProjectRole(name="deployer"),)
    )
    back = applied(without, planned(without, ALICE, now=NOON + HOUR))

    assert planned(back).tokens == (("deployer", MADE),)


TEXTS = st.text(max_size=12)
INSTANTS = st.integers(0, 10**9).map(lambda s: NOON + timedelta(seconds=s))
MEMBERS = st.builds(
    Member,
    role=TEXTS,
    subject=TEXTS,
    until=INSTANTS,
    since=INSTANTS,
    known=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(st.lists(MEMBERS, max_size=4), st.lists(TEXTS, max_size=3))
def test_a_roster_reads_back_as_itself(members: list[Member], roles: list[str]) -> None:
    roster = MembersAnnotation(owner=US, members=tuple(members), roles=tuple(roles))
    back = read_annotation(render_annotation(roster))

    assert back.owner == US
    assert set(back.roles) == set(roles)
    assert sorted(back.members, key=repr) == sorted(members, key=repr)


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=5))
def test_what_came_goes_and_nothing_else(subjects: list[str]) -> None:
    project = a_project("ops", '"CN=x,OU=y"')
    wanted = [Binding(subject, ALICE.role) for subject in subjects]
    during = applied(project, planned(project, *wanted))
    after = applied(during, planned(during))

    assert not planned(during, *wanted).has_work
    assert during.problem() is None
    assert groups(after) == groups(project)
    assert after.members is None


ROSTER = render_annotation(MembersAnnotation(owner=US, members=(), roles=("deployer",)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 10_000, id="JSON without end"),
        pytest.param(ROSTER.replace('"version":1', '"version":2'), id="of tomorrow"),
        pytest.param(ROSTER.replace('["deployer"]', "[1]"), id="a role without name"),
        pytest.param(ROSTER.replace("[]", "[{}]"), id="a member without anything"),
        pytest.param(
            (with_alice().members or "").replace("T13", "T99"), id="no such time"
        ),
    ],
)
def test_what_argogrant_does_not_write_is_not_read(text: str) -> None:
    with pytest.raises(MalformedLine):
        read_annotation(text)
