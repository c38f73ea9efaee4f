"""Messages about access policies name what differs only in spelling."""

from dataclasses import replace

import pytest

from argogrant.grants.access.policy import SubjectPatterns
from argogrant.grants.access.policy_checks import (
    NO_RELATED_OBJECTS,
    first_failed_check,
    request_of,
    similar_identity,
)
from argogrant.grants.model.grant import Subject, SubjectKind
from support.builders import (
    a_grant,
    a_group,
    a_policy,
    a_user,
    an_account,
    an_identity,
    an_instance,
)


@pytest.mark.parametrize(
    ("patterns", "identity", "hint"),
    [
        pytest.param(
            (a_group("developers"),),
            an_identity("alice", "oidc:developers"),
            ' Group "oidc:developers" of "alice" differs from "developers" in the'
            ' prefix "oidc:" only.',
            id="a group with the prefix of Kubernetes",
        ),
        pytest.param(
            (a_group("sre"), a_group("Developers")),
            an_identity("alice", "developers"),
            ' Group "developers" of "alice" differs from "Developers" in upper and'
            " lower case only.",
            id="a group in another case",
        ),
        pytest.param(
            (a_user("oidc:alice@example.com"),),
            an_identity("alice@example.com"),
            ' User "alice@example.com" of "alice@example.com" differs from'
            ' "oidc:alice@example.com" in the missing prefix "oidc:" only.',
            id="a user without the prefix",
        ),
        pytest.param(
            (a_group("developers"),),
            an_identity("alice", "sre"),
            "",
            id="another group",
        ),
        pytest.param(
            (a_group("alice"),), an_identity("Alice"), "", id="a user is no group"
        ),
        pytest.param(
            (an_account("ci", "builder"),),
            an_identity("Builder"),
            "",
            id="a service account",
        ),
        pytest.param((), an_identity("alice"), "", id="no pattern"),
    ],
)
def test_requester_in_another_spelling_is_named(patterns, identity, hint) -> None:
    assert similar_identity(patterns, identity) == hint


@pytest.mark.parametrize(
    ("subject", "kind", "patterns", "hint"),
    [
        pytest.param(
            "Alice",
            *(SubjectKind.USER, SubjectPatterns(is_self=True)),
            ' "Alice" differs from "alice" in upper and lower case only.',
            id="the requester in another case",
        ),
        pytest.param(
            "oidc:devs",
            *(SubjectKind.GROUP, SubjectPatterns(groups=("devs",))),
            ' "oidc:devs" differs from "devs" in the prefix "oidc:" only.',
            id="a group with a prefix",
        ),
        pytest.param(
            "bob",
            *(SubjectKind.USER, SubjectPatterns(is_self=True, users=("carol",))),
            "",
            id="another user",
        ),
    ],
)
def test_subject_in_another_spelling_is_named(subject, kind, patterns, hint) -> None:
    grant = replace(a_grant(), subject=Subject(kind=kind, name=subject))
    policy = a_policy(subjects=patterns)
    request = request_of(grant, an_identity("alice"), NO_RELATED_OBJECTS, an_instance())
    failed = first_failed_check(policy, request)

    assert failed is not None
    assert f'"{subject}".{hint} Request access' in failed.message(request)
