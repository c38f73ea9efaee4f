"""``argogrant revoke``: ends grants early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.new_objects import build_revocation_patch
from argogrant.cli.change.submit import (
    OutputOptions,
    parse_output_options,
    patch_grant,
    run_change,
)
from argogrant.cli.change.verdict import unconfirmed_revocations
from argogrant.cli.change.wait import has_ended, wait_until, watched_object
from argogrant.cli.errors import CommandError, describe_api_error
from argogrant.cli.formats import DryRun, ListFormat
from argogrant.cli.serialization import object_name
from argogrant.cli.session import Session, grant_body
from argogrant.cli.terminal.grant_state import is_over
from argogrant.cli.terminal.tables import print_warnings, sanitize
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection


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
    if bool(names) == bool(selector):
        message = "specify either names or a selector"
        raise click.BadParameter(message, param_hint="--selector")
    options = parse_output_options(output, wait=wait, timeout=timeout, dry_run=dry_run)

    async def revoke_all(api: Session) -> None:
        bodies: dict[str, Body] = {}
        problems: list[str] = []
        for name in dict.fromkeys(names or await _select(api, selector)):
            with _collect_errors(problems):
                bodies[name] = await _revoke(api, name, reason, options)
        if options.timeout is not None:
            for name, body in bodies.items():
                with _collect_errors(problems, f"{name}: "):
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
        if problems:
            raise CommandError("\n".join(problems))

    run_change("revoke", revoke_all, options, context, namespace)


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
    """Return the names of the selected grants that have not ended."""
    collection = Collection(ACCESS_GRANTS, api.namespace, labels=selector)
    grants = [view_grant(body) async for body in list_all(api.cluster, collection)]
    names = [one.name for one in grants if not (one.is_revoked or is_over(one))]
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
    grant = view_grant(body)
    if is_over(grant):
        result = "unchanged: the grant has already ended"
    elif grant.is_revoked:
        result = "unchanged: the grant is already revoked"
    else:
        patch = build_revocation_patch(grant.uid, reason)
        body = await patch_grant(api, name, patch)
        result = f"revoked{options.dry_run_suffix}"
    options.echo(f"{object_name(body)} {result}")
    return body
