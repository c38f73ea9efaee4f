"""Sweep of the managed key, which reads the ConfigMap only."""

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.removal import SweepFailed, sweep_config_map
from argogrant.kube.errors import Conflict, Forbidden
from support.in_memory_operator import RBAC, InMemoryOperator

EXPIRED = "# until 2026-11-24T11:00:00Z\ng, alice, role:a\n"
ACTIVE = "# until 2026-11-24T13:00:00Z\ng, bob, role:a\n"


def an_operator(text: str | None) -> InMemoryOperator:
    operator = InMemoryOperator()
    data = {"policy.csv": "g, x, y"}
    operator.write_rbac(data if text is None else {**data, OVERLAY_KEY: text})
    return operator


async def swept(operator: InMemoryOperator):
    return await sweep_config_map(operator.cluster, "argocd", operator.clock)


async def test_expired_bindings_are_removed_and_nothing_else() -> None:
    operator = an_operator(EXPIRED + ACTIVE)
    result = await swept(operator)

    assert (result.removed, result.kept) == (1, 1)
    assert operator.data == {"policy.csv": "g, x, y", OVERLAY_KEY: ACTIVE}


@pytest.mark.parametrize(
    "text", [None, ACTIVE], ids=["no managed key", "no expired binding"]
)
async def test_sweep_without_expired_bindings_writes_nothing(text) -> None:
    operator = an_operator(text)
    result = await swept(operator)

    assert result.removed == 0
    assert operator.writes == 0


async def test_config_map_is_read_again_after_a_conflict() -> None:
    operator = an_operator(EXPIRED)
    operator.cluster.before(
        "merge_patch", lambda: operator.edit_rbac(policy_csv="g, new, y")
    )
    result = await swept(operator)

    assert result.removed == 1
    assert operator.data == {"policy.csv": "g, new, y", OVERLAY_KEY: ""}


@pytest.mark.parametrize(
    ("verb", "error", "expected"),
    [
        pytest.param(
            "get", Forbidden("403 get"), "403 get. Nothing", id="permission missing"
        ),
        pytest.param(
            "merge_patch",
            Conflict("409"),
            "changed 5 times",
            id="conflict at every attempt",
        ),
    ],
)
async def test_failed_sweep_names_the_cause(verb, error, expected) -> None:
    operator = an_operator(EXPIRED)
    operator.cluster.fail(verb, error, times=5)
    with pytest.raises(SweepFailed) as got:
        await swept(operator)

    assert expected in str(got.value)


async def test_missing_config_map_is_not_created() -> None:
    operator = an_operator(EXPIRED)
    operator.cluster.delete_object(RBAC)
    with pytest.raises(SweepFailed, match="the ConfigMap does not exist"):
        await swept(operator)

    assert operator.writes == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# by hand\n" + EXPIRED, id="an edited header"),
        pytest.param('g, "' + '""' * 200_000 + "\n" + EXPIRED, id="an enormous line"),
        pytest.param("g, \ud800, role:a\n" + EXPIRED, id="a lone surrogate"),
        pytest.param("# until " + "9" * 5000 + "\n" + EXPIRED, id="a long number"),
    ],
)
async def test_hostile_text_does_not_stop_the_sweep(text: str) -> None:
    result = await swept(an_operator(text))

    assert result.removed == 1


async def test_unexpected_error_is_a_failed_sweep(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("argogrant.controller.removal.sweep_overlay", fail)
    with pytest.raises(SweepFailed, match="RecursionError"):
        await swept(an_operator(EXPIRED))
