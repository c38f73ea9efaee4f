"""Annotation of managed members, and the tokens that are removed with them."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.project import (
    MAX_ANNOTATION,
    Member,
    MembersAnnotation,
    Project,
    ProjectRole,
    issued_by,
    read_annotation,
    render_annotation,
)
from argogrant.argocd.appproject.tokens import Token
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
from support.hypothesis_strategies import foreign

OLD = Token(ISSUED - 3600, id="old")
YOUNG = Token(ISSUED - 30, id="young")
"""Created before alice was added, within the assumed clock skew."""
MADE = Token(ISSUED + 60, ISSUED + 999, "made")


@given(
    st.lists(
        st.builds(
            Member,
            role=st.just("r"),
            subject=st.just("s"),
            until=st.just(NOON),
            since=st.integers(0, 9).map(lambda s: NOON + timedelta(seconds=s)),
            known=st.lists(
                st.integers(0, 9).map(lambda s: Token(ISSUED + s).fingerprint),
                max_size=4,
            ).map(tuple),
        ),
        max_size=4,
    ),
    st.sets(st.integers(0, 9).map(lambda s: Token(ISSUED + s))),
)
def test_issued_tokens_are_those_of_each_member(
    members: list[Member], tokens: set[Token]
) -> None:
    """A member can have issued each token since its start that it did not know."""
    issued = {
        token
        for token in tokens
        for member in members
        if token.issued_at >= member.since.timestamp()
        and token.fingerprint not in member.known
    }

    assert issued_by(members, tokens) == issued


def with_tokens(project: Project, *tokens: Token, role: str = "deployer") -> Project:
    return replace(project, tokens={role: frozenset(tokens)})


def test_tokens_created_by_a_member_are_removed_with_it() -> None:
    project = with_alice(tokens={"deployer": frozenset({OLD, YOUNG})})
    plan = planned(with_tokens(project, OLD, YOUNG, MADE))

    assert plan.tokens == (("deployer", MADE),)


def test_tokens_of_other_roles_stay() -> None:
    assert not planned(with_tokens(with_alice(), MADE, role="viewer")).tokens


def test_tokens_stay_while_the_member_stays() -> None:
    assert not planned(with_tokens(with_alice(), MADE), ALICE).has_work


def test_tokens_stay_if_removal_is_disabled() -> None:
    plan = planned(with_tokens(with_alice(), MADE), removes_tokens=False)

    assert plan.to_remove
    assert not plan.tokens


def test_tokens_of_a_deleted_role_are_removed() -> None:
    gone = replace(with_tokens(with_alice(), MADE), roles=())

    assert planned(gone).tokens == (("deployer", MADE),)


def test_tokens_are_removed_if_the_member_was_removed_by_another_program() -> None:
    without = replace(
        with_tokens(with_alice(), MADE), roles=(ProjectRole(name="deployer"),)
    )

    assert planned(without).tokens == (("deployer", MADE),)


def test_restored_member_keeps_its_start_time() -> None:
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
def test_rendered_annotation_parses_to_the_same_members(
    members: list[Member], roles: list[str]
) -> None:
    annotation = MembersAnnotation(owner=US, members=tuple(members), roles=tuple(roles))
    parsed = read_annotation(render_annotation(annotation))

    assert parsed.owner == US
    assert set(parsed.roles) == set(roles)
    assert sorted(parsed.members, key=repr) == sorted(members, key=repr)


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=5))
def test_added_members_are_removed_and_no_others(subjects: list[str]) -> None:
    project = a_project("ops", '"CN=x,OU=y"')
    wanted = [Binding(subject, ALICE.role) for subject in subjects]
    during = applied(project, planned(project, *wanted))
    after = applied(during, planned(during))

    assert not planned(during, *wanted).has_work
    assert during.problem() is None
    assert groups(after) == groups(project)
    assert after.members is None


EMPTY = render_annotation(MembersAnnotation(owner=US, members=(), roles=("deployer",)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="invalid JSON"),
        pytest.param("[" * 10_000, id="deeply nested JSON"),
        pytest.param(EMPTY.replace(":1", f":{'1' * 5000}"), id="a long number"),
        pytest.param(EMPTY.replace(":1", ":Infinity"), id="an infinite number"),
        pytest.param(EMPTY.replace("default", "a\\nb"), id="an owner of two lines"),
        pytest.param(EMPTY.replace("u1", "x" * 300), id="an owner with a long uid"),
        pytest.param(EMPTY + " " * MAX_ANNOTATION, id="a text beyond the limit"),
        pytest.param(EMPTY.replace('"version":1', '"version":2'), id="another version"),
        pytest.param(
            EMPTY.replace('["deployer"]', "[1]"), id="a role that is not a string"
        ),
        pytest.param(EMPTY.replace("[]", "[{}]"), id="a member without fields"),
        pytest.param(
            (with_alice().members or "").replace("T13", "T99"), id="an invalid time"
        ),
    ],
)
def test_edited_annotation_is_rejected(text: str) -> None:
    with pytest.raises(MalformedLine):
        read_annotation(text)


def test_lone_surrogate_in_the_annotation_stops_nothing() -> None:
    """The JSON escape is valid, but a text with it has no UTF-8."""
    edited = replace(
        with_alice("ops"),
        members=(with_alice().members or "").replace(
            '"members":[',
            '"members":[{"role":"\\ud800","subject":"\\udfff","until":'
            '"2026-11-24T13:00:00Z","since":"2026-11-24T12:00:00Z","known":["\\ud800"]},',
        ),
    )
    plan = planned(edited)

    assert ALICE in plan.to_remove
    assert groups(applied(edited, plan)) == ("ops",)
    assert planned(edited, ALICE).has_work


@given(foreign(json.loads(with_alice().members or "")))
def test_any_json_in_the_annotation_is_read_or_rejected(value: object) -> None:
    """Nothing else than MalformedLine is raised, and the plan is made in any case."""
    text = json.dumps(value)
    project = replace(with_alice("ops"), members=text)
    plan = planned(project, ALICE)

    assert plan.has_work or plan.obstacles or plan.already_bound_by_others
    with suppress(MalformedLine):
        utf8 = render_annotation(read_annotation(text)).encode()
        assert len(utf8) <= 4 * len(text)
