"""Roles of an AppProject, and the policy lines that Argo CD derives from them.

Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``. If Argo
CD cannot read one of the lines, it ignores all roles of the project.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from argogrant.argocd.appproject.annotation import Token
from argogrant.argocd.policy_csv import PolicyProblem, read_key_once
from argogrant.grants.model.grant import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRole:
    """One role of an AppProject: its policy lines, and its groups (members)."""

    name: str
    description: str = ""
    policies: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An AppProject, reduced to its roles and their members."""

    name: str
    roles: tuple[ProjectRole, ...] = ()
    labels_and_annotations: Mapping[str, str] = field(default_factory=dict)
    """Labels and annotations; they may name the owners of the project."""
    resource_version: str = field(default="", compare=False)
    last_manager: str = field(default="", compare=False)
    """Field manager of the latest write by another program, if it is recorded."""
    members: str | None = field(default=None, compare=False)
    """Value of the annotation that records the managed members."""
    annotation_bytes: int = field(default=0, compare=False)
    """Bytes of all other annotations, which share one limit."""
    tokens: Mapping[str, frozenset[Token]] = field(default_factory=dict, compare=False)
    """Tokens of every role, including deleted roles."""

    # A changed project makes the operator decide again about its grants. Decisions do
    # not depend on the fields with ``compare=False``, and every write of the operator
    # changes these fields.

    def text(self) -> str:
        """Compose the policy lines that Argo CD adds for requests about the project."""
        return "\n".join(self._lines())

    def problem(self) -> PolicyProblem | None:
        """Return the first line that Argo CD cannot read; None if it can read all."""
        problems = read_key_once(f"AppProject {self.name}", self.text()).problems
        return problems[0] if problems else None

    def names_used_as_roles(self) -> frozenset[str]:
        """Return the second field of all ``g`` lines of the project."""
        key = read_key_once(f"AppProject {self.name}", self.text())
        return frozenset(binding.role for binding in key.bindings)

    def memberships(self) -> Iterable[Binding]:
        """Yield every member of every role as a binding."""
        for role in self.roles:
            for group in role.groups:
                subject = group[1:-1] if "," in group else group
                yield Binding(subject, f"proj:{self.name}:{role.name}")

    def _lines(self) -> Iterable[str]:
        for role in self.roles:
            subject = f"proj:{self.name}:{role.name}"
            yield f"p, {subject}, projects, get, {self.name}, allow"
            yield from role.policies
            yield from (f"g, {group}, {subject}" for group in role.groups)
