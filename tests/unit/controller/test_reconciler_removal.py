"""What is over is removed, whatever fails or takes long for others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller import planner, role_analysis
from argogrant.controller.appproject import placement
from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.controller.reconciler import (
    GATHER_SHARE,
    LONGEST_PAUSE,
    REMOVAL_PAUSE,
    Reconciler,
)
from argogrant.controller.status import reporter
from argogrant.grants.checks import DecisionInput
from argogrant.grants.model.grant import Grant
from argogrant.kube.errors import Conflict, Unavailable
from argogrant.kube.resources import APP_PROJECTS
from support.fake_clock import VirtualTimeLoop
from support.in_memory_operator import (
    GRANTS,
    INSTANCE,
    INSTANCE_PATH,
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.in_memory_policies import (
    CAROL,
    a_policy,
    approval_required,
    approve,
    operator_with_policies,
    request_grant,
)
from support.live_cluster import PROJECT, RULES

SLOW: Final = 1.0
"""Virtual seconds for which a slow step blocks the event loop."""
OTHER_RULES: Final = RULES + "p, role:other, applications, get, */*, allow\n"
PROJECTS: Final = APP_PROJECTS.path("argocd")
TEAM_A: Final = APP_PROJECTS.path("argocd", "team-a")
TEAM_B: Final = APP_PROJECTS.path("argocd", "team-b")


class Defect(Exception):
    """Nobody foresees it; its message is not for a status."""


def fail(*_: Any, **__: Any) -> Any:
    raise Defect("a line\nof somebody else")


def failing_for(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the work, but failing if an argument has this name."""

    def fail_for_one(first: Any, *others: Any, **options: Any) -> Any:
        subject = getattr(first, "grant", first)
        return (fail if subject.name == name else work)(first, *others, **options)

    return fail_for_one


@asynccontextmanager
async def two_bound() -> AsyncIterator[InMemoryOperator]:
    async with an_operator() as operator:
        operator.grant("g1", "alice", duration="1m")
        operator.grant("g2", "bob")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice", "bob"}
        yield operator


def end_of(operator: InMemoryOperator, name: str) -> datetime:
    status = operator.cluster.object(f"{GRANTS}/{name}")["status"]
    return datetime.fromisoformat(status["expiresAt"])


def internal_errors(operator: InMemoryOperator) -> float:
    labels = {"namespace": "argogrant", "instance": "default"}
    name = "argogrant_internal_errors_total"
    return operator.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("way", ["revoked", "deleted", "expired", "torn away"])
@pytest.mark.parametrize(
    ("owner", "function"),
    [
        pytest.param(planner, "_gather", id="the state is gathered"),
        pytest.param(planner, "build_input", id="all grants are decided"),
        pytest.param(planner, "_RelatedGrants", id="grants are related"),
        pytest.param(planner, "plan_bindings", id="the bindings are planned"),
        pytest.param(reporter, "BindingState", id="the state of bindings is reported"),
        pytest.param(reporter, "instance_report", id="the instance is reported"),
        pytest.param(role_analysis, "analyse_roles", id="the roles are analysed"),
    ],
)
async def test_first_write_removes_what_is_over_although_it_fails_when(
    owner: Any, function: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(owner, function, fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await asyncio.sleep(2)
        before = operator.writes
        if way == "expired":
            await asyncio.sleep(60 - SETTLED - 2)
        else:
            end = {
                "revoked": operator.revoke,
                "deleted": operator.delete,
                "torn away": operator.tear_away,
            }
            end[way]("g1")
        await until(lambda: operator.bound == {"bob"}, within=SOON)
        assert operator.writes == before + 1
        monkeypatch.undo()
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"bob"}
        assert operator.ready("g2") == "+Bound"
        assert operator.instance_ready == "+Converged"


async def test_denial_is_carried_out_by_the_last_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        approve(operator, "g1")
        await until(lambda: operator.bound, within=2)
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        approve(operator, "g1", CAROL, decision="Deny")

        await until(lambda: not operator.bound, within=SOON)


async def test_failure_is_reported_without_the_text_that_caused_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "-InternalError"
        assert "a reconciliation (Defect)" in operator.instance_says
        assert "somebody else" not in operator.instance_says
        assert "Report this" in operator.instance_says
        assert operator.condition(INSTANCE_PATH, "ClockInSync")["status"] == "True"
        assert internal_errors(operator) > 1
        lines = [one.getMessage() for one in caplog.records if "Defect" in one.message]
        assert lines
        assert not any("\n" in line for line in lines)
        assert "test_reconciler_removal.py" in lines[0]


async def test_failed_reconciliation_is_tried_again_with_growing_delays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await asyncio.sleep(60)

        assert 10 < internal_errors(operator) < 60


async def test_end_during_the_delay_after_a_failure_is_kept_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        left = end_of(operator, "g1") - operator.clock()
        await asyncio.sleep(left.total_seconds() - SOON)
        assert "alice" in operator.bound

        await until(lambda: operator.bound == {"bob"}, within=2 * SOON)


async def test_what_ended_before_the_start_is_removed_although_gathering_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        operator.grant("g3", "carol")
        await asyncio.sleep(SETTLED)
    await asyncio.sleep(60)
    operator.revoke("g3")
    monkeypatch.setattr(planner, "_gather", fail)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SOON)

        assert again.bound == {"bob"}
        assert again.instance_ready == "-InternalError"


async def test_binding_of_an_unknown_grant_ends_at_its_written_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No status records the end of a duration, and nothing can be gathered."""
    async with two_bound() as operator:
        pass
    operator.cluster.edit(f"{GRANTS}/g1", {"status": None})
    monkeypatch.setattr(planner, "_gather", fail)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        assert again.bound == {"alice", "bob"}
        await asyncio.sleep(60)

        assert again.bound == {"bob"}


async def test_deleted_instance_leaves_nothing_although_gathering_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await asyncio.sleep(SETTLED)
        operator.delete_instance()

        await until(lambda: not operator.is_served, within=2)
        assert OVERLAY_KEY not in operator.data


async def test_deleted_grant_is_released_although_gathering_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(planner, "_gather", fail)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        operator.delete("g1")

        await until(lambda: not operator.has("g1"), within=SETTLED)


async def test_grant_whose_decision_fails_affects_only_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        build = failing_for("g1", planner.build_input)
        monkeypatch.setattr(planner, "build_input", build)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        operator.grant("g3", "carol")
        operator.revoke("g2")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice", "carol"}
        assert operator.ready("g3") == "+Bound"
        assert operator.ready("g2") == "-Revoked"
        assert operator.instance_ready == "-InternalError"
        assert "AccessGrant g1 (Defect)" in operator.instance_says
        await asyncio.sleep(60)

        assert operator.bound == {"carol"}
        assert operator.ready("g1") == "-Expired"


async def test_new_grant_whose_decision_fails_is_not_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        build = failing_for("g3", planner.build_input)
        monkeypatch.setattr(planner, "build_input", build)
        operator.grant("g3", "carol")
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"alice", "bob"}
        assert operator.ready("g3") == "-InternalError"


@pytest.mark.parametrize("function", ["grant_status", "grant_conditions"])
async def test_grant_whose_report_fails_affects_only_itself(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_bound() as operator:
        broken = failing_for("g1", getattr(reporter, function))
        monkeypatch.setattr(reporter, function, broken)
        operator.revoke("g1")
        operator.revoke("g2")
        await asyncio.sleep(SETTLED)

        assert operator.bound == set()
        assert operator.ready("g2") == "-Revoked"
        assert "the report of AccessGrant g1 (Defect)" in operator.instance_says


@asynccontextmanager
async def two_projects() -> AsyncIterator[InMemoryOperator]:
    """Run an operator that has bound one role in each of two AppProjects."""
    async with an_operator() as operator:
        other = {**PROJECT, "metadata": {"name": "team-b"}}
        operator.cluster.add(APP_PROJECTS.path("argocd"), other)
        operator.edit_instance(bindProjectRolesIn="AppProject")
        for name in ("team-a", "team-b"):
            role = {"project": name, "name": "deployer"}
            operator.grant(f"in-{name}", "alice", role=role)
        operator.grant("g1", "bob")
        await asyncio.sleep(SETTLED)
        assert (groups(operator, TEAM_A), groups(operator, TEAM_B)) == (
            ["alice"],
            ["alice"],
        )
        yield operator


def groups(operator: InMemoryOperator, path: str) -> list[str]:
    found: list[str] = operator.cluster.object(path)["spec"]["roles"][0]["groups"]
    return found


def revoke_all(operator: InMemoryOperator) -> None:
    for name in ("in-team-a", "in-team-b", "g1"):
        operator.revoke(name)


@pytest.mark.parametrize("change", ["no change", "a change of the project"])
async def test_project_whose_plan_fails_affects_only_itself_after(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_projects() as operator:
        plan = failing_for("team-a", placement.plan_members)
        monkeypatch.setattr(placement, "plan_members", plan)
        if change != "no change":
            operator.mark_project("team-a", {"owner": "somebody"})
        revoke_all(operator)
        await until(lambda: not operator.bound, within=SOON)
        await asyncio.sleep(SOON)
        assert groups(operator, TEAM_B) == []
        assert groups(operator, TEAM_A) == ["alice"]
        assert operator.instance_ready == "-InternalError"
        assert 'AppProject "team-a" (Defect)' in operator.instance_says
        assert operator.ready("in-team-b") == "-Revoked"
        monkeypatch.undo()
        await asyncio.sleep(SETTLED)

        assert groups(operator, TEAM_A) == []
        assert operator.instance_ready == "+Converged"


async def test_project_that_cannot_be_read_affects_only_its_own_grants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_projects() as operator:
        problem = failing_for("team-a", Project.problem)
        monkeypatch.setattr(Project, "problem", problem)
        operator.mark_project("team-a", {"owner": "somebody"})
        role = {"project": "team-b", "name": "deployer"}
        operator.grant("new", "carol", role=role)
        operator.grant("blocked", "carol", role={**role, "project": "team-a"})
        await asyncio.sleep(SETTLED)

        assert groups(operator, TEAM_B) == ["alice", "carol"]
        assert operator.ready("in-team-a") == "+Bound"
        assert operator.ready("blocked") == "-InternalError"
        assert operator.instance_ready == "-InternalError"


async def test_policy_that_cannot_be_parsed_leaves_bindings_until_they_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(ObservedConfigMap, "unmanaged", property(fail))
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await asyncio.sleep(SOON)
        assert operator.bound == {"alice", "bob"}
        operator.revoke("g2")

        await until(lambda: operator.bound == {"alice"}, within=SOON)


async def test_project_that_is_always_edited_delays_no_other_removal() -> None:
    async with two_projects() as operator:
        path = "appprojects/team-a"
        operator.cluster.fail("merge_patch", Conflict("409"), times=10_000, path=path)
        revoke_all(operator)
        await until(lambda: not operator.bound, within=SOON)
        await asyncio.sleep(SOON)

        assert groups(operator, TEAM_B) == []
        assert operator.ready("g1") == "-Revoked"
        assert operator.ready("in-team-a") == "-InstanceUnavailable"
        assert operator.instance_ready == "-Unavailable"


async def test_project_that_is_edited_without_end_delays_nothing_of_others() -> None:
    async with two_projects() as operator:
        path = "appprojects/team-a"
        operator.cluster.fail("merge_patch", Conflict("409"), times=10_000, path=path)
        operator.revoke("in-team-a")

        async def keep_marking() -> None:
            for number in range(10_000):
                operator.mark_project("team-a", {"owner": f"user-{number}"})
                await asyncio.sleep(0.02)

        stream = asyncio.create_task(keep_marking())
        await asyncio.sleep(SETTLED)
        operator.revoke("g1")
        await until(lambda: not operator.bound, within=1)
        operator.grant("g3", "carol")
        await until(lambda: operator.bound == {"carol"}, within=SETTLED)
        await until(lambda: operator.ready("g3") == "+Bound", within=SETTLED)
        stream.cancel()


async def test_config_map_that_is_edited_without_end_delays_no_project() -> None:
    async with two_projects() as operator:
        operator.cluster.fail("merge_patch", Conflict("409"), times=10_000, path=RBAC)
        revoke_all(operator)
        await asyncio.sleep(1)

        assert groups(operator, TEAM_A) == groups(operator, TEAM_B) == []


def endless(*_: Any) -> Iterator[int]:
    while True:
        yield 1


async def test_analysis_that_does_not_end_is_left_out_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(role_analysis, "MAX_WORK", 20_000)
    async with two_bound() as operator:
        monkeypatch.setattr(role_analysis, "analyse_roles", endless)
        operator.edit_rbac(policy_csv=OTHER_RULES)
        operator.revoke("g1")
        await until(lambda: operator.bound == {"bob"}, within=SOON)
        await asyncio.sleep(SETTLED)
        analysed = operator.condition(INSTANCE_PATH, "RolesAnalyzed")

        assert (analysed["status"], analysed["reason"]) == ("False", "TooManyRules")
        assert operator.instance_ready == "+Converged"
        assert operator.ready("g2") == "+Bound"


def slow(work: Callable[..., Any], calls: list[float]) -> Callable[..., Any]:
    """Return the work, but blocking the event loop for a virtual second."""

    def take_long(*arguments: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        calls.append(loop.time())
        loop._jumping.now += SLOW
        return work(*arguments, **options)

    return take_long


def slow_plans(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let every full reconciliation take long; return the times at which they plan."""
    calls: list[float] = []
    monkeypatch.setattr(planner, "plan_bindings", slow(planner.plan_bindings, calls))
    return calls


async def keep_editing(operator: InMemoryOperator) -> None:
    """Change Argo CD's policy more often than it can be gathered."""
    number = 0
    while True:
        number += 1
        await asyncio.sleep(0.01)  # The request is on its way.
        operator.edit_rbac(
            policy_csv=f"{RULES}p, role:r{number}, applications, get, */*, allow\n"
        )
        await asyncio.sleep(0.1)


async def test_stream_of_changes_delays_no_removal_and_no_addition_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        calls: list[float] = []
        monkeypatch.setattr(planner, "_gather", slow(planner._gather, calls))
        stream = asyncio.create_task(keep_editing(operator))
        await asyncio.sleep(5)
        began, before = asyncio.get_running_loop().time(), len(calls)
        operator.revoke("g2")
        await until(lambda: "bob" not in operator.bound, within=SLOW + 0.5)
        operator.grant("g3", "carol")
        cycle = SLOW / GATHER_SHARE
        await until(lambda: "carol" in operator.bound, within=2 * cycle)
        await until(lambda: "alice" not in operator.bound, within=60)
        late = operator.clock() - end_of(operator, "g1")
        took = asyncio.get_running_loop().time() - began
        stream.cancel()

        assert late.total_seconds() < SLOW + 0.5
        assert len(calls) - before <= took / cycle + 1


MANY: Final = 60
"""Grants, each of which takes a virtual second to decide."""


@pytest.mark.parametrize("way", ["revoked", "deleted"])
@pytest.mark.parametrize(
    ("owner", "function"),
    [
        pytest.param(planner, "build_input", id="grants are decided"),
        pytest.param(Project, "why_not_grantable", id="projects are gathered"),
        pytest.param(planner, "add_notes", id="notes are added"),
        pytest.param(reporter.Reporter, "_report_grant", id="grants are reported"),
    ],
)
async def test_removal_does_not_wait_for_minutes_while(
    owner: Any, function: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_bound() as operator:
        for number in range(MANY):
            operator.grant(f"many-{number}", f"user-{number}", duration="12h")
            metadata = {"name": f"project-{number}", "namespace": "argocd"}
            operator.cluster.add(PROJECTS, {**PROJECT, "metadata": metadata})
        await asyncio.sleep(2 * SETTLED)
        calls: list[float] = []
        monkeypatch.setattr(owner, function, slow(getattr(owner, function), calls))
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await until(lambda: len(calls) > MANY / 4, within=MANY)
        (operator.revoke if way == "revoked" else operator.delete)("g2")
        took = await until(lambda: "bob" not in operator.bound, within=6 * SLOW)
        assert "alice" in operator.bound
        await until(lambda: "alice" not in operator.bound, within=70)
        assert operator.clock() - end_of(operator, "g1") < timedelta(seconds=6 * SLOW)
        monkeypatch.undo()
        await asyncio.sleep(4 * MANY)

        assert took < 6 * SLOW
        assert operator.bound == {f"user-{number}" for number in range(MANY)}
        assert operator.instance_ready == "+Converged"
        happened = operator.happened("g1") + operator.happened("g2")
        assert "unbound" not in happened
        assert happened.count("ended") == 2


@pytest.mark.parametrize(
    ("owner", "function", "way"),
    [
        pytest.param(planner.Planner, "plan", "expired", id="expires before the plan"),
        pytest.param(planner, "add_notes", "expired", id="expires before the report"),
        pytest.param(planner, "add_notes", "revoked", id="revoked before the report"),
    ],
)
async def test_end_between_decision_and_report_is_reported_as_an_end(
    owner: Any, function: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The binding is gone by then, and the decision still wants it."""
    async with two_bound() as operator:
        left = (end_of(operator, "g1") - operator.clock()).total_seconds()
        await asyncio.sleep(left - (SLOW / 2 if way == "expired" else 10 * SLOW))
        monkeypatch.setattr(owner, function, slow(getattr(owner, function), []))
        for number in range(5):
            operator.grant(f"new-{number}", f"user-{number}")
        if way == "revoked":
            await asyncio.sleep(1.5 * SLOW)
            operator.revoke("g1")
        await asyncio.sleep(20 * SLOW)
        monkeypatch.undo()
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "ended"]


async def test_start_during_a_long_report_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is written meanwhile ends access only, and nothing else changes then."""
    async with two_bound() as operator:
        start = operator.clock() + timedelta(seconds=20)
        begin = start.strftime("%Y-%m-%dT%H:%M:%SZ")
        operator.grant("later", "carol", notBefore=begin, duration="1h")
        for number in range(5):
            operator.grant(f"other-{number}", f"user-{number}")
        await asyncio.sleep(17)
        report = reporter.Reporter._report_grant
        monkeypatch.setattr(reporter.Reporter, "_report_grant", slow(report, []))
        operator.edit_rbac(policy_csv=OTHER_RULES)
        await until(lambda: operator.clock() > start + timedelta(seconds=1), within=20)
        monkeypatch.undo()

        await until(lambda: "carol" in operator.bound, within=10)


@pytest.mark.parametrize(
    ("owner", "function"),
    [
        pytest.param(planner, "build_input", id="decided"),
        pytest.param(reporter.Reporter, "_report_grant", id="reported"),
    ],
)
async def test_grants_of_no_instance_delay_no_removal_while_they_are(
    owner: Any, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    work = getattr(owner, function)
    slow_work = slow(work, calls)

    def work_slowly(*arguments: Any) -> Any:
        instances = {getattr(one, "instance", "") for one in arguments}
        return (slow_work if "missing" in instances else work)(*arguments)

    async with two_bound() as operator:
        monkeypatch.setattr(owner, function, work_slowly)
        for number in range(MANY):
            operator.grant(f"many-{number}", f"user-{number}", instance="missing")
        await until(lambda: len(calls) > MANY / 4, within=2 * MANY)
        operator.revoke("g2")
        await until(lambda: "bob" not in operator.bound, within=6 * SLOW)

        assert len(calls) < MANY


SECOND: Final = {"namespace": "argocd-second"}


@pytest.mark.parametrize(
    ("spec", "failure"),
    [
        pytest.param({**SECOND, "maxDuration": "never"}, None, id="an invalid spec"),
        pytest.param(SECOND, Unavailable("busy"), id="an API server that fails"),
        pytest.param(SECOND, Defect(), id="a defect"),
    ],
)
async def test_reports_of_another_instance_delay_no_removal_if_it_has(
    spec: dict[str, str], failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    report, plan = reporter.Reporter._report_grant, planner.plan_bindings
    slow_report = slow(report, calls)

    def report_slowly(self: Any, record: Any, *others: Any) -> None:
        is_second = record.instance == "second"
        (slow_report if is_second else report)(self, record, *others)

    def plan_or_fail(*arguments: Any, owner: Owner, **options: Any) -> Any:
        if owner.instance == "second" and failure is not None:
            raise failure
        return plan(*arguments, owner=owner, **options)

    async with two_bound() as operator:
        monkeypatch.setattr(reporter.Reporter, "_report_grant", report_slowly)
        monkeypatch.setattr(planner, "plan_bindings", plan_or_fail)
        body = {**INSTANCE, "metadata": {"name": "second"}, "spec": spec}
        operator.cluster.add(INSTANCES, body)
        for number in range(MANY):
            operator.grant(f"many-{number}", f"user-{number}", instance="second")
        task = asyncio.create_task(operator.namespace.run_instance("second"))
        await until(lambda: len(calls) > MANY / 4, within=2 * MANY)
        operator.revoke("g2")
        await until(lambda: "bob" not in operator.bound, within=6 * SLOW)
        task.cancel()

        assert len(calls) < MANY


async def test_instances_that_decide_for_long_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another instance is served as usual, between the steps of the first two."""
    calls: list[float] = []
    build = planner.build_input
    slow_build = slow(build, calls)

    def build_slowly(grant: Grant, *others: Any) -> DecisionInput:
        return (build if grant.instance == "default" else slow_build)(grant, *others)

    async with two_bound() as operator, asyncio.TaskGroup() as others:
        monkeypatch.setattr(planner, "build_input", build_slowly)
        tasks = []
        for name in ("second", "third"):
            spec = {"namespace": f"argocd-{name}"}
            body = {**INSTANCE, "metadata": {"name": name}, "spec": spec}
            operator.cluster.add(INSTANCES, body)
            for number in range(MANY):
                operator.grant(f"{name}-{number}", f"user-{number}", instance=name)
            tasks.append(others.create_task(operator.namespace.run_instance(name)))
        await until(lambda: len(calls) > MANY / 4, within=2 * MANY)
        operator.revoke("g2")
        await until(lambda: "bob" not in operator.bound, within=4 * SLOW)
        for task in tasks:
            task.cancel()

        assert len(calls) < MANY


@pytest.mark.parametrize("way", ["revoked", "deleted"])
async def test_removal_does_not_wait_for_the_pause_after_a_long_reconciliation(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changes of a burst share the next reconciliation, which comes later."""
    async with two_bound() as operator:
        calls = slow_plans(monkeypatch)
        operator.grant("g3", "carol")
        await until(lambda: calls, within=SLOW)
        (operator.revoke if way == "revoked" else operator.delete)("g1")
        await until(lambda: "alice" not in operator.bound, within=REMOVAL_PAUSE / 5)

        assert len(calls) == 1


async def test_deletion_of_the_instance_ends_the_pause_after_a_long_reconciliation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        calls = slow_plans(monkeypatch)
        operator.grant("g3", "carol")
        await until(lambda: calls, within=SLOW)
        operator.delete_instance()

        await until(lambda: not operator.bound, within=REMOVAL_PAUSE + SOON)


async def test_end_does_not_wait_for_the_pause_after_a_long_reconciliation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        end, calls = end_of(operator, "g1"), slow_plans(monkeypatch)
        left = (end - operator.clock()).total_seconds()
        await asyncio.sleep(left - SLOW - LONGEST_PAUSE / 2)
        operator.grant("g3", "carol")
        await until(lambda: calls, within=SLOW)
        await until(lambda: "alice" not in operator.bound, within=2 * SLOW)

        assert operator.clock() - end < timedelta(seconds=REMOVAL_PAUSE / 5)
        assert len(calls) == 1


async def test_long_reconciliation_does_not_begin_just_before_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        end = end_of(operator, "g1")
        slow_plans(monkeypatch)
        left = (end - operator.clock()).total_seconds()
        await asyncio.sleep(left - SLOW - LONGEST_PAUSE - SLOW / 5)
        removed_at: list[datetime] = []
        operator.cluster.after(
            "merge_patch", lambda: removed_at.append(operator.clock()), path=RBAC
        )
        operator.grant("g3", "carol")
        await until(lambda: removed_at, within=3 * SLOW)

        assert "alice" not in operator.bound
        assert removed_at[0] - end < timedelta(seconds=REMOVAL_PAUSE / 5)


async def test_burst_of_changes_shares_reconciliations_that_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        calls = slow_plans(monkeypatch)
        began = asyncio.get_running_loop().time()
        for number in range(100):
            operator.grant(f"many-{number}", f"user-{number}")
            await asyncio.sleep(0.1)
        await until(lambda: len(operator.bound) == 102, within=60)
        took = asyncio.get_running_loop().time() - began

        assert len(calls) <= took / (SLOW + LONGEST_PAUSE) + 1


async def test_write_that_only_removes_delays_no_addition() -> None:
    async with two_bound() as operator:
        operator.revoke("g1")
        await until(lambda: operator.bound == {"bob"}, within=SOON)
        operator.grant("g3", "carol")

        await until(lambda: "carol" in operator.bound, within=SOON)


async def test_failed_loop_is_reported_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_bound() as operator:
        monkeypatch.setattr(Reconciler, "_take_turn", fail)
        operator.revoke("g1")
        await asyncio.sleep(2)
        assert operator.instance_ready == "-InternalError"
        monkeypatch.undo()
        await asyncio.sleep(SETTLED)

        assert operator.bound == {"bob"}
        assert operator.instance_ready == "+Converged"
        assert operator.is_served


def leave_unanswered(operator: InMemoryOperator, fragment: str) -> None:
    """Let requests with this text in their path wait for ever."""
    begin = operator.cluster._begin

    async def wait(verb: str, path: str) -> None:
        if fragment in path:
            await asyncio.Event().wait()
        await begin(verb, path)

    operator.cluster._begin = wait  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "collection",
    [
        pytest.param("validatingadmissionpolicies", id="the admission policies"),
        pytest.param("accesspolicies", id="the access policies"),
        pytest.param("appprojects", id="the AppProjects"),
        pytest.param("argocd-cm", id="the settings of Argo CD"),
    ],
)
async def test_binding_ends_although_there_is_no_answer_about(collection: str) -> None:
    async with two_bound() as operator:
        pass
    operator.revoke("g1")
    again = InMemoryOperator(operator.cluster)
    leave_unanswered(again, collection)
    async with running(again):
        await until(lambda: again.bound == {"bob"}, within=11)


async def test_binding_ends_although_a_watch_fails_for_ever() -> None:
    async with two_bound() as operator:
        operator.cluster.fail("watch", Defect("x"), times=10_000, path="appprojects")
        operator.cluster.fail("list", Defect("x"), times=10_000, path="appprojects")
        operator.cluster.end_watches()
        await asyncio.sleep(SETTLED)
        operator.revoke("g1")

        await until(lambda: operator.bound == {"bob"}, within=SOON)
