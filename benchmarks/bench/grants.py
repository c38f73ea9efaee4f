"""Making, awaiting and removing the grants that are measured.

Every grant is for an SSO group of its own, since argocd-server believes any group in
a token that it signed itself; so each of ten thousand subjects can be asked about.
"""

import asyncio
import math
import time
from datetime import UTC, datetime

from bench.clients import API, GRANTS, Body

LABEL = "bench"
READY_SECONDS = 900


def a_grant(name: str, *, ends_at: float, batch: str) -> Body:
    """Build a grant of role:deployer for the group that is called like it."""
    end = datetime.fromtimestamp(ends_at, UTC)
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {
            "name": name,
            "namespace": "argogrant",
            "labels": {LABEL: batch},
        },
        "spec": {
            "subject": {"kind": "Group", "name": name},
            "role": {"name": "role:deployer"},
            "expiresAt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def names(batch: str, count: int, *, begin: int = 0) -> list[str]:
    """Name the grants of a batch, so that their order is also the alphabet's."""
    return [f"{batch}-{number:05}" for number in range(begin, count)]


def whole_second(*, at_least: float) -> float:
    """Give the first whole second that is so many seconds away, in wall-clock time."""
    return math.ceil(time.time() + at_least)


async def create(
    api: API, wanted: list[str], *, batch: str, ends_at: list[float]
) -> None:
    """Create one grant for each name, with its end."""
    bodies = [
        a_grant(name, ends_at=end, batch=batch)
        for name, end in zip(wanted, ends_at, strict=True)
    ]
    await api.create(GRANTS, bodies)


async def ready_count(api: API, batch: str) -> int:
    """Count the grants of a batch that say Ready."""
    listing = await api.get(f"{GRANTS}?labelSelector={LABEL}%3D{batch}")
    return sum(_is_ready(body) for body in listing["items"])


async def wait_until_ready(api: API, batch: str, count: int) -> float:
    """Wait until so many grants of a batch say Ready; give the time of that."""
    deadline = time.time() + READY_SECONDS
    while (ready := await ready_count(api, batch)) < count:
        if time.time() > deadline:
            raise TimeoutError(f"{ready} of {count} {batch} grants are Ready")
        await asyncio.sleep(max(0.5, count / 1000))  # a list costs everybody something
    return time.time()


async def remove_batches(api: API, *batches: str) -> None:
    """Delete whole batches, and wait until the last grant is gone."""
    selector = f"{LABEL}%20in%20({'%2C'.join(batches)})"
    await api.delete(f"{GRANTS}?labelSelector={selector}")
    left = f"{GRANTS}?limit=1&labelSelector={selector}"
    for _ in range(READY_SECONDS):
        if not (await api.get(left))["items"]:
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"deleted grants are still there after {READY_SECONDS} s")


def reason_of(body: Body) -> str:
    """Read the reason of a grant's Ready condition; empty if there is none yet."""
    for condition in body.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready":
            return str(condition["reason"])
    return ""


def _is_ready(body: Body) -> bool:
    conditions = body.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
