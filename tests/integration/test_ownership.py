"""Owners of our key: an operator never writes over the header of another."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.live_cluster import INSTANCE, OVERLAY, World, a_grant, eventually
from support.operator_process import FREQUENT_RESYNCS

OPERATOR_OPTIONS = FREQUENT_RESYNCS

ANOTHER = "# argogrant v1 elsewhere/default 6a9f3c1e-0000-4000-8000-000000000001\n"
SECOND: dict[str, Any] = {
    **INSTANCE,
    "metadata": {"name": "second", "namespace": "argogrant"},
}


@pytest.fixture
def second(world: World) -> Iterator[World]:
    """Cluster in which a second ArgoCDInstance is deleted after the test."""
    yield world
    world.ours("delete", "argocdinstance", "second", "--ignore-not-found")


def test_key_of_another_namespace_is_not_changed(world: World) -> None:
    """Grant and instance name its owner; the grant is bound when the key is removed."""
    world.edit({OVERLAY: ANOTHER + "g, carol, role:deployer\n"})
    eventually(lambda: world.may_sync("carol"), within=10)
    version = world.version()
    world.apply(a_grant("blocked"))
    for said in (lambda: world.ready("blocked"), world.instance_says):
        eventually(lambda said=said: said()[1] == "OverlayOwnedByAnother", within=30)
        assert "elsewhere/default" in said()[2]
    world.wait_for_resyncs()
    assert world.version() == version
    assert not world.may_sync()
    assert world.may_sync("carol")
    world.edit({OVERLAY: None})

    eventually(world.may_sync, within=30)
    eventually(lambda: world.instance_says()[1] == "Converged", within=30)


def test_line_in_the_key_of_another_owner_does_not_count(world: World) -> None:
    """The grant is not bound by it, and its deletion does not wait for it."""
    world.apply(a_grant("double"))
    world.wait_until_bound("double")
    world.edit({OVERLAY: ANOTHER + "g, alice, role:deployer\n"})
    eventually(lambda: world.ready("double")[1] == "OverlayOwnedByAnother", within=30)
    world.delete_later("accessgrant", "double")
    eventually(lambda: not world.exists("accessgrant", "double"), within=30)

    assert world.may_sync()


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param("argogrant/gone", id="an instance that is gone"),
        pytest.param("argogrant/default", id="an earlier instance of the same name"),
    ],
)
def test_key_of_a_deleted_instance_is_taken_over(world: World, owner: str) -> None:
    """Bindings of a deleted instance of this namespace are removed."""
    uid = "6a9f3c1e-0000-4000-8000-000000000002"
    text = f"# argogrant v1 {owner} {uid}\ng, carol, role:deployer\n"
    world.apply(a_grant("heir"))
    world.edit({OVERLAY: text})
    eventually(lambda: "carol" not in world.overlay(), within=30)
    eventually(world.may_sync, within=30)

    assert uid not in world.overlay()
    assert not world.may_sync("carol")


def test_second_instance_does_not_write(second: World) -> None:
    """It names the owner of the key; the first instance is not affected."""
    second.apply(a_grant("first"))
    eventually(second.may_sync, within=30)
    eventually(lambda: second.ready("first")[1] == "Bound", within=30)
    version, text = second.version(), second.overlay()
    second.apply(SECOND, a_grant("rival", subject="carol", instance="second"))
    eventually(lambda: second.ready("rival")[1] == "OverlayOwnedByAnother", within=30)
    eventually(
        lambda: second.instance_says(name="second")[1] == "OverlayOwnedByAnother",
        within=30,
    )
    second.wait_for_resyncs()
    assert second.version() == version
    assert second.instance_says()[1] == "Converged"
    assert not second.may_sync("carol")
    second.apply(a_grant("more", subject="erin"))

    eventually(lambda: second.may_sync("erin"), within=30)
    assert second.overlay().startswith(text.partition("\n")[0])


def test_deletion_of_the_second_instance_does_not_affect_the_first(
    second: World,
) -> None:
    """It removes what it bound, which is nothing."""
    second.apply(a_grant("first"))
    eventually(second.may_sync, within=30)
    second.apply(SECOND)
    eventually(
        lambda: second.instance_says(name="second")[1] == "OverlayOwnedByAnother",
        within=30,
    )
    version = second.version()
    second.ours("delete", "argocdinstance", "second")

    assert second.version() == version
    assert second.may_sync()


def test_second_instance_takes_over_after_deletion_of_the_first(second: World) -> None:
    """The key is free then, and what the first bound is gone."""
    second.apply(a_grant("first"))
    eventually(second.may_sync, within=30)
    second.apply(SECOND, a_grant("rival", subject="carol", instance="second"))
    eventually(lambda: second.ready("rival")[1] == "OverlayOwnedByAnother", within=30)
    second.ours("delete", "argocdinstance", "default")

    eventually(lambda: not second.may_sync(), within=10)
    eventually(lambda: second.may_sync("carol"), within=30)
    second.delete("rival")
