"""Operators in memory whose Argo CD is in another cluster."""

import base64
from typing import Any

from argogrant.argocd.policy_csv import OVERLAY_KEY, read_key
from argogrant.kube.errors import NotFound, Unavailable
from argogrant.kube.resources import APP_PROJECTS, SECRETS
from support.fake_cluster import FakeCluster
from support.in_memory_operator import FOR_EVER, INSTANCES, OURS, RBAC, InMemoryOperator
from support.live_cluster import INSTANCE, PROJECT, RULES

SERVER = "https://prod.example.com:6443"
CLUSTER = {"server": SERVER, "tokenSecret": {"name": "prod"}}


def an_argocd(operator: InMemoryOperator) -> FakeCluster:
    """Another cluster with an Argo CD."""
    cluster = FakeCluster(operator.clock)
    body = {"metadata": {"name": "argocd-rbac-cm"}, "data": {"policy.csv": RULES}}
    cluster.add(RBAC.rpartition("/")[0], body)
    cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
    return cluster


def a_remote_operator(
    token: str | None = "first",
) -> tuple[InMemoryOperator, FakeCluster]:
    """An operator whose instance has its Argo CD in another cluster."""
    operator = InMemoryOperator()
    operator.elsewhere[SERVER] = there = an_argocd(operator)
    body = {**INSTANCE, "metadata": {"name": "default"}, "spec": {"cluster": CLUSTER}}
    operator.cluster.add(INSTANCES, body)
    if token is not None:
        put_token(operator, token)
    return operator, there


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put_token(
    operator: InMemoryOperator,
    token: str,
    key: str = "k8s_token",
    *,
    name: str = "prod",
) -> None:
    """Store the token in its Secret, and create the Secret if it is missing."""
    body: dict[str, Any] = {"data": {key: encoded(token)}}
    try:
        operator.cluster.edit(f"{SECRETS.path(OURS)}/{name}", body)
    except NotFound:
        operator.cluster.add(SECRETS.path(OURS), {"metadata": {"name": name}, **body})


def bound_in(cluster: FakeCluster) -> set[str]:
    data = cluster.object(RBAC)["data"]
    text = read_key(OVERLAY_KEY, data.get(OVERLAY_KEY, ""))
    return {binding.subject for binding in text.bindings}


def cut_off(cluster: FakeCluster) -> None:
    """Fail every request to a cluster until ``stop_failing`` is called."""
    away = Unavailable("no route")
    for verb in ("list", "watch", "merge_patch", "get"):
        cluster.fail(verb, away, times=FOR_EVER)
    cluster.break_watches(away)
