"""Commands that read grants: list, show, roles, can, review, report."""

from typing import Final

import click

from argogrant.cli.commands.command import Command
from argogrant.cli.commands.params import (
    ARGOCD_CONTEXT,
    COMPLETE_GRANTS,
    COMPLETE_ROLES,
    CONTEXT,
    GRANT,
    GRANT_NAMES,
    INSTANCE,
    INSTANCE_NAME,
    NAMESPACE,
    NO_HEADERS,
    OUTPUT,
    SELECTOR,
    argument,
    choice,
    flag,
    option,
    repeated,
)
from argogrant.cli.formats import DocumentFormat, ReportFormat, TextOrJSON

LIST: Final = Command(
    "list",
    "inspect.list_grants:list_grants",
    "List grants: subjects, roles, states and ends.",
    """List who has which role until when, and which grants are pending or refused.

    Grants are sorted by their end. WHY explains why a grant gives no access. -o wide
    adds requester, approvers and the reason of Ready.

    Example: argogrant list --mine
    """,
    [
        NAMESPACE,
        flag("--all-namespaces", "-A", help="Grants of every namespace."),
        SELECTOR,
        option("--subject", help="User or group that receives the role."),
        option("--role", help="Role, such as proj:team-a:deployer."),
        flag("--mine", help="Grants that you requested, or that give you a role."),
        flag("--pending", help="Grants that wait for approval."),
        flag("--for-me", help="Grants that wait for your approval."),
        flag("--all", "-a", "include_ended", help="Include grants that have ended."),
        flag("--watch", "-w", help="After listing, print each change."),
        NO_HEADERS,
        CONTEXT,
        OUTPUT,
    ],
)
SHOW: Final = Command(
    "show",
    "inspect.show:show_grant",
    "Explain why grants give access, or why not.",
    """Explain why grants give access or not, and check whether Argo CD has them.

    Shows the conditions, each approval and whether it counts, and what to do next.
    Read-only, with your own permissions. Items that you cannot read are marked "?".

    Example: argogrant show alice-deploys -n argogrant
    """,
    [
        GRANT_NAMES,
        NAMESPACE,
        CONTEXT,
        ARGOCD_CONTEXT,
        choice(
            *("--output", "-o"),
            values=DocumentFormat,
            default=DocumentFormat.TEXT,
            help="Output format.",
        ),
    ],
)
WHOAMI: Final = Command(
    "whoami",
    "inspect.whoami:whoami",
    "Print your names in Kubernetes and Argo CD.",
    """Print who you are to Kubernetes and to Argo CD, and where commands act.

    The user of Argo CD is the one that argogrant request uses without --user.

    Example: argogrant whoami
    """,
    [
        NAMESPACE,
        CONTEXT,
        choice(
            *("--output", "-o"),
            values=DocumentFormat,
            default=DocumentFormat.TEXT,
            help="Output format.",
        ),
    ],
)
ROLES: Final = Command(
    "roles",
    "inspect.roles:roles",
    "List the roles that a grant can name.",
    """List every role that a grant can name, and the risks of each.

    DENIES: the role has deny rules. PERSISTS: the role can create access that outlasts
    the grant; -o wide lists the permissions. Below the table: roles that allow nothing,
    and why. Read-only, with your own permissions.

    Example: argogrant roles -n argogrant -o wide
    """,
    [NAMESPACE, INSTANCE_NAME, NO_HEADERS, CONTEXT, ARGOCD_CONTEXT, OUTPUT],
)
CAN: Final = Command(
    "can",
    "simulate.can:can",
    "Check whether Argo CD allows a request, and by which rule.",
    """Check whether Argo CD allows a request, and by which rule.

    Read-only, with your own permissions. If you may not read Argo CD's rules, the
    answer is unknown, with what is known about roles and grants, and the command that
    asks Argo CD. Exit status: 0 for yes, 1 for no, 2 for unknown or an error.

    Example: argogrant can ann@example.com sync applications team-a/web --with fix
    """,
    [
        argument("subject", "SUBJECT", "User ID or e-mail address."),
        argument("action", "ACTION", "Action, such as sync or update/*."),
        argument("resource", "RESOURCE", "Resource, such as applications."),
        argument("object_", "OBJECT", "Object, such as team-a/web."),
        repeated("--group", help="Group of the subject; may be repeated."),
        option(
            *("--with", "with_"),
            type=GRANT,
            shell_complete=COMPLETE_GRANTS,
            help="AccessGrant to assume as active.",
        ),
        option(
            "--with-role",
            metavar="ROLE",
            shell_complete=COMPLETE_ROLES,
            help="Role to assume as granted.",
        ),
        option("--project", help="AppProject of --with-role."),
        flag("--user-id", help="SUBJECT is a user ID, not an e-mail address."),
        flag("--quiet", "-q", help="Exit status only, no output."),
        NAMESPACE,
        INSTANCE_NAME,
        CONTEXT,
        ARGOCD_CONTEXT,
        choice(
            *("--output", "-o"),
            values=TextOrJSON,
            default=TextOrJSON.TEXT,
            help="Output format.",
        ),
    ],
)
REVIEW: Final = Command(
    "review",
    "inspect.review:review",
    "List access that came back without a grant.",
    """List members of AppProjects that came back after their grant had ended.

    Kept: the member has the role without a grant and without an end; remove it from the
    AppProject, or acknowledge it. Removed: the operator has removed it once more.
    Acknowledged members are not listed: an annotation of the ArgoCDInstance names them.

    Example: argogrant review -n argogrant
    """,
    [
        NAMESPACE,
        repeated(
            "--acknowledge",
            metavar="ID",
            help="Member to acknowledge; may be repeated.",
        ),
        option(
            "--reason",
            default="acknowledged",
            help="Why it is acknowledged, for later readers.",
        ),
        NO_HEADERS,
        CONTEXT,
        OUTPUT,
    ],
)
REPORT: Final = Command(
    "report",
    "report.report:report",
    "Report past access: subjects, times, reasons and approvers.",
    """Report who had which role, when, why, and who approved it.

    Reads the AccessGrants, and audit files for grants that were deleted. Missing
    data is reported on standard error.

    Example: argogrant report --since 90d --audit audit.jsonl -o csv
    """,
    [
        NAMESPACE,
        option(
            "--since",
            default="30d",
            help="Start of the period: 30d, 2026-11-01 (UTC), or a time.",
        ),
        option("--until", help="End of the period.  [default: now]"),
        option("--subject", help="User or group that received access."),
        option("--role", help="Role that was granted."),
        option("--instance", type=INSTANCE, help="Name of the ArgoCDInstance."),
        repeated(
            "--audit", type=click.Path(), help="Audit file; - for standard input."
        ),
        flag(
            *("--all", "-a", "include_without_access"),
            help="Include grants that never gave access.",
        ),
        click.Option(
            ["--cluster/--no-cluster", "from_cluster"],
            default=True,
            show_default=True,
            help="Read AccessGrants from the cluster.",
        ),
        CONTEXT,
        choice(
            *("--output", "-o"),
            values=ReportFormat,
            default=ReportFormat.TABLE,
            help="Output format.",
        ),
    ],
)
