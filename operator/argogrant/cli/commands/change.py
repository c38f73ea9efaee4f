"""Commands that change grants: request, approve, deny, extend, revoke."""

from typing import Final

from argogrant.cli.commands.command import Command
from argogrant.cli.commands.params import (
    ANSWER,
    COMPLETE_ROLES,
    CONTEXT,
    DRY_RUN,
    GRANT_NAMES,
    INSTANCE_NAME,
    NAMESPACE,
    SELECTOR,
    WAIT,
    ZONE,
    flag,
    option,
    timeout,
)

REQUEST: Final = Command(
    "request",
    "change.request:request",
    "Request a role: create an AccessGrant in your name.",
    """Request a role: create an AccessGrant in your name.

    On a terminal, asks for the role, the duration and the justification that the
    options do not contain, and offers the roles that you may request.

    Waits two seconds for the operator, and prints the next step. The exit status is 1
    if the grant is refused, else 0. With --wait, it is 0 if Argo CD has the binding,
    else 1.

    Example: argogrant request --role role:deployer --for 2h --reason hotfix
    """,
    [
        option(
            "--role",
            shell_complete=COMPLETE_ROLES,
            help="Name of the role; argogrant roles lists them.",
        ),
        option("--project", help="AppProject of the role."),
        option("--user", help="Argo CD user to grant the role to.  [default: you]"),
        option("--group", help="SSO group to grant the role to."),
        option("--for", "lasts", help="Duration: 2h, 2h30m or 1d."),
        option("--until", help="End: 18:00, 'tomorrow 9:00' or 2026-11-25T18:00:00Z."),
        option(
            *("--from", "begins"),
            help="Start, in the forms of --until.  [default: now]",
        ),
        option("--reason", help="Justification, for approvers and audit."),
        option("--name", help="Name of the AccessGrant.  [default: generated]"),
        flag(
            "--break-glass",
            help="Emergency access, without approval if a policy allows.",
        ),
        WAIT,
        timeout("5m"),
        DRY_RUN,
        ZONE,
        ANSWER,
        INSTANCE_NAME,
        NAMESPACE,
        CONTEXT,
    ],
)
_DECISION_PARAMS: Final = (
    GRANT_NAMES,
    option(
        "--comment", help="Comment, stored in the approval and in the audit stream."
    ),
    flag("--yes", "-y", help="Skip the confirmation prompt."),
    WAIT,
    timeout("1m"),
    DRY_RUN,
    ANSWER,
    NAMESPACE,
    CONTEXT,
)


def _decision(verb: str, does: str, *, noun: str, effect: str, comment: str) -> Command:
    """Make ``approve`` or ``deny``, which differ in the decision only.

    Args:
        verb: Name of the command.
        does: Sentence for the list of commands.
        noun: The decision.
        effect: The effect of the decision that the command reports.
        comment: Comment of the example.
    """
    return Command(
        verb,
        f"change.approve:{verb}",
        does,
        f"""{does}

        Prints who requests which role, until when and why. On a terminal, asks for a
        confirmation. Waits two seconds each for the operator to count the {noun}, and
        for its effect: {effect}. The exit status is 1 if the {noun} does not
        count. With --wait, it is 0 only if it counts.

        Example: argogrant {verb} alice-hotfix --comment '{comment}'
        """,
        _DECISION_PARAMS,
    )


APPROVE: Final = _decision(
    "approve",
    "Approve grants.",
    noun="approval",
    effect="until when the grant is active, who else must approve, or why not",
    comment="as agreed on the phone",
)
DENY: Final = _decision(
    "deny",
    "Deny grants permanently; active grants end.",
    noun="denial",
    effect="whether the grant has ended",
    comment="not during the freeze",
)
EXTEND: Final = Command(
    "extend",
    "change.extend:extend",
    "Extend grants, or shorten them.",
    """Extend grants, or shorten them.

    A later end creates another AccessGrant, which AccessPolicies evaluate again. An
    earlier end is written to the grant itself; a duration cannot be changed.

    Example: argogrant extend alice-hotfix --by 1h
    """,
    [
        GRANT_NAMES,
        option("--by", help="Additional duration, such as 30m or 1h."),
        option("--until", help="New end, in the forms of request --until."),
        option("--reason", help="Justification.  [default: that of the grant]"),
        flag("--break-glass", help="Emergency access, as in request."),
        WAIT,
        timeout("5m"),
        DRY_RUN,
        ZONE,
        ANSWER,
        NAMESPACE,
        CONTEXT,
    ],
)
REVOKE: Final = Command(
    "revoke",
    "change.revoke:revoke",
    "Revoke grants at once and permanently.",
    """Revoke grants at once and permanently; the objects remain as a record.

    With --wait, the exit status is 0 once every grant has ended. If one grant cannot be
    revoked, the command revokes the others and exits with 1.

    Example: argogrant revoke alice-hotfix --reason 'the ticket is closed' --wait
    """,
    [
        GRANT_NAMES,
        SELECTOR,
        option("--reason", help="Justification, stored in the grant."),
        WAIT,
        timeout("5m"),
        DRY_RUN,
        ANSWER,
        NAMESPACE,
        CONTEXT,
    ],
)
