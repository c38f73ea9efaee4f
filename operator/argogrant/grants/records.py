"""When the record on an AccessGrant has to be written, and what it says. Pure.

    starts          with the finalizer, before the binding
    ends early      (revoked, denied, not approved in time) with the status
    ends in time    follows from the record; of a grant that never started, or that is
                    from the time before records, the record is written then

``model/record.py`` describes the text, and ``model/window.py`` what follows from it.
"""

from datetime import datetime

from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import AccessRecord
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.record import EARLY_ENDS
from argogrant.grants.model.window import fixed_end


def record_to_write(
    decision: Decision, now: datetime, *, is_bound: bool
) -> AccessRecord | None:
    """Return the record that a grant lacks; None if it has what it needs.

    A record that another program made later or longer is corrected. One that cannot be
    read is kept: it has ended the grant.

    Args:
        decision: The decision about the grant.
        now: Current time.
        is_bound: Argo CD's RBAC policy contains the binding.
    """
    grant, stored = decision.grant, decision.grant.record
    if grant.being_deleted or (stored is not None and not stored.uid):
        return None
    is_needed = (
        _is_needed_at_end(decision, now)
        if decision.has_ended
        else _has_started(decision, now, is_bound=is_bound)
    )
    if not is_needed:
        return None
    start, end = decision.window
    if not decision.window.has_end and decision.has_ended:
        end = now.replace(microsecond=0)
    ended = decision.finding.reason if decision.finding is not None else None
    record = AccessRecord(
        uid=grant.uid,
        start=start if stored is None else min(start, stored.start),
        end=end if stored is None else min(end, stored.end),
        copy_of=grant.original,
        ended=ended if ended in EARLY_ENDS else None,
    )
    return None if record == stored else record


def _has_started(decision: Decision, now: datetime, *, is_bound: bool) -> bool:
    if decision.desired_binding is DesiredBinding.UNCHANGED:
        return is_bound and decision.is_active(now)
    return decision.desired_binding is DesiredBinding.PRESENT


def _is_needed_at_end(decision: Decision, now: datetime) -> bool:
    """Return whether a copy could take the grant for one that has not ended."""
    grant, stored = decision.grant, decision.grant.record
    finding = decision.finding
    if finding is not None and finding.reason is Reason.EXPIRED:
        ends = (stored.end if stored is not None else None, fixed_end(grant))
        return all(end is None or end > now for end in ends)
    if grant.revoked and stored is None:
        return False  # A copy of the spec is revoked, too.
    return stored is None or stored.ended is None
