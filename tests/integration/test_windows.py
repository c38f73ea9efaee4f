"""Start and end of access, as the grant predicts and argocd-server confirms.

The operator runs once for the module; each test has it to itself.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from support.live_cluster import (
    World,
    a_grant,
    after,
    eventually,
    sleep_until,
    throughout,
)

HOUR = timedelta(hours=1)
TRACKING = "argocd.argoproj.io/tracking-id"


def applied_by_argocd(grant: dict[str, Any]) -> dict[str, Any]:
    """Mark a grant as Argo CD marks what it applies from Git."""
    name = grant["metadata"]["name"]
    mark = {TRACKING: f"app:argogrant.dev/AccessGrant:argogrant/{name}"}
    return {**grant, "metadata": {**grant["metadata"], "annotations": mark}}


def never_gives_access(world: World, grant: dict[str, Any], reason: str) -> None:
    """Argo CD's ConfigMap is not even touched for this grant, and the answer is no."""
    version = world.version()
    world.apply(grant)
    name = grant["metadata"]["name"]
    eventually(lambda: world.ready(name)[1] == reason, within=30)

    assert world.version() == version
    assert not world.may_sync()
    assert "boundAs" not in world.grant(name)["status"]


@pytest.mark.long
def test_scheduled_grant_gives_access_only_in_its_window(world: World) -> None:
    """No before ``notBefore``, yes after it, no from the end on."""
    begin, end = after(20), after(40)
    world.apply(a_grant("planned", notBefore=begin, expiresAt=end))
    eventually(lambda: world.ready("planned")[1] == "Scheduled", within=18)
    status = world.grant("planned")["status"]
    throughout(lambda: not world.may_sync(), until=begin)
    eventually(world.may_sync, within=15)
    throughout(world.may_sync, until=end)
    eventually(lambda: not world.may_sync(), within=10)

    assert status["expiresAt"] == end
    assert "startedAt" not in status
    eventually(lambda: world.ready("planned")[1] == "Expired", within=30)
    assert world.grant("planned")["status"]["startedAt"] == begin


def test_scheduled_duration_has_a_predicted_end(world: World) -> None:
    """A duration counts from ``notBefore``."""
    begin = after(3600)
    world.apply(a_grant("later", notBefore=begin, duration="1h"))
    eventually(lambda: world.ready("later")[1] == "Scheduled", within=30)
    forecast = world.grant("later")["status"]["expiresAt"]

    assert datetime.fromisoformat(forecast) - datetime.fromisoformat(begin) == HOUR


def test_duration_counts_from_a_start_in_the_past(world: World) -> None:
    """So the end is the same, whenever the grant is created again."""
    start = after(-1800)
    world.apply(a_grant("overdue", notBefore=start, duration="1h"))
    eventually(world.may_sync, within=30)
    eventually(lambda: world.ready("overdue")[1] == "Bound", within=30)

    ends = datetime.fromisoformat(world.grant("overdue")["status"]["expiresAt"])
    assert ends - datetime.fromisoformat(start) == HOUR


def test_duration_that_is_over_since_its_start_never_gives_access(
    world: World,
) -> None:
    grant = a_grant("long-over", notBefore=after(-7200), duration="1h")

    never_gives_access(world, grant, "Expired")


def test_end_in_the_past_never_gives_access(world: World) -> None:
    """A grant that Git re-creates after its end stays Expired."""
    grant = a_grant("past", expiresAt=after(-60))

    never_gives_access(world, grant, "Expired")


def test_grant_created_as_revoked_never_gives_access(world: World) -> None:
    """A grant that Git re-creates after its revocation stays Revoked."""
    grant = a_grant("revoked", revoked=True, expiresAt=after(600))

    never_gives_access(world, grant, "Revoked")


def test_duration_from_git_is_rejected(world: World) -> None:
    """A grant that Git creates again would otherwise start its duration again."""
    grant = applied_by_argocd(a_grant("from-git", duration="1h"))
    never_gives_access(world, grant, "AbsoluteEndRequired")

    assert "Set spec.expiresAt" in world.ready("from-git")[2]


@pytest.mark.long
def test_absolute_end_from_git_is_bound_until_then(world: World) -> None:
    """A grant from Git that names its end is bound, and ends."""
    end = after(25)
    grant = applied_by_argocd(a_grant("from-git", expiresAt=end))
    world.apply(grant)
    eventually(world.may_sync, within=20)
    sleep_until(end)

    eventually(lambda: not world.may_sync(), within=10)
