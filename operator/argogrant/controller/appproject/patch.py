"""Patch of an AppProject: its members annotation, groups of its roles, and tokens.

A merge patch replaces the list ``spec.roles`` as a whole. So the patch repeats the rest
of the list as it was read, including fields that argogrant does not know, and carries
the resource version that it was read at: a concurrent edit causes a conflict and is not
lost. AppProjects have no status subresource, so one write removes tokens from the spec
and from the status.

Source: argoproj/argo-cd, ``app_project_types.go``, ``NormalizeJWTTokens``.
"""

from collections import defaultdict
from collections.abc import Iterable

from argogrant.argocd.appproject.members import ProjectPlan
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION, Token
from argogrant.kube.client import Body


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
    roles = (body.get("spec") or {}).get("roles") or []
    changed = [_role(role, index, plan) for index, role in enumerate(roles)]
    if changed != roles:
        patch["spec"] = {"roles": changed}
    by_role = (body.get("status") or {}).get("jwtTokensByRole") or {}
    remaining = {
        name: {"items": _remaining(tokens.get("items") or (), name, plan)}
        for name, tokens in by_role.items()
        if any(role == name for role, _ in plan.tokens)
    }
    if remaining:
        patch["status"] = {"jwtTokensByRole": remaining}
    return patch


def tokens_of(body: Body) -> dict[str, frozenset[Token]]:
    """Parse the tokens of every role, from the spec and from the status."""
    found = defaultdict[str, set[Token]](set)
    for role in (body.get("spec") or {}).get("roles") or ():
        tokens = map(_read_token, role.get("jwtTokens") or ())
        found[str(role.get("name", ""))].update(tokens)
    by_role = (body.get("status") or {}).get("jwtTokensByRole") or {}
    for name, entries in by_role.items():
        found[name].update(map(_read_token, entries.get("items") or ()))
    return {name: frozenset(tokens) for name, tokens in found.items() if tokens}


def _role(role: Body, index: int, plan: ProjectPlan) -> Body:
    changed = dict(role)
    if index in plan.groups:
        changed["groups"] = list(plan.groups[index])
    if role.get("jwtTokens"):
        name = str(role.get("name"))
        changed["jwtTokens"] = _remaining(role["jwtTokens"], name, plan)
    return changed


def _remaining(entries: Iterable[Body], role: str, plan: ProjectPlan) -> list[Body]:
    return [one for one in entries if (role, _read_token(one)) not in plan.tokens]


def _read_token(entry: Body) -> Token:
    return Token(
        issued_at=int(entry.get("iat") or 0),
        expires_at=int(entry.get("exp") or 0),
        id=str(entry.get("id") or ""),
    )
