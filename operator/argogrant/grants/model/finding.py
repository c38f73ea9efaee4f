"""What a check found: why a grant is not in force."""

from dataclasses import dataclass

from argogrant.grants.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a grant is not in force, in words for the person who asked for it."""

    reason: Reason
    message: str
    ends: bool = False
    """The grant is over; nothing but a new grant gives access again."""
    is_doubt: bool = False
    """The fact is unknown rather than false: keep what is bound, add nothing."""
