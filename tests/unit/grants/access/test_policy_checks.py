"""Who may ask for what, for whom: the specification of access policies, part one.

One row, one sentence: a grant, its instance's policies, and what comes of it.
"""

from typing import Final

import pytest

from argogrant.grants.access.policy import SubjectPatterns
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from support.builders import (
    NOON,
    SECOND,
    Outcome,
    a_group,
    a_policy,
    a_role,
    a_user,
    an_account,
    asks,
    case,
    rows,
)

MAY: Final = Outcome(Reason.AUTO_APPROVED)
MAY_NOT: Final = Outcome(Reason.NOT_ALLOWED)
NOBODY_KNOWS: Final = Outcome(Reason.REQUESTER_UNVERIFIED)
ROBOT: Final = "system:serviceaccount:argocd:robot"


def lets(*requesters, **overrides):
    """A policy by which these may ask for role:deployer for any user."""
    anybody = SubjectPatterns(users=("*",))
    return a_policy(**{"requesters": requesters, "subjects": anybody, **overrides})


def about(*roles):
    """A policy about these roles."""
    return a_policy(roles=roles)


def about_subjects(**patterns):
    """A policy about these subjects."""
    return a_policy(subjects=SubjectPatterns(**patterns))


WHO = {
    "a user who is named": (case(asks(), lets(a_user("alice"))), MAY),
    "another user": (case(asks("eve"), lets(a_user("alice"))), MAY_NOT),
    "one of several who are named": (
        case(asks(), lets(a_user("bob"), a_user("alice"))),
        MAY,
    ),
    "a member of a group": (case(asks("alice", "sre"), lets(a_group("sre"))), MAY),
    "no member of it": (case(asks("alice", "dev"), lets(a_group("sre"))), MAY_NOT),
    "a user who is called like the group": (
        case(asks("sre"), lets(a_group("sre"))),
        MAY_NOT,
    ),
    "a group that is called like the user": (
        case(asks("eve", "alice"), lets(a_user("alice"))),
        MAY_NOT,
    ),
    "a service account": (case(asks(ROBOT), lets(an_account("argocd", "robot"))), MAY),
    "the same name of another namespace": (
        case(asks(ROBOT), lets(an_account("default", "robot"))),
        MAY_NOT,
    ),
    "any account of a namespace": (
        case(asks(ROBOT), lets(an_account("argocd", "*"))),
        MAY,
    ),
    "everybody, who is a person": (case(asks("zoe"), lets(a_user("*"))), MAY),
    "everybody, who is an account of the cluster": (
        case(asks(ROBOT), lets(a_user("*"))),
        MAY_NOT,
    ),
    "any group, for one that has only the cluster's": (
        case(asks("zoe", "system:authenticated"), lets(a_group("*"))),
        MAY_NOT,
    ),
    "the cluster's group, where it is meant": (
        case(asks("zoe", "system:authenticated"), lets(a_group("system:auth*"))),
        MAY,
    ),
    "a name in other letters": (case(asks("Alice"), lets(a_user("alice"))), MAY_NOT),
    "a full stop stands for itself": (case(asks("aXb"), lets(a_user("a.b"))), MAY_NOT),
    "a bracket stands for itself": (case(asks("a"), lets(a_user("[a-z]"))), MAY_NOT),
    "a question mark does, too": (case(asks("a"), lets(a_user("?"))), MAY_NOT),
    "a glob fits the whole name": (
        case(asks("alice@a.org.evil.org"), lets(a_user("*@a.org"))),
        MAY_NOT,
    ),
    "a refusal says who may": (
        case(asks("eve"), lets(a_user("alice"), a_group("sre"))),
        MAY_NOT._replace(says='User "alice" or Group "sre" ask for access, not "eve"'),
    ),
}

WHOSE_WORD = {
    "without policies nobody is asked who he is": (
        case(asks(requester=None)),
        Outcome(Reason.POLICY_NOT_REQUIRED),
    ),
    "with policies a grant says who asks": (
        case(asks(requester=None), a_policy()),
        NOBODY_KNOWS._replace(says="spec.requester"),
    ),
    "or if the instance demands a policy": (
        case(asks(requester=None), requires_access_policy=True),
        NOBODY_KNOWS,
    ),
    "an instance that demands a policy and has none": (
        case(asks(), requires_access_policy=True),
        MAY_NOT._replace(says='anything on ArgoCDInstance "default"'),
    ),
    "a grant that is older than the admission policies": (
        case(asks(created_at=NOON - SECOND), a_policy()),
        NOBODY_KNOWS._replace(says="before the admission policies were (2026-11-24T12"),
    ),
    "no admission policies at all": (
        case(
            asks(),
            a_policy(),
            identities=RequesterVerification(problem="Install them."),
        ),
        NOBODY_KNOWS._replace(says="Install them. Then create the grant anew."),
    ),
    "no admission policies, and nobody knows why": (
        case(asks(), a_policy(), identities=RequesterVerification()),
        NOBODY_KNOWS._replace(says="no admission policy is known to check it."),
    ),
    "an operator that was told to believe everybody": (
        case(
            asks(),
            a_policy(),
            identities=RequesterVerification(are_accepted_unverified=True),
        ),
        MAY,
    ),
    "policies that are not known": (
        case(asks(), policies_are_known=False),
        Outcome(Reason.ACCESS_POLICIES_UNKNOWN),
    ),
    "a policy that can not be read": (
        case(asks(), a_policy(), unreadable_policies={"odd": "no spec"}),
        Outcome(Reason.ACCESS_POLICY_INVALID, says='"odd" can not be understood'),
    ),
}

IN_TEAM_A: Final = {"role": "deployer", "project": "team-a"}
WHAT = {
    "another role": (
        case(asks(role="role:admin"), a_policy()),
        MAY_NOT._replace(says='ask for "role:deployer", not for "role:admin"'),
    ),
    "one of several roles": (
        case(asks(), about(a_role("role:a"), a_role("role:deployer"))),
        MAY,
    ),
    "a role that a glob covers": (case(asks(), about(a_role("role:dep*"))), MAY),
    "a project's role": (
        case(asks(**IN_TEAM_A), about(a_role("deployer", "team-a"))),
        MAY,
    ),
    "the role of another project": (
        case(asks(**IN_TEAM_A), about(a_role("deployer", "team-b"))),
        MAY_NOT._replace(says='"proj:team-b:deployer", not for "proj:team-a:deployer"'),
    ),
    "another role of the project": (
        case(asks(**IN_TEAM_A), about(a_role("reader", "team-a"))),
        MAY_NOT,
    ),
    "any role of some projects": (
        case(asks(**IN_TEAM_A), about(a_role("*", "team-*"))),
        MAY,
    ),
    "any role of any project is no global role": (
        case(asks(role="role:admin"), about(a_role("*", "*"))),
        MAY_NOT,
    ),
    "any global role is no project's role": (
        case(asks(**IN_TEAM_A), about(a_role("*"))),
        MAY_NOT,
    ),
}

WITH_PREFIX: Final = {"strip_prefix": "oidc:"}
FOR_WHOM = {
    "oneself": (case(asks(), about_subjects(is_self=True)), MAY),
    "somebody else": (
        case(asks(subject="bob"), about_subjects(is_self=True)),
        MAY_NOT._replace(says='yourself (User "alice"), not for User "bob"'),
    ),
    "oneself, without the prefix of Kubernetes": (
        case(asks("oidc:alice", subject="alice"), a_policy(), **WITH_PREFIX),
        MAY,
    ),
    "oneself with the prefix is another subject": (
        case(asks("oidc:alice"), a_policy(), **WITH_PREFIX),
        MAY_NOT,
    ),
    "one who came without the prefix is somebody else": (
        case(asks("alice"), a_policy(), **WITH_PREFIX),
        MAY_NOT._replace(says='a user whose name begins with "oidc:"'),
    ),
    "nothing but the prefix is nobody": (
        case(asks("oidc:", subject="a"), a_policy(), **WITH_PREFIX),
        MAY_NOT,
    ),
    "oneself in other letters": (case(asks(subject="Alice"), a_policy()), MAY_NOT),
    "a group that is called like oneself": (
        case(asks(group="alice"), about_subjects(is_self=True)),
        MAY_NOT,
    ),
    "a user of some": (
        case(asks(subject="ci-7"), about_subjects(users=("ci-*",))),
        MAY,
    ),
    "a user of none of them": (
        case(asks(subject="xci-7"), about_subjects(users=("ci-*",))),
        MAY_NOT,
    ),
    "a group": (case(asks(group="sre"), about_subjects(groups=("sre",))), MAY),
    "a group where users are meant": (
        case(asks(group="sre"), about_subjects(users=("*",))),
        MAY_NOT,
    ),
    "a user where groups are meant": (
        case(asks(), about_subjects(groups=("*",))),
        MAY_NOT._replace(says='ask for Group "*", not for User "alice"'),
    ),
}


@pytest.mark.parametrize(("question", "outcome"), rows(WHO))
def test_who_may_ask(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(WHOSE_WORD))
def test_whose_word_counts(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(WHAT))
def test_what_may_be_asked_for(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(FOR_WHOM))
def test_for_whom_it_may_be_asked(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome
