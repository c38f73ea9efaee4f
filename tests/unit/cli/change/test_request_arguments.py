"""Arguments are parsed, or rejected with a usage error."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest
from argogrant.cli.change.request import (
    RequestedWindow,
    describe_request,
    end_of_request,
    generated_prefix,
    own_subject,
    parse_role,
    parse_subject,
    parse_window,
)
from argogrant.cli.change.verdict import describe_access
from argogrant.cli.errors import CommandError
from argogrant.grants.model.grant import RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import Identity

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALICE = Subject(kind=SubjectKind.USER, name="alice@example.com")
DEPLOYER = RoleRef(name="deployer", project="team-a")


def window(lasts: str = "", until: str = "", begins: str = "") -> RequestedWindow:
    return parse_window(lasts=lasts, until=until, begins=begins, now=NOON, zone=UTC)


@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        pytest.param({"lasts": "2h"}, None, timedelta(hours=2), id="a duration"),
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
def test_window_is_parsed(
    options: dict[str, str], start: datetime | None, end: datetime | timedelta
) -> None:
    parsed = window(**options)

    assert (parsed.start, parsed.end) == (start, end)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        pytest.param({}, "--for", id="no end"),
        pytest.param({"lasts": "2h", "until": "18:00"}, "--for", id="two ends"),
        pytest.param({"lasts": "18:00"}, "--for", id="a time as duration"),
        pytest.param({"until": "2h"}, "--until", id="a duration as time"),
        pytest.param(
            {"lasts": "2h", "begins": "soon"}, "--from", id="an invalid start"
        ),
    ],
)
def test_usage_error_names_the_option(options: dict[str, str], option: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        window(**options)

    assert refused.value.param_hint == option


def test_next_day_has_a_note() -> None:
    assert window(until="9:00").notes == ("09:00 on the next day",)


def test_role_can_contain_its_project() -> None:
    assert parse_role("deployer", "team-a") == DEPLOYER
    assert parse_role("proj:team-a:deployer", "") == DEPLOYER
    assert parse_role("proj:team-a:deployer", "team-a") == DEPLOYER
    assert parse_role("role:deployer", "") == RoleRef(name="role:deployer")
    with pytest.raises(click.BadParameter, match="is a role of project team-a"):
        parse_role("proj:team-a:deployer", "team-b")


def test_subject_is_user_or_group() -> None:
    group = Subject(kind=SubjectKind.GROUP, name="on-call")

    assert parse_subject("", "") is None
    assert parse_subject("alice@example.com", "") == ALICE
    assert parse_subject("", "on-call") == group
    with pytest.raises(click.BadParameter, match="one of --user and --group"):
        parse_subject("alice", "on-call")


def test_own_subject_is_user_name_without_prefix() -> None:
    assert own_subject(Identity(username="oidc:alice@example.com"), "oidc:") == ALICE
    assert own_subject(Identity(username="alice@example.com"), "") == ALICE


@pytest.mark.parametrize(
    ("identity", "prefix", "message"),
    [
        pytest.param(None, "", "does not report your user name", id="unknown"),
        pytest.param(
            Identity(username="alice"),
            "oidc:",
            'not start with "oidc:"',
            id="without the prefix",
        ),
        pytest.param(
            Identity(username="oidc:"), "oidc:", "is unknown", id="only the prefix"
        ),
        pytest.param(
            Identity(username="system:serviceaccount:ci:robot"),
            "",
            "which is no user of Argo CD",
            id="a service account",
        ),
    ],
)
def test_unknown_own_subject_requires_an_option(
    identity: Identity | None, prefix: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message) as failed:
        own_subject(identity, prefix)

    assert "--user or --group" in str(failed.value)


@pytest.mark.parametrize(
    ("name", "role", "prefix"),
    [
        pytest.param(
            "alice@example.com", "role:deployer", "alice-deployer-", id="e-mail address"
        ),
        pytest.param(
            "山田",
            "role:Ops & More",
            "grant-ops-more-",
            id="other scripts and characters",
        ),
        pytest.param("a" * 256, "b" * 256, f"{'a' * 20}-{'b' * 18}-", id="long names"),
    ],
)
def test_generated_name_contains_user_and_role(
    name: str, role: str, prefix: str
) -> None:
    subject = Subject(kind=SubjectKind.USER, name=name)

    assert generated_prefix(subject, RoleRef(name=role)) == prefix


def test_request_is_described_with_its_time_zone() -> None:
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

    assert describe_request(until, ("note",), NOON, UTC) == (
        "Requested proj:team-a:deployer for alice@example.com from 2026-11-24 13:00 UTC"
        " (in 1h) until 2026-11-24 14:00 UTC (in 2h) (note)."
    )
    assert describe_request(lasts, (), NOON, UTC) == (
        "Requested proj:team-a:deployer for alice@example.com for 2h, once the grant"
        " is active."
    )


def test_access_is_described_with_login_details() -> None:
    grant = StoredStatus(
        uid="u",
        name="hotfix",
        is_current=True,
        expires_at=NOON,
        details="Log in.\n\n\x1b[2JCall 555.",
    )

    assert describe_access(grant, NOON, UTC).splitlines() == [
        "hotfix is active until 2026-11-24 12:00 UTC (now).",
        "Log in.",
        "\\x1b[2JCall 555.",
    ]


@pytest.mark.parametrize(
    ("username", "begins", "end"),
    [
        pytest.param("alice", "", timedelta(hours=2), id="a person"),
        pytest.param(
            "system:serviceaccount:ci:robot",
            "",
            NOON + timedelta(hours=2),
            id="a service account",
        ),
        pytest.param(
            "system:serviceaccount:ci:robot",
            "18:00",
            timedelta(hours=2),
            id="a service account from a time on",
        ),
    ],
)
def test_duration_of_a_service_account_ends_at_a_time(
    username: str, begins: str, end: datetime | timedelta
) -> None:
    asked = window(lasts="2h", begins=begins)

    assert end_of_request(asked, Identity(username=username), NOON) == end
    assert end_of_request(asked, None, NOON) == timedelta(hours=2)
