"""Condition ``Effective``: whether Argo CD can match a subject."""

import pytest

from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.effectiveness import (
    ArgoCDSettings,
    LocalAccount,
    LoginConfig,
    check_effectiveness,
)
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import GRANT_REASONS, GrantCondition, Reason
from argogrant.grants.near_misses import Caution, KnownName, known_names
from support.builders import HOUR, NOON, a_grant, decided

BOTH = ("groups", "email")
ADDRESS = "alice@example.com"
ACCOUNTS = {
    "ci": LocalAccount(name="ci"),
    "old": LocalAccount(name="old", is_enabled=False),
    "no-login": LocalAccount(name="no-login", may_sign_in=False),
}
LOCAL_ONLY = ArgoCDSettings(accounts=ACCOUNTS, has_single_sign_on=False)
SSO = ArgoCDSettings(accounts=ACCOUNTS)
ADMINS = {
    "default_role": "role:everyone",
    "default_roles": frozenset({"role:everyone", "role:admin"}),
}


def user(name: str) -> Subject:
    return Subject(kind=SubjectKind.USER, name=name)


def group(name: str) -> Subject:
    return Subject(kind=SubjectKind.GROUP, name=name)


def effectiveness_of(subject: Subject, role: str = "role:deployer", **login) -> str:
    """Return the reason, with + for True and - for False."""
    result = check_effectiveness(subject, role, LoginConfig(**login))
    return f"{'+' if result.status else '-'}{result.reason}" if result else ""


@pytest.mark.parametrize(
    ("subject", "login", "expected"),
    [
        pytest.param(user("alice"), {}, "", id="user id is unknown"),
        pytest.param(
            user(ADDRESS), {}, "-EmailNotInScopes", id="address without the claim email"
        ),
        pytest.param(
            user(ADDRESS),
            {"claims": ()},
            "-EmailNotInScopes",
            id="address without any claim",
        ),
        pytest.param(
            user(f"acme-sso:{ADDRESS}"),
            {"claims": ("groups", "email")},
            "",
            id="address behind a prefix is no address",
        ),
        pytest.param(
            user(f"{ADDRESS},"),
            {"claims": ("groups", "email")},
            "",
            id="address before a comma is no address",
        ),
        pytest.param(
            user(ADDRESS),
            {"claims": BOTH},
            "+Matchable",
            id="address with the claim email",
        ),
        pytest.param(
            user(ADDRESS),
            {"claims": ("groups", "upn")},
            "",
            id="address with an unknown claim",
        ),
        pytest.param(user("alice@home"), {}, "", id="user name with an at sign"),
        pytest.param(group("devs"), {}, "+Matchable", id="group with the claim groups"),
        pytest.param(
            group(ADDRESS), {}, "+Matchable", id="group with the name of an address"
        ),
        pytest.param(
            group("devs"),
            {"claims": ("cognito:groups",)},
            "+Matchable",
            id="group with a claim of the provider",
        ),
        pytest.param(
            group("devs"),
            {"claims": ("email",)},
            "-GroupsNotInScopes",
            id="group without a claim that contains groups",
        ),
        pytest.param(
            group("devs"),
            {"claims": ("https://example.com/x",)},
            "",
            id="group with an unknown claim",
        ),
        pytest.param(
            user("alice"), {"claims": None}, "-ScopesInvalid", id="scopes is not a list"
        ),
        pytest.param(
            user("ci"), {"settings": SSO}, "+LocalAccount", id="local account"
        ),
        pytest.param(
            user("old"),
            {"settings": SSO},
            "-AccountDisabled",
            id="disabled local account",
        ),
        pytest.param(
            user("no-login"),
            {"settings": SSO},
            "-AccountDisabled",
            id="local account without capabilities",
        ),
        pytest.param(
            group("ci"),
            {"settings": SSO},
            "+Matchable",
            id="group with the name of a local account",
        ),
        pytest.param(
            user("alice"), {"settings": SSO}, "", id="user of an identity provider"
        ),
        pytest.param(
            user("alice"),
            {"settings": LOCAL_ONLY},
            "-NoSuchAccount",
            id="unknown user with local accounts only",
        ),
        pytest.param(
            group("devs"),
            {"settings": LOCAL_ONLY},
            "-NoSingleSignOn",
            id="group with local accounts only",
        ),
        pytest.param(
            user("ci"), ADMINS, "-GivenToEverybody", id="admin as the default role"
        ),
        pytest.param(
            user("ci"),
            {"default_roles": frozenset({"role:deployer"})},
            "-GivenToEverybody",
            id="requested role as the default role",
        ),
        pytest.param(
            user("ci"),
            {
                "settings": SSO,
                "default_roles_in": {"a": frozenset({"role:deployer"})},
            },
            "+LocalAccount",
            id="requested role as the default role in a project",
        ),
        pytest.param(
            user("ci"),
            {"settings": SSO, "default_roles": frozenset({"role:readonly"})},
            "+LocalAccount",
            id="another default role",
        ),
    ],
)
def test_effectiveness_of_a_subject(subject, login, expected) -> None:
    assert effectiveness_of(subject, **login) == expected


def message(subject: Subject, **login) -> str:
    result = check_effectiveness(subject, "role:deployer", LoginConfig(**login))
    assert result is not None
    return result.message


@pytest.mark.parametrize(
    ("subject", "login", "remedy"),
    [
        (user(ADDRESS), {}, "Write scopes: '[groups, email]' into argocd-rbac-cm"),
        (user(ADDRESS), {"claims": ()}, "Write scopes: '[email]' into"),
        (group("x"), {"claims": ("sub",)}, "Write scopes: '[groups, sub]' into"),
        (user("a"), {"claims": None}, "Write scopes: '[groups, email]'"),
        (user("old"), {"settings": SSO}, "Remove accounts.old.enabled"),
        (
            user("no-login"),
            {"settings": SSO},
            "Add the capability login or apiKey to accounts.no-login",
        ),
        (user("a"), {"settings": LOCAL_ONLY}, "accounts.<name>"),
        (group("a"), {"settings": LOCAL_ONLY}, "dex.config or oidc.config"),
        (user("a"), ADMINS, "Set policy.default to a role with fewer permissions"),
    ],
)
def test_message_contains_the_remedy(subject, login, remedy) -> None:
    assert remedy in message(subject, **login)


def test_message_mentions_anonymous_users_if_they_are_enabled() -> None:
    assert "because users.anonymous.enabled" in message(
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
    ("subject", "now", "login", "conditions"),
    [
        pytest.param(ADDRESS, NOON, None, [], id="unknown login configuration"),
        pytest.param(
            ADDRESS,
            NOON,
            LoginConfig(),
            [(False, "EmailNotInScopes")],
            id="certain result",
        ),
        pytest.param(ADDRESS, NOON + HOUR, LoginConfig(), [], id="ended grant"),
        pytest.param("role:x", NOON, LoginConfig(claims=None), [], id="refused grant"),
    ],
)
def test_effective_condition(subject, now, login, conditions) -> None:
    decision = decided(a_grant(subject), now, login=login)

    assert effective(decision) == conditions


def test_effective_has_ten_reasons() -> None:
    reasons = GRANT_REASONS[GrantCondition.EFFECTIVE]
    listed = [str(reason) for status in (True, False) for reason in reasons[status]]

    assert len(listed) == len(set(listed)) == 10


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        pytest.param("proj:a:r", "-GivenToEverybody", id="role of the project"),
        pytest.param("proj:b:r", "", id="role of another project"),
        pytest.param("role:other", "", id="global role"),
    ],
)
def test_default_role_has_more_in_a_project_whose_lines_add_it(role, reason) -> None:
    """There a line such as ``g, role:readonly, role:admin`` has an effect."""
    inherited = frozenset({"role:readonly", "role:admin"})
    login = {
        "claims": (),
        "default_roles": frozenset({"role:readonly"}),
        "default_roles_in": {"a": inherited},
    }

    assert effectiveness_of(user("alice"), role, **login) == reason


SIMILAR = Caution(Reason.SIMILAR_NAME, "Use alice.")
FOREIGN = Caution(Reason.FOREIGN_NAME, "Use alice.")


@pytest.mark.parametrize(
    ("subject", "login", "caution", "expected"),
    [
        pytest.param(
            user(ADDRESS),
            {"claims": BOTH},
            *(SIMILAR, (Reason.SIMILAR_NAME, None)),
            id="a similar name is no match",
        ),
        pytest.param(
            group("devs"),
            {},
            *(SIMILAR, (Reason.SIMILAR_NAME, None)),
            id="a group with a similar name is no match",
        ),
        pytest.param(
            user("arn:aws:sts::1:assumed-role/Admin/alice@example.com"),
            {"claims": BOTH},
            *(FOREIGN, (Reason.FOREIGN_NAME, None)),
            id="an ARN that ends with an address is no address",
        ),
        pytest.param(
            user("arn:aws:sts::1:assumed-role/Admin/alice@example.com"),
            {},
            *(FOREIGN, (Reason.FOREIGN_NAME, None)),
            id="nor does it need the claim email",
        ),
        pytest.param(
            user("ci"),
            {"settings": LOCAL_ONLY},
            *(FOREIGN, (Reason.LOCAL_ACCOUNT, True)),
            id="a local account needs no caution",
        ),
        pytest.param(
            user("alice"),
            ADMINS,
            *(SIMILAR, (Reason.GIVEN_TO_EVERYBODY, False)),
            id="a role that all users have comes first",
        ),
    ],
)
def test_caution_about_the_name_replaces_a_possible_match(
    subject: Subject, login, caution: Caution, expected
) -> None:
    found = check_effectiveness(subject, "role:admin", LoginConfig(**login), caution)

    assert found is not None
    assert (found.reason, found.status) == expected


@pytest.mark.parametrize(
    ("subject", "login"),
    [
        pytest.param(user(ADDRESS), {}, id="EmailNotInScopes"),
        pytest.param(group("devs"), {"claims": ("email",)}, id="GroupsNotInScopes"),
        pytest.param(group("devs"), {"settings": LOCAL_ONLY}, id="NoSingleSignOn"),
        pytest.param(user("CI"), {"settings": LOCAL_ONLY}, id="NoSuchAccount"),
    ],
)
def test_caution_is_added_to_another_problem_of_the_name(
    subject: Subject, login
) -> None:
    found = check_effectiveness(subject, "role:x", LoginConfig(**login), SIMILAR)

    assert found is not None
    assert found.status is False
    assert found.message.endswith(" Use alice.")


def test_cautions_are_reported_as_unknown() -> None:
    reasons = GRANT_REASONS[GrantCondition.EFFECTIVE][None]
    decision = decided(
        a_grant("Alice", requester=Identity(username="alice")),
        login=LoginConfig(claims=BOTH),
    )
    *_, effective = grant_conditions(decision, BindingOutcome(is_bound=True))

    assert (effective.type, effective.status) == (GrantCondition.EFFECTIVE, None)
    assert effective.reason in reasons
    assert effective.message.endswith('request the access for "alice".')


@pytest.mark.parametrize(
    "notes",
    [
        pytest.param({"known_names": known_names(["alice"])}, id="a g line"),
        pytest.param({"strip_prefix": "Al"}, id="the prefix of the instance"),
    ],
)
def test_configuration_of_argo_cd_is_compared(notes) -> None:
    decision = decided(a_grant("Alice"), login=LoginConfig(), **notes)

    assert decision.effectiveness is not None
    assert decision.effectiveness.status is None


def test_subject_of_an_earlier_grant_is_compared() -> None:
    decision = decided(
        a_grant("Alice"),
        login=LoginConfig(),
        earlier=KnownName("alice", 'the subject of AccessGrant "old"'),
    )

    assert decision.effectiveness is not None
    assert decision.effectiveness.reason is Reason.SIMILAR_NAME
