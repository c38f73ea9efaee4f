"""Admission webhooks that take seconds: writes wait for them, as kubectl does.

argocd-server says whether access begins and ends.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import live_policies, operator_process
from support.live_cluster import (
    INSTANCE,
    PROJECT,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    seconds_until,
    sleep_until,
)
from support.live_policies import ClusterWithPolicies, a_policy, approved_by
from support.slow_webhook import serving
from support.typist import Typist

pytestmark = pytest.mark.long

SLOW = 7.0
"""Seconds of the webhook; until now, the operator waited for five."""
SLOWEST = 25.0
OURS = tuple(
    ("argogrant.dev", name)
    for name in ("accessgrants", "accessgrants/status", "argocdinstances/status")
)
IN_PROJECT = {**INSTANCE, "spec": {"bindProjectRolesIn": "AppProject"}}
PROJECT_RIGHTS = operator_process.ROOT / "manifests/argocd-appprojects.yaml"
DEPLOYER = {"project": "team-a", "name": "deployer"}
ASK = ("request", "--role", "role:deployer", "--reason", "hotfix", "--for", "1h")


@pytest.fixture
def operated(installed: ControlPlane, tmp_path: Path) -> Iterator[World]:
    if not installed.is_ours:
        pytest.skip("a named cluster does not give its key away")
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    with operator_process.serving(world, tmp_path / "operator.log"):
        eventually(lambda: world.instance_says()[1] == "Converged", within=30)
        yield world


@pytest.mark.parametrize(
    ("seconds", "rules"),
    [
        pytest.param(SLOW, OURS, id="seven seconds, for grants and Argo CD"),
        pytest.param(SLOWEST, (), id="twenty-five seconds, for Argo CD"),
    ],
)
def test_access_begins_and_ends_with_a_slow_webhook(
    operated: World, seconds: float, rules: tuple[tuple[str, str], ...]
) -> None:
    """A revocation, an end and a deletion each take one review."""
    begun = time.monotonic()
    with serving(operated.plane, *rules, seconds=seconds):
        end = after(90)
        operated.apply(
            a_grant("revoked"),
            a_grant("deleted", "carol"),
            a_grant("ended", "erin", expiresAt=end),
        )
        people = ("alice", "carol", "erin")
        eventually(lambda: all(map(operated.may_sync, people)), within=90)
        print(f"bound {time.monotonic() - begun:.1f} s after the webhook's begin")
        eventually(
            lambda: all(
                operated.ready(name)[1] == "Bound"
                for name in ("revoked", "deleted", "ended")
            ),
            within=90,
        )
        assert seconds_until(end) > 0
        sleep_until(end)
        operated.apply(a_grant("revoked", revoked=True))
        operated.delete_later("accessgrant", "deleted")
        took = eventually(
            lambda: not any(map(operated.may_sync, people)), within=2 * seconds + 10
        )
        print(f"refused {took:.1f} s after the end")
        eventually(lambda: not operated.exists("accessgrant", "deleted"), within=90)
        eventually(lambda: operated.ready("ended")[1] == "Expired", within=90)


def test_slow_write_of_the_config_map_delays_no_appproject(operated: World) -> None:
    """Both ends are at the same instant."""
    operated.apply(PROJECT_RIGHTS, PROJECT, IN_PROJECT)
    end = after(45)
    try:
        operated.apply(
            a_grant("text", expiresAt=end),
            a_grant("member", "carol", role=DEPLOYER, expiresAt=end),
        )
        eventually(operated.may_sync, within=15)
        eventually(lambda: operated.may_sync("carol"), within=15)
        with serving(operated.plane, seconds=SLOWEST):
            sleep_until(end)
            took = eventually(lambda: not operated.may_sync("carol"), within=5)
            print(f"AppProject {took:.1f} s after the end")
            assert operated.may_sync("alice")
            eventually(lambda: not operated.may_sync(), within=SLOWEST + 10)
    finally:
        operated.delete_all("accessgrant")
        operated.apply({**INSTANCE, "spec": {"bindProjectRolesIn": "ConfigMap"}})
        operated.plane.kubectl("delete", "-f", str(PROJECT_RIGHTS))


@pytest.fixture(scope="module")
def policies(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterWithPolicies]:
    if not identity_policies.is_ours:
        pytest.skip("a named cluster does not give its key away")
    log = tmp_path_factory.mktemp("webhooks") / "operator.log"
    with live_policies.cluster_with_operator(identity_policies, log) as world:
        eventually(lambda: world.instance_says()[1] == "Converged", within=30)
        world.apply_policies(
            a_policy(
                approval=approved_by("approvers"), maxDuration="2h", maxExtensions=2
            )
        )
        yield world


@pytest.fixture
def people(policies: ClusterWithPolicies) -> Iterator[tuple[Typist, Typist]]:
    """A requester and an approver, whose writes a webhook delays."""
    config = policies.plane.kubeconfig
    yield (
        Typist(config("alice", ["people", "developers"])),
        Typist(config("bob", ["people", "approvers"])),
    )
    policies.delete_all("accessgrant")


COMMANDS = tuple(
    ("argogrant.dev", name) for name in ("accessgrants", "accessapprovals")
)


def grants(world: World) -> list[dict[str, Any]]:
    return list(world.plane.api("argogrant").list("accessgrant", namespace="argogrant"))


def test_commands_wait_for_a_slow_webhook(
    policies: ClusterWithPolicies, people: tuple[Typist, Typist]
) -> None:
    alice, bob = people
    users = ("alice", "bob")
    with serving(policies.plane, *COMMANDS, seconds=SLOW, users=users):
        alice.does(*ASK, "--name", "hotfix")
        bob.does("approve", "hotfix")
        eventually(policies.may_sync, within=30)
        alice.does("extend", "hotfix", "--by", "30m")
        alice.does("revoke", "hotfix")
        eventually(lambda: not policies.may_sync(), within=30)

    assert len(grants(policies)) == 2  # an extension is a grant of its own


@pytest.mark.parametrize(
    "name", [pytest.param(("--name", "hotfix"), id="named"), pytest.param((), id="not")]
)
def test_request_that_is_given_up_creates_nothing_and_says_so(
    policies: ClusterWithPolicies, people: tuple[Typist, Typist], name: tuple[str, ...]
) -> None:
    """The API server discards a write whose client does not wait."""
    alice, _ = people
    with serving(policies.plane, *COMMANDS, seconds=SLOW, users=("alice",)):
        shown = alice.fails("--request-timeout", "3s", *ASK, *name)
        time.sleep(SLOW)

    assert grants(policies) == []
    assert "perhaps done" in shown
    assert "did not answer in time" in shown
    assert "kubectl -n argogrant get accessgrants" in shown


def test_revocation_that_is_given_up_says_so_and_can_be_repeated(
    policies: ClusterWithPolicies, people: tuple[Typist, Typist]
) -> None:
    alice, bob = people
    alice.does(*ASK, "--name", "hotfix")
    bob.does("approve", "hotfix")
    eventually(policies.may_sync, within=30)
    with serving(policies.plane, *COMMANDS, seconds=SLOW, users=("alice",)):
        shown = alice.fails("--request-timeout", "3s", "revoke", "hotfix")
        assert "perhaps done" in shown
        assert "revoked" not in policies.grant("hotfix")["spec"]
        alice.does("revoke", "hotfix")

    eventually(lambda: not policies.may_sync(), within=30)
