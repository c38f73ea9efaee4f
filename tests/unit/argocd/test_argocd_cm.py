"""What argocd-cm says about signing in."""

import pytest

from argogrant.argocd.argocd_cm import read_settings
from argogrant.grants.model.sign_in import ArgoCDSettings, LocalAccount

NOTHING = ArgoCDSettings(has_single_sign_on=False)


def account(name: str, **said: bool) -> dict[str, LocalAccount]:
    return {name: LocalAccount(name=name, **said)}


@pytest.mark.parametrize(
    ("data", "accounts"),
    [
        pytest.param({}, {}, id="there is none"),
        pytest.param({"accounts.ci": "apiKey"}, account("ci"), id="with tokens"),
        pytest.param({"accounts.ci": " login , apiKey"}, account("ci"), id="with both"),
        pytest.param(
            {"accounts.ci": "login", "accounts.ci.enabled": "false"},
            account("ci", is_enabled=False),
            id="disabled",
        ),
        pytest.param(
            {"accounts.ci": "login", "accounts.ci.enabled": "true"},
            account("ci"),
            id="enabled",
        ),
        pytest.param(
            {"accounts.ci": "reads"}, account("ci", may_sign_in=False), id="of no use"
        ),
        pytest.param(
            {"accounts.ci.enabled": "true"},
            account("ci", may_sign_in=False),
            id="without capabilities",
        ),
        pytest.param(
            {"accounts.a.b": "login", "accounts.a.b.enabled": "1", "accounts": "x"},
            {},
            id="a name with a dot is none",
        ),
    ],
)
def test_a_local_account(data, accounts) -> None:
    assert read_settings(data).accounts == accounts


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        ({"dex.config": "connectors: []"}, ArgoCDSettings()),
        ({"oidc.config": "name: Okta"}, ArgoCDSettings()),
        ({"oidc.config": " \n"}, NOTHING),
        ({"url": "https://argocd.example.com"}, NOTHING),
        (
            {"users.anonymous.enabled": "true"},
            ArgoCDSettings(has_single_sign_on=False, allows_anonymous=True),
        ),
        ({"users.anonymous.enabled": "yes"}, NOTHING),
    ],
)
def test_who_else_comes_in(data, settings) -> None:
    assert read_settings(data) == settings
