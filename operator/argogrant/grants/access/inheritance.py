"""Roles that a role inherits, which Deny policies also match.

``g, role:platform, role:admin`` gives every holder of ``role:platform`` the permissions
of ``role:admin``, so a policy that denies ``role:admin`` also denies ``role:platform``.
Allow policies match the requested role only: they name what may be requested, and Argo
CD's RBAC policy defines what such a role contains.

The lines of an AppProject count only for roles of that project. Argo CD applies them to
no other project, and the administrator of one project must not end access elsewhere.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from argogrant.grants.model.grant import RoleRef

Heirs = Mapping[str, Sequence[str]]
"""Roles that inherit a role directly, by that role, as written in the RBAC policy."""


class RoleInheritance:
    """Inheritance of the roles of one Argo CD, followed from denied roles to heirs.

    The cost of a policy is linear in the number of lines, whatever the number of roles
    that are requested. Casbin follows at most ten links. This class follows all of
    them, because a Deny policy must not match too little.
    """

    def __init__(self, heirs_in: Callable[[str], Heirs]) -> None:
        """Take a function that returns the lines of a project, or for "" of the text.

        It is called for every role, and has to cache its results.
        """
        self._heirs_in = heirs_in
        self._inherited: dict[tuple[str, str], Mapping[str, str]] = {}

    def inherited_role(
        self, role: RoleRef, policy: str, is_named: Callable[[str], bool]
    ) -> str | None:
        """Return a role that a policy names and that another role inherits.

        Args:
            role: The role that may inherit others.
            policy: Identity of the policy; results are cached for it.
            is_named: Returns whether the policy names a role, which is passed as
                written in the RBAC policy.

        Returns:
            The nearest such role by the RBAC text, or one by the lines of its project;
            None if it inherits none.
        """
        name, by_text = role.bound_as, self._by_text(policy, is_named)
        if role.project is None or name in by_text:
            return by_text.get(name)
        return self._by_project(role.project, policy, is_named).get(name)

    def _by_text(
        self, policy: str, is_named: Callable[[str], bool]
    ) -> Mapping[str, str]:
        """Return the named role that each role inherits by the RBAC text."""
        key = (policy, "")
        if key not in self._inherited:
            heirs = self._heirs_in("")
            named = {role: role for role in heirs if is_named(role)}
            self._inherited[key] = _follow(named, [heirs], known={})
        return self._inherited[key]

    def _by_project(
        self, project: str, policy: str, is_named: Callable[[str], bool]
    ) -> Mapping[str, str]:
        """Return the named role that other roles inherit with a project's lines."""
        key = (policy, project)
        if key not in self._inherited:
            by_text, heirs = self._by_text(policy, is_named), self._heirs_in(project)
            named = {
                role: role if is_named(role) else by_text[role]
                for role in heirs
                if role in by_text or is_named(role)
            }
            sources = [heirs, self._heirs_in("")]
            self._inherited[key] = _follow(named, sources, known=by_text)
        return self._inherited[key]


def _follow(
    named: Mapping[str, str], sources: Iterable[Heirs], *, known: Mapping[str, str]
) -> Mapping[str, str]:
    """Follow the lines from named roles to all their heirs, the nearest first.

    Args:
        named: Roles to begin with, each with the role that a policy names.
        sources: Lines to follow.
        known: Heirs that were found before.

    Returns:
        The named role that each other heir inherits.
    """
    found: dict[str, str] = {}
    queue = deque(named.items())
    while queue:
        role, origin = queue.popleft()
        for heirs in sources:
            for heir in heirs.get(role, ()):
                if heir not in found and heir not in known:
                    found[heir] = origin
                    queue.append((heir, origin))
    return found


NO_INHERITANCE: Final = RoleInheritance(lambda _project: {})
"""Inheritance while the RBAC policy is unknown, when no binding is added either."""
