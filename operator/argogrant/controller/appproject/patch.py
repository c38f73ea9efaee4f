"""The one change that is made to an AppProject.

``spec.roles`` is one list that is replaced as a whole, so everything in it that is not
ours goes along as it was read, also what we do not know. The version that it was read
at goes along too: an editor who was quicker loses nothing. Tokens are removed from both
places in the same write, since AppProjects have no subresource for the status.

Source: argoproj/argo-cd, ``app_project_types.go``, ``NormalizeJWTTokens``.
"""

from collections.abc import Iterable

from argogrant.argocd.appproject.annotation import MEMBERS_ANNOTATION, Token
from argogrant.argocd.appproject.plan import ProjectPlan
from argogrant.kube.client import Body


def project_patch(body: Body, plan: ProjectPlan) -> Body:
    """Turn a plan into a merge patch.

    Args:
        body: The AppProject at the version that the plan was made for.
        plan: What has to change.
    """
    patch: Body = {
        "metadata": {
            "resourceVersion": plan.resource_version,
            "annotations": {MEMBERS_ANNOTATION: plan.members},
        }
    }
    roles = (body.get("spec") or {}).get("roles") or []
    changed = [_role(role, place, plan) for place, role in enumerate(roles)]
    if changed != roles:
        patch["spec"] = {"roles": changed}
    by_role = (body.get("status") or {}).get("jwtTokensByRole") or {}
    left = {
        name: {"items": _left(tokens.get("items") or (), name, plan)}
        for name, tokens in by_role.items()
        if any(role == name for role, _ in plan.tokens)
    }
    if left:
        patch["status"] = {"jwtTokensByRole": left}
    return patch


def read_token(entry: Body) -> Token:
    """Read what a project remembers of a token."""
    return Token(
        issued_at=int(entry.get("iat") or 0),
        expires_at=int(entry.get("exp") or 0),
        id=str(entry.get("id") or ""),
    )


def tokens_of(body: Body) -> dict[str, frozenset[Token]]:
    """Read the tokens of every role, from both places where a project has them."""
    found: dict[str, set[Token]] = {}
    for role in (body.get("spec") or {}).get("roles") or ():
        entries = role.get("jwtTokens") or ()
        found.setdefault(str(role.get("name", "")), set()).update(
            map(read_token, entries)
        )
    by_role = (body.get("status") or {}).get("jwtTokensByRole") or {}
    for name, tokens in by_role.items():
        entries = tokens.get("items") or ()
        found.setdefault(name, set()).update(map(read_token, entries))
    return {name: frozenset(tokens) for name, tokens in found.items() if tokens}


def _role(role: Body, place: int, plan: ProjectPlan) -> Body:
    changed = dict(role)
    if place in plan.groups:
        changed["groups"] = list(plan.groups[place])
    if role.get("jwtTokens"):
        changed["jwtTokens"] = _left(role["jwtTokens"], str(role.get("name")), plan)
    return changed


def _left(entries: Iterable[Body], role: str, plan: ProjectPlan) -> list[Body]:
    return [one for one in entries if (role, read_token(one)) not in plan.tokens]
