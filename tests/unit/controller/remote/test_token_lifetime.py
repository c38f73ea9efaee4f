"""From when until when a token is good, and when another is due."""

from datetime import timedelta

import pytest

from argogrant.controller.remote.token_lifetime import (
    TokenLifetime,
    TokenState,
    parse_lifetime,
    seconds_wanted,
    token_condition,
)
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, NOON
from support.fake_tokens import a_token

DAY = 24 * HOUR
MINUTE = timedelta(minutes=1)
UNKNOWN = TokenLifetime()


@pytest.mark.parametrize(
    ("token", "life"),
    [
        pytest.param(
            a_token(NOON, HOUR),
            TokenLifetime(issued_at=NOON, expires_at=NOON + HOUR),
            id="both claims of a JWT",
        ),
        pytest.param(a_token(NOON, None), TokenLifetime(issued_at=NOON), id="no end"),
        pytest.param("opaque", UNKNOWN, id="nothing of what is no JWT"),
        pytest.param("a.b.c", UNKNOWN, id="nothing of three parts that are no JWT"),
        pytest.param("a.W10.c", UNKNOWN, id="nothing of a payload that is a list"),
        pytest.param("a.\u00e9.c", UNKNOWN, id="nothing of what is no base64"),
        pytest.param("", UNKNOWN, id="nothing of an empty text"),
        pytest.param(
            a_token(NOON, None, iat=True, exp="soon"),
            UNKNOWN,
            id="nothing of claims that are no numbers",
        ),
        pytest.param(
            a_token(NOON, None, iat=1e300, exp=-(10**30)),
            UNKNOWN,
            id="nothing of numbers that no calendar holds",
        ),
        pytest.param(
            a_token(NOON, None, iat=NOON.timestamp() + 0.9),
            TokenLifetime(issued_at=NOON),
            id="whole seconds",
        ),
    ],
)
def test_a_token_says(token: str, life: TokenLifetime) -> None:
    assert parse_lifetime(token) == life


@pytest.mark.parametrize(
    ("life", "due"),
    [
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + 3 * HOUR),
            NOON + HOUR,
            id="when it is as old as it may become",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + 90 * MINUTE),
            NOON + 30 * MINUTE,
            id="earlier, if it lasts shorter than was asked for",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON, expires_at=NOON + DAY),
            NOON + HOUR,
            id="no later, if it lasts longer",
        ),
        pytest.param(
            TokenLifetime(issued_at=NOON), NOON + HOUR, id="in time, without an end"
        ),
    ],
)
def test_another_is_due(life: TokenLifetime, due) -> None:
    assert life.rotation_due(HOUR) == due


def test_another_is_due_at_once_if_nobody_knows_its_age() -> None:
    assert TokenLifetime(expires_at=NOON + DAY).rotation_due(HOUR) < NOON


def test_one_from_the_end_of_time_is_never_due() -> None:
    late = parse_lifetime(a_token(NOON, None, iat=253402300700))

    assert late.rotation_due(DAY).year == 9999


@pytest.mark.parametrize(
    ("whole", "left", "is_ending"),
    [
        pytest.param(365 * DAY, 7 * DAY, True, id="a week of a year"),
        pytest.param(365 * DAY, 7 * DAY + HOUR, False, id="more than a week"),
        pytest.param(10 * HOUR, 2 * HOUR, True, id="a fifth of ten hours"),
        pytest.param(10 * HOUR, 2 * HOUR + MINUTE, False, id="more than a fifth"),
        pytest.param(10 * HOUR, -HOUR, True, id="when it has ended"),
    ],
)
def test_an_end_is_told(whole, left, is_ending) -> None:
    life = TokenLifetime(issued_at=NOON + left - whole, expires_at=NOON + left)

    assert life.is_ending(NOON) is is_ending


def test_an_end_of_unknown_beginning_is_told_a_week_before() -> None:
    assert TokenLifetime(expires_at=NOON + 7 * DAY).is_ending(NOON)
    assert not TokenLifetime(expires_at=NOON + 8 * DAY).is_ending(NOON)
    assert not UNKNOWN.is_ending(NOON)


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        pytest.param(HOUR, 3 * 3600, id="three times as long as it is used"),
        pytest.param(MINUTE, 600, id="ten minutes at least"),
        pytest.param(timedelta(days=30000), 2**32, id="what Kubernetes allows at most"),
    ],
)
def test_a_token_is_requested_for(every, seconds) -> None:
    assert seconds_wanted(every) == seconds


def state(life: TokenLifetime, *, ends=False, rotates=False, failure="") -> TokenState:
    return TokenState(
        lifetime=life,
        secret="prod",
        is_ending=ends,
        is_rotated=rotates,
        failure=failure,
    )


KNOWN = TokenLifetime(issued_at=NOON, expires_at=NOON + HOUR)
UNTIL = " until 2026-11-24T13:00:00Z"


@pytest.mark.parametrize(
    ("seen", "reason", "message"),
    [
        pytest.param(
            state(KNOWN), Reason.FRESH, f"The token is good{UNTIL}.", id="it lasts"
        ),
        pytest.param(
            state(KNOWN, rotates=True),
            Reason.FRESH,
            f"The token is good{UNTIL}. A new one is requested before that.",
            id="it is renewed",
        ),
        pytest.param(
            state(UNKNOWN),
            Reason.FRESH,
            "The token says nothing of an end.",
            id="nobody knows its end",
        ),
        pytest.param(
            state(KNOWN, ends=True),
            Reason.TOKEN_ENDING,
            f"The token in Secret prod is good{UNTIL}, and no new one was requested."
            " Write a new one there, or set spec.cluster.tokenRotation"
            " (docs/how-to/token-rotation.md).",
            id="it ends and is not renewed",
        ),
        pytest.param(
            state(KNOWN, ends=True, rotates=True),
            Reason.TOKEN_ENDING,
            f"The token in Secret prod is good{UNTIL}, and no new one was requested."
            " The operator's log says what it is waiting for.",
            id="it ends although it should be renewed",
        ),
        pytest.param(
            state(KNOWN, ends=True, rotates=True, failure="It said no."),
            Reason.ROTATION_FAILED,
            "The token in Secret prod could not be renewed: It said no. The present one"
            f" stays{UNTIL}. It is tried again.",
            id="it could not be renewed",
        ),
    ],
)
def test_the_condition_says(seen: TokenState, reason: Reason, message: str) -> None:
    condition = token_condition(seen)

    assert condition.status is (reason is Reason.FRESH)
    assert (condition.reason, condition.message) == (reason, message)
