"""Notes about grants: bounded, and without effect on what is bound."""

from dataclasses import replace

import pytest

from argogrant.grants import status_notes
from argogrant.grants.access.subject_rules import (
    RuleList,
    RulesOfSubject,
    SubjectRule,
    SubjectRules,
)
from argogrant.grants.conditions import BindingOutcome, grant_conditions
from argogrant.grants.effectiveness import LoginConfig
from argogrant.grants.model.grant import RoleRisks
from argogrant.grants.status_notes import (
    COMPARED_ROLES,
    COMPARISONS,
    LONGEST_COMPARED,
    MOST_ROLES,
    NO_NOTES,
    SimilarRoles,
    StatusNotes,
    add_notes,
)
from support.builders import a_grant, decided

MANY = [f"role:team-{number:05}" for number in range(10_000)]
NOT_BOUND = BindingOutcome(is_bound=False)


def test_message_about_a_missing_role_names_similar_ones() -> None:
    decision = decided(
        a_grant(role="role:deploier"), similar_roles=SimilarRoles(["role:deployer"])
    )
    ready = grant_conditions(decision, NOT_BOUND)[1]

    assert ready.message.endswith('is defined. Similar roles: "role:deployer".')


def test_similar_role_of_a_project_is_named_as_in_a_grant() -> None:
    """Its name in the RBAC policy, proj:team-a:deployer, is no spec.role.name."""
    decision = decided(
        a_grant(role="deploier", project="team-a"),
        similar_roles=SimilarRoles(["proj:team-a:deployer"]),
    )

    assert decision.hint == ' Similar roles: "deployer" of project "team-a".'


@pytest.mark.parametrize(
    ("name", "known"),
    [
        pytest.param("role:zzz", ["proj:team-a:deployer"], id="no role is similar"),
        pytest.param("role:x", [], id="there are no roles"),
        pytest.param(
            "r" * (LONGEST_COMPARED + 1), ["r" * LONGEST_COMPARED], id="it is long"
        ),
        pytest.param("r" * LONGEST_COMPARED, ["r" * 101], id="the other one is long"),
    ],
)
def test_missing_role_has_no_hint_if(name, known) -> None:
    decision = decided(a_grant(role=name), similar_roles=SimilarRoles(known))

    assert decision.hint == ""


@pytest.mark.parametrize(
    ("missing", "known", "hint"),
    [
        pytest.param(
            "role:Deployer",
            ["role:deployer", "role:x"],
            ' Similar roles: "role:deployer".',
            id="another case",
        ),
        pytest.param(
            "ops",
            ["role:oops", "role:ops"],
            ' Similar roles: "role:ops".',
            id="the prefix of global roles is missing",
        ),
        pytest.param(
            "role:ops",
            ["proj:team-a:ops"],
            ' Similar roles: "ops" of project "team-a".',
            id="the role belongs to a project",
        ),
        pytest.param(
            "role:platform-administrators",
            ["PLATFORM-ADMINISTRATORS"],
            ' Similar roles: "PLATFORM-ADMINISTRATORS".',
            id="case and prefix of a long name",
        ),
        pytest.param(
            "role:a-b-c",
            [f"proj:p{number}:a-b-c" for number in range(9)],
            ' Similar roles: "a-b-c" of project "p0", "a-b-c" of project "p1", "a-b-c"'
            ' of project "p2".',
            id="many projects have it",
        ),
    ],
)
def test_role_of_another_spelling_is_named_first(missing, known, hint) -> None:
    decision = decided(a_grant(role=missing), similar_roles=SimilarRoles(known))

    assert decision.hint == hint


def test_comparisons_do_not_grow_with_roles_times_missing_roles() -> None:
    """Anyone may create grants, and projects may have any number of roles."""
    similar = SimilarRoles(MANY)
    for number in range(10_000):
        similar.of(f"role:missing-{number}")

    assert similar.comparisons <= COMPARISONS + COMPARED_ROLES + 1


def test_no_role_is_proposed_if_there_are_too_many_to_sort() -> None:
    known = [f"role:r{number}" for number in range(MOST_ROLES)]

    assert SimilarRoles(known).of("role:r1x")
    assert not SimilarRoles([*known, "role:one-more"]).of("role:r1x")


def test_role_that_helps_nobody_is_not_proposed() -> None:
    known, useless = ["role:deployer", "role:deploy"], {"role:deploy": "has no rule"}

    assert SimilarRoles(known, useless).of("role:deploye") == ("role:deployer",)


def test_missing_role_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    similar = SimilarRoles(["role:deployer"])
    found = similar.of("role:deploier")
    monkeypatch.setattr(status_notes.difflib, "get_close_matches", None)

    assert similar.of("role:deploier") == found == ("role:deployer",)


def test_new_notes_replace_earlier_ones() -> None:
    login = LoginConfig(claims=None)
    risks = {"role:deployer": RoleRisks(has_deny=True)}
    decision = decided(a_grant())
    noted = add_notes(decision, StatusNotes(role_risks=risks, login=login))
    assert noted.role_warning
    assert noted.effectiveness is not None

    assert add_notes(noted, NO_NOTES) == decision


def test_decision_that_has_its_notes_is_not_copied() -> None:
    """Most of ten thousand are told the same again."""
    told = StatusNotes(login=LoginConfig(claims=None))
    noted = add_notes(decided(a_grant()), told)

    assert add_notes(noted, replace(told)) is noted


EMPTY_ROLE = {"role:deployer": "policy.csv line 3 (p, …): why."}


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        pytest.param(None, "RoleAllowsNothing", id="unknown logins"),
        pytest.param(LoginConfig(), "RoleAllowsNothing", id="a subject that matches"),
        pytest.param(LoginConfig(claims=None), "ScopesInvalid", id="invalid scopes"),
    ],
)
def test_role_that_allows_nothing_has_no_effect(login, reason) -> None:
    told = StatusNotes(login=login, roles_without_effect=EMPTY_ROLE)
    effective = add_notes(decided(a_grant()), told).effectiveness

    assert effective is not None
    assert (effective.reason, effective.status) == (reason, False)


def test_message_about_an_empty_role_is_a_whole_sentence() -> None:
    told = StatusNotes(roles_without_effect=EMPTY_ROLE)
    effective = add_notes(decided(a_grant()), told).effectiveness

    assert effective is not None
    assert effective.message == (
        'The role "role:deployer" allows nothing: policy.csv line 3 (p, …): why.'
    )


def test_subject_that_is_no_role_is_named_for_a_missing_role() -> None:
    rule = SubjectRule("policy.csv line 3", "p, deployers, a, b, c, allow")
    found = RulesOfSubject(in_text=RuleList((rule,), 1))
    told = StatusNotes(subject_rules=SubjectRules(of={"deployers": found}))
    noted = add_notes(decided(a_grant(role="deployers")), told)

    assert noted.hint == (
        ' Argo CD has rules for the subject "deployers", which no g line uses as a'
        f" role: {rule}."
    )
