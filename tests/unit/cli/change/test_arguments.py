"""What is typed is what is asked for, or it is refused with what to type."""

from datetime import UTC, datetime, timedelta

import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest
from argogrant.cli.change.arguments import (
    RequestedWindow,
    UsageRefused,
    describe_access,
    describe_request,
    named_subject,
    own_subject,
    parse_window,
    prefix_of,
    role_of,
)
from argogrant.cli.errors import CommandError
from argogrant.grants.model.grant import RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import Identity

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALICE = Subject(kind=SubjectKind.USER, name="alice@example.com")
DEPLOYER = RoleRef(name="deployer", project="team-a")


def span(lasts: str = "", until: str = "", begins: str = "") -> RequestedWindow:
    return parse_window(lasts=lasts, until=until, begins=begins, now=NOON, zone=UTC)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        pytest.param({"lasts": "2h"}, None, timedelta(hours=2), id="a length"),
        pytest.param(
            {"until": "18:00"}, None, NOON + timedelta(hours=6), id="an end today"
        ),
        pytest.param(
            {"begins": "tomorrow 9:00", "until": "18:00"},
            NOON + timedelta(hours=21),
            NOON + timedelta(hours=30),
            id="an end on the day of the start",
        ),
    ],
)
def test_a_span_is_read(
    typed: dict[str, str], start: datetime | None, end: datetime | timedelta
) -> None:
    read = span(**typed)

    assert (read.start, read.end) == (start, end)


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        pytest.param({}, "--for", id="no end"),
        pytest.param({"lasts": "2h", "until": "18:00"}, "--for", id="two ends"),
        pytest.param({"lasts": "18:00"}, "--for", id="an end as a length"),
        pytest.param({"until": "2h"}, "--until", id="a length as an end"),
        pytest.param({"lasts": "2h", "begins": "soon"}, "--from", id="no start"),
    ],
)
def test_an_option_that_can_not_be_meant_is_named(
    typed: dict[str, str], option: str
) -> None:
    with pytest.raises(UsageRefused) as refused:
        span(**typed)

    assert refused.value.option == option


def test_a_choice_is_told() -> None:
    assert span(until="9:00").notes == ("09:00 on the next day",)


def test_a_role_may_be_written_as_argo_cd_writes_it() -> None:
    assert role_of("deployer", "team-a") == DEPLOYER
    assert role_of("proj:team-a:deployer", "") == DEPLOYER
    assert role_of("proj:team-a:deployer", "team-a") == DEPLOYER
    assert role_of("role:deployer", "") == RoleRef(name="role:deployer")
    with pytest.raises(UsageRefused, match="is a role of team-a"):
        role_of("proj:team-a:deployer", "team-b")


def test_who_gets_it_is_one() -> None:
    group = Subject(kind=SubjectKind.GROUP, name="on-call")

    assert named_subject("", "") is None
    assert named_subject("alice@example.com", "") == ALICE
    assert named_subject("", "on-call") == group
    with pytest.raises(UsageRefused, match="one of --user and --group"):
        named_subject("alice", "on-call")


def test_oneself_is_what_argo_cd_calls_one() -> None:
    assert own_subject(Identity(username="oidc:alice@example.com"), "oidc:") == ALICE
    assert own_subject(Identity(username="alice@example.com"), "") == ALICE


@pytest.mark.parametrize(
    ("identity", "prefix", "said"),
    [
        pytest.param(None, "", "does not tell who you are", id="not told"),
        pytest.param(
            Identity(username="alice"),
            "oidc:",
            'not begin with "oidc:"',
            id="no prefix",
        ),
        pytest.param(
            Identity(username="oidc:"), "oidc:", "is not known", id="only a prefix"
        ),
        pytest.param(
            Identity(username="system:serviceaccount:ci:robot"),
            "",
            "nobody of that name signs in",
            id="a program",
        ),
    ],
)
def test_who_is_nobody_for_argo_cd_has_to_name_somebody(
    identity: Identity | None, prefix: str, said: str
) -> None:
    with pytest.raises(CommandError, match=said) as failed:
        own_subject(identity, prefix)

    assert "--user or --group" in str(failed.value)


@pytest.mark.parametrize(
    ("name", "role", "prefix"),
    [
        pytest.param(
            "alice@example.com", "role:deployer", "alice-deployer-", id="usual"
        ),
        pytest.param("山田", "role:Ops & More", "grant-ops-more-", id="other letters"),
        pytest.param("a" * 256, "b" * 256, f"{'a' * 20}-{'b' * 18}-", id="long"),
    ],
)
def test_a_name_is_made_up(name: str, role: str, prefix: str) -> None:
    subject = Subject(kind=SubjectKind.USER, name=name)

    assert prefix_of(subject, RoleRef(name=role)) == prefix


def test_what_was_asked_for_is_told_with_its_zone() -> None:
    until = GrantRequest(
        instance="default",
        subject=ALICE,
        role=DEPLOYER,
        end=NOON + timedelta(hours=2),
        start=NOON + timedelta(hours=1),
    )
    lasts = GrantRequest(
        instance="default", subject=ALICE, role=DEPLOYER, end=timedelta(hours=2)
    )

    assert describe_request(until, ("so",), NOON, UTC) == (
        "Asked for proj:team-a:deployer for alice@example.com from 2026-11-24 13:00 UTC"
        " (in 1h) until 2026-11-24 14:00 UTC (in 2h) (so)."
    )
    assert describe_request(lasts, (), NOON, UTC) == (
        "Asked for proj:team-a:deployer for alice@example.com for 2h, once it is in"
        " force."
    )


def test_access_is_told_with_the_way_in() -> None:
    grant = StoredStatus(
        uid="u",
        name="hotfix",
        is_current=True,
        expires_at=NOON,
        details="Log in.\n\n\x1b[2JCall 555.",
    )

    assert describe_access(grant, NOON, UTC).splitlines() == [
        "hotfix is in force until 2026-11-24 12:00 UTC (now).",
        "Log in.",
        "\\x1b[2JCall 555.",
    ]
