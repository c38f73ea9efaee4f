"""Argo CD's own RBAC ConfigMap in Git, and what its controller does to our key."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.git_repository import (
    SECOND_SYNC_SECONDS,
    SYNC_SECONDS,
    Application,
    Repository,
)
from support.live_cluster import RULES, World, a_grant, eventually

pytestmark = pytest.mark.long

LONGEST_PAUSE = 70.0
"""Within which our key is put back, however often it was removed."""
APPLY_MODES = [
    pytest.param(("ServerSideApply=true",), id="server-side apply"),
    pytest.param((), id="client-side apply"),
]


def rbac(rules: str = RULES) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-rbac-cm",
            "labels": {
                "app.kubernetes.io/name": "argocd-rbac-cm",
                "app.kubernetes.io/part-of": "argocd",
            },
        },
        "data": {"policy.csv": rules},
    }


@contextmanager
def access_all_the_time(world: World) -> Iterator[None]:
    """Ask for a person without a pause; every answer has to be yes."""
    answers: list[bool] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(world.may_sync())
            time.sleep(0.05)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
    assert answers
    assert all(answers), f"{answers.count(False)} of {len(answers)} answers were no"


@pytest.mark.parametrize("options", APPLY_MODES)
def test_sync_and_self_heal_keep_the_overlay_key(
    world: World,
    repository: Repository,
    application: Application,
    options: tuple[str, ...],
) -> None:
    """Syncs a commit and reverts a manual change while a grant is active."""
    repository.commit({"argocd/rbac.yaml": rbac()})
    application.create(repository, "argocd", namespace="argocd", options=options)
    application.wait_until_well(within=SYNC_SECONDS)
    world.apply(a_grant("held"))
    eventually(world.may_sync, within=30)
    with access_all_the_time(world):
        repository.commit(
            {"argocd/rbac.yaml": rbac(RULES + "g, dave, role:deployer\n")}
        )
        application.refresh()
        eventually(lambda: world.may_sync("dave"), within=SYNC_SECONDS)
        world.edit({"policy.csv": RULES})
        eventually(
            lambda: "dave" in world.config_map()["data"]["policy.csv"],
            within=SYNC_SECONDS,
        )
        application.wait_until_well(within=SYNC_SECONDS)
    world.delete("held")

    eventually(lambda: not world.may_sync(), within=10)
    assert world.instance_says("Contested")[0] == "False"


def test_sync_with_replace_is_reported_as_contested(
    world: World, repository: Repository, application: Application
) -> None:
    """Every sync removes the key; the grant still expires on time."""
    world.apply(a_grant("fought-over"))
    eventually(world.may_sync, within=30)
    repository.commit({"argocd/rbac.yaml": rbac()})
    application.create(
        repository, "argocd", namespace="argocd", options=("Replace=true",)
    )

    def is_synced(text: str) -> bool:
        return text in world.config_map()["data"]["policy.csv"]

    for number in range(4):
        rules = f"{RULES}g, person-{number}, role:deployer\n"
        repository.commit({"argocd/rbac.yaml": rbac(rules)})
        application.refresh()
        eventually(lambda: is_synced(f"person-{number},"), within=SYNC_SECONDS)  # noqa: B023
        eventually(world.overlay, within=LONGEST_PAUSE)
    eventually(lambda: world.instance_says("Contested")[0] == "True", within=30)
    application.wait_until_well(within=SYNC_SECONDS)
    time.sleep(SECOND_SYNC_SECONDS)
    eventually(world.overlay, within=LONGEST_PAUSE)
    version = world.version()
    time.sleep(8)

    assert "argocd" in world.instance_says("Contested")[2]
    assert world.version() == version
    world.delete("fought-over")
    eventually(lambda: not world.may_sync(), within=10)
