"""Roles that a role inherits, which Deny policies also match.

``g, role:platform, role:admin`` gives every holder of ``role:platform`` the permissions
of ``role:admin``, so a policy that denies ``role:admin`` also denies ``role:platform``.
Allow policies match the requested role only: they name what may be requested, and Argo
CD's RBAC policy defines what such a role contains.

The lines of an AppProject count only for roles of that project. Argo CD applies them to
no other project, and the administrator of one project must not end access elsewhere.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from argogrant.grants.model.grant import RoleRef

MAX_INHERITED: Final = 1_000
"""Number of inherited roles up to which a role is examined."""
_MAX_KEPT: Final = 100_000
"""Number of names that each cache keeps, over all roles."""

ParentsByRole = Mapping[str, Sequence[str]]
"""Names that a role inherits directly, by the role as written in the RBAC policy."""


class InheritedMatch(NamedTuple):
    """Result of the search for an inherited role that a policy names."""

    role: str | None
    """The nearest one, as written in the RBAC policy; None if there is none."""
    is_complete: bool = True
    """False if the role inherits too many roles to examine them."""


class RoleInheritance:
    """Inheritance of the roles of one Argo CD; only roles that are asked for cost time.

    Casbin follows at most ten links. This class follows all of them, because a Deny
    policy must not match too little.
    """

    def __init__(self, parents_in: Callable[[str], ParentsByRole]) -> None:
        """Take a function that returns the lines of a project, or for "" of the text.

        It is called for every role, and has to cache its results.
        """
        self._parents_in = parents_in
        self._inherited: dict[str, tuple[str, ...]] = {}
        self._names_kept = 0
        self._matches: dict[tuple[str, str], InheritedMatch] = {}

    def nearest(
        self, role: RoleRef, key: str, is_named: Callable[[str], bool]
    ) -> InheritedMatch:
        """Find the nearest inherited role that a policy names.

        Args:
            role: The role that inherits others.
            key: Identity of the policy; the result is cached for it.
            is_named: Returns whether the policy names a role, which is passed as
                written in the RBAC policy.
        """
        name = role.bound_as
        if (key, name) not in self._matches:
            inherited = self._inherited_by(role)
            found = next(filter(is_named, inherited), None)
            if len(self._matches) >= _MAX_KEPT:
                self._matches.clear()
            self._matches[key, name] = InheritedMatch(
                found, is_complete=len(inherited) <= MAX_INHERITED
            )
        return self._matches[key, name]

    def _inherited_by(self, role: RoleRef) -> tuple[str, ...]:
        name = role.bound_as
        if name not in self._inherited:
            if self._names_kept >= _MAX_KEPT:
                self._inherited.clear()
                self._names_kept = 0
            self._inherited[name] = self._search(name, role.project)
            self._names_kept += 1 + len(self._inherited[name])
        return self._inherited[name]

    def _search(self, name: str, project: str | None) -> tuple[str, ...]:
        """Return the inherited roles, the nearest first, and at most one too many."""
        sources = [self._parents_in("")]
        if project is not None:
            sources.append(self._parents_in(project))
        found, queue = {name: None}, deque([name])
        while queue:
            role = queue.popleft()
            for parents in sources:
                for parent in parents.get(role, ()):
                    if parent not in found:
                        found[parent] = None
                        queue.append(parent)
                    if len(found) > MAX_INHERITED + 1:
                        return tuple(found)[1:]
        return tuple(found)[1:]


NO_INHERITANCE: Final = RoleInheritance(lambda _project: {})
"""Inheritance while the RBAC policy is unknown, when no binding is added either."""
