"""Patch of an AppProject: its members annotation, groups of its roles, and tokens.

A merge patch replaces the list ``spec.roles`` as a whole. So the patch repeats the rest
of the list as it was read, including fields that argogrant does not know, and carries
the resource version that it was read at: a concurrent edit causes a conflict and is not
lost. AppProjects have no status subresource, so one write removes tokens from the spec
and from the status.

Source: argoproj/argo-cd, ``app_project_types.go``, ``NormalizeJWTTokens``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_int,
    get_list,
    get_str,
)
from argogrant.argocd.appproject.ended_members import ENDED_ANNOTATION
from argogrant.argocd.appproject.members import ProjectPlan
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.appproject.tokens import Token
from argogrant.kube.client import Body

RoleToken = tuple[str, Token]
"""A token with its role."""


def project_patch(body: Body, plan: ProjectPlan) -> Body:
    """Build the merge patch of a plan.

    Args:
        body: The AppProject at the version that the plan was made for.
        plan: Change of its members and tokens.
    """
    patch: Body = {
        "metadata": {
            "resourceVersion": plan.resource_version,
            "annotations": {MEMBERS_ANNOTATION: plan.members},
        }
    }
    if plan.writes_ended:
        patch["metadata"]["annotations"][ENDED_ANNOTATION] = plan.ended
    removed = frozenset(plan.tokens)
    roles = get_list(get_dict(body, "spec"), "roles")
    changed = [
        _role(role, plan.groups.get(index), removed) for index, role in enumerate(roles)
    ]
    if changed != roles:
        patch["spec"] = {"roles": changed}
    by_role, affected = _tokens_by_role(body), {role for role, _ in removed}
    remaining = {
        name: {"items": _remaining(get_list(tokens, "items"), name, removed)}
        for name, tokens in by_role.items()
        if name in affected
    }
    if remaining:
        patch["status"] = {"jwtTokensByRole": remaining}
    return patch


def tokens_of(body: Body) -> dict[str, frozenset[Token]]:
    """Parse the tokens of every role, from the spec and from the status."""
    found = defaultdict[str, set[Token]](set)
    for role in get_dicts(get_dict(body, "spec"), "roles"):
        tokens = map(_read_token, get_list(role, "jwtTokens"))
        found[get_str(role, "name")].update(tokens)
    for name, entries in _tokens_by_role(body).items():
        found[name].update(map(_read_token, get_list(entries, "items")))
    return {name: frozenset(tokens) for name, tokens in found.items() if tokens}


def _tokens_by_role(body: Body) -> dict[str, Mapping[str, Any]]:
    by_role = get_dict(get_dict(body, "status"), "jwtTokensByRole")
    return {name: get_dict(by_role, name) for name in by_role}


def _role(
    role: object, groups: Sequence[str] | None, removed: Collection[RoleToken]
) -> object:
    if not isinstance(role, dict):
        return role
    changed = dict(role)
    if groups is not None:
        changed["groups"] = list(groups)
    tokens = get_list(role, "jwtTokens")
    if tokens:
        changed["jwtTokens"] = _remaining(tokens, get_str(role, "name"), removed)
    return changed


def _remaining(
    entries: Iterable[object], role: str, removed: Collection[RoleToken]
) -> list[object]:
    return [one for one in entries if (role, _read_token(one)) not in removed]


def _read_token(entry: object) -> Token:
    if not isinstance(entry, dict):
        return Token(0)
    return Token(
        issued_at=get_int(entry, "iat"),
        expires_at=get_int(entry, "exp"),
        id=get_str(entry, "id"),
    )
