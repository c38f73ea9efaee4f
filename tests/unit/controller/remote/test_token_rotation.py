"""A new token is requested, verified, and only then stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from argogrant.controller.remote.token_rotation import LONGEST_BACKOFF
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Unavailable
from argogrant.kube.resources import SECRETS
from support.fake_cluster import FakeCluster
from support.fake_tokens import Mint, a_token, token_in
from support.in_memory_operator import (
    FOR_EVER,
    INSTANCE_PATH,
    OURS,
    RBAC,
    InMemoryOperator,
    running,
)
from support.in_memory_remote import CLUSTER, a_remote_operator, put_token

SECRET = f"{SECRETS.path(OURS)}/prod"
HOUR = timedelta(hours=1)
EVERY_HOUR = {"every": "1h", "serviceAccount": "argogrant"}
TOKENS = "/api/v1/namespaces/argocd/serviceaccounts/argogrant/token"


@dataclass
class Scene:
    """An instance whose Argo CD is in another cluster, which issues tokens."""

    operator: InMemoryOperator
    there: FakeCluster
    mint: Mint

    @property
    def stored(self) -> str:
        return token_in(self.operator.cluster.object(SECRET))

    @property
    def says(self) -> Body:
        return self.operator.condition(INSTANCE_PATH, "TokenFresh")

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.operator.cluster.object(INSTANCE_PATH)["status"]
        return status

    def metric(self, name: str, **labels: str) -> float | None:
        place = {"namespace": OURS, "instance": "default"}
        registry = self.operator.metrics.registry
        return registry.get_sample_value(name, {**place, **labels})


@asynccontextmanager
async def a_scene(
    *,
    age: timedelta = timedelta(0),
    lifetime: timedelta = 3 * HOUR,
    rotates: bool = True,
    token: str = "",
) -> AsyncIterator[Scene]:
    """Run an operator whose token is of this age."""
    operator, there = a_remote_operator(None)
    put_token(operator, token or a_token(operator.clock() - age, lifetime))
    mint = there.mint = Mint(operator.clock)
    if rotates:
        operator.edit_instance(cluster={**CLUSTER, "tokenRotation": EVERY_HOUR})
    async with running(operator):
        await asyncio.sleep(20)
        yield Scene(operator, there, mint)


async def test_token_is_rotated_when_it_is_old_enough() -> None:
    async with a_scene(age=HOUR / 2) as scene:
        await asyncio.sleep(1700)
        assert scene.mint.given == []
        await asyncio.sleep(120)

        assert scene.mint.requests == [(TOKENS, 3 * 3600)]
        assert scene.stored == scene.mint.given[0] == scene.operator.shown[-1]
        assert scene.operator.instance_ready == "+Converged"
        assert scene.says["reason"] == "Fresh"


async def test_rotation_is_recorded_and_counted_but_never_logs_the_token() -> None:
    async with a_scene(age=HOUR) as scene:
        ok = scene.metric("argogrant_token_rotations_total", result="ok")
        end = scene.metric("argogrant_token_expiry_timestamp_seconds")
        (record,) = [
            one
            for one in scene.operator.audit_records
            if one.event_type == "token-rotated"
        ]

        assert ok == 1
        assert end is not None
        assert scene.status["tokenExpiresAt"] in record.data.message
        assert scene.metric("argogrant_token_at_risk") == 0
        for text in (record.line, str(scene.status)):
            assert scene.stored not in text


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("opaque", id="not a JWT"),
        pytest.param("a.b.c", id="invalid JWT"),
    ],
)
async def test_token_of_unknown_age_is_rotated_at_once(token: str) -> None:
    async with a_scene(token=token) as scene:
        assert scene.stored == scene.mint.given[0]


async def test_every_token_is_rotated_when_it_is_due() -> None:
    async with a_scene(age=HOUR) as scene:
        await asyncio.sleep(3 * 3600 + 60)

        assert len(scene.mint.given) == 4
        assert scene.stored == scene.mint.given[-1]


async def test_token_with_a_short_lifetime_is_rotated_earlier() -> None:
    async with a_scene(age=HOUR) as scene:
        scene.there.mint = short = Mint(scene.operator.clock, longest=HOUR)
        await asyncio.sleep(3600 + 60)
        assert len(short.given) == 1
        await asyncio.sleep(1200 + 60)

        assert len(short.given) == 2


async def test_no_token_is_requested_without_rotation() -> None:
    async with a_scene(age=HOUR, rotates=False) as scene:
        await asyncio.sleep(3600)

        assert scene.mint.given == []
        assert "tokenExpiresAt" in scene.status


async def test_token_that_is_not_rotated_is_reported_before_it_expires() -> None:
    async with a_scene(rotates=False, lifetime=10 * HOUR) as scene:
        await asyncio.sleep(7 * 3600)
        await scene.operator.namespace.resync("default")
        await asyncio.sleep(5)
        assert scene.says["reason"] == "Fresh"
        await asyncio.sleep(3600)
        await scene.operator.namespace.resync("default")
        await asyncio.sleep(5)

        assert scene.says["reason"] == "TokenEnding"
        assert scene.metric("argogrant_token_at_risk") == 1
        assert scene.operator.happened("default") == ["token-at-risk"]


@pytest.mark.parametrize(
    ("verb", "path", "error"),
    [
        pytest.param(
            "create",
            TOKENS,
            Forbidden(f"POST {TOKENS}: 403"),
            id="TokenRequest is forbidden",
        ),
        pytest.param("create", TOKENS, Unavailable("503"), id="the API server is away"),
        pytest.param("get", RBAC, Forbidden("401"), id="the new token does not work"),
    ],
)
async def test_present_token_stays_if(verb: str, path: str, error) -> None:
    """The failure is reported, and the rotation is retried with backoff."""
    async with a_scene(age=HOUR - timedelta(seconds=60)) as scene:
        before = scene.stored
        scene.there.fail(verb, error, times=FOR_EVER, path=path)
        await asyncio.sleep(3600)
        assert scene.stored == before
        assert scene.says["reason"] == "RotationFailed"
        assert str(error) in scene.says["message"]
        assert scene.operator.instance_ready == "+Converged"
        assert scene.operator.happened("default") == ["token-at-risk"]
        attempts = scene.there.count("create", TOKENS)
        assert 3600 / LONGEST_BACKOFF <= attempts <= 2 * 3600 / LONGEST_BACKOFF + 10
        scene.there.stop_failing()
        await asyncio.sleep(LONGEST_BACKOFF + 10)

        assert scene.stored == scene.mint.given[-1]
        assert scene.says["reason"] == "Fresh"


async def test_new_token_with_fewer_permissions_is_not_stored() -> None:
    async with a_scene(age=HOUR - timedelta(seconds=60)) as scene:
        # Only the first review, of the new token, is denied.
        before, denials = scene.stored, ["new token"]

        def denied(attributes: Body) -> bool:
            is_patch = attributes["verb"] == "patch"
            return is_patch and attributes["resource"] == "configmaps" and take()

        def take() -> bool:
            return bool(denials and denials.pop())

        scene.there.denied = denied
        await asyncio.sleep(42)
        assert scene.mint.given != []
        assert scene.stored == before
        assert "may not patch configmaps/argocd-rbac-cm" in scene.says["message"]
        await asyncio.sleep(15)

        assert scene.stored == scene.mint.given[1]


async def test_concurrent_change_of_the_secret_is_not_overwritten() -> None:
    async with a_scene(age=HOUR - timedelta(seconds=60)) as scene:
        persons = a_token(scene.operator.clock(), 9 * HOUR, jti="a person's")
        scene.operator.cluster.before(
            "merge_patch", lambda: put_token(scene.operator, persons)
        )
        await asyncio.sleep(300)

        assert scene.stored == persons
        assert scene.says["reason"] == "Fresh"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="no status"),
        pytest.param({"status": []}, id="status of another type"),
        pytest.param({"status": {"token": ["x"]}}, id="token of another type"),
        pytest.param({"status": {"token": "a b"}}, id="token with a blank"),
        pytest.param({"status": {"token": "a\r\nX-Header: b"}}, id="token with lines"),
        pytest.param({"status": {"token": "x" * 20_000}}, id="token that fits nowhere"),
    ],
)
async def test_answer_without_a_token_changes_nothing(answer) -> None:
    async with a_scene(age=HOUR - timedelta(seconds=60)) as scene:
        before = scene.stored
        scene.there.mint = lambda _path, body: body | answer
        await asyncio.sleep(120)

        assert scene.stored == before
        assert "without a token" in scene.says["message"]


async def test_conflict_is_counted_and_the_rotation_is_retried() -> None:
    async with a_scene(age=HOUR - timedelta(seconds=60)) as scene:
        scene.operator.cluster.fail("merge_patch", Conflict("409"), path=SECRET)
        await asyncio.sleep(120)

        assert scene.metric("argogrant_token_rotations_total", result="conflict") == 1
        assert scene.stored == scene.mint.given[1]
