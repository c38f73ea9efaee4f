"""The checks: their order is the specification, and their words are read by people."""

import re

import pytest

from argogrant.grants.checks import IN_FORCE, shortened_by_max_duration
from argogrant.grants.decide import DesiredBinding, decide
from argogrant.grants.facts import DecisionInput, build_input
from argogrant.grants.model.grant import RecordedEnd
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, NOON, SECOND, a_grant, an_instance, decided

EVERYTHING_IS_WRONG = {
    "being_deleted": True,
    "revoked": True,
    "recorded_end": RecordedEnd(Reason.DENIED, "Nobody wants it."),
    "frozen_end": NOON - HOUR,
    "subject": "role:deployer",
    "role": "deployer",
    "project": "Team A",
    "tracked_by_git": True,
    "not_before": NOON + HOUR,
}
NOTHING_IS_KNOWN = {
    "exists": False,
    "requires_access_policy": True,
    "text_is_known": False,
    "names_used_as_roles": frozenset({"alice"}),
    "projects_are_known": True,
    "unreadable_projects": {"team-a": "line 1"},
    "roles": frozenset(),
}

# Each row: the check that answers, its reason, and what mends it.
MENDED_ONE_BY_ONE = [
    ("grant_is_not_being_deleted", Reason.DELETED, {"being_deleted": False}, {}),
    ("grant_was_not_revoked", Reason.REVOKED, {"revoked": False}, {}),
    ("grant_was_not_ended", Reason.DENIED, {"recorded_end": None}, {}),
    ("window_has_not_closed", Reason.EXPIRED, {"frozen_end": None}, {}),
    ("subject_is_well_formed", Reason.SUBJECT_REFUSED, {"subject": "alice"}, {}),
    ("role_is_well_formed", Reason.ROLE_REFUSED, {"project": "team-a"}, {}),
    (
        "git_grant_has_absolute_end",
        Reason.ABSOLUTE_END_REQUIRED,
        {"tracked_by_git": False},
        {},
    ),
    ("instance_exists", Reason.INSTANCE_NOT_FOUND, {}, {"exists": True}),
    (
        "is_approved",
        Reason.REQUESTER_UNVERIFIED,
        {},
        {"requires_access_policy": False},
    ),
    ("window_has_opened", Reason.SCHEDULED, {"not_before": None}, {}),
    ("rbac_text_is_known", Reason.INSTANCE_UNAVAILABLE, {}, {"text_is_known": True}),
    (
        "subject_is_not_a_role",
        Reason.SUBJECT_REFUSED,
        {},
        {"names_used_as_roles": frozenset()},
    ),
    ("project_is_readable", Reason.PROJECT_INVALID, {}, {"unreadable_projects": {}}),
    (
        "role_exists",
        Reason.ROLE_NOT_FOUND,
        {},
        {"roles": frozenset({"proj:team-a:deployer"})},
    ),
]


def facts_when(mended: int) -> DecisionInput:
    """Everything is wrong but for what the first rows mend."""
    grant, instance = dict(EVERYTHING_IS_WRONG), dict(NOTHING_IS_KNOWN)
    for _, _, of_grant, of_instance in MENDED_ONE_BY_ONE[:mended]:
        grant |= of_grant
        instance |= of_instance
    return build_input(a_grant(**grant), an_instance(**instance), NOON)


@pytest.mark.parametrize(
    ("position", "name", "reason"),
    [
        pytest.param(position, name, reason, id=f"{position + 1}. {name}")
        for position, (name, reason, _, _) in enumerate(MENDED_ONE_BY_ONE)
    ],
)
def test_the_checks_are_asked_in_this_order(position, name, reason) -> None:
    """With everything wrong that is not mended yet, this check and no other answers."""
    facts = facts_when(mended=position)
    failing = [check.__name__ for check in IN_FORCE if check(facts)]
    decision = decide(facts)

    assert failing[0] == name
    assert decision.finding is not None
    assert decision.finding.reason is reason


def test_a_grant_with_everything_mended_is_in_force() -> None:
    decision = decide(facts_when(mended=len(MENDED_ONE_BY_ONE)))

    assert decision.finding is None
    assert decision.desired_binding is DesiredBinding.PRESENT


def test_the_order_names_every_check() -> None:
    """A check that is added is added to the table above as well."""
    assert [check.__name__ for check in IN_FORCE] == [
        name for name, *_ in MENDED_ONE_BY_ONE
    ]


@pytest.mark.parametrize(
    ("grant", "now", "instance", "ends", "is_doubt"),
    [
        pytest.param({}, NOON + HOUR, {}, True, False, id="an end is final"),
        pytest.param({"revoked": True}, NOON, {}, True, False, id="so is a revocation"),
        pytest.param(
            {"being_deleted": True}, NOON, {}, False, False, id="a deletion is no end"
        ),
        pytest.param(
            {"role": "role:none"}, NOON, {}, False, False, id="a role may still appear"
        ),
        pytest.param(
            {"subject": "team-leads"}, NOON, {}, False, False, id="a name may be freed"
        ),
        pytest.param(
            {}, NOON, {"text_is_known": False}, False, True, id="unread text is a doubt"
        ),
        pytest.param(
            {"role": "deployer", "project": "team-a"},
            NOON,
            {"projects_are_known": False},
            False,
            True,
            id="unread projects are a doubt",
        ),
    ],
)
def test_a_finding_ends_or_doubts_or_neither(
    grant, now, instance, ends, is_doubt
) -> None:
    finding = decided(a_grant(**grant), now, **instance).finding

    assert finding is not None
    assert (finding.is_final, finding.is_unknown) == (ends, is_doubt)


def test_unread_projects_do_not_concern_a_global_role() -> None:
    assert decided(a_grant(), projects_are_known=False).finding is None


@pytest.mark.parametrize(
    ("overrides", "now", "instance", "words"),
    [
        pytest.param(
            {"revoked": True, "revocation_justification": "done\nearly"},
            NOON,
            {},
            r'revoked: "done\\nearly"\.',
            id="a revocation says why, on one line",
        ),
        pytest.param(
            {"revoked": True, "revocation_justification": "Incident 4711 was closed."},
            NOON,
            {},
            r'revoked: "Incident 4711 was closed\."$',
            id="and a sentence has one full stop",
        ),
        pytest.param(
            {"revoked": True}, NOON, {}, r"was revoked\.$", id="or says no more"
        ),
        pytest.param(
            {},
            NOON + HOUR,
            {},
            r"ended at 2026-11-24T13:00:00Z\. Create a new AccessGrant",
            id="an end says when, and what to do",
        ),
        pytest.param(
            {"expires_at": NOON - SECOND},
            NOON,
            {},
            r"end at 2026-11-24T11:59:59Z, not after its start at 2026-11-24T12:00:00Z",
            id="an empty window says that it was never open",
        ),
        pytest.param(
            {"subject": "proj:team-a:deployer"},
            NOON,
            {},
            "written like a role; .* everybody who holds that role",
            id="a role is no subject",
        ),
        pytest.param(
            {"subject": "admin"}, NOON, {}, "built-in administrator", id="nor is admin"
        ),
        pytest.param(
            {"subject": "a\u200bb"}, NOON, {}, r"U\+200B ZERO WIDTH SPACE", id="a name"
        ),
        pytest.param(
            {"role": "proj:team-a:x"},
            NOON,
            {},
            r"spec\.role\.project and the bare name",
            id="a project's role goes into two fields",
        ),
        pytest.param(
            {"role": "role:x "}, NOON, {}, "remove the blank", id="a role's text"
        ),
        pytest.param(
            {"role": "deployer", "project": "Team"},
            NOON,
            {},
            'project "Team" is no name of an AppProject',
            id="a project's name",
        ),
        pytest.param(
            {"role": "role:deployer", "project": "team-a"},
            NOON,
            {},
            'name "role:deployer" is no name of a project\'s role',
            id="a project's role has a bare name",
        ),
        pytest.param(
            {"instance": "other"},
            NOON,
            {"exists": False},
            'no ArgoCDInstance "other" in namespace argogrant',
            id="an instance that is not there",
        ),
        pytest.param(
            {"not_before": NOON + HOUR},
            NOON,
            {},
            r"begins at 2026-11-24T13:00:00Z\.",
            id="a schedule",
        ),
        pytest.param(
            {"role": "deployer", "project": "team-a"},
            NOON,
            {"unreadable_projects": {"team-a": "line 3: why"}},
            "line 3: why. Mend that line",
            id="a project that Argo CD ignores",
        ),
        pytest.param(
            {"role": "role:deploier"},
            NOON,
            {},
            'defines no role "role:deploier".* Near it: "role:deployer"',
            id="a misspelt role names its neighbour",
        ),
        pytest.param(
            {"role": "zzz", "project": "other"},
            NOON,
            {},
            'AppProject "other" has no role "zzz".* is defined\\.$',
            id="a role like no other names none",
        ),
    ],
)
def test_a_message_says_what_is_wrong_and_what_to_do(
    overrides, now, instance, words
) -> None:
    finding = decided(a_grant(**overrides), now, **instance).finding

    assert finding is not None
    assert re.search(words, finding.message), finding.message


@pytest.mark.parametrize(
    ("overrides", "ceiling", "is_told"),
    [
        pytest.param({"duration": 2 * HOUR}, HOUR, True, id="a longer duration is cut"),
        pytest.param({"duration": HOUR}, HOUR, False, id="an equal one is not"),
        pytest.param({"duration": HOUR}, 2 * HOUR, False, id="a shorter one is not"),
        pytest.param({"expires_at": NOON + 2 * HOUR}, HOUR, True, id="a later end is"),
        pytest.param({"expires_at": NOON + HOUR}, HOUR, False, id="an earlier is not"),
        pytest.param(
            {"duration": 2 * HOUR, "frozen_end": NOON + SECOND},
            HOUR,
            False,
            id="an end that was promised before is not the ceiling's doing",
        ),
    ],
)
def test_the_ceiling_is_told_where_it_shortened(overrides, ceiling, is_told) -> None:
    grant = a_grant(**overrides)
    note = shortened_by_max_duration(
        build_input(grant, an_instance(max_duration=ceiling), NOON)
    )

    assert note == (
        " It is shortened to the instance's maxDuration of 1h." if is_told else ""
    )
