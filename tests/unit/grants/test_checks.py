"""Checks of ``IN_FORCE``: their order, their findings and their messages."""

import re
from dataclasses import replace

import pytest

from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import (
    IN_FORCE,
    DecisionInput,
    build_input,
    shortened_by_max_duration,
    tool_mark,
)
from argogrant.grants.decide import DesiredBinding, decide
from argogrant.grants.model.grant import RecordedFinding
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    RESTORED,
    SECOND,
    TRACKED,
    a_grant,
    a_record,
    an_instance,
    decided,
)

INVALID_GRANT = {
    "being_deleted": True,
    "revoked": True,
    "recorded_finding": RecordedFinding(Reason.DENIED, "bob denied the grant."),
    "frozen_end": NOON - HOUR,
    "extends": "gone",
    "subject": "role:deployer",
    "role": "deployer",
    "project": "Team A",
    "mark": TRACKED,
    "metadata_problem": "too many labels",
    "record": a_record(ended=Reason.REVOKED),
    "created_at": NOON + 30 * MINUTE,
}
EMPTY_INSTANCE = {
    "exists": False,
    "is_allowed_by_argocd": False,
    "requires_access_policy": True,
    "rbac_policy_is_known": False,
    "names_used_as_roles": frozenset({"alice"}),
    "projects_are_known": True,
    "unreadable_projects": {"team-a": "line 1"},
    "roles": frozenset(),
}

WITHIN_QUOTA = {"max_open_per_requester": 7}
"""Stands for related objects without an older grant too many."""

# Each row: the check that fails, its reason, and the fields that fix it.
FIXED_ONE_BY_ONE = [
    ("grant_is_not_being_deleted", Reason.DELETED, {"being_deleted": False}, {}),
    ("grant_is_not_revoked", Reason.REVOKED, {"revoked": False}, {}),
    (
        "grant_was_not_denied_or_timed_out",
        Reason.DENIED,
        {"recorded_finding": None},
        {},
    ),
    ("record_says_no_end", Reason.REVOKED, {"record": None}, {}),
    ("window_has_not_closed", Reason.EXPIRED, {"frozen_end": NOON + 2 * HOUR}, {}),
    (
        "grant_can_carry_finalizer",
        Reason.NOT_RECORDABLE,
        {"metadata_problem": ""},
        {},
    ),
    ("subject_is_well_formed", Reason.SUBJECT_REFUSED, {"subject": "alice"}, {}),
    ("role_is_well_formed", Reason.ROLE_REFUSED, {"project": "team-a"}, {}),
    (
        "recreated_grant_has_absolute_end",
        Reason.ABSOLUTE_END_REQUIRED,
        {"mark": None},
        {},
    ),
    ("instance_exists", Reason.INSTANCE_NOT_FOUND, {}, {"exists": True}),
    (
        "argocd_allows_instance",
        Reason.NOT_ALLOWED_BY_ARGOCD,
        {},
        {"is_allowed_by_argocd": True},
    ),
    ("requester_is_within_quota", Reason.QUOTA_EXCEEDED, {}, WITHIN_QUOTA),
    (
        "grant_is_approved",
        Reason.REQUESTER_UNVERIFIED,
        {},
        {"requires_access_policy": False},
    ),
    ("window_has_opened", Reason.SCHEDULED, {"created_at": NOON}, {}),
    (
        "rbac_policy_is_known",
        Reason.INSTANCE_UNAVAILABLE,
        {},
        {"rbac_policy_is_known": True},
    ),
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
    ("binding_may_be_added", Reason.EXTENSION_REFUSED, {"extends": None}, {}),
]
BOUND = RelatedObjects(written_end=NOON + 2 * HOUR)
"""The line exists, so the grant that extends no existing one is only kept."""


def input_with(fixed: int) -> DecisionInput:
    """Build an input in which only the first rows are fixed."""
    grant, instance = dict(INVALID_GRANT), dict(EMPTY_INSTANCE)
    for _, _, of_grant, of_instance in FIXED_ONE_BY_ONE[:fixed]:
        grant |= of_grant
        instance |= of_instance
    is_over_quota = not WITHIN_QUOTA.items() <= instance.items()
    # A line would prove that Argo CD's annotation was added to a grant in force.
    bound = NO_RELATED_OBJECTS if grant["mark"] else BOUND
    related = replace(bound, is_over_quota=is_over_quota)
    return build_input(a_grant(**grant), an_instance(**instance), NOON, related)


@pytest.mark.parametrize(
    ("position", "name", "reason"),
    [
        pytest.param(position, name, reason, id=f"{position + 1}. {name}")
        for position, (name, reason, _, _) in enumerate(FIXED_ONE_BY_ONE)
    ],
)
def test_first_failed_check_decides(position, name, reason) -> None:
    """All later checks fail too, but only the first one gives the finding."""
    facts = input_with(fixed=position)
    failing = [check.__name__ for check in IN_FORCE if check(facts)]
    decision = decide(facts)

    assert failing[0] == name
    assert decision.finding is not None
    assert decision.finding.reason is reason


def test_grant_that_passes_all_checks_is_in_force() -> None:
    decision = decide(input_with(fixed=len(FIXED_ONE_BY_ONE)))

    assert decision.finding is None
    assert decision.desired_binding is DesiredBinding.PRESENT


def test_table_lists_every_check() -> None:
    """A new check needs a row in the table above."""
    assert [check.__name__ for check in IN_FORCE] == [
        name for name, *_ in FIXED_ONE_BY_ONE
    ]


@pytest.mark.parametrize(
    ("grant", "now", "instance", "is_final", "is_unknown"),
    [
        pytest.param({}, NOON + HOUR, {}, True, False, id="expiry is final"),
        pytest.param(
            {"revoked": True}, NOON, {}, True, False, id="revocation is final"
        ),
        pytest.param(
            {"being_deleted": True}, NOON, {}, False, False, id="deletion is not final"
        ),
        pytest.param(
            {"role": "role:none"},
            NOON,
            {},
            False,
            False,
            id="missing role is not final",
        ),
        pytest.param(
            {"subject": "team-leads"},
            NOON,
            {},
            False,
            False,
            id="name used as a role is not final",
        ),
        pytest.param(
            {},
            NOON,
            {"rbac_policy_is_known": False},
            False,
            True,
            id="RBAC policy not readable is unknown",
        ),
        pytest.param(
            {"role": "deployer", "project": "team-a"},
            NOON,
            {"projects_are_known": False},
            False,
            True,
            id="AppProjects not readable is unknown",
        ),
    ],
)
def test_finding_is_final_or_unknown_or_neither(
    grant, now, instance, is_final, is_unknown
) -> None:
    finding = decided(a_grant(**grant), now, **instance).finding

    assert finding is not None
    assert (finding.is_final, finding.is_unknown) == (is_final, is_unknown)


def test_global_role_does_not_depend_on_projects() -> None:
    assert decided(a_grant(), projects_are_known=False).finding is None


@pytest.mark.parametrize(
    ("overrides", "now", "instance", "words"),
    [
        pytest.param(
            {"revoked": True, "revocation_justification": "done\nearly"},
            NOON,
            {},
            r'revoked: "done\\nearly"\.',
            id="revocation with a justification of two lines",
        ),
        pytest.param(
            {"revoked": True, "revocation_justification": "Incident 4711 was closed."},
            NOON,
            {},
            r'revoked: "Incident 4711 was closed\."$',
            id="revocation with a justification that ends with a full stop",
        ),
        pytest.param(
            {"revoked": True},
            NOON,
            {},
            r"was revoked\.$",
            id="revocation without a justification",
        ),
        pytest.param(
            {},
            NOON + HOUR,
            {},
            r"expired at 2026-11-24T13:00:00Z\. Create a new AccessGrant",
            id="expired grant",
        ),
        pytest.param(
            {"expires_at": NOON - SECOND},
            NOON,
            {},
            "11:59:59Z, which is not after its start at 2026-11-24T12:00:00Z",
            id="end before the start",
        ),
        pytest.param(
            {"subject": "proj:team-a:deployer"},
            NOON,
            {},
            "written like a role; .* everyone who has that role",
            id="subject written like a role",
        ),
        pytest.param(
            {"subject": "admin"}, NOON, {}, "built-in administrator", id="subject admin"
        ),
        pytest.param(
            {"subject": "a\u200bb"},
            NOON,
            {},
            r"U\+200B ZERO WIDTH SPACE",
            id="subject with an invisible character",
        ),
        pytest.param(
            {"role": "proj:team-a:x"},
            NOON,
            {},
            r"spec\.role\.project and the bare name",
            id="project role written as a global role",
        ),
        pytest.param(
            {"role": "role:x "},
            NOON,
            {},
            "remove the blank",
            id="role with a trailing blank",
        ),
        pytest.param(
            {"role": "deployer", "project": "Team"},
            NOON,
            {},
            'project "Team" is not a valid name of an AppProject',
            id="invalid name of a project",
        ),
        pytest.param(
            {"role": "role:deployer", "project": "team-a"},
            NOON,
            {},
            'name "role:deployer" is not a valid name of a project role',
            id="project role with a prefix",
        ),
        pytest.param(
            {"instance": "other"},
            NOON,
            {"exists": False},
            'no ArgoCDInstance "other" in namespace argogrant',
            id="missing instance",
        ),
        pytest.param(
            {"not_before": NOON + HOUR},
            NOON,
            {},
            r"starts at 2026-11-24T13:00:00Z\.",
            id="scheduled grant",
        ),
        pytest.param(
            {"role": "deployer", "project": "team-a"},
            NOON,
            {"names_used_as_roles_in": {"team-a": frozenset({"alice"})}},
            'is used as a role in AppProject "team-a" .the right side of a g line',
            id="subject that the project uses as a role",
        ),
        pytest.param(
            {"role": "deployer", "project": "team-a"},
            NOON,
            {"unreadable_projects": {"team-a": "line 3: why. Fix that line."}},
            "line 3: why. Fix that line",
            id="project that Argo CD cannot parse",
        ),
        pytest.param(
            {"role": "zzz", "project": "other"},
            NOON,
            {},
            'AppProject "other" has no role "zzz".* is defined\\.$',
            id="missing role",
        ),
    ],
)
def test_message_contains_cause_and_remedy(overrides, now, instance, words) -> None:
    finding = decided(a_grant(**overrides), now, **instance).finding

    assert finding is not None
    assert re.search(words, finding.message), finding.message


def test_text_of_another_project_does_not_refuse_the_subject() -> None:
    used = {"names_used_as_roles_in": {"other": frozenset({"alice"})}}

    assert decided(a_grant(), NOON, **used).finding is None
    of_team_a = a_grant(role="deployer", project="team-a")
    assert decided(of_team_a, NOON, **used).finding is None


@pytest.mark.parametrize(
    ("overrides", "maximum", "has_note"),
    [
        pytest.param(
            {"duration": 2 * HOUR}, HOUR, True, id="duration above the maximum"
        ),
        pytest.param(
            {"duration": HOUR}, HOUR, False, id="duration equal to the maximum"
        ),
        pytest.param(
            {"duration": HOUR}, 2 * HOUR, False, id="duration below the maximum"
        ),
        pytest.param(
            {"expires_at": NOON + 2 * HOUR},
            HOUR,
            True,
            id="expiresAt after the maximum",
        ),
        pytest.param(
            {"expires_at": NOON + HOUR}, HOUR, False, id="expiresAt at the maximum"
        ),
        pytest.param(
            {"duration": 2 * HOUR, "frozen_end": NOON + SECOND},
            HOUR,
            False,
            id="reported end is earlier than the maximum",
        ),
    ],
)
def test_note_if_a_maximum_shortened_the_grant(overrides, maximum, has_note) -> None:
    grant = a_grant(**overrides)
    note = shortened_by_max_duration(
        build_input(grant, an_instance(max_duration=maximum), NOON)
    )

    assert note == (
        " It is shortened to the instance's maxDuration of 1h." if has_note else ""
    )


@pytest.mark.parametrize(
    ("mark", "tool"),
    [
        pytest.param(None, "Argo CD", id="no other mark"),
        pytest.param(RESTORED, "Argo CD", id="mark of a tool that restored once"),
        pytest.param(TRACKED, TRACKED.tool, id="mark of a tool that applies again"),
    ],
)
def test_label_that_argocd_cm_configures_says_that_the_grant_is_applied_again(
    mark, tool
) -> None:
    """Retention deletes a restored grant, and Argo CD would create it again."""
    grant = a_grant(mark=mark, label_keys=frozenset({"example.com/app"}))
    found = tool_mark(grant, "example.com/app")

    assert found is not None
    assert (found.tool, found.applies_again) == (tool, True)
