"""Simulation behind ``argogrant can``. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.roles import default_roles, discover_roles
from argogrant.argocd.simulation.enforcer import EnforceRequest, to_enforce_requests
from argogrant.argocd.simulation.evaluate import (
    AccessEvaluator,
    AccessResult,
    ResolvedSubject,
    Rules,
    TokenSubject,
    resolve_subject,
)
from argogrant.argocd.simulation.sourced_lines import SourcedBinding, source_config_map
from argogrant.cli.session import ArgoCDRBAC
from argogrant.grants.effectiveness import LoginConfig
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.validation import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessQuery:
    """Parsed command line of ``can``."""

    subject: str
    request: EnforceRequest
    groups: Sequence[str] = ()
    is_user_id: bool = False
    grant: str = ""
    role: RoleRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Assumed binding, in addition to those of Argo CD."""

    binding: Binding
    name: str
    """Name of the grant or role in the answer."""
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """Answer with the assumed binding, and without it."""

    result: AccessResult
    is_allowed_now: bool
    """Answer without the assumed binding."""
    is_locked_out: bool = False
    """True if no user can log in with this name, regardless of the rules."""
    assumed: str = ""
    """Name of the assumed grant or role; empty without one."""
    notes: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Answer with the assumed binding."""
        return self.result.is_allowed and not self.is_locked_out


def simulate(
    query: AccessQuery,
    instance: Instance,
    rbac: ArgoCDRBAC,
    *,
    settings: Mapping[str, str] | None,
    assumption: WhatIf | None,
) -> SimulationResult:
    """Evaluate a request as Argo CD does.

    Args:
        query: The subject and the request.
        instance: Determines where the operator writes bindings.
        rbac: The RBAC policy and AppProjects of Argo CD.
        settings: The ``data`` of ``argocd-cm``; None if it cannot be read.
        assumption: A binding to assume.
    """
    unmanaged = rbac.config_map.unmanaged
    login_config = LoginConfig(
        claims=unmanaged.claims,
        default_role=unmanaged.default_role,
        default_roles=default_roles(unmanaged, rbac.projects),
        settings=None if settings is None else read_settings(settings),
    )
    subject = resolve_subject(
        query.subject, query.groups, login_config, is_user_id=query.is_user_id
    )
    requests = to_enforce_requests(
        query.request, namespace=instance.argocd_namespace, settings=settings or {}
    )
    rules = Rules(
        lines=source_config_map(rbac.config_map.data),
        default_role=unmanaged.default_role,
        match_mode=unmanaged.match_mode,
        projects=rbac.projects,
    )
    now = _evaluate(AccessEvaluator(rules), subject.token_subject, requests)
    result = now
    if assumption is not None:
        binding = SourcedBinding(assumption.binding, assumption.name)
        project = assumption.project if instance.binds_in_projects else None
        evaluator = AccessEvaluator(rules, [binding], in_project=project or "")
        result = _evaluate(evaluator, subject.token_subject, requests)
    return SimulationResult(
        result=result,
        is_allowed_now=now.is_allowed and not subject.is_locked_out,
        is_locked_out=subject.is_locked_out,
        assumed=assumption.name if assumption is not None else "",
        notes=(*subject.notes, *_notes(assumption, subject, rbac)),
    )


def _evaluate(
    evaluator: AccessEvaluator,
    subject: TokenSubject,
    requests: Sequence[EnforceRequest],
) -> AccessResult:
    """Return the first result that allows, or else the last one."""
    results = [evaluator.evaluate(subject, one) for one in requests]
    return next((one for one in results if one.is_allowed), results[-1])


def _notes(
    assumption: WhatIf | None, resolved: ResolvedSubject, rbac: ArgoCDRBAC
) -> Iterator[str]:
    """Return why an assumed binding may have no effect."""
    if assumption is None:
        return
    subject, role = assumption.binding
    token = resolved.token_subject
    if subject not in (token.user_id, *token.compared) and not resolved.notes:
        yield (
            f"{assumption.name} is for subject {quote(subject)}, which is none of the"
            " names that Argo CD compares here."
        )
    roles = discover_roles(rbac.config_map.unmanaged, rbac.projects)
    if role not in {one.bound_as for one in roles}:
        yield (
            f"Role {quote(role)} does not exist. To list roles, run: argogrant roles."
        )
