"""Members of AppProjects that the statuses of grants record.

A program that writes back a whole AppProject can drop the annotations that record which
members argogrant added. While the operator runs, it remembers them. After a restart,
only the grants tell:

    status of the grant   member is in the role, and not in the annotations
    -------------------   -------------------------------------------------
    added                 recorded again; removed if no grant wants it
    added, removed        it has returned: removed once more, and reported
    nothing               a member that other people added; it stays

Only the operator writes a status, and only after the API server has acknowledged that
the member was added. So a member that other people had added before is never removed.
The annotation ``argogrant.dev/record`` would not do: any user who may change the
AccessGrant could write it, and have a member removed that argogrant never added. A
status does not say that a member is kept: no status makes access last longer.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from argogrant.argocd.appproject.ended_members import (
    MAX_RECORDS,
    EndedMember,
    fingerprints,
)
from argogrant.argocd.appproject.project import Project
from argogrant.grants.model.grant import Binding, PlacedMember

PlacedMembers = Collection[tuple[Binding, PlacedMember]]
"""Members of one project, each with its binding; several grants can have the same."""

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Time by which the clock of argocd-server, which dates tokens, may be behind."""


def in_force(placed: PlacedMembers) -> dict[Binding, datetime]:
    """Return since when each binding has a member that was not removed yet."""
    found: dict[Binding, datetime] = {}
    for binding, member in placed:
        if member.removed_at is None:
            found[binding] = max(member.since, found.get(binding, member.since))
    return found


def ended_again(
    project: Project, placed: PlacedMembers, wanted: Mapping[Binding, datetime]
) -> list[EndedMember]:
    """Return the removed members that are members now, at most ``MAX_RECORDS``.

    The next plan has the others.

    Args:
        project: The AppProject.
        placed: Its members by the statuses of grants.
        wanted: Since when it has the recorded members that grants request. The status
            of such a grant can be behind, and say that the member was removed.
    """
    current = {*in_force(placed).items(), *wanted.items()}
    return list(islice(_returned(project, placed, current), MAX_RECORDS))


def _returned(
    project: Project,
    placed: PlacedMembers,
    current: Collection[tuple[Binding, datetime]],
) -> Iterator[EndedMember]:
    present = project.memberships()
    for binding, member in placed:
        if member.removed_at is None or binding not in present:
            continue
        if (binding, member.since) in current:
            continue  # It was never removed, or was added again, for another grant.
        role = binding.role.removeprefix(f"proj:{project.name}:")
        yield EndedMember(
            role=role,
            subject=binding.subject,
            since=member.since,
            at=member.removed_at,
            tokens=_tokens(project, role, member.since, member.removed_at),
        )


def _tokens(
    project: Project, role: str, since: datetime, removed_at: datetime
) -> tuple[str, ...] | None:
    """Return the tokens of the role that were created while it had the member.

    All of them were removed with the member, so these have returned with it.
    """
    begin, end = (since + MAX_CLOCK_SKEW).timestamp(), removed_at.timestamp()
    tokens = project.tokens.get(role, ())
    return fingerprints([one for one in tokens if begin <= one.issued_at <= end])
