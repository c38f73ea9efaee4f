"""How grants are written: tables for people, the objects for programs. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

import yaml

from argogrant.api.accessgrant_view import AccessGrantView, view_grant
from argogrant.cli.options import ListFormat
from argogrant.cli.terminal.grant_state import (
    GrantState,
    grant_state,
    in_order,
    is_over,
)
from argogrant.cli.terminal.serialize import (
    READABLE,
    serialize_object,
    serialize_objects,
    without_managed_fields,
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
GONE: Final = "Deleted"
STATE_COLOURS: Final[Mapping[str, str]] = {
    GrantState.ACTIVE: "green",
    GrantState.PENDING: "yellow",
    GrantState.BLOCKED: "red",
    GrantState.REFUSED: "red",
    GrantState.OVERDUE: "red",
}


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Which grants are meant; what is empty leaves all of them."""

    subject: str = ""
    role: str = ""
    and_ended: bool = False

    def includes(self, grant: AccessGrantView) -> bool:
        """Tell whether a grant is meant.

        A role is named as Argo CD says it, or as a grant does, without its project.
        """
        return (
            self.subject in ("", grant.subject)
            and self.role in ("", grant.role, grant.role.rpartition(":")[2])
            and (self.and_ended or not is_over(grant))
        )


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a table is written for."""

    now: datetime
    width: int = 0
    """Columns of the terminal; 0 for any."""
    has_colours: bool = False
    names_namespaces: bool = False
    zone: tzinfo | None = None
    """Of the times; the machine's if none is given."""


class TableRow(NamedTuple):
    """A line below a list: an object, what it says, and whether it was deleted."""

    body: Body
    grant: AccessGrantView
    is_gone: bool


def chosen(
    bodies: Sequence[Body], wanted: GrantFilter
) -> list[tuple[Body, AccessGrantView]]:
    """Choose those that are meant, by their end."""
    told = [(body, view_grant(body)) for body in bodies]
    meant = [pair for pair in told if wanted.includes(pair[1])]
    return sorted(meant, key=lambda pair: in_order(pair[1]))


def format_grants(
    grants: Sequence[tuple[Body, AccessGrantView]],
    output: ListFormat,
    page: TableOptions,
) -> str:
    """Write the list.

    Args:
        grants: Objects, and what they say.
        output: For whom.
        page: Only a table keeps to it.
    """
    match output:
        case ListFormat.JSON:
            return json.dumps(as_list([body for body, _ in grants]), indent=2)
        case ListFormat.YAML:
            bodies = as_list([body for body, _ in grants])
            return yaml.safe_dump(bodies, sort_keys=False).rstrip("\n")
        case ListFormat.NAME:
            return "\n".join(
                f"accessgrant.argogrant.dev/{sanitize(told.name)}" for _, told in grants
            )
        case _:
            is_wide = output is ListFormat.WIDE
            rows = [_row(told, page, is_wide=is_wide) for _, told in grants]
            return _table(rows, page, is_wide=is_wide)


def format_header(
    grants: Sequence[tuple[Body, AccessGrantView]],
    output: ListFormat,
    page: TableOptions,
) -> str:
    """Write the list before ``continued``: for programs, one object after the other."""
    if output in READABLE:
        return format_grants(grants, output, page)
    return serialize_objects([_whole(body) for body, _ in grants], output)


def format_change(
    before: Sequence[AccessGrantView],
    line: TableRow,
    output: ListFormat,
    page: TableOptions,
) -> str:
    """Write what has changed since the list.

    Args:
        before: What the list has shown, in whose columns it is written.
        line: What has changed.
        output: For whom.
        page: Only a table keeps to it.
    """
    if output not in READABLE:
        gap = "---\n" if output is ListFormat.YAML else ""
        return gap + serialize_object(_whole(line.body), output)
    is_wide = output is ListFormat.WIDE
    rows = [_row(grant, page, is_wide=is_wide) for grant in before]
    state = GONE if line.is_gone else ""
    rows.append(_row(line.grant, page, is_wide=is_wide, state=state))
    return _table(rows, page, is_wide=is_wide).splitlines()[-1]


def as_list(bodies: Sequence[Body]) -> Body:
    """Write objects as ``kubectl get -o json`` does, which leaves out whose they are.

    Source: kubernetes/cli-runtime, ``pkg/printers/json.go``, omits managedFields.
    """
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": [without_managed_fields(_whole(body)) for body in bodies],
    }


def _whole(body: Body) -> Body:
    """Name the kind, which the items of a list leave out."""
    return {"apiVersion": "argogrant.dev/v1alpha1", "kind": "AccessGrant", **body}


def _table(rows: Sequence[Sequence[str]], page: TableOptions, *, is_wide: bool) -> str:
    place = ("NAMESPACE",) if page.names_namespaces else ()
    return table(
        (*place, *(WIDE_HEADER if is_wide else HEADER)),
        rows,
        width=0 if is_wide else page.width,
        paint=_paint if page.has_colours else None,
        whole=("STATE", "ENDS"),
    )


def _row(
    grant: AccessGrantView, page: TableOptions, *, is_wide: bool, state: str = ""
) -> tuple[str, ...]:
    place = (sanitize(grant.namespace),) if page.names_namespaces else ()
    row = (
        *place,
        sanitize(grant.name),
        sanitize(grant.subject),
        sanitize(grant.role),
        state or str(grant_state(grant, page.now)),
        ends(grant, page, in_full=is_wide),
    )
    return (*row, *_more(grant)) if is_wide else row


def _more(grant: AccessGrantView) -> tuple[str, ...]:
    approvers = [
        one.approver
        for one in grant.stored.approvals
        if one.decision == ApprovalDecision.APPROVE
    ]
    ready = grant.stored.conditions.get(GrantCondition.READY)
    return (
        sanitize(grant.subject_kind),
        sanitize(grant.requester),
        ", ".join(map(sanitize, approvers)) or NONE,
        sanitize(grant.stored.policy or ""),
        sanitize(grant.instance),
        sanitize(ready.reason if ready else ""),
    )


def ends(grant: AccessGrantView, page: TableOptions, *, in_full: bool = False) -> str:
    """Say when it ends, or how long it will last where that is all that is known."""
    end = grant.ended_at or grant.expires_at
    if end is None:
        return f"{sanitize(grant.duration)} long" if grant.duration else NONE
    return when(end, page.now, page.zone) if in_full else relative(end, page.now)


def _paint(header: str, cell: str) -> str | None:
    return STATE_COLOURS.get(cell) if header == "STATE" else None
