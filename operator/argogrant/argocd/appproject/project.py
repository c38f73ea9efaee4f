"""The roles of an AppProject, and whether Argo CD can read them.

Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``. If one of
its lines can not be read, Argo CD ignores all roles of the project.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from argogrant.argocd.appproject.annotation import Token
from argogrant.argocd.policy_csv import PolicyProblem, read_key_once
from argogrant.grants.model.grant import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRole:
    """One role of an AppProject: its own lines, and the groups that hold it."""

    name: str
    description: str = ""
    policies: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An AppProject, as far as it concerns roles."""

    name: str
    roles: tuple[ProjectRole, ...] = ()
    labels_and_annotations: Mapping[str, str] = field(default_factory=dict)
    """Its labels and annotations, by which an owner may be named."""
    resource_version: str = field(default="", compare=False)
    last_manager: str = field(default="", compare=False)
    """The field manager other than ours that wrote last, as far as it is recorded."""
    members: str | None = field(default=None, compare=False)
    """The annotation that says which members are ours."""
    annotation_bytes: int = field(default=0, compare=False)
    """What all other annotations take of the room that Kubernetes gives them."""
    tokens: Mapping[str, frozenset[Token]] = field(default_factory=dict, compare=False)
    """The tokens of every role, also of roles that are there no longer.

    Facts about a project are made anew when it is another; what is not compared here
    bears upon no fact, and changes with everything that we write ourselves.
    """

    def text(self) -> str:
        """Compose the lines that Argo CD adds for requests about this project."""
        return "\n".join(self._lines())

    def problem(self) -> PolicyProblem | None:
        """Name the first line that Argo CD can not read, if there is one."""
        problems = read_key_once(f"AppProject {self.name}", self.text()).problems
        return problems[0] if problems else None

    def names_used_as_roles(self) -> frozenset[str]:
        """Name whatever stands on the right side of the project's own g lines."""
        key = read_key_once(f"AppProject {self.name}", self.text())
        return frozenset(binding.role for binding in key.bindings)

    def memberships(self) -> Iterable[Binding]:
        """Give every member of every role, as a grant would name it."""
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
