"""Commands for administrators, and about the program itself."""

from typing import Final

import click

from argogrant.cli.commands.command import Command
from argogrant.cli.commands.params import (
    ARGOCD_CONTEXT,
    ARGOCD_NAMESPACE,
    CONTEXT,
    INSTANCE,
    INSTANCE_NAME,
    NAMESPACE,
    EnumChoice,
    argument,
    choice,
    flag,
    option,
    repeated,
)
from argogrant.cli.formats import DocumentFormat, PlanFormat, Shell, TextOrJSON

PLAN: Final = Command(
    "plan",
    "simulate.plan:plan",
    "Show what the operator would write to Argo CD, as a diff.",
    """Show what the operator would write to Argo CD now, as a diff.

    Read-only, with your own permissions, and planned with the operator's code. Exit
    status: 0 for no difference, 1 for differences, 2 for an error.

    Example: argogrant plan -f examples/01-temporary-role/grant.yaml
    """,
    [
        option(
            *("--filename", "-f", "file"),
            type=click.Path(),
            help="File with AccessGrants to assume as applied.",
        ),
        NAMESPACE,
        INSTANCE_NAME,
        CONTEXT,
        ARGOCD_CONTEXT,
        flag(
            "--accept-unverified-requesters",
            help="Plan as an operator that runs with this option.",
        ),
        choice(
            *("--output", "-o"),
            values=PlanFormat,
            default=PlanFormat.DIFF,
            help="Output format.",
        ),
    ],
)
DOCTOR: Final = Command(
    "doctor",
    "doctor.doctor:doctor",
    "Diagnose an installation and print remedies.",
    """Check an installation, and print a remedy for each problem.

    Read-only, with your own permissions. Items that you cannot read are marked "?".
    Access is judged by what Argo CD has now, in every namespace that you may read; with
    --argocd-context also in that cluster. The exit status is 1 if there is a problem,
    else 0.

    Example: argogrant doctor -n argogrant
    """,
    [
        NAMESPACE,
        option(
            "--instance",
            type=INSTANCE,
            help="ArgoCDInstance to check.  [default: all]",
        ),
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
_NAME: Final = "NAME"
_SECONDS: Final = click.FloatRange(min=1)
OPERATOR: Final = Command(
    "operator",
    "run_operator:operator",
    "Run the operator.",
    """Run the operator. Logs go to stderr, audit events to stdout.

    Example: argogrant operator --namespace argogrant
    """,
    [
        repeated(
            "--namespace",
            required=True,
            metavar=_NAME,
            help="Namespace with ArgoCDInstances; may be repeated.",
        ),
        click.Option(
            ["--leader-elect/--no-leader-elect"],
            default=True,
            show_default=True,
            help="Leader election with the Lease argogrant.",
        ),
        option(
            "--lease-namespace",
            metavar=_NAME,
            help="Namespace of the Lease.  [default: first --namespace]",
        ),
        option(
            "--operator-namespace",
            metavar=_NAME,
            help=(
                "Namespace whose ArgoCDInstances may bind in an Argo CD that names"
                " none.  [default: the pod's, else --lease-namespace, else the only"
                " --namespace]"
            ),
        ),
        option(
            "--lease-seconds",
            type=_SECONDS,
            default=15,
            metavar="SECONDS",
            help="Duration of the Lease without renewal; the same for all replicas.",
        ),
        option(
            "--identity",
            metavar=_NAME,
            help="Identity in the Lease.  [default: host and process]",
        ),
        flag(
            "--accept-unverified-requesters",
            help=(
                "Trust spec.requester and spec.approver without the admission policies."
            ),
        ),
        option(
            "--port",
            type=click.IntRange(min=1),
            default=8080,
            metavar="PORT",
            help="Port of /metrics, /livez and /readyz.",
        ),
        option(
            "--sweep-seconds",
            type=_SECONDS,
            default=60,
            metavar="SECONDS",
            help="Interval of the full resync from lists.",
        ),
        option(
            "--audit-sink",
            metavar="URL",
            help="URL that audit events are posted to; https:// only.",
        ),
        option(
            "--audit-sink-token-file",
            type=click.Path(),
            metavar="FILE",
            help="File with the bearer token of the sink.",
        ),
        option(
            "--audit-sink-ca-file",
            type=click.Path(),
            metavar="FILE",
            help="File with CA certificates, instead of the system's.",
        ),
        option(
            "--audit-spool",
            type=click.Path(),
            metavar="DIRECTORY",
            help="Folder that buffers events for the sink.",
        ),
    ],
)
ALLOW: Final = Command(
    "allow",
    "admin:allow",
    "Allow namespaces to bind in an Argo CD.",
    """Allow ArgoCDInstances of these namespaces to bind in an Argo CD.

    Adds the namespaces to the annotation argogrant.dev/allowed-namespaces of
    argocd-rbac-cm, and keeps those that it names already. Without the annotation, only
    the operator's own namespace is allowed, so name that one too.

    Example: argogrant allow argogrant team-b --argocd-namespace argocd
    """,
    [
        argument(
            *("namespace", "NAMESPACE...", "Namespaces of ArgoCDInstances."),
            nargs=-1,
            required=True,
        ),
        ARGOCD_NAMESPACE,
        CONTEXT,
    ],
)
SWEEP: Final = Command(
    "sweep",
    "admin:sweep",
    "Remove expired bindings, without the operator.",
    """Remove expired bindings from argocd-rbac-cm.

    Needs only this ConfigMap, and keeps lines that it cannot parse. With permission to
    list and patch AppProjects, also removes expired members and the tokens created
    during their membership. The exit status is 0 if no readable expired binding
    remains (with --all, no binding), and 1 if a read or a write failed.

    Example: argogrant sweep --argocd-namespace argocd
    """,
    [
        ARGOCD_NAMESPACE,
        flag(
            *("--all", "is_everything"),
            help="All bindings of argogrant, expired or not, of any ArgoCDInstance. A"
            " running operator adds those of active grants again.",
        ),
        CONTEXT,
    ],
)
UNINSTALL: Final = Command(
    "uninstall",
    "admin:uninstall",
    "Remove all bindings and finalizers before uninstalling.",
    """Remove all bindings and finalizers of argogrant before uninstalling.

    Deletes the ArgoCDInstances, waits until a running operator has removed its
    bindings, stops the operator, and removes the remaining bindings and finalizers.
    Then reads every Argo CD that it may read. AccessGrants remain, without finalizers.
    The command can be repeated. The exit status is 0 if no access is left, and 1 if
    some is left; each line about it contains the command that removes it.

    Example: argogrant uninstall --namespace argogrant --deployment argogrant
    """,
    [
        repeated(
            "--namespace",
            required=True,
            help="Namespace to clean up; may be repeated.",
        ),
        option(
            "--deployment",
            help="Deployment of the operator, scaled to 0 replicas.",
        ),
        option(
            "--wait-seconds",
            type=click.FloatRange(min=0),
            default=30,
            help="Seconds to wait for a running operator.",
        ),
        repeated(
            "--argocd-namespace",
            help="Namespace of an Argo CD to read for remaining access, besides argocd"
            " and those of the ArgoCDInstances; may be repeated.",
        ),
    ],
)
COMPLETION: Final = Command(
    "completion",
    "completion:completion",
    "Print the completion script for a shell.",
    """Print the completion script for a shell.

    To load it in bash: source <(argogrant completion bash). The plugin kubectl
    argogrant uses the completion of kubectl and needs no script of its own.

    Example: argogrant completion bash
    """,
    [argument("shell", "SHELL", "Name of the shell.", type=EnumChoice(Shell))],
)
VERSION: Final = Command(
    "version",
    "version:version",
    "Print the version.",
    """Print the version; with -o json also the API, Python and library versions.

    Example: argogrant version -o json
    """,
    [
        choice(
            *("--output", "-o"),
            values=DocumentFormat,
            default=DocumentFormat.TEXT,
            help="Output format.",
        )
    ],
)
