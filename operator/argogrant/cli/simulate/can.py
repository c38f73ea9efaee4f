"""``argogrant can``: the answer of Argo CD to a request, now or with a grant."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.argocd.roles import default_roles, discover_roles
from argogrant.argocd.simulation.enforcer import EnforceRequest, to_enforce_requests
from argogrant.argocd.simulation.evaluate import (
    AccessEvaluator,
    AccessResult,
    Attempt,
    ResolvedSubject,
    Rules,
    SubjectSource,
    resolve_subject,
)
from argogrant.argocd.simulation.requests import ACTIONS, RESOURCES
from argogrant.argocd.simulation.sourced_lines import (
    SourcedBinding,
    SourcedRule,
    source_config_map,
)
from argogrant.cli.errors import EXIT_ERROR, EXIT_NO, CommandError, run_command
from argogrant.cli.formats import TextOrJSON
from argogrant.cli.parsed_objects import (
    ArgoCDRBAC,
    argocd_of,
    find_grant,
    parse_instance,
    read_argocd_settings,
    read_config_map,
    read_projects,
)
from argogrant.cli.session import Session, instance_body, session
from argogrant.cli.simulate.unknown import Question, UnknownAnswer, describe_unknown
from argogrant.cli.terminal.tables import columns, sanitize, wrap
from argogrant.grants.effectiveness import LoginConfig
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.validation import quote
from argogrant.kube.errors import Forbidden


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
    is_allowed: bool
    """True if the result is allowed, and a user can log in with this name."""
    is_allowed_now: bool
    """Answer without the assumed binding."""
    assumed: str
    """Name of the assumed grant or role; empty without one."""
    notes: tuple[str, ...]

    @property
    def decisive(self) -> Attempt | None:
        """The attempt that was allowed, or else the first that a rule denied."""
        attempts = self.result.attempts
        if self.result.is_allowed:
            return attempts[-1]
        denied = (one for one in attempts if one.result.rule or one.result.unreadable)
        return next(denied, None)


def can(  # noqa: PLR0913 - one for each option
    *,
    subject: str,
    action: str,
    resource: str,
    object_: str,
    group: Sequence[str],
    with_: str,
    with_role: str,
    project: str,
    user_id: bool,
    quiet: bool,
    namespace: str,
    instance: str,
    context: str,
    argocd_context: str,
    output: TextOrJSON,
) -> None:
    """Print the answer of Argo CD to a request."""
    query = AccessQuery(
        subject=subject,
        groups=group or [],
        is_user_id=user_id,
        request=_parse_request(resource, action, object_),
        grant=with_,
        role=_parse_role(with_, with_role, project),
    )
    answer = run_command(
        "can",
        _simulate(query, namespace, instance, contexts=(context, argocd_context)),
        error_status=EXIT_ERROR,
    )
    if not quiet:
        click.echo(_format(answer, output))
    if isinstance(answer, UnknownAnswer):
        raise click.exceptions.Exit(EXIT_ERROR)
    if not answer.is_allowed:
        raise click.exceptions.Exit(EXIT_NO)


def _format(answer: SimulationResult | UnknownAnswer, output: TextOrJSON) -> str:
    is_json = output is TextOrJSON.JSON
    if isinstance(answer, UnknownAnswer):
        return answer.to_json() if is_json else answer.to_text(columns())
    return _as_json(answer) if is_json else _in_words(answer, columns())


def _parse_request(resource: str, action: str, object_: str) -> EnforceRequest:
    for name, value, valid in (
        ("RESOURCE", resource, RESOURCES),
        ("ACTION", action.partition("/")[0], ACTIONS),
    ):
        if value not in valid:
            text = f"must be one of: {', '.join(sorted(valid))}."
            raise click.BadParameter(text, param_hint=name)
    return EnforceRequest(resource=resource, action=action, object=object_)


def _parse_role(grant: str, role: str, project: str) -> RoleRef | None:
    if grant and role:
        raise click.BadParameter(
            "specify one of --with and --with-role", param_hint="--with"
        )
    if project and not role:
        raise click.BadParameter("requires --with-role", param_hint="--project")
    return RoleRef(name=role, project=project or None) if role else None


async def _simulate(
    query: AccessQuery, namespace: str, name: str, *, contexts: tuple[str, str]
) -> SimulationResult | UnknownAnswer:
    context, argocd_context = contexts
    async with session(context, namespace) as home:
        body = await instance_body(home, name)
        instance = parse_instance(name, body)
        assumption = await _what_if(home, query, name)
        argocd_namespace = instance.argocd_namespace

        async def unknown(cause: str) -> UnknownAnswer:
            request = query.request
            words = f"{request.action} {request.resource} {request.object}"
            question = Question(
                names=(query.subject, *query.groups),
                command=f"argocd account can-i {words}",
                assumed=assumption.name if assumption else "",
                role=assumption.binding.role if assumption else "",
            )
            return await describe_unknown(home, body, question, cause)

        if instance.cluster is not None and not argocd_context:
            return await unknown(
                "Argo CD runs in another cluster. To read its rules, name a kubeconfig"
                " context of that cluster (--argocd-context)."
            )
        async with argocd_of(home, instance, argocd_context) as cluster:
            not_read = CONFIG_MAP_NAME
            try:
                config_map = await read_config_map(cluster, argocd_namespace)
                not_read = "the AppProjects"
                projects = await read_projects(cluster, argocd_namespace)
            except Forbidden:
                return await unknown(
                    f"You do not have permission to read {not_read} in namespace"
                    f" {quote(argocd_namespace)}, so Argo CD's rules are unknown."
                )
            settings = await read_argocd_settings(cluster, argocd_namespace)
    rbac = ArgoCDRBAC(config_map, projects)
    if rbac.config_map.unmanaged.claims is None:
        raise CommandError(
            "scopes of argocd-rbac-cm is not a YAML list of claims. Argo CD uses the"
            " scopes that it loaded before, which only Argo CD knows. Fix or remove"
            " scopes."
        )
    return simulate(query, instance, rbac, settings=settings, assumption=assumption)


async def _what_if(home: Session, query: AccessQuery, instance: str) -> WhatIf | None:
    if query.role is not None:
        binding = Binding(query.subject, query.role.bound_as)
        name = f"role {query.role.bound_as}"
        return WhatIf(binding=binding, project=query.role.project, name=name)
    if not query.grant:
        return None
    grant = (await find_grant(home, query.grant)).grant
    if grant.instance != instance:
        raise CommandError(
            f"AccessGrant {quote(query.grant)} is for another Argo CD. Add --instance"
            f" {grant.instance}."
        )
    name = f"AccessGrant {grant.name}"
    return WhatIf(binding=grant.binding, project=grant.role.project, name=name)


def simulate(
    query: AccessQuery,
    instance: Instance,
    rbac: ArgoCDRBAC,
    *,
    settings: Mapping[str, str] | None,
    assumption: WhatIf | None,
) -> SimulationResult:
    """Evaluate a request as Argo CD does. Pure.

    ``instance`` determines where the operator writes bindings. ``settings`` is the
    ``data`` of ``argocd-cm``; None if it cannot be read.
    """
    unmanaged = rbac.config_map.unmanaged
    login_config = LoginConfig(
        claims=unmanaged.claims,
        default_role=unmanaged.default_role,
        default_roles=default_roles(unmanaged),
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

    def evaluate(evaluator: AccessEvaluator) -> AccessResult:
        """Return the first result that allows, or else the last one."""
        results = [evaluator.evaluate(subject.token_subject, one) for one in requests]
        return next((one for one in results if one.is_allowed), results[-1])

    now = evaluate(AccessEvaluator(rules))
    result = now
    if assumption is not None:
        binding = SourcedBinding(assumption.binding, assumption.name)
        project = assumption.project if instance.binds_in_projects else None
        result = evaluate(AccessEvaluator(rules, [binding], in_project=project or ""))
    return SimulationResult(
        result=result,
        is_allowed=result.is_allowed and not subject.is_locked_out,
        is_allowed_now=now.is_allowed and not subject.is_locked_out,
        assumed=assumption.name if assumption is not None else "",
        notes=(*subject.notes, *_notes(assumption, subject, rbac, result)),
    )


def _notes(
    assumption: WhatIf | None,
    resolved: ResolvedSubject,
    rbac: ArgoCDRBAC,
    result: AccessResult,
) -> Iterator[str]:
    """Return why an assumed binding may have no effect, and which rules have none."""
    if assumption is not None:
        subject, role = assumption.binding
        token = resolved.token_subject
        if subject not in (token.user_id, *token.compared) and not resolved.notes:
            yield (
                f"{assumption.name} is for subject {quote(subject)}, which is none of"
                " the names that Argo CD compares here."
            )
        roles = discover_roles(rbac.config_map.unmanaged, rbac.projects)
        if role not in {one.bound_as for one in roles}:
            yield (
                f"Role {quote(role)} does not exist. To list roles, run: argogrant"
                " roles."
            )
    if result.broken_project is not None:
        is_ignored = result.broken_project.line_number is not None
        effect = "have no effect" if is_ignored else "are left out here"
        statement = result.broken_project.statement
        yield f"The roles of the project {effect}: {statement}."
    for name in result.unbound if not result.is_allowed else ():
        yield f"No g line binds {name}, so Argo CD ignores its p lines."


def _in_words(answer: SimulationResult, width: int) -> str:
    """Format yes or no on the first line, and the reasons below it."""
    reasons = (wrap(f"  {line}", width, 4) for line in _reasons(answer))
    return "\n".join(["yes" if answer.is_allowed else "no", *reasons])


def _reasons(answer: SimulationResult) -> Iterator[str]:
    result = answer.result
    if result.broken is not None:
        yield f"{sanitize(result.broken.statement)}."
        yield sanitize(result.broken.consequence)
        return
    notes = list(map(sanitize, answer.notes))
    if result.is_allowed and not answer.is_allowed:
        # The rules allow the request; the notes say why the user cannot log in.
        yield from notes
        notes.clear()
    if answer.decisive is not None:
        yield from _decisive_rule(answer.decisive)
    elif not result.is_allowed:
        names = dict.fromkeys(map(_name, result.attempts))
        yield f"No rule allows it for {', or for '.join(names)}."
    if answer.assumed:
        now = "yes" if answer.is_allowed_now else "no"
        yield f"Currently, without {sanitize(answer.assumed)}: {now}."
    yield from notes


def _decisive_rule(attempt: Attempt) -> Iterator[str]:
    result = attempt.result
    if result.unreadable:
        yield (
            f"A rule of {_name(attempt)} has an invalid regular expression,"
            f" {sanitize(result.unreadable)}; Argo CD denies every request that it"
            " compares with this rule."
        )
        return
    if result.rule is not None:
        word = "Allowed" if result.is_allowed else "Denied"
        rule, source = result.rule
        line = sanitize(", ".join(("p", *rule)))
        yield f"{word} by {line} ({sanitize(source)})"
    path = "".join(
        f" > {sanitize(one.binding.role)} ({sanitize(one.source)})"
        for one in result.chain
    )
    yield f"for {_name(attempt)}{path}"


def _name(attempt: Attempt) -> str:
    match attempt.source:
        case SubjectSource.EVERYONE:
            return "everyone"
        case SubjectSource.DEFAULT_ROLE:
            return f"everyone, by policy.default {sanitize(attempt.result.name)}"
        case _:
            return f"{sanitize(attempt.result.name)} ({attempt.source})"


def _as_json(answer: SimulationResult) -> str:
    """Format the answer, all evaluated names and all rules as JSON."""
    decisive, broken = answer.decisive, answer.result.broken
    result = decisive.result if decisive is not None else None
    body: dict[str, Any] = {
        "allowed": answer.is_allowed,
        "allowedNow": answer.is_allowed_now,
        "assumed": answer.assumed or None,
        "rule": _rule_item(result.rule) if result else None,
        "chain": [
            {**one.binding._asdict(), "source": one.source}
            for one in (result.chain if result else ())
        ],
        "asked": [
            {
                "name": one.result.name,
                "as": str(one.source),
                "allowed": one.result.is_allowed,
                "rule": _rule_item(one.result.rule),
            }
            for one in answer.result.attempts
        ],
        "broken": str(broken) if broken else None,
        "notes": list(answer.notes),
    }
    return json.dumps(body, indent=2)


def _rule_item(sourced: SourcedRule | None) -> dict[str, str] | None:
    if sourced is None:
        return None
    return {**sourced.rule._asdict(), "source": sourced.source}
