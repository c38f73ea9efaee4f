"""Questions of ``argogrant request`` about what the options do not say."""

import shlex
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import click

from argogrant.api.json_fields import get_dict
from argogrant.cli.access_rules import access_rules, readable_policies
from argogrant.cli.change.submit import parse_option
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, instance_body, utc_now
from argogrant.cli.status_roles import read_status_roles
from argogrant.cli.terminal.questions import ask, choose
from argogrant.cli.terminal.tables import (
    columns,
    message_columns,
    sanitize,
    table,
    wrap,
)
from argogrant.cli.terminal.times import parse_duration_argument, short
from argogrant.grants.access.entitlement import Offer, offer_of
from argogrant.grants.access.policy import AccessPolicy
from argogrant.grants.effectiveness import describe_empty_role
from argogrant.grants.model.grant import RoleRef, Subject
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.validation import quote
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_POLICIES, Collection

_HEADER: Final = ("ROLE", "LONGEST", "APPROVAL", "DESCRIPTION")
_NUMBER: Final = 5
"""Width of the number before a role."""
NO_APPROVAL: Final = "not needed"
UNKNOWN: Final = "unknown"
USUAL: Final = timedelta(hours=1)
"""Suggested duration."""


class RequestAnswers(NamedTuple):
    """Facts about a request, from options and questions."""

    role: RoleRef | None
    reason: str
    has_window: bool
    """True if options say how long the grant lasts."""
    lasts: str = ""
    """Answer to that question, in the form of ``--for``."""

    @property
    def is_complete(self) -> bool:
        """Return whether there is nothing to ask."""
        return self.role is not None and bool(self.reason) and self.has_window


async def ask_missing(
    api: Session,
    answers: RequestAnswers,
    parties: tuple[Subject, Identity | None],
    instance: str,
    project: str,
) -> RequestAnswers:
    """Ask the user for what the options do not say.

    Args:
        api: Where the ArgoCDInstance is.
        answers: What the options say.
        parties: Who receives the role, and the user.
        instance: Name of the ArgoCDInstance.
        project: AppProject of the roles to choose from; empty for all roles.

    Raises:
        CommandError: There is no role to choose from.
    """
    role, offer = answers.role, None
    if role is None:
        offers = await read_offers(api, instance, *parties)
        offer = ask_role(offers, instance, project)
        role = offer.role
    lasts = "" if answers.has_window else ask_duration(offer)
    reason = answers.reason or ask_reason(offer)
    if lasts:
        click.echo(f"As options: {as_options(role, lasts, reason)}", err=True)
    return RequestAnswers(role, reason, answers.has_window, lasts)


class OfferedRole(NamedTuple):
    """A role that the user may request, with its description."""

    offer: Offer
    description: str
    allows_nothing: str = ""
    """Why a grant of the role gives nothing; empty if it gives something."""


async def read_offers(
    api: Session, instance: str, subject: Subject, requester: Identity | None
) -> list[OfferedRole]:
    """Return the roles of an ArgoCDInstance that a user may request for a subject.

    If the AccessPolicies or the user are unknown, these are all roles.
    """
    body = await instance_body(api, instance)
    policies = await _read_policies(api)
    rules = access_rules(body, policies or ())
    if rules is None:
        return []
    offers = []
    for one in read_status_roles(get_dict(body, "status")).roles:
        role = RoleRef(name=one.name, project=one.project or None)
        offer: Offer | None = Offer(role, rules.max_duration, UNKNOWN)
        if policies is not None and requester is not None:
            offer = offer_of(role, subject, requester, rules, utc_now())
        if offer is not None:
            offers.append(OfferedRole(offer, one.description, one.allows_nothing))
    return offers


async def _read_policies(api: Session) -> list[AccessPolicy] | None:
    """Return the AccessPolicies; None if the user may not read them."""
    try:
        found = list_all(api.cluster, Collection(ACCESS_POLICIES, api.namespace))
        return list(readable_policies([one async for one in found]))
    except (Forbidden, NotFound):
        return None


def ask_role(offers: Sequence[OfferedRole], instance: str, project: str = "") -> Offer:
    """Let the user choose a role; print which ones are left out, and why.

    Raises:
        CommandError: There is none to choose from.
    """
    matching = [one for one in offers if project in ("", one.offer.role.project)]
    offers = [one for one in matching if not one.allows_nothing]
    left_out = [
        describe_empty_role(one.offer.role.bound_as, one.allows_nothing)
        for one in matching
        if one.allows_nothing
    ]
    for sentence in left_out:
        text = f"Not offered: {sanitize(sentence)}"
        click.echo(wrap(text, message_columns(), 2), err=True)
    if not offers:
        other = " other" if left_out else ""
        raise CommandError(
            f"the status of ArgoCDInstance {quote(instance)} lists no{other} role that"
            " an AccessPolicy lets you request. Name one with --role; to list all"
            " roles, run: argogrant roles."
        )
    header, *rows = _rows(offers)
    return offers[choose("Number of the role", rows, header=header)].offer


def _rows(offers: Iterable[OfferedRole]) -> list[str]:
    rows = [
        (
            sanitize(one.offer.role.bound_as),
            short(one.offer.max_duration),
            sanitize(one.offer.approvers or NO_APPROVAL),
            sanitize(one.description),
        )
        for one in offers
    ]
    width = columns()
    room = max(width - _NUMBER, 1) if width else 0
    return table(_HEADER, rows, width=room, whole=("ROLE", "LONGEST")).splitlines()


def ask_duration(offer: Offer | None) -> str:
    """Ask how long the grant lasts; return a duration for ``--for``."""

    def parse(text: str) -> str:
        duration = parse_option("--for", parse_duration_argument, text)
        if offer is not None and duration > offer.max_duration:
            raise click.UsageError(f"the longest is {short(offer.max_duration)}.")
        return text

    longest = f", at most {short(offer.max_duration)}" if offer else ""
    usual = min(USUAL, offer.max_duration) if offer else USUAL
    return ask(f"For how long{longest}", parse, default=short(usual))


def ask_reason(offer: Offer | None) -> str:
    """Ask for the justification."""

    def parse(text: str) -> str:
        if not text:
            raise click.UsageError("approvers and the audit need a justification.")
        return text

    hint = (
        sanitize(offer.justification_hint) if offer and offer.justification_hint else ""
    )
    return ask(f"Justification ({hint})" if hint else "Justification", parse)


def as_options(role: RoleRef, lasts: str, reason: str) -> str:
    """Return the options that answer the questions."""
    options = {"--role": role.bound_as, "--for": lasts, "--reason": reason}
    return " ".join(
        f"{name} {shlex.quote(sanitize(value))}" for name, value in options.items()
    )
