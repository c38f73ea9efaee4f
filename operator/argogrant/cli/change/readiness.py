"""ArgoCDInstance that a request is about: whether it is ready, and its maximum."""

from datetime import datetime, timedelta

from argogrant.api.accessgrant_view import read_conditions
from argogrant.api.argocdinstance import Instance
from argogrant.api.json_fields import get_dict
from argogrant.cli.errors import CommandError
from argogrant.cli.parsed_objects import parse_instance
from argogrant.cli.session import Session, instance_body
from argogrant.cli.terminal.tables import print_warnings, sanitize
from argogrant.cli.terminal.times import short
from argogrant.grants.model.reasons import InstanceCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.errors import Forbidden


async def check_instance(api: Session, name: str) -> Instance | None:
    """Read the ArgoCDInstance, and print a warning if it gives no access at present.

    The grant can still be created: it takes effect once the instance is ready.

    Returns:
        None if the caller may not read it.

    Raises:
        CommandError: It does not exist, or is being deleted.
    """
    try:
        body = await instance_body(api, name)
    except Forbidden:
        return None
    instance = parse_instance(name, body)
    if instance.being_deleted:
        raise CommandError(
            f"ArgoCDInstance {quote(name)} in namespace {quote(api.namespace)} is being"
            " deleted, so no grant takes effect there. Name another one (--instance)."
        )
    ready = read_conditions(get_dict(body, "status")).get(InstanceCondition.READY)
    if ready is not None and ready.status is not True:
        cause = sanitize(ready.message or ready.reason)
        print_warnings([f"ArgoCDInstance {quote(name)} is not ready: {cause}"])
    return instance


def describe_ceiling(
    start: datetime, end: datetime | timedelta, instance: Instance | None
) -> str:
    """Return that the instance shortens an access; empty if it does not.

    Args:
        start: Start of the access, or now.
        end: End of the access, or its duration.
        instance: None if it is unknown.
    """
    wanted = end - start if isinstance(end, datetime) else end
    if instance is None or wanted <= instance.max_duration:
        return ""
    return (
        f"It is shortened to {short(instance.max_duration)}, the maxDuration of"
        f" ArgoCDInstance {quote(instance.name)}."
    )
