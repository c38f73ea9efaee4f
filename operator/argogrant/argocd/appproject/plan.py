"""What the grants want of an AppProject, and what has to change for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from argogrant.argocd.appproject.annotation import Token
from argogrant.grants.model.finding import Finding
from argogrant.grants.model.grant import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the grants want of the roles of one project."""

    wanted: Mapping[Binding, datetime] = field(default_factory=dict)
    """What is in force, each with its end; the first are served first."""
    kept: Mapping[Binding, datetime] = field(default_factory=dict)
    """What is left where it is, and never added."""
    may_add: bool = True
    removes_tokens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """What has to change in one AppProject, and what stands in the way."""

    project: str
    resource_version: str = ""
    groups: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The new groups of the roles, by their place in ``spec.roles``, that change."""
    members: str | None = None
    """The new annotation; None removes it."""
    tokens: tuple[tuple[str, Token], ...] = ()
    """Tokens to remove, each with its role."""
    missing: frozenset[Binding] = frozenset()
    extra: frozenset[Binding] = frozenset()
    """Ours, and not wanted by any grant."""
    theirs: frozenset[Binding] = frozenset()
    """Wanted, and there already by somebody else's hand."""
    obstacles: Mapping[Binding, Finding] = field(default_factory=dict)
    has_work: bool = False

    @property
    def is_urgent(self) -> bool:
        """Whether writing takes access away."""
        return bool(self.extra or self.tokens)
