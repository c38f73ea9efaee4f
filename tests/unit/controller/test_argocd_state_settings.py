"""Login settings of argocd-cm: used if readable, and optional."""

import asyncio
from typing import Any

import pytest

from argogrant.kube.client import ListPage
from argogrant.kube.errors import ClusterError, Forbidden, Unavailable
from argogrant.kube.resources import CONFIG_MAPS, Collection
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    GRANTS,
    SETTLED,
    InMemoryOperator,
    an_operator,
    running,
)

SETTINGS = CONFIG_MAPS.path("argocd", "argocd-cm")
LOCAL = {"accounts.alice": "apiKey"}
REFUSED = Forbidden("GET configmaps/argocd-cm: 403")
UNAVAILABLE = Unavailable("GET configmaps/argocd-cm: 503")


def write_settings(operator: InMemoryOperator, **data: str) -> None:
    body = {"metadata": {"name": "argocd-cm"}, "data": {**LOCAL, **data}}
    operator.cluster.add(SETTINGS.rpartition("/")[0], body)


def effective(operator: InMemoryOperator, name: str = "g1") -> tuple[str, str]:
    status = operator.cluster.object(f"{GRANTS}/{name}")["status"]
    conditions: list[dict[str, Any]] = status["conditions"]
    found = [one for one in conditions if one["type"] == "Effective"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


class Guarded(FakeCluster):
    """An API server that refuses to list argocd-cm, or fails."""

    error: ClusterError | None = REFUSED
    attempts = 0

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        if collection.name == "argocd-cm":
            self.attempts += 1
            if self.error is not None:
                raise self.error
        return await super().list(collection, page)


async def test_subject_without_a_login_is_reported_as_ineffective() -> None:
    async with an_operator() as operator:
        write_settings(operator)
        operator.grant("g1")
        operator.grant("g2", "unknown-user")
        await asyncio.sleep(SETTLED)

        assert effective(operator) == ("True", "LocalAccount")
        assert effective(operator, "g2") == ("False", "NoSuchAccount")
        assert operator.happened("g2").count("ineffective") == 1


async def test_account_that_is_disabled_later_is_reported() -> None:
    async with an_operator() as operator:
        write_settings(operator)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        disabled = {"data": {"accounts.alice.enabled": "false"}}
        operator.cluster.edit(SETTINGS, disabled)
        await asyncio.sleep(SETTLED)

        assert effective(operator) == ("False", "AccountDisabled")
        assert operator.ready("g1") == "+Bound"


async def test_unrelated_change_of_argocd_cm_triggers_nothing() -> None:
    async with an_operator() as operator:
        write_settings(operator)
        await asyncio.sleep(SETTLED)
        calls = len(operator.cluster.calls)
        operator.cluster.edit(SETTINGS, {"data": {"kustomize.buildOptions": "--x"}})
        await asyncio.sleep(SETTLED)

        assert len(operator.cluster.calls) == calls


@pytest.mark.parametrize("error", [REFUSED, UNAVAILABLE])
async def test_unreadable_argocd_cm_adds_no_condition(error) -> None:
    """The instance is ready, and within an hour there are few attempts to read it."""
    cluster = Guarded()
    cluster.error = error
    operator = InMemoryOperator(cluster)
    operator.install()
    async with running(operator):
        operator.grant("g1")
        for _ in range(60):
            await asyncio.sleep(60)
            await operator.namespace.resync("default")

        assert operator.ready("g1") in {"+Bound", "-Expired"}
        assert effective(operator) == ("", "")
        assert operator.instance_ready == "+Converged"
        assert cluster.attempts < 30


async def test_outage_leaves_the_last_known_login_settings() -> None:
    """Otherwise every grant's status would be written twice."""
    cluster = Guarded()
    cluster.error = None
    operator = InMemoryOperator(cluster)
    operator.install()
    write_settings(operator)
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = cluster.count("merge_patch", GRANTS)
        cluster.error = UNAVAILABLE
        cluster.break_watches(UNAVAILABLE)
        await asyncio.sleep(SETTLED)

        assert effective(operator) == ("True", "LocalAccount")
        assert cluster.count("merge_patch", GRANTS) == writes
