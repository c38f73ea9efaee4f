"""Grants in Git where Argo CD marks what it applies by a label only."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from controlplane import ControlPlane
from support.git_repository import SYNC_SECONDS, Application, Repository
from support.live_cluster import (
    ARGOCD,
    INSTANCE,
    OURS,
    World,
    a_grant,
    after,
    eventually,
)

pytestmark = pytest.mark.long

MINUTES = float(os.environ.get("ARGOGRANT_RECREATION_MINUTES", "2"))
"""Length of the automated sync; an hour shows more rounds of the same."""
LATE_SECONDS = 3.0
"""Within which Argo CD refuses after an end; the machine may be small."""
DELETE_EVERY = 25.0
"""Seconds between two deletions; Argo CD backs off if they follow faster."""
SETTLED = 10.0
LABEL = "example.com/applied-by"


def set_tracking(plane: ControlPlane, **data: str | None) -> None:
    texts = {f"application.{key}": text for key, text in data.items()}
    patch = json.dumps({"data": texts})
    plane.kubectl("-n", ARGOCD, "patch", "cm", "argocd-cm", "--type=merge", "-p", patch)


@pytest.fixture(
    params=[
        pytest.param(None, id="usual label"),
        pytest.param(LABEL, id="configured label"),
    ]
)
def label(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[str]:
    """Label by which Argo CD tracks; there is no annotation."""
    key: str | None = request.param
    set_tracking(control_plane, resourceTrackingMethod="label", instanceLabelKey=key)
    yield key or "app.kubernetes.io/instance"
    set_tracking(control_plane, resourceTrackingMethod=None, instanceLabelKey=None)


def in_git(name: str, subject: str, **spec: Any) -> dict[str, Any]:
    body = a_grant(name, subject, **spec)
    del body["metadata"]["namespace"]
    return body


def test_duration_from_git_is_refused_by_the_label(
    world: World, repository: Repository, application: Application, label: str
) -> None:
    body = in_git("lasting", "alice", duration="1h")
    repository.commit({"grants/alice.yaml": body})
    application.create(repository, "grants", namespace="argogrant")
    eventually(lambda: world.exists("accessgrant", "lasting"), within=SYNC_SECONDS)
    eventually(lambda: world.ready("lasting")[1] == "AbsoluteEndRequired", within=30)
    metadata = world.grant("lasting")["metadata"]

    assert label in metadata["labels"]
    assert "argocd.argoproj.io/tracking-id" not in metadata.get("annotations", {})
    assert f'label "{label}"' in world.ready("lasting")[2]
    assert not world.may_sync()


@dataclass
class Watch:
    """Answers of argocd-server about one subject, and the end of the first window."""

    subject: str
    end: float
    first: float | None = None
    last: float | None = None
    late: list[float] = field(default_factory=list)
    uids: set[str] = field(default_factory=set)
    """Of every object that had the name."""

    def ask(self, world: World) -> None:
        if not world.may_sync(self.subject):
            return
        now = time.time()
        self.first, self.last = self.first or now, now
        if now > self.end + LATE_SECONDS:
            self.late.append(now - self.end)


@pytest.fixture
def short_retention(world: World) -> Iterator[World]:
    """Ended grants are deleted after five seconds, where nothing forbids it."""
    world.apply({**INSTANCE, "spec": {"retention": "5s"}})
    yield world
    world.apply(INSTANCE)


@pytest.mark.parametrize("label", [None], indirect=True)
def test_no_sync_gives_access_beyond_the_first_window(
    short_retention: World, repository: Repository, application: Application, label: str
) -> None:
    """Argo CD heals by itself, a person deletes, and retention is below all ends."""
    assert label
    world, began = short_retention, time.time()
    lasts = min(60.0, MINUTES * 20)
    end = began + SYNC_SECONDS + lasts
    absolute, start = {"expiresAt": after(SYNC_SECONDS + lasts)}, after(SYNC_SECONDS)
    watches = {
        "duration": Watch("alice", began),
        "until": Watch("carol", end),
        "window": Watch("dave", end),
        "revoked": Watch("erin", end),
    }
    bodies = {
        "duration": in_git("duration", "alice", duration="10s"),
        "until": in_git("until", "carol", **absolute),
        "window": in_git("window", "dave", notBefore=start, duration=f"{lasts:.0f}s"),
        "revoked": in_git("revoked", "erin", expiresAt=after(MINUTES * 60 + 600)),
    }
    repository.commit({f"grants/{name}.yaml": body for name, body in bodies.items()})
    application.create(repository, "grants", namespace="argogrant")
    eventually(lambda: world.may_sync("erin"), within=SYNC_SECONDS)
    world.ours("patch", "accessgrant", "revoked", "--type=merge", "-p", REVOKED)
    watches["revoked"].end = time.time()
    ask_and_delete(world, watches)
    reasons = {
        name: world.ready(name)[1]
        for name in watches
        if world.exists("accessgrant", name)
    }
    # Ten seconds after it was created, the refused duration would be over, too.
    assert reasons.pop("duration", "Expired") in {"AbsoluteEndRequired", "Expired"}
    expected = {
        "until": "Expired",
        "window": "Expired",
        "revoked": "Revoked",
    }

    assert {name: one.late for name, one in watches.items() if one.late} == {}
    assert watches["duration"].first is None
    assert watches["until"].first is not None
    assert watches["window"].first is not None
    assert reasons.items() <= expected.items()
    assert len(watches["revoked"].uids) == 1
    assert sum(len(one.uids) for one in watches.values()) > len(watches)


REVOKED = json.dumps({"spec": {"revoked": True}})


def ask_and_delete(world: World, watches: dict[str, Watch]) -> None:
    """Ask all the time, and delete what Argo CD creates again, one after the other.

    The revoked grant is not deleted: nothing else keeps Argo CD from creating one that
    is not revoked.
    """
    names = itertools.cycle(("duration", "until", "window"))
    deadline = max(time.time() + MINUTES * 60, watches["until"].end + 30)
    delete_at = time.time() + DELETE_EVERY
    grants = world.plane.api(OURS)
    while time.time() < deadline:
        for name, one in watches.items():
            one.ask(world)
            found = grants.find("accessgrant", name, namespace=OURS)
            if found is not None:
                one.uids.add(found["metadata"]["uid"])
        name = next(names) if time.time() > delete_at else ""
        if name:
            delete_at = time.time() + DELETE_EVERY
        if name and world.exists("accessgrant", name):
            world.delete_later("accessgrant", name)
        time.sleep(1)
    time.sleep(SETTLED)
