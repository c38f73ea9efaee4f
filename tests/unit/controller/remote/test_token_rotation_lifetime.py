"""Lifetime of a token, when its rotation is due, and its condition."""

from datetime import timedelta

import pytest

from argogrant.controller.remote.token_rotation import (
    TokenLifetime,
    TokenState,
    parse_lifetime,
    seconds_to_request,
    token_condition,
)
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, NOON
from support.fake_tokens import a_token

DAY = 24 * HOUR
MINUTE = timedelta(minutes=1)
UNKNOWN = TokenLifetime()


@pytest.mark.parametrize(
    ("token", "lifetime"),
    [
        pytest.param(
            a_token(NOON, HOUR),
            TokenLifetime(issued_at=NOON, expires_at=NOON + HOUR),
            id="both claims of a JWT",
        ),
        pytest.param(a_token(NOON, None), TokenLifetime(issued_at=NOON), id="no end"),
        pytest.param("opaque", UNKNOWN, id="unknown if it is not a JWT"),
        pytest.param("a.b.c", UNKNOWN, id="unknown if its three parts are not a JWT"),
        pytest.param("a.W10.c", UNKNOWN, id="unknown if the payload is a list"),
        pytest.param("a.\u00e9.c", UNKNOWN, id="unknown if it is not base64"),
        pytest.param("", UNKNOWN, id="unknown if it is empty"),
        pytest.param(
            a_token(NOON, None, iat=True, exp="soon"),
            UNKNOWN,
            id="unknown if the claims are not numbers",
        ),
        pytest.param(
            a_token(NOON, None, iat=1e300, exp=-(10**30)),
            UNKNOWN,
            id="unknown if the numbers are not dates",
        ),
        pytest.param(
            a_token(NOON, None, iat=NOON.timestamp() + 0.9),
            TokenLifetime(issued_at=NOON),
            id="whole seconds",
        ),
    ],
)
def test_lifetime_is_parsed(token: str, lifetime: TokenLifetime) -> None:
    assert parse_lifetime(token) == lifetime


@pytest.mark.parametrize(
    ("lifetime", "due"),
    [
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + 3 * HOUR),
            NOON + HOUR,
            id="at the longest age",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + 90 * MINUTE),
            NOON + 30 * MINUTE,
            id="earlier, if it expires earlier than requested",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + DAY),
            NOON + HOUR,
            id="no later, if it expires later",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON),
            NOON + HOUR,
            id="at the longest age, without an expiry",
        ),
    ],
)
def test_rotation_is_due(lifetime: TokenLifetime, due) -> None:
    assert lifetime.rotation_due(HOUR) == due


def test_rotation_is_due_at_once_if_the_age_is_unknown() -> None:
    assert TokenLifetime(expires_at=NOON + DAY).rotation_due(HOUR) < NOON


def test_token_from_the_far_future_is_never_due() -> None:
    late = parse_lifetime(a_token(NOON, None, iat=253402300700))

    assert late.rotation_due(DAY).year == 9999


@pytest.mark.parametrize(
    ("whole", "remaining", "is_ending"),
    [
        pytest.param(365 * DAY, 7 * DAY, True, id="a week of a year"),
        pytest.param(365 * DAY, 7 * DAY + HOUR, False, id="more than a week"),
        pytest.param(10 * HOUR, 2 * HOUR, True, id="a fifth of ten hours"),
        pytest.param(10 * HOUR, 2 * HOUR + MINUTE, False, id="more than a fifth"),
        pytest.param(10 * HOUR, -HOUR, True, id="after it has expired"),
    ],
)
def test_token_is_ending(whole, remaining, is_ending) -> None:
    lifetime = TokenLifetime(
        issued_at=NOON + remaining - whole, expires_at=NOON + remaining
    )

    assert lifetime.is_ending(NOON) is is_ending


def test_token_of_unknown_age_is_ending_a_week_before() -> None:
    assert TokenLifetime(expires_at=NOON + 7 * DAY).is_ending(NOON)
    assert not TokenLifetime(expires_at=NOON + 8 * DAY).is_ending(NOON)
    assert not UNKNOWN.is_ending(NOON)


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        pytest.param(HOUR, 3 * 3600, id="three times the period"),
        pytest.param(MINUTE, 600, id="ten minutes at least"),
        pytest.param(timedelta(days=30000), 2**32, id="what Kubernetes allows at most"),
    ],
)
def test_token_is_requested_for(every, seconds) -> None:
    assert seconds_to_request(every) == seconds


def state(
    lifetime: TokenLifetime, *, ends=False, rotates=False, failure=""
) -> TokenState:
    return TokenState(
        lifetime=lifetime,
        secret="prod",
        is_ending=ends,
        is_rotated=rotates,
        failure=failure,
    )


KNOWN = TokenLifetime(issued_at=NOON, expires_at=NOON + HOUR)
UNTIL = " until 2026-11-24T13:00:00Z"


@pytest.mark.parametrize(
    ("token", "reason", "message"),
    [
        pytest.param(
            state(KNOWN), Reason.FRESH, f"The token is valid{UNTIL}.", id="it is valid"
        ),
        pytest.param(
            state(KNOWN, rotates=True),
            Reason.FRESH,
            f"The token is valid{UNTIL}. A new token is requested before that time.",
            id="it is rotated",
        ),
        pytest.param(
            state(UNKNOWN),
            Reason.FRESH,
            "The token has no known expiry.",
            id="its expiry is unknown",
        ),
        pytest.param(
            state(KNOWN, ends=True),
            Reason.TOKEN_ENDING,
            f"The token in Secret prod is valid{UNTIL}, and no new token was requested."
            " Store a new token in the Secret, or set spec.cluster.tokenRotation"
            " (docs/how-to/token-rotation.md).",
            id="it expires soon and is not rotated",
        ),
        pytest.param(
            state(KNOWN, ends=True, rotates=True),
            Reason.TOKEN_ENDING,
            f"The token in Secret prod is valid{UNTIL}, and no new token was requested."
            " See the operator's log for the reason.",
            id="it expires soon although it is rotated",
        ),
        pytest.param(
            state(KNOWN, ends=True, rotates=True, failure="403 Forbidden."),
            Reason.ROTATION_FAILED,
            "The token in Secret prod could not be rotated: 403 Forbidden. The present"
            f" token stays{UNTIL}. The rotation is retried.",
            id="its rotation failed",
        ),
    ],
)
def test_condition_reports(token: TokenState, reason: Reason, message: str) -> None:
    condition = token_condition(token)

    assert condition.status is (reason is Reason.FRESH)
    assert (condition.reason, condition.message) == (reason, message)
