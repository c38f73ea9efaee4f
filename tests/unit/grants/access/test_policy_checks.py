"""Checks of access policies, part one: requester, verification, role, subject.

One row is one situation: a grant, the policies of its instance, and the result.
"""

from typing import Final

import pytest

from argogrant.grants.access.policy import SubjectPatterns
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    NOON,
    SECOND,
    Outcome,
    a_group,
    a_policy,
    a_role,
    a_user,
    an_account,
    grant_by,
    policy_case,
    rows,
)

ALLOWED: Final = Outcome(Reason.AUTO_APPROVED)
NOT_ALLOWED: Final = Outcome(Reason.NOT_ALLOWED)
UNVERIFIED: Final = Outcome(Reason.REQUESTER_UNVERIFIED)
ROBOT: Final = "system:serviceaccount:argocd:robot"


def policy_for_requesters(*requesters, **overrides):
    """A policy that lets these requesters request role:deployer for any user."""
    any_user = SubjectPatterns(users=("*",))
    return a_policy(**{"requesters": requesters, "subjects": any_user, **overrides})


def policy_for_roles(*roles):
    """A policy for these roles."""
    return a_policy(roles=roles)


def policy_for_subjects(**patterns):
    """A policy for these subjects."""
    return a_policy(subjects=SubjectPatterns(**patterns))


REQUESTERS = {
    "listed user": (
        policy_case(grant_by(), policy_for_requesters(a_user("alice"))),
        ALLOWED,
    ),
    "user who is not listed": (
        policy_case(grant_by("eve"), policy_for_requesters(a_user("alice"))),
        NOT_ALLOWED,
    ),
    "one of several listed users": (
        policy_case(grant_by(), policy_for_requesters(a_user("bob"), a_user("alice"))),
        ALLOWED,
    ),
    "member of a listed group": (
        policy_case(grant_by("alice", "sre"), policy_for_requesters(a_group("sre"))),
        ALLOWED,
    ),
    "member of another group": (
        policy_case(grant_by("alice", "dev"), policy_for_requesters(a_group("sre"))),
        NOT_ALLOWED,
    ),
    "user with the name of a listed group": (
        policy_case(grant_by("sre"), policy_for_requesters(a_group("sre"))),
        NOT_ALLOWED,
    ),
    "group with the name of a listed user": (
        policy_case(grant_by("eve", "alice"), policy_for_requesters(a_user("alice"))),
        NOT_ALLOWED,
    ),
    "listed service account": (
        policy_case(
            grant_by(ROBOT, expires_at=NOON + HOUR),
            policy_for_requesters(an_account("argocd", "robot")),
        ),
        ALLOWED,
    ),
    "service account of the same name in another namespace": (
        policy_case(
            grant_by(ROBOT, expires_at=NOON + HOUR),
            policy_for_requesters(an_account("default", "robot")),
        ),
        NOT_ALLOWED,
    ),
    "any service account of a namespace": (
        policy_case(
            grant_by(ROBOT, expires_at=NOON + HOUR),
            policy_for_requesters(an_account("argocd", "*")),
        ),
        ALLOWED,
    ),
    "asterisk matches a person": (
        policy_case(grant_by("zoe"), policy_for_requesters(a_user("*"))),
        ALLOWED,
    ),
    "asterisk does not match a service account": (
        policy_case(
            grant_by(ROBOT, expires_at=NOON + HOUR), policy_for_requesters(a_user("*"))
        ),
        NOT_ALLOWED,
    ),
    "asterisk does not match a group of Kubernetes": (
        policy_case(
            grant_by("zoe", "system:authenticated"), policy_for_requesters(a_group("*"))
        ),
        NOT_ALLOWED,
    ),
    "pattern with system: matches a group of Kubernetes": (
        policy_case(
            grant_by("zoe", "system:authenticated"),
            policy_for_requesters(a_group("system:auth*")),
        ),
        ALLOWED,
    ),
    "names are case-sensitive": (
        policy_case(grant_by("Alice"), policy_for_requesters(a_user("alice"))),
        NOT_ALLOWED,
    ),
    "full stop matches only itself": (
        policy_case(grant_by("aXb"), policy_for_requesters(a_user("a.b"))),
        NOT_ALLOWED,
    ),
    "bracket matches only itself": (
        policy_case(grant_by("a"), policy_for_requesters(a_user("[a-z]"))),
        NOT_ALLOWED,
    ),
    "question mark matches only itself": (
        policy_case(grant_by("a"), policy_for_requesters(a_user("?"))),
        NOT_ALLOWED,
    ),
    "glob must match the whole name": (
        policy_case(
            grant_by("alice@a.org.evil.org"), policy_for_requesters(a_user("*@a.org"))
        ),
        NOT_ALLOWED,
    ),
    "message lists the requesters of the policy": (
        policy_case(
            grant_by("eve"), policy_for_requesters(a_user("alice"), a_group("sre"))
        ),
        NOT_ALLOWED._replace(
            message='requests by User "alice" or Group "sre", not by "eve"'
        ),
    ),
}

VERIFICATION = {
    "without policies the requester may be missing": (
        policy_case(grant_by(requester=None)),
        Outcome(Reason.POLICY_NOT_REQUIRED),
    ),
    "with policies the requester must be named": (
        policy_case(grant_by(requester=None), a_policy()),
        UNVERIFIED._replace(message="spec.requester"),
    ),
    "the same if the instance requires a policy": (
        policy_case(grant_by(requester=None), requires_access_policy=True),
        UNVERIFIED,
    ),
    "instance that requires a policy but has none": (
        policy_case(grant_by(), requires_access_policy=True),
        NOT_ALLOWED._replace(message='allows access to ArgoCDInstance "default"'),
    ),
    "grant older than the admission policies": (
        policy_case(grant_by(created_at=NOON - SECOND), a_policy()),
        UNVERIFIED._replace(message="policies were installed (2026-11-24T12"),
    ),
    "admission policies not installed": (
        policy_case(
            grant_by(),
            a_policy(),
            identities=RequesterVerification(problem="Install them."),
        ),
        UNVERIFIED._replace(message="Install them. Create the grant again."),
    ),
    "admission policies missing for an unknown cause": (
        policy_case(grant_by(), a_policy(), identities=RequesterVerification()),
        UNVERIFIED._replace(message="no admission policy is known to verify it."),
    ),
    "operator that accepts unverified requesters": (
        policy_case(
            grant_by(),
            a_policy(),
            identities=RequesterVerification(are_accepted_unverified=True),
        ),
        ALLOWED,
    ),
    "policies not readable": (
        policy_case(grant_by(), policies_are_known=False),
        Outcome(Reason.ACCESS_POLICIES_UNKNOWN),
    ),
    "invalid policy": (
        policy_case(grant_by(), a_policy(), unreadable_policies={"odd": "no spec"}),
        Outcome(Reason.ACCESS_POLICY_INVALID, message='"odd" is invalid'),
    ),
}

IN_TEAM_A: Final = {"role": "deployer", "project": "team-a"}
ROLES = {
    "role that is not listed": (
        policy_case(grant_by(role="role:admin"), a_policy()),
        NOT_ALLOWED._replace(
            message='requests of "role:deployer", not of "role:admin"'
        ),
    ),
    "one of several listed roles": (
        policy_case(
            grant_by(), policy_for_roles(a_role("role:a"), a_role("role:deployer"))
        ),
        ALLOWED,
    ),
    "glob matches a role": (
        policy_case(grant_by(), policy_for_roles(a_role("role:dep*"))),
        ALLOWED,
    ),
    "listed project role": (
        policy_case(
            grant_by(**IN_TEAM_A), policy_for_roles(a_role("deployer", "team-a"))
        ),
        ALLOWED,
    ),
    "role of another project": (
        policy_case(
            grant_by(**IN_TEAM_A), policy_for_roles(a_role("deployer", "team-b"))
        ),
        NOT_ALLOWED._replace(
            message='"proj:team-b:deployer", not of "proj:team-a:deployer"'
        ),
    ),
    "another role of the same project": (
        policy_case(
            grant_by(**IN_TEAM_A), policy_for_roles(a_role("reader", "team-a"))
        ),
        NOT_ALLOWED,
    ),
    "globs match a project role": (
        policy_case(grant_by(**IN_TEAM_A), policy_for_roles(a_role("*", "team-*"))),
        ALLOWED,
    ),
    "asterisks for project roles match no global role": (
        policy_case(grant_by(role="role:admin"), policy_for_roles(a_role("*", "*"))),
        NOT_ALLOWED,
    ),
    "asterisk for global roles matches no project role": (
        policy_case(grant_by(**IN_TEAM_A), policy_for_roles(a_role("*"))),
        NOT_ALLOWED,
    ),
}

WITH_PREFIX: Final = {"strip_prefix": "oidc:"}
SUBJECTS = {
    "self matches the requester": (
        policy_case(grant_by(), policy_for_subjects(is_self=True)),
        ALLOWED,
    ),
    "self matches no other user": (
        policy_case(grant_by(subject="bob"), policy_for_subjects(is_self=True)),
        NOT_ALLOWED._replace(
            message='the requester (User "alice"), not for User "bob"'
        ),
    ),
    "self matches the name without the prefix": (
        policy_case(grant_by("oidc:alice", subject="alice"), a_policy(), **WITH_PREFIX),
        ALLOWED,
    ),
    "self does not match the name with the prefix": (
        policy_case(grant_by("oidc:alice"), a_policy(), **WITH_PREFIX),
        NOT_ALLOWED,
    ),
    "self matches no requester without the prefix": (
        policy_case(grant_by("alice"), a_policy(), **WITH_PREFIX),
        NOT_ALLOWED._replace(message='a user whose name begins with "oidc:"'),
    ),
    "self matches no name that is only the prefix": (
        policy_case(grant_by("oidc:", subject="a"), a_policy(), **WITH_PREFIX),
        NOT_ALLOWED,
    ),
    "self is case-sensitive": (
        policy_case(grant_by(subject="Alice"), a_policy()),
        NOT_ALLOWED,
    ),
    "self matches no group of the same name": (
        policy_case(grant_by(group="alice"), policy_for_subjects(is_self=True)),
        NOT_ALLOWED,
    ),
    "glob matches a user": (
        policy_case(grant_by(subject="ci-7"), policy_for_subjects(users=("ci-*",))),
        ALLOWED,
    ),
    "glob does not match another user": (
        policy_case(grant_by(subject="xci-7"), policy_for_subjects(users=("ci-*",))),
        NOT_ALLOWED,
    ),
    "listed group": (
        policy_case(grant_by(group="sre"), policy_for_subjects(groups=("sre",))),
        ALLOWED,
    ),
    "user pattern matches no group": (
        policy_case(grant_by(group="sre"), policy_for_subjects(users=("*",))),
        NOT_ALLOWED,
    ),
    "group pattern matches no user": (
        policy_case(grant_by(), policy_for_subjects(groups=("*",))),
        NOT_ALLOWED._replace(message='requests for Group "*", not for User "alice"'),
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(REQUESTERS))
def test_policy_lists_its_requesters(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(VERIFICATION))
def test_requester_must_be_verified(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(ROLES))
def test_policy_lists_its_roles(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(SUBJECTS))
def test_policy_lists_its_subjects(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome
