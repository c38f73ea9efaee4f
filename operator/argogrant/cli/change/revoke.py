"""``argogrant revoke``: ends grants early."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.api.new_objects import build_revocation_patch
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    patch_grant,
    run_change,
)
from argogrant.cli.change.verdict import unconfirmed_revocations
from argogrant.cli.change.wait import has_ended, wait_until, watched_object
from argogrant.cli.choosing import can_be_revoked, chosen_names
from argogrant.cli.errors import CommandError, collect_errors, raise_collected
from argogrant.cli.formats import DryRun, ListFormat
from argogrant.cli.serialization import object_name
from argogrant.cli.session import Session, grant_body
from argogrant.cli.terminal.grant_state import is_over
from argogrant.cli.terminal.questions import can_ask
from argogrant.cli.terminal.tables import print_warnings, sanitize
from argogrant.grants.model.grant import SubjectKind
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.permissions import Permission, ShippedRole, missing_permissions
from argogrant.kube.resources import ACCESS_APPROVALS, ACCESS_GRANTS, Collection


def revoke(  # noqa: PLR0913 - one for each option
    *,
    names: Sequence[str],
    selector: str,
    reason: str,
    wait: bool,
    timeout: str,
    dry_run: DryRun,
    output: ListFormat,
    namespace: str,
    context: str,
) -> None:
    """Revoke grants by name or by label."""
    if bool(names) == bool(selector) and (selector or not can_ask()):
        message = "specify either names or a selector"
        raise click.BadParameter(message, param_hint="--selector")
    options = parse_output_options(output, wait=wait, timeout=timeout, dry_run=dry_run)

    async def revoke_all(api: Session) -> None:
        bodies: dict[str, Body] = {}
        problems: list[str] = []
        chosen = (
            await _select(api, selector)
            if selector
            else await chosen_names(api, names, "revoke", can_be_revoked)
        )
        for name in chosen:
            with collect_errors(problems):
                bodies[name] = await _revoke(api, name, reason, options)
        if options.timeout is not None:
            for name, body in bodies.items():
                with collect_errors(problems, f"{name}: "):
                    instance = view_grant(body).instance
                    watched = watched_object(api, ACCESS_GRANTS, body, instance)
                    message = await wait_until(api, watched, has_ended, options.timeout)
                    options.echo(f"{sanitize(name)}: {message}")
                    # Retention may delete a grant as soon as it has ended.
                    with suppress(NotFound):
                        path = ACCESS_GRANTS.path(api.namespace, name)
                        bodies[name] = await api.cluster.get(path)
        options.echo("", *bodies.values())
        if options.timeout is None and not options.is_dry_run:
            print_warnings(await unconfirmed_revocations(api, bodies.values()))
        raise_collected(problems)

    run_change("revoke", revoke_all, options, context, namespace)


async def _select(api: Session, selector: str) -> list[str]:
    """Return the names of the selected grants that have not ended."""
    collection = Collection(ACCESS_GRANTS, api.namespace, labels=selector)
    grants = [view_grant(body) async for body in list_all(api.cluster, collection)]
    names = [one.name for one in grants if can_be_revoked(one)]
    if not names:
        click.echo(
            f"The selector matches no active grants in namespace"
            f" {quote(api.namespace)}.",
            err=True,
        )
    return names


async def _revoke(api: Session, name: str, reason: str, options: OutputOptions) -> Body:
    """Revoke one grant and return it.

    Raises:
        CommandError: The grant does not exist, or the API server rejects the change.
    """
    body = await grant_body(api, name)
    grant, effect = view_grant(body), ""
    if is_over(grant):
        result = "unchanged: the grant has already ended"
    elif grant.is_revoked:
        result = "unchanged: the grant is already revoked"
    else:
        patch = build_revocation_patch(grant.uid, reason)
        body = await _patch(api, name, patch)
        result = f"revoked{options.dry_run_suffix}"
        effect = describe_effect(grant)
    options.echo(f"{object_name(body)} {result} {api.where}")
    options.echo(effect)
    return body


def describe_effect(grant: AccessGrantView) -> str:
    """Return who loses which role, or will not get it."""
    subject = sanitize(grant.subject)
    if grant.subject_kind == SubjectKind.GROUP:
        subject = f"the members of group {subject}"
    role = sanitize(grant.role)
    ready = grant.conditions.get(GrantCondition.READY)
    if ready is not None and ready.status is not True and not grant.has_been_bound:
        return f"Ends the request of {role} for {subject}."
    return f"Removes {role} from {subject}."


async def _patch(api: Session, name: str, patch: dict[str, Any]) -> Body:
    """Revoke a grant; an approver without that permission can deny it instead.

    Raises:
        CommandError: The API server rejects the change.
    """
    try:
        return await patch_grant(api, name, patch)
    except CommandError as error:
        if isinstance(error.__cause__, Forbidden) and await _may_decide(api):
            raise CommandError(
                f"{error} If you may approve this grant, you can also end it with:"
                f" argogrant deny {sanitize(name)}."
            ) from error
        raise


async def _may_decide(api: Session) -> bool:
    """Return whether the user may create AccessApprovals."""
    permission = Permission(
        verb="create",
        resource=ACCESS_APPROVALS,
        namespace=api.namespace,
        role=ShippedRole("the Role argogrant-approver", "examples/roles.yaml"),
    )
    with suppress(ClusterError):
        return not await missing_permissions(api.cluster, [permission])
    return False
