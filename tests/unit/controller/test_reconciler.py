"""Changes of grants and objects in, the ConfigMap of Argo CD out."""

import asyncio

from argogrant.argocd.policy_csv import OVERLAY_KEY
from support.in_memory_operator import (
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.live_cluster import RULES

FOREIGN_HEADER = "# argogrant v1 elsewhere/default u9\n"


async def test_grant_is_bound_and_reported() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SOON)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "+Bound"
        assert operator.instance_ready == "+Converged"
        assert operator.data["policy.csv"] == RULES


async def test_shared_binding_stays_until_the_last_grant_ends() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1h")
        operator.grant("g2", duration="2h")
        await asyncio.sleep(SETTLED)
        operator.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice"}
        operator.revoke("g2")
        await asyncio.sleep(SOON)

        assert not operator.bound


async def test_ungranted_binding_is_removed_at_the_first_reconciliation() -> None:
    """So is a binding that expired while no operator ran."""
    operator = InMemoryOperator()
    operator.install({"policy.csv": RULES, OVERLAY_KEY: "g, eve, role:deployer\n"})
    async with running(operator):
        assert not operator.bound
        assert "eve" not in operator.data[OVERLAY_KEY]


async def test_manual_edit_of_the_managed_key_is_reverted() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}


async def test_unmanaged_keys_are_never_changed() -> None:
    unmanaged = {"policy.csv": RULES, "policy.x.csv": "g, x, y\n", "scopes": "[email]"}
    operator = InMemoryOperator()
    operator.install(unmanaged)
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        data = operator.data
        assert data.pop(OVERLAY_KEY)
        assert data == unmanaged


async def test_malformed_unmanaged_line_allows_only_removals() -> None:
    async with an_operator() as operator:
        operator.grant("g1", "alice")
        operator.grant("g2", "bob")
        await asyncio.sleep(SETTLED)
        operator.edit_rbac(policy_csv=RULES + "broken\n")
        operator.grant("g3", "carol")
        operator.revoke("g1")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"bob"}
        assert operator.ready("g3") == "-RBACTextInvalid"
        assert operator.instance_ready == "-RBACTextInvalid"
        assert operator.condition(f"{INSTANCES}/default", "RBACTextValid")[
            "message"
        ] == (
            "policy.csv line 3: a line must begin with 'p,' or 'g,', or '#' for a"
            " comment (1 such line in argocd-rbac-cm)."
        )


async def test_waiting_grant_is_bound_once_the_malformed_line_is_fixed() -> None:
    async with an_operator() as operator:
        operator.edit_rbac(policy_csv=RULES + "broken\n")
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.edit_rbac(policy_csv=RULES)
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.instance_ready == "+Converged"


async def test_binding_follows_the_existence_of_its_role() -> None:
    async with an_operator() as operator:
        operator.grant("g1", role={"name": "role:new"})
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-RoleNotFound"
        operator.edit_rbac(policy_csv=RULES + "p, role:new, x, y, z, allow\n")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        operator.edit_rbac(policy_csv=RULES)
        await asyncio.sleep(SETTLED)

        assert not operator.bound
        assert operator.ready("g1") == "-RoleNotFound"


async def test_project_role_is_bound_by_its_full_name() -> None:
    async with an_operator() as operator:
        operator.grant("g1", role={"name": "deployer", "project": "team-a"})
        await asyncio.sleep(SOON)

        assert "g, alice, proj:team-a:deployer" in operator.data[OVERLAY_KEY]


async def test_overlay_of_another_owner_is_not_changed() -> None:
    operator = InMemoryOperator()
    operator.install(
        {"policy.csv": RULES, OVERLAY_KEY: FOREIGN_HEADER + "g, eve, role:admin\n"}
    )
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"eve"}
        assert operator.writes == 0
        assert operator.ready("g1") == "-OverlayOwnedByAnother"
        assert operator.instance_ready == "-OverlayOwnedByAnother"


async def test_overlay_of_a_deleted_instance_is_replaced() -> None:
    """An ArgoCDInstance that was created again has another uid."""
    operator = InMemoryOperator()
    header = "# argogrant v1 argogrant/default long-gone\n"
    operator.install(
        {"policy.csv": RULES, OVERLAY_KEY: header + "g, eve, role:admin\n"}
    )
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}


async def test_loop_of_a_deleted_instance_ends() -> None:
    async with an_operator() as operator:
        operator.cluster.delete_object(f"{INSTANCES}/default")
        assert operator.serving is not None

        await until(operator.serving.done, within=2)


async def test_lower_max_duration_ends_running_grants() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="10h")
        await asyncio.sleep(60)
        operator.cluster.edit(f"{INSTANCES}/default", {"spec": {"maxDuration": "1m"}})

        await until(lambda: not operator.bound, within=SOON)


async def test_missing_config_map_is_reported_and_never_created() -> None:
    operator = InMemoryOperator()
    operator.install()
    operator.cluster.delete_object(RBAC)
    async with running(operator):
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-ConfigMapMissing"
        assert operator.instance_ready == "-ConfigMapMissing"
        assert operator.writes == 0
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "+Bound"
