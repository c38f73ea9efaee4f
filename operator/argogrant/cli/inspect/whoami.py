"""``argogrant whoami``: the names of the user, and where the commands act."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

import click

from argogrant.cli.caller import Caller, read_caller
from argogrant.cli.errors import run_command
from argogrant.cli.formats import DocumentFormat
from argogrant.cli.serialization import serialize_data
from argogrant.cli.session import session
from argogrant.cli.terminal.tables import NONE, columns, sanitize, wrap
from argogrant.grants.model.identity import argocd_subject

_LABEL: Final = 16
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDUser:
    """Name of the user in one Argo CD."""

    instance: str
    username: str
    """Empty if Argo CD does not know the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """The user, and where the commands act."""

    username: str
    groups: tuple[str, ...]
    argocd: tuple[ArgoCDUser, ...]
    place: str
    namespace: str


def whoami(*, namespace: str, context: str, output: DocumentFormat) -> None:
    """Print who the user is to Kubernetes and to Argo CD."""
    found = run_command("whoami", _read(namespace, context))
    if output is DocumentFormat.TEXT:
        width = columns()
        for line in to_text(found):
            click.echo(wrap(line, width, _LABEL + 1))
    else:
        click.echo(serialize_data(asdict(found), output))


async def _read(namespace: str, context: str) -> WhoAmI:
    async with session(context, namespace) as api:
        caller = await read_caller(api, api.namespace)
        return describe(caller, api.place, api.namespace)


def describe(caller: Caller, place: str, namespace: str) -> WhoAmI:
    """Return what is known of a user."""
    identity = caller.identity
    return WhoAmI(
        username=identity.username,
        groups=tuple(sorted(identity.groups)),
        argocd=tuple(
            ArgoCDUser(instance=name, username=argocd_subject(identity, prefix) or "")
            for (_, name), prefix in sorted(caller.prefixes.items())
        ),
        place=place,
        namespace=namespace,
    )


def to_text(found: WhoAmI) -> Iterator[str]:
    """Format it as lines with labels."""
    yield _line("Kubernetes user", sanitize(found.username))
    yield _line("Groups", ", ".join(map(sanitize, found.groups)) or NONE)
    for one in found.argocd:
        name = sanitize(one.username) if one.username else UNKNOWN
        yield _line("Argo CD user", f"{name} (ArgoCDInstance {sanitize(one.instance)})")
    if not found.argocd:
        yield _line("Argo CD user", f"{UNKNOWN}, no ArgoCDInstance can be read here")
    yield _line("Cluster", sanitize(found.place))
    yield _line("Namespace", sanitize(found.namespace))


def _line(label: str, text: str) -> str:
    return f"{label + ':':<{_LABEL}} {text}"
