"""An Argo CD in another cluster: what goes wrong there, judged by its argocd-server."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support import operator_process
from support.live_cluster import (
    INSTANCE,
    OVERLAY,
    PROJECT,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    seconds_until,
    sleep_until,
)
from support.two_clusters import SECRET, FarPlane

pytestmark = pytest.mark.long

API_SERVER = "kube-apiserver"
ARGOCD_COMES_BACK = 60


@pytest.fixture(scope="module")
def running(far: FarPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One operator for all tests here; a second instance is in its own cluster."""
    world = World(far)
    home = {**INSTANCE, "metadata": {"name": "home", "namespace": "argogrant"}}
    far.home.apply(home)
    far.home.argocd.set_rbac({"policy.csv": RULES})
    with operator_process.serving(
        world, tmp_path_factory.mktemp("log") / "operator.log"
    ):
        yield world
        world.ours("delete", "accessgrants", "--all")
        world.ours("delete", "argocdinstance", "home")


@pytest.fixture
def remote(running: World, far: FarPlane) -> World:
    """The running world, as if no other test had been."""
    far.put_token(far.new_token())
    running.reset()
    eventually(lambda: running.instance_says()[1] == "Converged", within=30)
    return running


ALL_ARGOCDS = operator_process.ROOT / "manifests/all-argocds.yaml"


def says(world: World, reason: str, *words: str) -> bool:
    status, why, message = world.instance_says()
    return (status, why) == ("False", reason) and all(w in message for w in words)


def spec(**cluster: Any) -> dict[str, Any]:
    return {**INSTANCE, "spec": {"cluster": cluster}}


def test_argocd_of_another_cluster_says_itself_who_may_bind(remote: World) -> None:
    """Its annotation counts, also where the operator's own namespace is not named."""
    remote.apply(a_grant("g1"))
    eventually(remote.may_sync, within=30)
    remote.allow("team-b")
    eventually(lambda: not remote.may_sync(), within=10)
    server = remote.instance()["spec"]["cluster"]["server"]
    eventually(lambda: says(remote, "NotAllowedByArgoCD", server), within=30)
    remote.allow("team-b,argogrant")
    eventually(remote.may_sync, within=30)


def test_a_certificate_of_another_authority_is_refused(
    remote: World, far: FarPlane
) -> None:
    """The message says where to write the right one; as soon as it is, all goes on."""
    config = json.loads(far.home.kubeconfig().read_text())
    wrong = config["clusters"][0]["cluster"]["certificate-authority-data"]
    cluster = far.cluster()
    remote.apply(spec(**{**cluster, "caBundle": wrong}), a_grant("g1"))
    eventually(
        lambda: says(
            remote,
            "CertificateRefused",
            cluster["server"],
            "authority that is not trusted",
            "spec.cluster.caBundle",
        ),
        within=30,
    )
    eventually(lambda: remote.ready("g1")[1] == "InstanceUnavailable", within=30)
    remote.apply(spec(**cluster))

    eventually(remote.may_sync, within=30)


def test_a_token_that_is_not_accepted_is_told_from_a_missing_right(
    remote: World, far: FarPlane
) -> None:
    """It names the Secret and the command; a new token is used at once."""
    remote.apply(a_grant("g1", subject="carol"))
    eventually(lambda: remote.may_sync("carol"), within=30)
    far.put_token("not-a-token-of-this-cluster")
    command = "kubectl create token argogrant"
    eventually(
        lambda: says(remote, "TokenRefused", f"argogrant/{SECRET}", command),
        within=30,
    )
    assert "not-a-token" not in str(remote.instance_says())
    remote.apply(a_grant("g2"))
    time.sleep(2)
    assert not remote.may_sync()
    far.put_token(far.new_token())
    took = eventually(remote.may_sync, within=15)
    print(f"bound {took:.2f} s after the new token")


def test_a_secret_that_is_not_there_is_missed(remote: World) -> None:
    remote.ours("delete", "secret", SECRET)

    eventually(
        lambda: says(remote, "TokenMissing", SECRET, "create secret generic"),
        within=30,
    )


def test_rights_that_are_taken_away_during_a_grant_are_named(
    remote: World,
) -> None:
    """The end is kept as soon as they are back."""
    end = after(25)
    remote.apply(a_grant("g1", expiresAt=end))
    eventually(remote.may_sync, within=15)
    remote.remove_rights()
    sleep_until(end)
    eventually(
        lambda: says(remote, "Forbidden", "manifests/remote-cluster.yaml"), within=30
    )
    assert remote.may_sync()
    eventually(lambda: remote.ready("g1")[1] == "InstanceUnavailable", within=30)
    remote.restore_rights()

    eventually(lambda: not remote.may_sync(), within=30)
    eventually(lambda: remote.ready("g1")[1] == "Expired", within=30)


def test_a_cluster_that_hangs_delays_nobody_at_home(
    remote: World, far: FarPlane
) -> None:
    """Its instance says so; the other one binds and ends as ever."""
    far.far.pause(API_SERVER)
    try:
        end = after(30)
        remote.apply(a_grant("here", "erin", instance="home", expiresAt=end))
        ask = far.home.argocd.can_i
        question = ("erin", "applications", "sync", "team-a/shop")
        eventually(lambda: ask(*question), within=15)
        eventually(lambda: remote.ready("here")[1] == "Bound", within=10)
        sleep_until(end)
        eventually(lambda: not ask(*question), within=10)
        eventually(lambda: remote.ready("here")[1] == "Expired", within=30)
        remote.apply(a_grant("there"))
        eventually(lambda: says(remote, "Unavailable"), within=60)
        eventually(lambda: remote.ready("there")[1] == "InstanceUnavailable", within=30)
    finally:
        far.far.resume(API_SERVER)

    eventually(remote.may_sync, within=ARGOCD_COMES_BACK)


def test_a_cluster_that_dies_and_returns_after_the_end_refuses_then(
    remote: World, far: FarPlane, record_property
) -> None:
    """The first write after the outage takes away what ended in it."""
    end = after(25)
    remote.apply(a_grant("short", expiresAt=end), a_grant("long", subject="erin"))
    eventually(remote.may_sync, within=15)
    time.sleep(max(seconds_until(end) - 3, 0))
    far.far.stop(API_SERVER)
    try:
        sleep_until(end)
        time.sleep(2)
        assert remote.may_sync()  # Argo CD has not received the change
    finally:
        far.far.start(API_SERVER)
    lag = eventually(lambda: "alice" not in remote.overlay(), within=30)
    refused = eventually(lambda: not remote.may_sync(), within=ARGOCD_COMES_BACK)
    record_property("removed_seconds_after_the_outage", round(lag, 2))
    record_property("refused_seconds_after_the_outage", round(lag + refused, 2))
    print(f"removed {lag:.1f} s, refused {lag + refused:.1f} s after the outage")

    assert remote.may_sync("erin")
    eventually(lambda: remote.ready("short")[1] == "Expired", within=30)


def test_instance_created_again_for_another_cluster_leaves_nothing_behind(
    remote: World, far: FarPlane
) -> None:
    """Argo CD there refuses, and the one here allows."""
    remote.ours("delete", "argocdinstance", "home")
    remote.apply(a_grant("g1"))
    eventually(remote.may_sync, within=30)
    remote.ours("delete", "argocdinstance", "default")
    assert far.far.argocd.rbac_config_map()["data"] == {"policy.csv": RULES}
    eventually(lambda: not remote.may_sync(), within=15)
    far.home.apply(INSTANCE)
    question = ("alice", "applications", "sync", "team-a/shop")
    eventually(lambda: far.home.argocd.can_i(*question), within=30)
    remote.ours("delete", "argocdinstance", "default")
    remote.apply(INSTANCE)
    eventually(remote.may_sync, within=30)

    eventually(lambda: not far.home.argocd.can_i(*question), within=15)
    home = {**INSTANCE, "metadata": {"name": "home", "namespace": "argogrant"}}
    far.home.apply(home)


def test_ten_argo_cds_are_served_at_once(remote: World, far: FarPlane) -> None:
    """Each in a namespace of its own, with the rights of the documentation."""
    names = [f"argocd-{number}" for number in range(10)]
    far.home.apply(ALL_ARGOCDS)
    bodies: list[dict[str, Any]] = []
    for name in names:
        metadata = {"name": "argocd-rbac-cm", "namespace": name}
        bodies += [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata,
                "data": {"policy.csv": RULES},
            },
            {**PROJECT, "metadata": {"name": "team-a", "namespace": name}},
            {
                **INSTANCE,
                "metadata": {"name": name, "namespace": "argogrant"},
                "spec": {"namespace": name},
            },
            a_grant(name, instance=name),
        ]
    far.home.apply(*bodies)

    def are_ready(reason: str) -> bool:
        read = json.loads(remote.ours("get", "accessgrants", "-o", "json"))
        told = [
            condition["reason"]
            for grant in read["items"]
            for condition in grant.get("status", {}).get("conditions", ())
            if condition["type"] == "Ready"
        ]
        return told == [reason] * 10

    eventually(lambda: are_ready("Bound"), within=60)
    bound = far.home.kubectl("get", "configmaps", "-A", "-o", "json").stdout
    maps = json.loads(bound)["items"]
    held = [m for m in maps if "g, alice" in m.get("data", {}).get(OVERLAY, "")]
    assert len(held) == 10
    remote.ours("delete", "accessgrants", "--all")
    remote.ours("delete", "argocdinstance", *names)
    far.home.kubectl("delete", "-f", str(ALL_ARGOCDS))
    far.home.kubectl("delete", "namespace", *names, "--wait=false")
