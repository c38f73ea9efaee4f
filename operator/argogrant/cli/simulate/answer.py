"""The answer of ``argogrant can``, from what was read. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.roles import discover_roles, roles_of_everybody
from argogrant.argocd.simulation.evaluate import Judge, Person, Rules, Verdict
from argogrant.argocd.simulation.request import Question, as_enforced
from argogrant.argocd.simulation.sourced_lines import CitedLink, cite_config_map
from argogrant.argocd.simulation.subject import Recognised, recognise
from argogrant.cli.argocd_reader import ArgoCDSeen
from argogrant.grants.model.grant import Binding, RoleRef
from argogrant.grants.model.sign_in import SignIn
from argogrant.grants.model.validation import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The question, and what is taken for given."""

    subject: str
    question: Question
    groups: Sequence[str] = ()
    is_user_id: bool = False
    grant: str = ""
    role: RoleRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A binding that is taken for given."""

    binding: Binding
    name: str
    """What it is called in an answer."""
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The answer, and what it would be without what was assumed."""

    verdict: Verdict
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
        return self.verdict.is_allowed and not self.is_locked_out


def ruling_of(
    asked: Asked,
    instance: Instance,
    seen: ArgoCDSeen,
    *,
    settings: Mapping[str, str] | None,
    assumption: Assumption | None,
) -> Ruling:
    """Answer a question.

    Args:
        asked: The question.
        instance: Says where bindings are written.
        seen: What Argo CD judges by.
        settings: The ``data`` of ``argocd-cm``; None if it can not be read.
        assumption: What is taken for given.
    """
    others = seen.config_map.others
    sign_in = SignIn(
        claims=others.claims,
        default_role=others.default_role,
        roles_of_everybody=roles_of_everybody(others, seen.projects),
        settings=None if settings is None else read_settings(settings),
    )
    known = recognise(asked.subject, asked.groups, sign_in, is_user_id=asked.is_user_id)
    questions = as_enforced(
        asked.question, namespace=instance.argocd_namespace, settings=settings or {}
    )
    rules = Rules(
        lines=cite_config_map(seen.config_map.data),
        default_role=others.default_role,
        match_mode=others.match_mode,
        projects=seen.projects,
    )
    now = _judged(Judge(rules), known.person, questions)
    then = now
    if assumption is not None:
        link = CitedLink(assumption.binding, assumption.name)
        place = assumption.project if instance.binds_in_projects else None
        judge = Judge(rules, [link], in_project=place or "")
        then = _judged(judge, known.person, questions)
    return Ruling(
        verdict=then,
        is_allowed_now=now.is_allowed and not known.is_locked_out,
        is_locked_out=known.is_locked_out,
        assumed=assumption.name if assumption is not None else "",
        notes=(*known.notes, *_remarks(assumption, known, seen)),
    )


def _judged(judge: Judge, person: Person, questions: Sequence[Question]) -> Verdict:
    """Ask until one is allowed; one yes is enough."""
    verdicts = [judge.judge(person, one) for one in questions]
    return next((one for one in verdicts if one.is_allowed), verdicts[-1])


def _remarks(
    assumption: Assumption | None, known: Recognised, seen: ArgoCDSeen
) -> Iterator[str]:
    """Say why an assumption may not do what somebody expects of it."""
    if assumption is None:
        return
    subject, role = assumption.binding
    person = known.person
    if subject not in (person.user_id, *person.compared) and not known.notes:
        yield f"{assumption.name} is for {quoted(subject)}, which is none of the names."
    roles = discover_roles(seen.config_map.others, seen.projects)
    if role not in {one.bound_as for one in roles}:
        yield f"There is no role {quoted(role)}; argogrant roles lists what there is."
