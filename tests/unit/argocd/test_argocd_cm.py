"""Login settings in argocd-cm."""

import pytest

from argogrant.argocd.argocd_cm import read_settings
from argogrant.grants.effectiveness import ArgoCDSettings, LocalAccount

NOTHING = ArgoCDSettings(has_single_sign_on=False)


def account(name: str, **fields: bool) -> dict[str, LocalAccount]:
    return {name: LocalAccount(name=name, **fields)}


@pytest.mark.parametrize(
    ("data", "accounts"),
    [
        pytest.param({}, {}, id="no account"),
        pytest.param({"accounts.ci": "apiKey"}, account("ci"), id="tokens only"),
        pytest.param(
            {"accounts.ci": " login , apiKey"}, account("ci"), id="login and tokens"
        ),
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
            {"accounts.ci": "reads"},
            account("ci", may_sign_in=False),
            id="unknown capability",
        ),
        pytest.param(
            {"accounts.ci.enabled": "true"},
            account("ci", may_sign_in=False),
            id="no capability",
        ),
        pytest.param(
            {"accounts.a.b": "login", "accounts.a.b.enabled": "1", "accounts": "x"},
            {},
            id="a name with a dot is not an account",
        ),
    ],
)
def test_local_accounts_are_parsed(data, accounts) -> None:
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
def test_single_sign_on_and_anonymous_access_are_parsed(data, settings) -> None:
    assert read_settings(data) == settings


@pytest.mark.parametrize(
    ("data", "key"),
    [
        pytest.param({}, "", id="the usual one"),
        pytest.param(
            {"application.instanceLabelKey": "example.com/app"},
            "example.com/app",
            id="another one",
        ),
        pytest.param(
            {"application.instanceLabelKey": "x" * 318}, "", id="no key of a label"
        ),
    ],
)
def test_label_of_argo_cd_is_read(data, key) -> None:
    settings = read_settings(data)

    assert settings is not None
    assert settings.instance_label_key == key
