"""Output of grants: tables for people, the objects for programs. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

import yaml

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.options import (
    READABLE,
    ListFormat,
    object_name,
    serialize_objects,
    without_managed_fields,
)
from argogrant.cli.terminal.grant_state import (
    GrantState,
    grant_state,
    in_order,
    is_over,
)
from argogrant.cli.terminal.tables import NONE, sanitize, table
from argogrant.cli.terminal.times import relative, when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import GrantCondition

Body = dict[str, Any]
HEADER: Final = ("NAME", "SUBJECT", "ROLE", "STATE", "ENDS")
WIDE_HEADER: Final = (
    *HEADER,
    *("KIND", "REQUESTER", "APPROVED BY", "POLICY", "INSTANCE", "REASON"),
)
DELETED: Final = "Deleted"
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
class GrantFilter:
    """Filters of a list; an empty one matches every grant."""

    subject: str = ""
    role: str = ""
    include_ended: bool = False

    def matches(self, grant: AccessGrantView) -> bool:
        """Return whether a grant passes all filters.

        A role matches in Argo CD's form (``proj:team-a:deployer``) and in that of a
        grant, without its project (``deployer``).
        """
        return (
            self.subject in ("", grant.subject)
            and self.role in ("", grant.role, grant.role.rpartition(":")[2])
            and (self.include_ended or not is_over(grant))
        )


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Time, terminal and columns of a table."""

    now: datetime
    width: int = 0
    """Columns of the terminal; 0 for no limit."""
    has_colours: bool = False
    has_namespaces: bool = False
    zone: tzinfo | None = None
    """Time zone; that of the machine if None."""


def select_grants(
    bodies: Sequence[Body], grant_filter: GrantFilter
) -> list[ListedGrant]:
    """Return the grants that pass a filter, sorted by their end."""
    grants = [ListedGrant(body, view_grant(body)) for body in bodies]
    selected = [one for one in grants if grant_filter.matches(one.view)]
    return sorted(selected, key=lambda one: in_order(one.view))


def format_grants(
    grants: Sequence[ListedGrant], output: ListFormat, options: TableOptions
) -> str:
    """Format a list."""
    match output:
        case ListFormat.JSON:
            return json.dumps(_as_list(grants), indent=2)
        case ListFormat.YAML:
            return yaml.safe_dump(_as_list(grants), sort_keys=False).rstrip("\n")
        case ListFormat.NAME:
            return "\n".join(object_name(_with_kind(one.body)) for one in grants)
        case _:
            return _table(grants, options, is_wide=output is ListFormat.WIDE)


def format_header(
    grants: Sequence[ListedGrant], output: ListFormat, options: TableOptions
) -> str:
    """Format the list that precedes ``format_change``.

    Programs get a stream of objects, since a JSON or YAML list could not be continued.
    """
    if output in READABLE:
        return format_grants(grants, output, options)
    return serialize_objects(output, *(_with_kind(one.body) for one in grants))


def format_change(
    listed: Sequence[AccessGrantView],
    changed: ListedGrant,
    output: ListFormat,
    options: TableOptions,
) -> str:
    """Format one changed grant as a line below a list.

    Args:
        listed: Grants that were printed before; they determine the column widths.
        changed: The changed grant.
        output: Format of the list.
        options: Options of a table.
    """
    if output not in READABLE:
        separator = "---\n" if output is ListFormat.YAML else ""
        return separator + serialize_objects(output, _with_kind(changed.body))
    rows = [*(ListedGrant({}, grant) for grant in listed), changed]
    table_text = _table(rows, options, is_wide=output is ListFormat.WIDE)
    return table_text.splitlines()[-1]


def _as_list(grants: Sequence[ListedGrant]) -> Body:
    """Build the List that ``kubectl get -o json`` prints.

    Source: kubernetes/cli-runtime, ``pkg/printers/json.go``, omits managedFields.
    """
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": [without_managed_fields(_with_kind(one.body)) for one in grants],
    }


def _with_kind(body: Body) -> Body:
    """Add the kind, which an API server omits from the items of a list."""
    return {"apiVersion": "argogrant.dev/v1alpha1", "kind": "AccessGrant", **body}


def _table(
    grants: Sequence[ListedGrant], options: TableOptions, *, is_wide: bool
) -> str:
    namespace = ("NAMESPACE",) if options.has_namespaces else ()
    return table(
        (*namespace, *(WIDE_HEADER if is_wide else HEADER)),
        [_row(one, options, is_wide=is_wide) for one in grants],
        width=0 if is_wide else options.width,
        paint=_paint if options.has_colours else None,
        whole=("STATE", "ENDS"),
    )


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
    return (*row, *_wide_cells(grant)) if is_wide else row


def _wide_cells(grant: AccessGrantView) -> tuple[str, ...]:
    approvers = [
        one.approver
        for one in grant.approvals
        if one.decision == ApprovalDecision.APPROVE
    ]
    ready = grant.conditions.get(GrantCondition.READY)
    return (
        sanitize(grant.subject_kind),
        sanitize(grant.requester),
        ", ".join(map(sanitize, approvers)) or NONE,
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


def _paint(header: str, cell: str) -> str | None:
    return STATE_COLOURS.get(cell) if header == "STATE" else None
