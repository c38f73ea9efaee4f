"""Memory after grants were created and deleted: nothing grows with their number."""

import asyncio
import re

import pytest

from argogrant.argocd import policy_csv
from support.held_entries import held_by
from support.in_memory_operator import (
    GRANTS,
    INSTANCES,
    SETTLED,
    InMemoryOperator,
    an_operator,
)
from support.live_cluster import INSTANCE, RULES

pytestmark = pytest.mark.long

BATCH = 50
WARM_UP = 2
MEASURED = 3
FIRST_END = 30
"""Seconds that the first of a batch lasts; each of the others lasts a second longer."""
TOMBSTONES = 61.0
"""Seconds after which a resync drops the records of deletions."""
GRANT = re.compile(r"grant-\d{5}")


async def test_memory_does_not_grow_with_deleted_grants(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(policy_csv, "CACHE_SLACK", 0)  # the batches are small
    async with an_operator() as operator:
        for number in range(WARM_UP):
            await come_and_go(operator, number)
        before = held_by(operator.namespace, named=GRANT)
        for number in range(WARM_UP, WARM_UP + MEASURED):
            await come_and_go(operator, number)
        grown = held_by(operator.namespace, named=GRANT) - before

        assert not grown


async def come_and_go(operator: InMemoryOperator, number: int) -> None:
    """Create grants, one per subject, and delete them after they have expired."""
    names = [f"grant-{number * BATCH + one:05}" for one in range(BATCH)]
    for one, name in enumerate(names):
        operator.grant(name, name, duration=f"{FIRST_END + one}s")
    await asyncio.sleep(SETTLED)
    assert operator.bound == set(names)
    await asyncio.sleep(FIRST_END + BATCH)
    assert operator.bound == set()
    for name in names:
        operator.delete(name)
    await asyncio.sleep(TOMBSTONES)
    assert not any(path.startswith(GRANTS) for path in operator.cluster._objects)
    await operator.namespace.resync("default")
    await asyncio.sleep(SETTLED)
    policy_csv.trim_line_caches(operator.namespace.grant_count())
    operator.cluster.compact()
    operator.cluster.calls.clear()
    operator.audit_records.clear()


async def test_memory_does_not_grow_with_versions_and_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anyone may name any instance; administrators of a project may edit it forever."""
    monkeypatch.setattr(policy_csv, "CACHE_SLACK", 0)
    async with an_operator() as operator:
        for number in range(WARM_UP):
            await change_everything(operator, number)
        before = held_by(operator.namespace, named=GRANT)
        for number in range(WARM_UP, WARM_UP + MEASURED):
            await change_everything(operator, number)
        grown = held_by(operator.namespace, named=GRANT) - before

        assert not grown


async def change_everything(operator: InMemoryOperator, number: int) -> None:
    """Change Argo CD's text and projects, and come and go with new names."""
    for one in range(BATCH):
        name = f"grant-{number * BATCH + one:05}"
        operator.edit_rbac(policy_csv=f"{RULES}g, {name}, role:deployer\n")
        operator.mark_project("team-a", {"owner": name})
        operator.grant(name, name, instance=name)
        instance = {**INSTANCE, "metadata": {"name": f"other-{name}"}}
        operator.cluster.add(INSTANCES, instance)
        await asyncio.sleep(0.1)
        operator.delete(name)
        operator.cluster.delete_object(f"{INSTANCES}/other-{name}")
    operator.edit_rbac(policy_csv=RULES)
    operator.mark_project("team-a", {"owner": ""})
    await asyncio.sleep(TOMBSTONES)
    await operator.namespace.resync("default")
    await asyncio.sleep(SETTLED)
    policy_csv.trim_line_caches(operator.namespace.grant_count())
    operator.cluster.compact()
    operator.cluster.calls.clear()
    operator.audit_records.clear()
