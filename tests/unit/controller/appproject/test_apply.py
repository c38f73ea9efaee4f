"""Roles that are bound in AppProjects, with the whole loop in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from argogrant.api.argocdinstance import ACKNOWLEDGED_PREFIX
from argogrant.argocd.appproject.ended_members import ENDED_ANNOTATION
from argogrant.argocd.appproject.members import SweptMembers
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.audit.event import AuditEvent
from argogrant.controller.removal import ProjectSweep, sweep_projects
from argogrant.kube.errors import Conflict, Forbidden
from argogrant.kube.resources import APP_PROJECTS
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    GRANTS,
    INSTANCES,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
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


def edit_role(operator: InMemoryOperator, path: str = TEAM_A, **fields: Any) -> None:
    """Change the first role of the project as another program."""
    (role,) = operator.cluster.object(path)["spec"]["roles"]
    operator.cluster.edit(path, {"spec": {"roles": [{**role, **fields}]}})


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


async def test_all_contested_projects_and_the_key_are_reported() -> None:
    async with a_room_with_members() as operator:
        collection = TEAM_A.rpartition("/")[0]
        team_b = {**operator.cluster.object(TEAM_A), "metadata": {"name": "team-b"}}
        operator.cluster.add(collection, team_b)
        in_project(operator)
        operator.grant("b", role={"project": "team-b", "name": "deployer"})
        operator.grant("global")
        await asyncio.sleep(2 * SETTLED)
        for _ in range(3):
            edit_role(operator, groups=[])
            edit_role(operator, f"{collection}/team-b", groups=[])
            operator.edit_rbac(policy_argogrant_csv="")
            await asyncio.sleep(SETTLED)
        contested = operator.condition(f"{INSTANCES}/default", "Contested")

        for what in (
            "policy.argogrant.csv of argocd-rbac-cm",
            "the members of AppProject team-a",
            "the members of AppProject team-b",
        ):
            assert f"changed {what} 3 times" in contested["message"]
        events = [
            one for one in operator.audit_records if one.event_type == "contested"
        ]
        told = " ".join(one.data.message for one in events)
        assert "team-a" in told
        assert "team-b" in told
        assert len({one.id for one in events}) == len(events)


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


def returned(operator: InMemoryOperator) -> list[AuditEvent]:
    return [
        one for one in operator.audit_records if one.event_type == "member-returned"
    ]


def condition(operator: InMemoryOperator) -> dict[str, Any] | None:
    status = operator.cluster.object(f"{INSTANCES}/default")["status"]
    found = [one for one in status["conditions"] if one["type"] == "MembersReturned"]
    return found[0] if found else None


def sample(operator: InMemoryOperator, name: str, **labels: str) -> float | None:
    labels |= {"namespace": "argogrant", "instance": "default"}
    return operator.metrics.registry.get_sample_value(name, labels)


async def test_returned_member_is_removed_once_and_then_kept_until_acknowledged() -> (
    None
):
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.revoke("g")
        await until(lambda: not members(operator), within=SETTLED)
        edit_role(operator, groups=["alice"], description="of another role")
        await asyncio.sleep(SETTLED)
        assert members(operator) == []
        (removed,) = returned(operator)
        assert removed.data.reason == "MemberRemovedAgain"
        assert (removed.data.subject, removed.data.role) == (
            *("alice", "proj:team-a:deployer"),
        )
        found = condition(operator)
        assert found is not None
        assert (found["status"], found["reason"]) == ("True", "MemberRemovedAgain")

        edit_role(operator, groups=["alice"])
        await asyncio.sleep(SETTLED)
        version = operator.cluster.object(TEAM_A)["metadata"]["resourceVersion"]
        await asyncio.sleep(20 * SETTLED)
        assert members(operator) == ["alice"]
        assert operator.cluster.object(TEAM_A)["metadata"]["resourceVersion"] == version
        assert [one.data.reason for one in returned(operator)] == [
            *("MemberRemovedAgain", "MemberReturned"),
        ]
        found = condition(operator)
        assert found is not None
        assert found["reason"] == "MemberReturned"
        name = "argogrant_members_returned_total"
        assert sample(operator, name, result="removed") == 1
        assert sample(operator, name, result="kept") == 1
        assert sample(operator, "argogrant_returned_members") == 1

        status = operator.cluster.object(f"{INSTANCES}/default")["status"]
        (entry,) = status["returnedMembers"]
        assert entry["state"] == "Kept"
        key = f"{ACKNOWLEDGED_PREFIX}{entry['id']}"
        operator.cluster.edit(
            f"{INSTANCES}/default", {"metadata": {"annotations": {key: "OPS-12"}}}
        )
        await asyncio.sleep(SETTLED)
        assert condition(operator) is None
        assert sample(operator, "argogrant_returned_members") == 0
        assert members(operator) == ["alice"]


async def test_member_that_returns_at_once_after_its_removal_is_kept() -> None:
    """The AppProject is replaced, with no annotations, before it is observed again."""
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.revoke("g")
        await until(lambda: not members(operator), within=SETTLED)

        def replace_again() -> None:
            annotations = {MEMBERS_ANNOTATION: None, ENDED_ANNOTATION: None}
            operator.cluster.edit(TEAM_A, {"metadata": {"annotations": annotations}})
            edit_role(operator, groups=["alice"])

        operator.cluster.after("merge_patch", replace_again, path=TEAM_A)
        edit_role(operator, groups=["alice"])
        await asyncio.sleep(2 * SETTLED)

        assert members(operator) == ["alice"]
        assert [one.data.reason for one in returned(operator)] == [
            *("MemberRemovedAgain", "MemberReturned"),
        ]


async def test_acknowledgement_of_a_returned_member_is_an_audit_event() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.revoke("g")
        await until(lambda: not members(operator), within=SETTLED)
        edit_role(operator, groups=["alice"])
        await asyncio.sleep(SETTLED)
        status = operator.cluster.object(f"{INSTANCES}/default")["status"]
        (entry,) = status["returnedMembers"]
        keys = {f"{ACKNOWLEDGED_PREFIX}{one}": "OPS-12" for one in (entry["id"], "no")}
        operator.cluster.edit(
            f"{INSTANCES}/default", {"metadata": {"annotations": keys}}
        )
        await asyncio.sleep(SETTLED)
        operator.cluster.edit(
            f"{INSTANCES}/default", {"metadata": {"annotations": {"other": "x"}}}
        )
        await asyncio.sleep(SETTLED)
        (event,) = [
            one
            for one in operator.audit_records
            if one.event_type == "member-acknowledged"
        ]

        assert event.type == "dev.argogrant.instance.member-acknowledged"
        assert event.data.subject == "alice"
        assert event.data.role == "proj:team-a:deployer"
        assert event.data.message is not None
        assert event.data.message.endswith(
            'is acknowledged ({}): "OPS-12"'.format(entry["id"])
        )


def drop_annotations(operator: InMemoryOperator) -> None:
    """Write the role back with its member, as a manifest without annotations."""
    edit_role(operator, groups=["alice"])
    names = dict.fromkeys((MEMBERS_ANNOTATION, ENDED_ANNOTATION))
    operator.cluster.edit(TEAM_A, {"metadata": {"annotations": names}})


async def test_ended_member_without_annotations_is_removed_after_a_restart() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)
        await asyncio.sleep(SETTLED)
        operator.revoke("g")
        await until(lambda: operator.has_ended("g"), within=SETTLED)
        await asyncio.sleep(SETTLED)
    drop_annotations(operator)
    async with running(InMemoryOperator(operator.cluster)) as restarted:
        await until(lambda: not members(restarted), within=SETTLED)
        await asyncio.sleep(SETTLED)
        (event,) = returned(restarted)
        assert event.data.reason == "MemberRemovedAgain"

        drop_annotations(restarted)
        await asyncio.sleep(SETTLED)
        found = condition(restarted)
        assert members(restarted) == ["alice"]
        assert found is not None
        assert found["reason"] == "MemberReturned"


async def test_member_whose_grant_ends_during_a_restart_without_annotation_ends() -> (
    None
):
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)
        await asyncio.sleep(SETTLED)
    drop_annotations(operator)
    operator.revoke("g")
    async with running(InMemoryOperator(operator.cluster)) as restarted:
        await until(lambda: restarted.has_ended("g"), within=SETTLED)

        assert members(restarted) == []
        assert not returned(restarted)


async def test_member_of_other_people_stays_after_a_restart_without_annotations() -> (
    None
):
    async with a_room_with_members() as operator:
        edit_role(operator, groups=["alice"])
        in_project(operator)
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)
        operator.revoke("g")
        await until(lambda: operator.has_ended("g"), within=SETTLED)
        assert "memberSince" not in operator.cluster.object(f"{GRANTS}/g")["status"]
    drop_annotations(operator)
    async with running(InMemoryOperator(operator.cluster)) as restarted:
        await asyncio.sleep(SETTLED)

        assert members(restarted) == ["alice"]
        assert not returned(restarted)


async def test_grant_has_not_ended_while_its_unrecorded_member_cannot_be_removed() -> (
    None
):
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: operator.ready("g") == "+Bound", within=SETTLED)
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("merge_patch", Forbidden("PATCH"), times=99, path=TEAM_A)
        drop_annotations(operator)
        operator.revoke("g")
        await asyncio.sleep(SETTLED)

        assert members(operator) == ["alice"]
        assert not operator.has_ended("g")


async def test_failed_removal_of_a_returned_member_is_tried_again_and_told_once() -> (
    None
):
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.delete("g")
        await until(lambda: not members(operator), within=SETTLED)
        operator.cluster.fail("merge_patch", Forbidden("PATCH"), times=3, path=TEAM_A)
        edit_role(operator, groups=["alice"])
        await until(lambda: not members(operator), within=10 * SETTLED)

        assert len(returned(operator)) == 1


async def test_return_after_a_change_of_the_mode_is_undone() -> None:
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.edit_instance(bindProjectRolesIn="ConfigMap")
        await until(lambda: not members(operator), within=SETTLED)
        edit_role(operator, groups=["alice"])
        await asyncio.sleep(SETTLED)

        assert members(operator) == []
        assert operator.bound == {"alice"}


async def test_records_that_may_not_be_changed_any_more_are_no_failure() -> None:
    """The permissions were withdrawn after the last member was removed."""
    async with a_room_with_members() as operator:
        in_project(operator)
        await until(lambda: members(operator), within=SETTLED)
        operator.delete("g")
        await until(lambda: not operator.has("g"), within=2 * SETTLED)
        assert ENDED_ANNOTATION in operator.cluster.object(TEAM_A)["metadata"].get(
            "annotations", {}
        )
        operator.cluster.fail("merge_patch", Forbidden("403"), times=99, path=TEAM_A)
        before = operator.cluster.count("merge_patch", TEAM_A)
        operator.edit_instance(bindProjectRolesIn="ConfigMap", retention="1s")
        await asyncio.sleep(SETTLED + 2)
        operator.grant("global", "bob")
        await until(lambda: operator.ready("global") == "+Bound", within=SETTLED)
        assert operator.instance_ready == "+Converged"
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=SETTLED)

        assert operator.bound == set()
        assert operator.cluster.count("merge_patch", TEAM_A) - before == 1


async def test_old_key_that_returns_to_the_config_map_is_removed_each_time() -> None:
    """In ConfigMap mode the whole key is argogrant's: there is nothing to decide."""
    async with an_operator() as operator:
        in_project(operator)
        await until(lambda: operator.bound, within=SETTLED)
        stale = operator.data[OVERLAY_KEY]
        operator.revoke("g")
        await until(lambda: not operator.bound, within=SETTLED)
        for _ in range(3):
            operator.edit_rbac(policy_argogrant_csv=stale)
            await asyncio.sleep(SETTLED)
            assert not operator.bound
