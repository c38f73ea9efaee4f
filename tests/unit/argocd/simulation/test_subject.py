"""Which strings Argo CD knows of a person whom somebody names."""

from typing import Any

import pytest

from argogrant.argocd.simulation.evaluate import Person
from argogrant.argocd.simulation.subject import Recognised, recognise
from argogrant.grants.model.sign_in import LocalAccount, Settings, SignIn

WITH_EMAIL = ("groups", "email")
ANN = "ann@example.com"


def known(name: str, *groups: str, **sign_in: Any) -> Recognised:
    return recognise(name, groups, SignIn(**sign_in))


@pytest.mark.parametrize(
    ("recognised", "person"),
    [
        pytest.param(known("ann"), Person(user_id="ann"), id="a user id"),
        pytest.param(
            known(ANN, claims=WITH_EMAIL),
            Person(user_id="", compared=(ANN,)),
            id="an address that is compared",
        ),
        pytest.param(
            known(ANN, "devs"),
            Person(user_id="", compared=("devs",)),
            id="an address that is not compared",
        ),
        pytest.param(
            known("ann", "devs", claims=("email",)),
            Person(user_id="ann"),
            id="groups that are not compared",
        ),
        pytest.param(
            known(
                ANN,
                claims=WITH_EMAIL,
                settings=Settings(accounts={ANN: LocalAccount(name=ANN)}),
            ),
            Person(user_id=ANN),
            id="a local account is known by its name",
        ),
        pytest.param(
            recognise(ANN, (), SignIn(claims=WITH_EMAIL), is_user_id=True),
            Person(user_id=ANN),
            id="a user id that looks like an address",
        ),
        pytest.param(
            known("admin", settings=Settings(has_single_sign_on=False)),
            Person(user_id="admin"),
            id="admin is there without being listed",
        ),
        pytest.param(
            known("ann", "devs", settings=Settings(accounts={})),
            Person(user_id="ann", compared=("devs",)),
            id="anybody may come by single sign-on",
        ),
    ],
)
def test_it_is(recognised: Recognised, person: Person) -> None:
    assert recognised.person == person
    assert not recognised.is_locked_out


@pytest.mark.parametrize(
    "settings",
    [
        Settings(has_single_sign_on=False),
        Settings(accounts={"ann": LocalAccount(name="ann", is_enabled=False)}),
    ],
)
def test_who_can_not_sign_in_is_locked_out(settings: Settings) -> None:
    recognised = known("ann", settings=settings)

    assert recognised.is_locked_out
    assert recognised.notes


def test_what_is_ignored_is_said() -> None:
    (note,) = known(ANN).notes

    assert "scopes: '[groups, email]'" in note
