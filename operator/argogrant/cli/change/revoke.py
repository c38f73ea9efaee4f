"""``argogrant revoke``: ends grants early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.new_objects import build_revocation_patch
from argogrant.cli.change.arguments import InvalidOption
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    usage_errors,
)
from argogrant.cli.change.wait import has_ended, wait_for
from argogrant.cli.errors import (
    CommandError,
    describe_api_error,
    run_command,
    summarize_api_error,
)
from argogrant.cli.grant_lookup import grant_body
from argogrant.cli.options import (
    Answer,
    Context,
    DryRun,
    DryRunOption,
    GrantNames,
    ListFormat,
    Namespace,
    Selector,
    Timeout,
    Wait,
)
from argogrant.cli.session import Session, session
from argogrant.cli.terminal.grant_state import is_over
from argogrant.cli.terminal.serialize import object_name, serialize_objects
from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeArguments:
    """Parsed command line of ``revoke``."""

    names: Sequence[str]
    selector: str
    """Instead of names; selects grants that have not ended."""
    reason: str
    output: OutputOptions


def revoke(  # noqa: PLR0913
    names: GrantNames = None,
    *,
    selector: Selector = "",
    reason: Annotated[
        str, typer.Option(help="Justification, stored in the grant.")
    ] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
    dry_run: DryRunOption = DryRun.NONE,
    output: Answer = ListFormat.TABLE,
    namespace: Namespace = "",
    context: Context = "",
) -> None:
    """Revoke grants at once and permanently; the objects remain as a record.

    With --wait, the exit status is 0 once Argo CD has none of the bindings any more. If
    one grant cannot be revoked, the command revokes the others and exits with 1.

    Example: argogrant revoke alice-hotfix --reason 'the ticket is closed' --wait
    """
    with usage_errors():
        if bool(names) == bool(selector):
            raise InvalidOption("--selector", "specify either names or a selector")
        arguments = RevokeArguments(
            names=list(dict.fromkeys(names or ())),
            selector=selector,
            reason=reason,
            output=parse_output_options(
                output, wait=wait, timeout=timeout, dry_run=dry_run
            ),
        )
    run_command("revoke", _revoke_all(arguments, context, namespace))


async def _revoke_all(arguments: RevokeArguments, context: str, namespace: str) -> None:
    """Revoke all grants, then wait for each.

    Raises:
        CommandError: One or more grants could not be revoked.
    """
    options = arguments.output
    bodies: dict[str, Body] = {}
    problems: list[str] = []
    async with session(context, namespace, dry_run=options.is_dry_run) as api:
        for name in arguments.names or await _select(api, arguments.selector):
            with _collect_errors(problems):
                bodies[name] = await _revoke(api, name, arguments)
        if options.timeout is not None:
            for name, body in bodies.items():
                with _collect_errors(problems, f"{name}: "):
                    bodies[name] = await _wait(api, body, options.timeout, options)
    if bodies and not options.is_for_people:
        typer.echo(serialize_objects(list(bodies.values()), options.output))
    if problems:
        raise CommandError("\n".join(problems))


@contextmanager
def _collect_errors(problems: list[str], prefix: str = "") -> Iterator[None]:
    """Collect an error, and let the command continue with the next grant."""
    try:
        yield
    except CommandError as error:
        problems.append(f"{prefix}{error}")
    except ClusterError as error:
        problems.append(f"{prefix}{describe_api_error(error)}")


async def _select(api: Session, selector: str) -> list[str]:
    """Return the names of the selected grants that have not ended.

    Raises:
        ClusterError: The request failed.
    """
    collection = Collection(ACCESS_GRANTS, api.namespace, labels=selector)
    grants = [view_grant(body) async for body in list_all(api.cluster, collection)]
    names = [one.name for one in grants if not (one.is_revoked or is_over(one))]
    if not names:
        typer.echo(
            f"The selector matches no active grants in namespace"
            f" {quote(api.namespace)}.",
            err=True,
        )
    return names


async def _revoke(api: Session, name: str, arguments: RevokeArguments) -> Body:
    """Revoke one grant and return it.

    Raises:
        CommandError: The grant does not exist, or the API server rejects the change.
        ClusterError: The request failed.
    """
    body = await grant_body(api, name)
    grant = view_grant(body)
    if grant.is_revoked or is_over(grant):
        state = "has already ended" if is_over(grant) else "is already revoked"
        _print(body, f"unchanged: the grant {state}", arguments.output)
        return body
    path = ACCESS_GRANTS.path(api.namespace, name)
    patch = build_revocation_patch(grant.uid, arguments.reason)
    try:
        body = await api.cluster.merge_patch(path, patch)
    except (Invalid, Forbidden, Conflict) as error:
        raise CommandError(summarize_api_error(error)) from error
    _print(body, f"revoked{arguments.output.dry_run_suffix}", arguments.output)
    return body


def _print(body: Body, result: str, options: OutputOptions) -> None:
    if options.is_for_people:
        typer.echo(f"{object_name(body)} {result}")


async def _wait(
    api: Session, body: Body, limit: timedelta, options: OutputOptions
) -> Body:
    """Wait until Argo CD has no binding of a grant any more, and return the grant.

    Raises:
        CommandError: The timeout expired.
        ClusterError: A request failed.
    """
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    collection = Collection(ACCESS_GRANTS, api.namespace, name)
    status = await wait_for(api.cluster, collection, uid, has_ended, limit)
    if options.is_for_people:
        typer.echo(f"{sanitize(name)}: {with_full_stop(sanitize(status.text))}")
    try:
        return await api.cluster.get(ACCESS_GRANTS.path(api.namespace, name))
    except NotFound:
        # Retention may delete a grant as soon as it has ended.
        return body
