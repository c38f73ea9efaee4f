"""The command ``argogrant list``: tables for people, the objects for programs."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

import click

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.absence import describe_unserved
from argogrant.cli.caller import read_caller
from argogrant.cli.errors import INTERRUPTED, interrupted, run_command
from argogrant.cli.formats import READABLE, ListFormat
from argogrant.cli.inspect.filters import GrantFilter
from argogrant.cli.serialization import (
    serialize_data,
    serialize_objects,
    without_managed_fields,
)
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.grant_state import (
    GrantState,
    grant_state,
    in_order,
    is_over,
)
from argogrant.cli.terminal.tables import NONE, columns, has_colours, sanitize, table
from argogrant.cli.terminal.times import relative, when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import Informer, list_all, stop
from argogrant.kube.resources import ACCESS_GRANTS, Collection

HEADER: Final = ("NAME", "SUBJECT", "ROLE", "STATE", "ENDS")
WIDE_HEADER: Final = (
    *HEADER,
    *("KIND", "REQUESTER", "APPROVED BY", "POLICY", "INSTANCE", "REASON"),
)
WHY: Final = "WHY"
LEAST_WHY: Final = 24
"""Width from which an explanation is of use."""
DELETED: Final = "Deleted"
NOT_PROCESSED: Final = "the operator has not processed it yet"
STATE_COLOURS: Final[Mapping[str, str]] = {
    GrantState.ACTIVE: "green",
    GrantState.PENDING: "yellow",
    GrantState.BLOCKED: "red",
    GrantState.REFUSED: "red",
    GrantState.OVERDUE: "red",
}


class ListedGrant(NamedTuple):
    """An AccessGrant and its view; if deleted, as it was before."""

    body: Body
    view: AccessGrantView
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Time, terminal and columns of a table."""

    now: datetime
    width: int = 0
    """Columns of the terminal; 0 for no limit."""
    has_colours: bool = False
    has_namespaces: bool = False
    has_header: bool = True
    zone: tzinfo | None = None
    """Time zone; that of the machine if None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Options of the command."""

    filter: GrantFilter
    selector: str
    all_namespaces: bool
    output: ListFormat
    is_mine: bool = False
    is_for_me: bool = False
    has_header: bool = True

    def collection(self, home: Session) -> Collection:
        """Return the collection to list."""
        namespace = "" if self.all_namespaces else home.namespace
        return Collection(ACCESS_GRANTS, namespace, labels=self.selector)

    def table(self) -> TableOptions:
        """Return the options of a table that is printed now."""
        return TableOptions(
            utc_now(),
            columns(),
            has_colours=has_colours(),
            has_namespaces=self.all_namespaces,
            has_header=self.has_header,
        )


def list_grants(  # noqa: PLR0913 - one for each option
    *,
    namespace: str,
    all_namespaces: bool,
    selector: str,
    subject: str,
    role: str,
    mine: bool,
    pending: bool,
    for_me: bool,
    include_ended: bool,
    watch: bool,
    no_headers: bool,
    context: str,
    output: ListFormat,
) -> None:
    """Print a list of grants, and its changes if requested."""
    options = ListOptions(
        filter=GrantFilter(
            subject, role, include_ended=include_ended, is_pending=pending
        ),
        selector=selector,
        all_namespaces=all_namespaces,
        output=output,
        is_mine=mine,
        is_for_me=for_me,
        has_header=not no_headers,
    )
    try:
        work = _watch if watch else _list
        run_command("list", work(options, context, namespace))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise click.exceptions.Exit(INTERRUPTED) from None


async def _list(options: ListOptions, context: str, namespace: str) -> None:
    async with session(context, namespace) as home:
        collection = options.collection(home)
        bodies = [one async for one in list_all(home.cluster, collection)]
        async with _complete(home, options, watches=False) as grant_filter:
            grants = select_grants(bodies, grant_filter)
        if not grants and options.output not in (ListFormat.JSON, ListFormat.YAML):
            await _print_none(home, bodies, collection.namespace)
            return
    click.echo(format_grants(grants, options.output, options.table()))


@asynccontextmanager
async def _complete(
    home: Session, options: ListOptions, *, watches: bool
) -> AsyncIterator[GrantFilter]:
    """Yield the filter with what depends on the user."""
    chosen, namespace = options.filter, options.collection(home).namespace
    if options.is_mine:
        chosen = replace(chosen, owner=await read_caller(home, namespace))
    if not options.is_for_me:
        yield chosen
        return
    # Most lists need neither the rules nor what parses them.
    from argogrant.cli.access_rules import awaits_caller  # noqa: PLC0415

    async with awaits_caller(home, namespace, watches=watches) as accepts:
        yield replace(chosen, accepts=accepts)


async def _print_none(home: Session, bodies: Sequence[Body], namespace: str) -> None:
    """Print that there are no grants, as kubectl does, and the probable reason."""
    where = f" in namespace {quote(namespace)}" if namespace else ""
    hint = ""
    if bodies:
        hint = (
            "Grants that have ended (--all) or do not match the options are not shown."
        )
    elif namespace:
        hint = await describe_unserved(home.cluster, home.origin)
    click.echo(f"No grants{where}. {hint}".rstrip(), err=True)


async def _watch(options: ListOptions, context: str, namespace: str) -> None:
    """Print the list, then a line for each change, until Ctrl-C."""
    with interrupted():
        async with (
            session(context, namespace) as home,
            _complete(home, options, watches=True) as grant_filter,
        ):
            printed = PrintedGrants(grant_filter)
            collection = options.collection(home)
            async with watch_grants(home.cluster, collection) as (bodies, changes):
                grants: Sequence[ListedGrant] = printed.start(bodies)
                if grants:
                    click.echo(format_header(grants, options.output, options.table()))
                else:
                    await _print_none(home, bodies, collection.namespace)
                async for change in changes:
                    before = printed.grants
                    if not printed.record(change):
                        continue
                    table = options.table()
                    # The header of an empty list follows with the first grant.
                    text = (
                        format_change(before, change, options.output, table)
                        if grants
                        else format_header([change], options.output, table)
                    )
                    grants = grants or [change]
                    click.echo(text)


class PrintedGrants:
    """The printed grants that still pass the filter.

    A printed grant is printed once more when it ends or is deleted, because a watching
    user waits for that; after that it is forgotten.
    """

    def __init__(self, grant_filter: GrantFilter) -> None:
        self._filter = grant_filter
        self._grants: dict[str, AccessGrantView] = {}

    @property
    def grants(self) -> Sequence[AccessGrantView]:
        """Printed grants that have neither ended nor been deleted."""
        return list(self._grants.values())

    def start(self, bodies: Sequence[Body]) -> list[ListedGrant]:
        """Select the grants of the first list."""
        selected = select_grants(bodies, self._filter)
        self._grants = {one.view.uid: one.view for one in selected}
        return selected

    def record(self, changed: ListedGrant) -> bool:
        """Record a change, and return whether to print it."""
        uid = changed.view.uid
        was_printed = self._grants.pop(uid, None) is not None
        matches = not changed.is_deleted and self._filter.matches(
            changed.view, changed.body
        )
        if matches:
            self._grants[uid] = changed.view
        return matches or was_printed


@asynccontextmanager
async def watch_grants(
    cluster: Cluster, collection: Collection
) -> AsyncIterator[tuple[list[Body], AsyncIterator[ListedGrant]]]:
    """Yield the objects that exist, and an iterator over every later change.

    If the watch breaks, it is opened again after a message on stderr.

    Raises:
        ClusterError: The first list failed, or a later one is forbidden.
    """
    queue: asyncio.Queue[ListedGrant | None] = asyncio.Queue()

    def enqueue(before: Body | None, after: Body | None) -> None:
        body = after or before
        queue.put_nowait(_listed(body, is_deleted=after is None) if body else None)

    async def changes() -> AsyncIterator[ListedGrant]:
        while True:
            change = await queue.get()
            if change is not None:
                yield change
            elif isinstance(informer.error, Forbidden):
                raise informer.error
            elif informer.error is not None:
                click.echo(f"{sanitize(str(informer.error))}; retrying", err=True)

    informer: Informer[Body] = Informer(
        cluster, collection, read=lambda body: body, on_change=enqueue
    )
    task = asyncio.create_task(informer.run())
    try:
        await informer.attempted.wait()
        if informer.error is not None:
            raise informer.error
        bodies = list(informer.objects.values())
        # The first list also calls on_change, once for each object.
        while not queue.empty():
            queue.get_nowait()
        yield bodies, changes()
    finally:
        await stop(task)


def select_grants(
    bodies: Sequence[Body], grant_filter: GrantFilter
) -> list[ListedGrant]:
    """Return the grants that pass a filter, sorted by their end."""
    selected = [
        one for one in map(_listed, bodies) if grant_filter.matches(one.view, one.body)
    ]
    return sorted(selected, key=lambda one: in_order(one.view))


def _listed(body: Body, *, is_deleted: bool = False) -> ListedGrant:
    """Add the view, and the kind, which an API server omits from items of a list."""
    kind = {"apiVersion": "argogrant.dev/v1alpha1", "kind": "AccessGrant"}
    return ListedGrant({**kind, **body}, view_grant(body), is_deleted)


def format_grants(
    grants: Sequence[ListedGrant], output: ListFormat, options: TableOptions
) -> str:
    """Format a list; JSON and YAML are the List that kubectl prints."""
    if output in READABLE:
        return _table(grants, options, is_wide=output is ListFormat.WIDE)
    if output is ListFormat.NAME:
        return serialize_objects(output, *(one.body for one in grants))
    body = {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": [without_managed_fields(one.body) for one in grants],
    }
    return serialize_data(body, output)


def format_header(
    grants: Sequence[ListedGrant], output: ListFormat, options: TableOptions
) -> str:
    """Format the list that precedes ``format_change``.

    Programs get a stream of objects, since a JSON or YAML list could not be continued.
    """
    if output in READABLE:
        return format_grants(grants, output, options)
    return serialize_objects(output, *(one.body for one in grants))


def format_change(
    listed: Sequence[AccessGrantView],
    changed: ListedGrant,
    output: ListFormat,
    options: TableOptions,
) -> str:
    """Format one changed grant as a line below a list.

    The grants that were printed before determine the widths of the columns.
    """
    if output not in READABLE:
        separator = "---\n" if output is ListFormat.YAML else ""
        return separator + serialize_objects(output, changed.body)
    rows = [*(ListedGrant({}, grant) for grant in listed), changed]
    return format_grants(rows, output, options).splitlines()[-1]


def _table(
    grants: Sequence[ListedGrant], options: TableOptions, *, is_wide: bool
) -> str:
    namespace = ("NAMESPACE",) if options.has_namespaces else ()
    header = (*namespace, *(WIDE_HEADER if is_wide else HEADER))
    rows = [_row(one, options, is_wide=is_wide) for one in grants]
    reasons = [_why(one, options.now) for one in grants]
    if any(reasons):
        header = (*header, WHY)
        rows = [(*row, why or NONE) for row, why in zip(rows, reasons, strict=True)]
    return table(
        header,
        rows,
        width=0 if is_wide else options.width,
        paint=_paint if options.has_colours else None,
        whole=("NAMESPACE", "NAME", "STATE", "ENDS"),
        optional={WHY: LEAST_WHY} if any(reasons) else {},
        has_header=options.has_header,
    )


def _why(listed: ListedGrant, now: datetime) -> str:
    """Return why a grant gives no access, or less than it seems; else an empty text."""
    grant = listed.view
    state = grant_state(grant, now)
    if listed.is_deleted or state is GrantState.ENDING:
        return ""
    if state is GrantState.ACTIVE:
        effective = grant.conditions.get(GrantCondition.EFFECTIVE)
        is_warning = effective is not None and effective.status is False
        return sanitize(effective.message) if effective and is_warning else ""
    kind = GrantCondition.ENDED if is_over(grant) else GrantCondition.READY
    condition = grant.conditions.get(kind)
    if condition is None:
        return NOT_PROCESSED
    return sanitize(condition.message or condition.reason)


def _paint(header: str, cell: str) -> str | None:
    return STATE_COLOURS.get(cell) if header == "STATE" else None


def _row(
    listed: ListedGrant, options: TableOptions, *, is_wide: bool
) -> tuple[str, ...]:
    grant = listed.view
    row = (
        *((sanitize(grant.namespace),) if options.has_namespaces else ()),
        sanitize(grant.name),
        sanitize(grant.subject),
        sanitize(grant.role),
        DELETED if listed.is_deleted else str(grant_state(grant, options.now)),
        _end(grant, options, is_absolute=is_wide),
    )
    if not is_wide:
        return row
    approvers = [
        sanitize(one.approver)
        for one in grant.approvals
        if one.decision == ApprovalDecision.APPROVE
    ]
    ready = grant.conditions.get(GrantCondition.READY)
    return (
        *row,
        sanitize(grant.subject_kind),
        sanitize(grant.requester),
        ", ".join(approvers) or NONE,
        sanitize(grant.policy or ""),
        sanitize(grant.instance),
        sanitize(ready.reason if ready else ""),
    )


def _end(grant: AccessGrantView, options: TableOptions, *, is_absolute: bool) -> str:
    """Format the end of a grant, or its duration if the end is not known yet."""
    end = grant.ended_at or grant.expires_at
    if end is None:
        return f"{sanitize(grant.duration)} long" if grant.duration else NONE
    if is_absolute:
        return when(end, options.now, options.zone)
    return relative(end, options.now)
