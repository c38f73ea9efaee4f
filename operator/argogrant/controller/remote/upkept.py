"""What is known of our rights and of the token for another cluster. Pure."""

from dataclasses import dataclass
from typing import Final

from argogrant.controller.remote.token_lifetime import TokenState
from argogrant.kube.permissions import Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkept:
    """How it stands with what is looked after beside the convergence."""

    missing: tuple[Right, ...] = ()
    """What the operator may not do; it is all named at once."""
    token: TokenState | None = None
    """None if there is no other cluster, or no token for it."""

    @property
    def tokens(self) -> tuple[TokenState, ...]:
        """The token, if there is one."""
        return (self.token,) if self.token is not None else ()


NOTHING_KEPT: Final = Upkept()
