"""What else bears upon one grant: approvals, the grants it continues, and others."""

from dataclasses import dataclass

from argogrant.grants.access.approval import Approval
from argogrant.grants.model.grant import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The other objects that a decision about one grant looks at."""

    approvals: tuple[Approval, ...] = ()
    """Every approval that names this grant, also those that will not count."""
    chain: tuple[Grant, ...] = ()
    """The grants that it continues, nearest first, as far as they are there."""
    active_before: int = 0
    """Older grants of the same subject and instance that are active or may become so,
    apart from those of its own chain."""
    extended_by: str = ""
    """The name of the grant that continues this one."""


NOTHING_ELSE = Circumstances()
