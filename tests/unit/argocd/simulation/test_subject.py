"""Which strings Argo CD knows of a person whom somebody names."""

from typing import Any

import pytest

from argogrant.argocd.simulation.evaluate import TokenSubject
from argogrant.argocd.simulation.subject import ResolvedSubject, resolve_subject
from argogrant.grants.model.sign_in import ArgoCDSettings, LocalAccount, LoginConfig

WITH_EMAIL = ("groups", "email")
ANN = "ann@example.com"


def known(name: str, *groups: str, **sign_in: Any) -> ResolvedSubject:
    return resolve_subject(name, groups, LoginConfig(**sign_in))


@pytest.mark.parametrize(
    ("recognised", "person"),
    [
        pytest.param(known("ann"), TokenSubject(user_id="ann"), id="a user id"),
        pytest.param(
            known(ANN, claims=WITH_EMAIL),
            TokenSubject(user_id="", compared=(ANN,)),
            id="an address that is compared",
        ),
        pytest.param(
            known(ANN, "devs"),
            TokenSubject(user_id="", compared=("devs",)),
            id="an address that is not compared",
        ),
        pytest.param(
            known("ann", "devs", claims=("email",)),
            TokenSubject(user_id="ann"),
            id="groups that are not compared",
        ),
        pytest.param(
            known(
                ANN,
                claims=WITH_EMAIL,
                settings=ArgoCDSettings(accounts={ANN: LocalAccount(name=ANN)}),
            ),
            TokenSubject(user_id=ANN),
            id="a local account is known by its name",
        ),
        pytest.param(
            resolve_subject(ANN, (), LoginConfig(claims=WITH_EMAIL), is_user_id=True),
            TokenSubject(user_id=ANN),
            id="a user id that looks like an address",
        ),
        pytest.param(
            known("admin", settings=ArgoCDSettings(has_single_sign_on=False)),
            TokenSubject(user_id="admin"),
            id="admin is there without being listed",
        ),
        pytest.param(
            known("ann", "devs", settings=ArgoCDSettings(accounts={})),
            TokenSubject(user_id="ann", compared=("devs",)),
            id="anybody may come by single sign-on",
        ),
    ],
)
def test_it_is(recognised: ResolvedSubject, person: TokenSubject) -> None:
    assert recognised.token_subject == person
    assert not recognised.is_locked_out


@pytest.mark.parametrize(
    "settings",
    [
        ArgoCDSettings(has_single_sign_on=False),
        ArgoCDSettings(accounts={"ann": LocalAccount(name="ann", is_enabled=False)}),
    ],
)
def test_who_can_not_sign_in_is_locked_out(settings: ArgoCDSettings) -> None:
    recognised = known("ann", settings=settings)

    assert recognised.is_locked_out
    assert recognised.notes


def test_what_is_ignored_is_said() -> None:
    (note,) = known(ANN).notes

    assert "scopes: '[groups, email]'" in note
