"""Warnings about roles that are risky to grant for a limited time."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_PERMISSIONS: Final = 3
"""Number of permissions that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RoleRisks:
    """Risks of a role, including the roles that it inherits."""

    has_deny: bool = False
    """True if it has deny rules: granting it can remove permissions."""
    persistent_permissions: tuple[str, ...] = ()
    """Permissions with which access can outlast a grant, as ``exec create``."""

    @property
    def can_persist(self) -> bool:
        """Return whether the role lets its recipient keep access after the grant."""
        return bool(self.persistent_permissions)


NO_RISKS: Final = RoleRisks()


@lru_cache(maxsize=1 << 10)
def role_warning(risks: RoleRisks) -> str:
    """Return a warning in sentences; empty if the role has no risks."""
    sentences = []
    if risks.has_deny:
        sentences.append(
            "The role has deny rules, which also override what other roles allow this"
            " subject."
        )
    if risks.can_persist:
        listed = ", ".join(risks.persistent_permissions[:MAX_PERMISSIONS])
        others = len(risks.persistent_permissions) - MAX_PERMISSIONS
        more = f" and {others} more" if others > 0 else ""
        sentences.append(
            f"The role can make access outlast the grant ({listed}{more}). Review what"
            " was changed when the grant ends."
        )
    return " ".join(sentences)
