"""Roles that are bound in AppProjects, with the whole loop in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from argogrant.argocd.appproject.members import SweptMembers
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.audit.event import AuditEvent
from argogrant.controller.removal import ProjectSweep, sweep_projects
from argogrant.kube.errors import Conflict, Forbidden
from argogrant.kube.resources import APP_PROJECTS
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    until,
)

TEAM_A: Final = APP_PROJECTS.path("argocd", "team-a")
DEPLOYER: Final = {"project": "team-a", "name": "deployer"}


def in_project(
    operator: InMemoryOperator, name: str = "g", subject: str = "alice", **spec: Any
) -> None:
    operator.grant(name, subject, role=DEPLOYER, **spec)


def members(operator: InMemoryOperator) -> list[str]:
    project = operator.cluster.object(TEAM_A)
    found: list[str] = project["spec"]["roles"][0].get("groups", [])
    return found


def edit_role(operator: InMemoryOperator, **fields: Any) -> None:
    """Change the first role of the project as another program."""
    (role,) = operator.cluster.object(TEAM_A)["spec"]["roles"]
    operator.cluster.edit(TEAM_A, {"spec": {"roles": [{**role, **fields}]}})


def is_managed(operator: InMemoryOperator) -> bool:
    annotations = operator.cluster.object(TEAM_A)["metadata"].get("annotations", {})
    return MEMBERS_ANNOTATION in annotations


@asynccontextmanager
async def a_room_with_members() -> AsyncIterator[InMemoryOperator]:
    async with an_operator() as operator:
        operator.edit_instance(bindProjectRolesIn="AppProject")
        await asyncio.sleep(SETTLED)
        yield operator


async def test_member_is_added_and_removed_with_the_grant() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)
        assert members(operator) == ["alice"]
        assert not operator.bound
        operator.revoke("g")
        await asyncio.sleep(SOON)

        assert members(operator) == []
        assert not is_managed(operator)


async def test_global_roles_stay_in_the_config_map() -> None:
    async with a_room_with_members() as operator:
        operator.grant("g")
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)

        assert operator.bound == {"alice"}


async def test_change_of_the_binding_mode_leaves_no_gap() -> None:
    """The ConfigMap or the project always has the binding, in the end only one."""
    async with an_operator() as operator:
        in_project(operator)
        await until(lambda: operator.bound, within=SETTLED)
        for place in ("AppProject", "ConfigMap", "AppProject"):
            operator.edit_instance(bindProjectRolesIn=place)
            for _ in range(400):
                assert members(operator) or operator.bound
                await asyncio.sleep(SETTLED / 400)
            assert bool(members(operator)) is (place == "AppProject")
            assert bool(operator.bound) is (place == "ConfigMap")


async def test_deleted_grant_is_kept_until_its_member_is_removed() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: operator.holders("g"), within=SETTLED)
        operator.cluster.fail("merge_patch", Forbidden("PATCH"), times=99, path=TEAM_A)
        operator.delete("g")
        await asyncio.sleep(SETTLED)
        assert operator.has("g")
        assert members(operator) == ["alice"]
        operator.cluster.stop_failing()
        await until(lambda: not operator.has("g"), within=2 * SETTLED)

        assert members(operator) == []


async def test_missing_permission_is_reported_with_its_manifest() -> None:
    async with a_room_with_members() as operator:
        refusal = Forbidden(f"PATCH {TEAM_A}: 403 no")
        operator.cluster.fail("merge_patch", refusal, times=99, path=TEAM_A)
        in_project(operator)
        await until(lambda: operator.instance_ready == "-Forbidden", within=SETTLED)

        assert "manifests/argocd-appprojects.yaml" in operator.instance_says


async def test_concurrent_edit_of_a_project_is_not_lost() -> None:
    async with a_room_with_members() as operator:
        operator.cluster.before(
            "merge_patch",
            lambda: edit_role(operator, groups=["ops"], unknown={"a": 1}),
            path=TEAM_A,
        )
        in_project(operator)
        await until(lambda: "alice" in members(operator), within=SETTLED)

        assert members(operator) == ["ops", "alice"]
        assert operator.cluster.object(TEAM_A)["spec"]["roles"][0]["unknown"] == {
            "a": 1
        }


async def test_conflict_is_retried() -> None:
    async with a_room_with_members() as operator:
        operator.cluster.fail("merge_patch", Conflict("409"), times=2, path=TEAM_A)
        in_project(operator)

        await until(lambda: members(operator), within=SETTLED)


async def test_deleted_instance_leaves_no_member() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        operator.grant("global", "bob")
        await until(lambda: members(operator) and operator.bound, within=SETTLED)
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=SETTLED)

        assert members(operator) == []
        assert not operator.bound


async def test_program_that_keeps_resetting_roles_is_reported() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        for _ in range(3):
            edit_role(operator, groups=[])
            await until(lambda: members(operator), within=SETTLED)
        edit_role(operator, groups=[])
        await asyncio.sleep(SOON)

        assert operator.ready("g") == "-Contested"


def removed_tokens(operator: InMemoryOperator) -> list[AuditEvent]:
    return [one for one in operator.audit_records if one.event_type == "token-removed"]


async def test_tokens_issued_meanwhile_are_removed_from_spec_and_status() -> None:
    async with a_room_with_members() as operator:
        old = {"iat": 1, "id": "old"}
        edit_role(operator, jwtTokens=[old])
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        made = {"iat": int(operator.clock().timestamp()), "id": "made"}
        edit_role(operator, jwtTokens=[old, made])
        status = {"jwtTokensByRole": {"deployer": {"items": [old, made]}}}
        operator.cluster.edit(TEAM_A, {"status": status})
        operator.revoke("g")
        await asyncio.sleep(SOON)

        project = operator.cluster.object(TEAM_A)
        assert project["spec"]["roles"][0]["jwtTokens"] == [old]
        assert project["status"]["jwtTokensByRole"]["deployer"]["items"] == [old]
        assert len(removed_tokens(operator)) == 1
        assert '"made"' in removed_tokens(operator)[0].data.message


async def test_sweep_removes_members_after_a_conflict() -> None:
    async with a_room_with_members() as operator:
        in_project(operator, duration="1m")
        await until(lambda: members(operator), within=SETTLED)
        project = operator.cluster.object(TEAM_A)

    alone = FakeCluster(operator.clock)
    alone.add(TEAM_A.rpartition("/")[0], project)
    alone.fail("merge_patch", Conflict("409"))
    early = await sweep_projects(alone, "argocd", operator.clock)
    late = await sweep_projects(
        alone, "argocd", lambda: operator.clock() + timedelta(minutes=2)
    )

    assert early == ProjectSweep(members=SweptMembers(kept=1))
    assert late == ProjectSweep(members=SweptMembers(removed=1))
    assert (
        "groups" not in alone.object(TEAM_A)["spec"]["roles"][0]
        or not (alone.object(TEAM_A)["spec"]["roles"][0]["groups"])
    )


async def test_grant_is_not_reported_as_ended_while_the_annotation_is_invalid() -> None:
    """No member is removed, since managed and unmanaged members look the same."""
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        invalid = {"metadata": {"annotations": {MEMBERS_ANNOTATION: "?"}}}
        operator.cluster.edit(TEAM_A, invalid)
        operator.revoke("g")
        await asyncio.sleep(SETTLED)

        assert members(operator) == ["alice"]
        assert operator.ready("g") == "-ProjectInvalid"
        assert not operator.has_ended("g")
        operator.delete("g")
        await asyncio.sleep(SETTLED)
        assert operator.has("g")


async def test_late_removal_of_a_member_is_counted() -> None:
    async with a_room_with_members() as operator:
        in_project(operator, duration="1m")
        await until(lambda: members(operator), within=SETTLED)
        await until(lambda: not members(operator), within=70)
        count = operator.metrics.registry.get_sample_value(
            "argogrant_revocation_lag_seconds_count",
            {"namespace": "argogrant", "instance": "default"},
        )

        assert count == 1
