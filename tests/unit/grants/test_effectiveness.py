"""Whether Argo CD can match a subject, as far as that is certain."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.effectiveness import check_effectiveness
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.reason_table import GRANT_REASONS
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.sign_in import ArgoCDSettings, LocalAccount, LoginConfig
from support.builders import HOUR, NOON, a_grant, decided

BOTH = ("groups", "email")
MAIL = "alice@example.com"
ACCOUNTS = {
    "ci": LocalAccount(name="ci"),
    "old": LocalAccount(name="old", is_enabled=False),
    "mute": LocalAccount(name="mute", may_sign_in=False),
}
LOCAL_ONLY = ArgoCDSettings(accounts=ACCOUNTS, has_single_sign_on=False)
SSO = ArgoCDSettings(accounts=ACCOUNTS)
ADMINS = {
    "default_role": "role:everybody",
    "default_roles": frozenset({"role:everybody", "role:admin"}),
}


def user(name: str) -> Subject:
    return Subject(kind=SubjectKind.USER, name=name)


def group(name: str) -> Subject:
    return Subject(kind=SubjectKind.GROUP, name=name)


def said(subject: Subject, **sign_in) -> str:
    advice = check_effectiveness(subject, "role:deployer", LoginConfig(**sign_in))
    return f"{'+' if advice.status else '-'}{advice.reason}" if advice else ""


@pytest.mark.parametrize(
    ("subject", "sign_in", "answer"),
    [
        pytest.param(user("alice"), {}, "", id="a user id is anybody's guess"),
        pytest.param(
            user(MAIL), {}, "-EmailNotInScopes", id="an address without its claim"
        ),
        pytest.param(
            user(MAIL), {"claims": ()}, "-EmailNotInScopes", id="with no claims at all"
        ),
        pytest.param(
            user(MAIL), {"claims": BOTH}, "+Matchable", id="an address with its claim"
        ),
        pytest.param(
            user(MAIL),
            {"claims": ("groups", "upn")},
            "",
            id="another claim may hold addresses",
        ),
        pytest.param(user("alice@home"), {}, "", id="a name with an at sign is none"),
        pytest.param(group("devs"), {}, "+Matchable", id="a group with its claim"),
        pytest.param(
            group(MAIL), {}, "+Matchable", id="a group may be named by an address"
        ),
        pytest.param(
            group("devs"),
            {"claims": ("cognito:groups",)},
            "+Matchable",
            id="a provider's own claim of groups",
        ),
        pytest.param(
            group("devs"),
            {"claims": ("email",)},
            "-GroupsNotInScopes",
            id="a group without a claim of groups",
        ),
        pytest.param(
            group("devs"),
            {"claims": ("https://example.com/x",)},
            "",
            id="an unknown claim may hold groups",
        ),
        pytest.param(
            user("alice"), {"claims": None}, "-ScopesInvalid", id="scopes is no list"
        ),
        pytest.param(
            user("ci"), {"settings": SSO}, "+LocalAccount", id="a local account"
        ),
        pytest.param(
            user("old"), {"settings": SSO}, "-AccountDisabled", id="a disabled account"
        ),
        pytest.param(
            user("mute"),
            {"settings": SSO},
            "-AccountDisabled",
            id="an account without capabilities",
        ),
        pytest.param(
            group("ci"), {"settings": SSO}, "+Matchable", id="a group is no account"
        ),
        pytest.param(
            user("alice"), {"settings": SSO}, "", id="a user of an identity provider"
        ),
        pytest.param(
            user("alice"),
            {"settings": LOCAL_ONLY},
            "-NoSuchAccount",
            id="nobody, where there are only local accounts",
        ),
        pytest.param(
            group("devs"),
            {"settings": LOCAL_ONLY},
            "-NoSingleSignOn",
            id="a group, where there are only local accounts",
        ),
        pytest.param(
            user("ci"), ADMINS, "-GivenToEverybody", id="everybody is an administrator"
        ),
        pytest.param(
            user("ci"),
            {"default_roles": frozenset({"role:deployer"})},
            "-GivenToEverybody",
            id="everybody has this role",
        ),
        pytest.param(
            user("ci"),
            {"settings": SSO, "default_roles": frozenset({"role:readonly"})},
            "+LocalAccount",
            id="everybody has another role",
        ),
    ],
)
def test_a_subject_is(subject, sign_in, answer) -> None:
    assert said(subject, **sign_in) == answer


def message(subject: Subject, **sign_in) -> str:
    advice = check_effectiveness(subject, "role:deployer", LoginConfig(**sign_in))
    assert advice is not None
    return advice.message


@pytest.mark.parametrize(
    ("subject", "sign_in", "remedy"),
    [
        (user(MAIL), {}, "Write scopes: '[groups, email]' into argocd-rbac-cm"),
        (user(MAIL), {"claims": ()}, "Write scopes: '[email]' into"),
        (group("x"), {"claims": ("sub",)}, "Write scopes: '[groups, sub]' into"),
        (user("a"), {"claims": None}, "Write scopes: '[groups, email]'"),
        (user("old"), {"settings": SSO}, "Remove accounts.old.enabled"),
        (user("mute"), {"settings": SSO}, "Give accounts.mute of argocd-cm a cap"),
        (user("a"), {"settings": LOCAL_ONLY}, "accounts.<name>"),
        (group("a"), {"settings": LOCAL_ONLY}, "dex.config or oidc.config"),
        (user("a"), ADMINS, "Give policy.default a lesser role"),
    ],
)
def test_the_message_has_the_remedy(subject, sign_in, remedy) -> None:
    assert remedy in message(subject, **sign_in)


def test_strangers_are_mentioned_where_they_have_the_role_too() -> None:
    assert "not, since users.anonymous.enabled" in message(
        user("a"), **ADMINS, settings=ArgoCDSettings(allows_anonymous=True)
    )
    assert "anonymous" not in message(user("a"), **ADMINS, settings=ArgoCDSettings())


def effective(decision) -> list[tuple[bool | None, str]]:
    conditions = grant_conditions(decision, BindingOutcome(is_bound=True))
    return [
        (c.status, str(c.reason))
        for c in conditions
        if c.type is GrantCondition.EFFECTIVE
    ]


@pytest.mark.parametrize(
    ("subject", "now", "sign_in", "conditions"),
    [
        pytest.param(MAIL, NOON, None, [], id="nothing where nothing is known"),
        pytest.param(
            MAIL, NOON, LoginConfig(), [(False, "EmailNotInScopes")], id="what is known"
        ),
        pytest.param(MAIL, NOON + HOUR, LoginConfig(), [], id="nothing after the end"),
        pytest.param("role:x", NOON, LoginConfig(claims=None), [], id="not if refused"),
    ],
)
def test_the_condition_says(subject, now, sign_in, conditions) -> None:
    decision = decided(a_grant(subject), now, login=sign_in)

    assert effective(decision) == conditions


def test_every_reason_is_in_the_vocabulary() -> None:
    known = GRANT_REASONS[GrantCondition.EFFECTIVE]
    listed = [str(reason) for status in (True, False) for reason in known[status]]

    assert len(listed) == len(set(listed)) == 9
