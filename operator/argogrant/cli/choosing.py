"""Choice of a grant by a user who names none, on a terminal."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import click

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.grant_state import grant_state, in_order, is_over
from argogrant.cli.terminal.questions import can_ask, choose
from argogrant.cli.terminal.tables import NONE, columns, sanitize, table
from argogrant.cli.terminal.times import relative
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection

MOST: Final = 50
"""Number of grants that a user can choose from."""
_HEADER: Final = ("NAME", "SUBJECT", "ROLE", "STATE", "ENDS")
_NUMBER: Final = 4
"""Width of the number before a grant."""
Fits = Callable[[AccessGrantView], bool]
Preferred = Callable[[Session, Sequence[Body]], Awaitable[frozenset[str]]]
"""Returns the uids of the grants to offer, if there are any."""


def require_names(names: Sequence[str]) -> None:
    """Check that a grant is named, or that the user can choose one.

    Raises:
        click.MissingParameter: Neither is the case.
    """
    if not names and not can_ask():
        raise click.MissingParameter(
            ctx=click.get_current_context(silent=True),
            param_hint="'NAME'",
            param_type="argument",
        )


async def chosen_names(
    api: Session,
    names: Iterable[str],
    verb: str,
    fits: Fits,
    preferred: Preferred | None = None,
) -> list[str]:
    """Return each name once, or else the name of the grant that the user chooses.

    Args:
        api: Where the grants are.
        names: Names in the command line.
        verb: Verb of the question, such as ``revoke``.
        fits: Returns whether the command is of use for a grant.
        preferred: Returns the grants to offer instead of all that fit.

    Raises:
        CommandError: No grant fits, or too many do.
    """
    named = list(dict.fromkeys(names))
    if named:
        return named
    bodies = [
        one
        async for one in list_all(api.cluster, Collection(ACCESS_GRANTS, api.namespace))
    ]
    grants = sorted(filter(fits, map(view_grant, bodies)), key=in_order)
    if preferred is not None:
        uids = await _preferred(api, bodies, preferred)
        grants = [one for one in grants if one.uid in uids] or grants
    where = f"in namespace {quote(api.namespace)}"
    if not grants:
        raise CommandError(
            f"there is no grant to {verb} {where}. To list grants of every namespace,"
            " run: argogrant list -A."
        )
    if len(grants) > MOST:
        raise CommandError(
            f"there are {len(grants)} grants to {verb} {where}. Name one: argogrant"
            f" {verb} NAME."
        )
    header, *rows = _rows(grants, utc_now())
    number = choose(f"Number of the grant to {verb}", rows, header=header)
    return [grants[number].name]


async def _preferred(
    api: Session, bodies: Sequence[Body], preferred: Preferred
) -> frozenset[str]:
    """Return what to offer; nothing if the user may not read what decides it."""
    try:
        return await preferred(api, bodies)
    except (CommandError, ClusterError):
        return frozenset()


def _rows(grants: Iterable[AccessGrantView], now: datetime) -> list[str]:
    rows = [
        (
            sanitize(grant.name),
            sanitize(grant.subject),
            sanitize(grant.role),
            str(grant_state(grant, now)),
            _end(grant, now),
        )
        for grant in grants
    ]
    width = columns()
    shown = table(
        _HEADER,
        rows,
        width=max(width - _NUMBER, 1) if width else 0,
        whole=("NAME", "STATE"),
    )
    return shown.splitlines()


def _end(grant: AccessGrantView, now: datetime) -> str:
    end = grant.ended_at or grant.expires_at
    if end is not None:
        return relative(end, now)
    return f"{sanitize(grant.duration)} long" if grant.duration else NONE


def can_be_revoked(grant: AccessGrantView) -> bool:
    """Return whether a revocation would change a grant."""
    return not (grant.is_revoked or is_over(grant))


def can_be_extended(grant: AccessGrantView) -> bool:
    """Return whether a grant has an end that can be moved."""
    return (
        can_be_revoked(grant) and grant.expires_at is not None and not grant.extended_by
    )
