"""Token subject of a user on the command line."""

from typing import Any

import pytest

from argogrant.argocd.simulation.evaluate import (
    ResolvedSubject,
    TokenSubject,
    resolve_subject,
)
from argogrant.grants.effectiveness import ArgoCDSettings, LocalAccount, LoginConfig

WITH_EMAIL = ("groups", "email")
ANN = "ann@example.com"


def resolved(name: str, *groups: str, **sign_in: Any) -> ResolvedSubject:
    return resolve_subject(name, groups, LoginConfig(**sign_in))


@pytest.mark.parametrize(
    ("resolved_subject", "expected"),
    [
        pytest.param(resolved("ann"), TokenSubject(user_id="ann"), id="a user id"),
        pytest.param(
            resolved(ANN, claims=WITH_EMAIL),
            TokenSubject(user_id="", compared=(ANN,)),
            id="an address that is compared",
        ),
        pytest.param(
            resolved(ANN, "devs"),
            TokenSubject(user_id="", compared=("devs",)),
            id="an address that is not compared",
        ),
        pytest.param(
            resolved("ann", "devs", claims=("email",)),
            TokenSubject(user_id="ann"),
            id="groups that are not compared",
        ),
        pytest.param(
            resolved(
                ANN,
                claims=WITH_EMAIL,
                settings=ArgoCDSettings(accounts={ANN: LocalAccount(name=ANN)}),
            ),
            TokenSubject(user_id=ANN),
            id="a local account",
        ),
        pytest.param(
            resolve_subject(ANN, (), LoginConfig(claims=WITH_EMAIL), is_user_id=True),
            TokenSubject(user_id=ANN),
            id="a user id that looks like an address",
        ),
        pytest.param(
            resolved("admin", settings=ArgoCDSettings(has_single_sign_on=False)),
            TokenSubject(user_id="admin"),
            id="admin is not listed",
        ),
        pytest.param(
            resolved("ann", "devs", settings=ArgoCDSettings(accounts={})),
            TokenSubject(user_id="ann", compared=("devs",)),
            id="a user of single sign-on",
        ),
    ],
)
def test_token_subject(
    resolved_subject: ResolvedSubject, expected: TokenSubject
) -> None:
    assert resolved_subject.token_subject == expected
    assert not resolved_subject.is_locked_out


@pytest.mark.parametrize(
    "settings",
    [
        ArgoCDSettings(has_single_sign_on=False),
        ArgoCDSettings(accounts={"ann": LocalAccount(name="ann", is_enabled=False)}),
    ],
)
def test_user_who_cannot_log_in_is_locked_out(settings: ArgoCDSettings) -> None:
    subject = resolved("ann", settings=settings)

    assert subject.is_locked_out
    assert subject.notes


def test_ignored_name_has_a_note() -> None:
    (note,) = resolved(ANN).notes

    assert "scopes: '[groups, email]'" in note
