"""The answer of ``argogrant can``, from what was read. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.roles import default_roles, discover_roles
from argogrant.argocd.simulation.evaluate import (
    AccessEvaluator,
    AccessResult,
    Rules,
    TokenSubject,
)
from argogrant.argocd.simulation.request import EnforceRequest, to_enforce_requests
from argogrant.argocd.simulation.sourced_lines import SourcedBinding, source_config_map
from argogrant.argocd.simulation.subject import ResolvedSubject, resolve_subject
from argogrant.cli.argocd_reader import ArgoCDSeen
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.sign_in import LoginConfig
from argogrant.grants.model.validation import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessQuery:
    """The question, and what is taken for given."""

    subject: str
    request: EnforceRequest
    groups: Sequence[str] = ()
    is_user_id: bool = False
    grant: str = ""
    role: RoleRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A binding that is taken for given."""

    binding: Binding
    name: str
    """What it is called in an answer."""
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """The answer, and what it would be without what was assumed."""

    result: AccessResult
    is_allowed_now: bool
    """The answer without what is assumed."""
    is_locked_out: bool = False
    """Nobody can sign in by that name, whatever the rules say."""
    assumed: str = ""
    """The grant or the role that is taken for given; empty if nothing is."""
    notes: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """The answer."""
        return self.result.is_allowed and not self.is_locked_out


def simulate(
    asked: AccessQuery,
    instance: Instance,
    seen: ArgoCDSeen,
    *,
    settings: Mapping[str, str] | None,
    assumption: WhatIf | None,
) -> SimulationResult:
    """Answer a question.

    Args:
        asked: The question.
        instance: Says where bindings are written.
        seen: What Argo CD judges by.
        settings: The ``data`` of ``argocd-cm``; None if it can not be read.
        assumption: What is taken for given.
    """
    others = seen.config_map.unmanaged
    sign_in = LoginConfig(
        claims=others.claims,
        default_role=others.default_role,
        default_roles=default_roles(others, seen.projects),
        settings=None if settings is None else read_settings(settings),
    )
    known = resolve_subject(
        asked.subject, asked.groups, sign_in, is_user_id=asked.is_user_id
    )
    questions = to_enforce_requests(
        asked.request, namespace=instance.argocd_namespace, settings=settings or {}
    )
    rules = Rules(
        lines=source_config_map(seen.config_map.data),
        default_role=others.default_role,
        match_mode=others.match_mode,
        projects=seen.projects,
    )
    now = _evaluated(AccessEvaluator(rules), known.token_subject, questions)
    then = now
    if assumption is not None:
        link = SourcedBinding(assumption.binding, assumption.name)
        place = assumption.project if instance.binds_in_projects else None
        judge = AccessEvaluator(rules, [link], in_project=place or "")
        then = _evaluated(judge, known.token_subject, questions)
    return SimulationResult(
        result=then,
        is_allowed_now=now.is_allowed and not known.is_locked_out,
        is_locked_out=known.is_locked_out,
        assumed=assumption.name if assumption is not None else "",
        notes=(*known.notes, *_notes(assumption, known, seen)),
    )


def _evaluated(
    judge: AccessEvaluator, person: TokenSubject, questions: Sequence[EnforceRequest]
) -> AccessResult:
    """Ask until one is allowed; one yes is enough."""
    verdicts = [judge.evaluate(person, one) for one in questions]
    return next((one for one in verdicts if one.is_allowed), verdicts[-1])


def _notes(
    assumption: WhatIf | None, known: ResolvedSubject, seen: ArgoCDSeen
) -> Iterator[str]:
    """Say why an assumption may not do what somebody expects of it."""
    if assumption is None:
        return
    subject, role = assumption.binding
    person = known.token_subject
    if subject not in (person.user_id, *person.compared) and not known.notes:
        yield f"{assumption.name} is for {quote(subject)}, which is none of the names."
    roles = discover_roles(seen.config_map.unmanaged, seen.projects)
    if role not in {one.bound_as for one in roles}:
        yield f"There is no role {quote(role)}; argogrant roles lists what there is."
