"""The story of a grant: who has what, why or why not, and what to do next."""

from datetime import UTC

import pytest

from argogrant.api.accessgrant_view import view_approval, view_grant
from argogrant.cli.inspect.binding_lookup import BindingLookup
from argogrant.cli.inspect.describe import (
    GrantDescription,
    approvals,
    bindings,
    next_step,
    summary_line,
)
from argogrant.cli.inspect.describe_format import show
from argogrant.cli.terminal.checklist import SIGNS, CheckOutcome
from support.builders import HOUR, MINUTE, NOON
from support.stored_grants import a_body, an_approval, in_force, not_ready, over, said

NOW = NOON + 5 * MINUTE
LINE = "g, alice, role:deployer"


def facts(body=None, **others) -> GrantDescription:
    grant = view_grant(body or a_body(status=in_force()))
    return GrantDescription(**{"grant": grant, "now": NOW, "zone": UTC, **others})


HEADLINES = {
    "a grant in force": (
        a_body(status=in_force()),
        "alice has role:deployer on default until 2026-11-24 13:00 UTC (in 55m).",
    ),
    "one that changes nothing": (
        a_body(status=in_force(said("Effective", "False", "NoSuchAccount"))),
        (
            "alice is bound to role:deployer on default, which changes nothing:"
            " see Effective."
        ),
    ),
    "one that waits for people": (
        a_body(status=not_ready("AwaitingApproval")),
        "alice does not have role:deployer on default yet: somebody has to approve it.",
    ),
    "one that begins later": (
        a_body(
            notBefore="2026-11-24T14:00:00Z",
            expiresAt="2026-11-24T15:00:00Z",
            status=not_ready("Scheduled"),
        ),
        (
            "alice will have role:deployer on default from 2026-11-24 14:00 UTC"
            " (in 1h55m) until 2026-11-24 15:00 UTC (in 2h55m)."
        ),
    ),
    "one that nobody has looked at": (
        a_body(),
        (
            "alice does not have role:deployer on default yet: the operator has to look"
            " at it."
        ),
    ),
    "one whose role is missing": (
        a_body(status=not_ready("RoleNotFound")),
        "alice does not have role:deployer on default: something stands in the way.",
    ),
    "one of which nobody knows": (
        a_body(
            status=in_force()
            | {"conditions": [said("Ready", "False", "InstanceUnavailable")]}
        ),
        (
            "alice may have role:deployer on default: something stands in the way of"
            " knowing."
        ),
    ),
    "one that was revoked a moment ago": (
        a_body(revoked=True, status=in_force()),
        "alice may still have role:deployer on default: it is being taken away.",
    ),
    "one whose end was not kept": (
        a_body(status=in_force(until=NOON + MINUTE)),
        (
            "alice may still have role:deployer on default, although the end was"
            " 2026-11-24 12:01 UTC (4m ago)."
        ),
    ),
    "one that was refused": (
        a_body(status=over("Denied")),
        "alice does not get role:deployer on default: it was refused.",
    ),
    "one that ended": (
        a_body(status=over("Expired", NOON, startedAt="2026-11-24T11:00:00Z")),
        (
            "alice no longer has role:deployer on default by this grant: it ended"
            " 2026-11-24 12:00 UTC (5m ago)."
        ),
    ),
    "one that ended before it began": (
        a_body(status=over("Expired")),
        "alice never had role:deployer on default by this grant; it is over.",
    ),
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [pytest.param(*row, id=sentence) for sentence, row in HEADLINES.items()],
)
def test_the_headline_says_who_has_what(body, expected) -> None:
    assert summary_line(facts(body)) == expected


STEPS = {
    "in force": (in_force(), "argogrant extend g1 -n argogrant"),
    "waiting": (not_ready("AwaitingApproval"), "argogrant approve g1 -n argogrant"),
    "scheduled": (not_ready("Scheduled"), ""),
    "new": ({}, "argogrant doctor -n argogrant"),
    "overdue": (in_force(until=NOON), "argogrant doctor -n argogrant"),
    "not allowed": (not_ready("NotAllowed"), "argogrant request"),
    "ended": (over("Expired"), "argogrant request"),
}


@pytest.mark.parametrize(
    ("status", "expected"),
    [pytest.param(*row, id=sentence) for sentence, row in STEPS.items()],
)
def test_the_next_command_fits(status, expected) -> None:
    assert next_step(facts(a_body(status=status)))[1] == expected


def test_what_may_be_allowed_later_is_not_said_to_be_over() -> None:
    later = next_step(facts(a_body(status=not_ready("NotAllowed"))))[0]
    never = next_step(facts(a_body(status=over("Denied"))))[0]

    assert "never" not in later
    assert "never" in never


APPROVALS = {
    "one that counts": (
        an_approval(counted=("True", "Counts")),
        CheckOutcome.FINE,
        "Approve, 2026-11-24 12:01 UTC (4m ago). It counts.",
    ),
    "a refusal": (
        an_approval("Deny", ("True", "Counts"), comment="not now"),
        CheckOutcome.WRONG,
        'Deny, 2026-11-24 12:01 UTC (4m ago): "not now". It counts.',
    ),
    "one that does not count": (
        an_approval(counted=("False", "SelfApproval", "Somebody else has to.")),
        CheckOutcome.NOTED,
        (
            "Approve, 2026-11-24 12:01 UTC (4m ago). It does not count: Somebody else"
            " has to."
        ),
    ),
    "one that nobody looked at": (
        an_approval(),
        CheckOutcome.UNKNOWN,
        (
            "Approve, 2026-11-24 12:01 UTC (4m ago). Nobody has said yet whether it"
            " counts."
        ),
    ),
}


@pytest.mark.parametrize(
    ("body", "outcome", "text"),
    [pytest.param(*row, id=sentence) for sentence, row in APPROVALS.items()],
)
def test_an_approval_is_told_with_whether_it_counts(body, outcome, text) -> None:
    (found,) = approvals(facts(approvals=[view_approval(body)]))

    assert (found.check, found.outcome, found.text) == ("dan", outcome, text)


def test_an_approval_that_is_gone_is_told_from_the_record() -> None:
    record = {"name": "gone", "approver": "erin", "decision": "Approve", "at": "then"}
    body = a_body(status=in_force(approvals=[record]))
    (found,) = approvals(facts(body))

    assert found.check == "erin"
    assert found.text == "Approve at then, as the grant has recorded."


def held(is_present, **others) -> BindingLookup:
    return BindingLookup(
        place="argocd-rbac-cm", line=LINE, is_present=is_present, **others
    )


HELD = {
    "the binding of a grant in force": (
        in_force(),
        held(is_present=True),
        CheckOutcome.FINE,
        f"argocd-rbac-cm has: {LINE}",
    ),
    "a binding with its end": (
        in_force(),
        held(is_present=True, until=NOON + HOUR),
        CheckOutcome.FINE,
        f"argocd-rbac-cm has: {LINE}, until 2026-11-24 13:00 UTC (in 55m)",
    ),
    "no binding of a grant in force": (
        in_force(),
        held(is_present=False),
        CheckOutcome.WRONG,
        f"argocd-rbac-cm has no {LINE}; it was taken away, or is of another Argo CD.",
    ),
    "a binding after its end": (
        in_force(until=NOON),
        held(is_present=True),
        CheckOutcome.WRONG,
        f"argocd-rbac-cm has: {LINE}; it should be gone.",
    ),
    "a binding of a grant that is over": (
        over("Expired"),
        held(is_present=True),
        CheckOutcome.WRONG,
        f"argocd-rbac-cm has: {LINE}; another grant may give it (argogrant list).",
    ),
    "no binding of a grant that is over": (
        over("Expired"),
        held(is_present=False),
        CheckOutcome.NOTED,
        f"argocd-rbac-cm has no {LINE}",
    ),
    "somebody else's line": (
        in_force(),
        held(is_present=True, is_managed=False),
        CheckOutcome.NOTED,
        f"argocd-rbac-cm has the same by somebody else's hand, and keeps it: {LINE}",
    ),
    "what could not be read": (
        in_force(),
        held(is_present=None, problem="you may not read it"),
        CheckOutcome.UNKNOWN,
        "argocd-rbac-cm: you may not read it, so nobody can say here.",
    ),
}


@pytest.mark.parametrize(
    ("status", "one", "outcome", "text"),
    [pytest.param(*row, id=sentence) for sentence, row in HELD.items()],
)
def test_what_argo_cd_has_is_judged(status, one, outcome, text) -> None:
    (found,) = bindings(facts(a_body(status=status), binding=[one]))

    assert (found.outcome, found.text) == (outcome, text)


def test_hostile_text_neither_steers_nor_widens_the_terminal() -> None:
    hostile = "\x1b[2J" + "x" * 300 + "\n\x07"
    body = a_body(
        "g1",
        hostile,
        justification=hostile,
        requester={"username": hostile},
        status=not_ready("RoleNotFound", hostile),
    )
    line = BindingLookup(
        place="argocd-rbac-cm", line=f"g, {hostile}, x", is_present=False
    )
    approval = view_approval(an_approval(comment=hostile))
    shown = list(
        show(
            facts(body, approvals=[approval], binding=[line], is_stale=True),
            width=80,
            marks=SIGNS,
        )
    )

    assert max(len(one.replace("\x1b", "")) for one in shown) <= 100
    assert all("\x1b[2J" not in one and "\x07" not in one for one in shown)
