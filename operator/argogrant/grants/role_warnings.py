"""What a person should know of a role before giving it for a time."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

PERMISSIONS_SHOWN: Final = 3
"""Ways to persist that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RoleRisks:
    """What sets a role apart, its own rules and inherited ones taken together."""

    has_deny: bool = False
    """It holds deny rules: a grant of it can take rights away."""
    persistent_permissions: tuple[str, ...] = ()
    """By which of its rights access can outlast a grant, as ``exec create``."""

    @property
    def can_persist(self) -> bool:
        """Whether its holder can make access outlast a grant."""
        return bool(self.persistent_permissions)


NO_RISKS: Final = RoleRisks()


@lru_cache(maxsize=1 << 10)
def role_warning(traits: RoleRisks) -> str:
    """Warn of a role in sentences; empty if there is nothing to warn of."""
    sentences = []
    if traits.has_deny:
        sentences.append(
            "The role holds deny rules, which also take away what this subject may do"
            " by other roles."
        )
    if traits.can_persist:
        named = ", ".join(traits.persistent_permissions[:PERMISSIONS_SHOWN])
        left = len(traits.persistent_permissions) - PERMISSIONS_SHOWN
        more = f" and {left} more" if left > 0 else ""
        sentences.append(
            f"Its holder can make access outlast the grant ({named}{more}); look at"
            " what was changed when it ends."
        )
    return " ".join(sentences)
