"""Parsing of remote clusters."""

import base64
from typing import Any

import pytest

from argogrant.api.argocdinstance import read_instance
from argogrant.api.remote_cluster import RemoteCluster, TokenRotation
from argogrant.grants.model.errors import InvalidGrant
from support.builders import HOUR

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
BUNDLE = base64.b64encode(PEM.encode()).decode()


def read(cluster: dict[str, Any]) -> RemoteCluster | None:
    metadata = {"uid": "u1", "namespace": "argogrant", "name": "far"}
    least = {"server": "https://far.example:6443", "tokenSecret": {"name": "far"}}
    spec = {"namespace": "argo", "cluster": {**least, **cluster}}
    return read_instance({"metadata": metadata, "spec": spec}).cluster


def test_required_fields_only() -> None:
    assert read({}) == RemoteCluster(
        server="https://far.example:6443",
        ca_bundle="",
        secret_name="far",
        secret_key="k8s_token",
    )


def test_all_fields_are_parsed() -> None:
    secret = {"name": "far", "key": "token"}
    cluster = read(
        {"caBundle": BUNDLE, "server": "https://x/a/", "tokenSecret": secret}
    )

    assert cluster == RemoteCluster(
        server="https://x/a", ca_bundle=PEM, secret_name="far", secret_key="token"
    )


@pytest.mark.parametrize(
    ("account", "namespace"),
    [
        pytest.param("argogrant", "argo", id="in the namespace of Argo CD"),
        pytest.param("iam/argogrant", "iam", id="in an explicit namespace"),
    ],
)
def test_rotation_is_parsed(account: str, namespace: str) -> None:
    cluster = read({"tokenRotation": {"every": "1h", "serviceAccount": account}})

    assert cluster is not None
    assert cluster.rotation == TokenRotation(
        every=HOUR, namespace=namespace, service_account="argogrant"
    )


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        pytest.param({"server": "http://x"}, "spec.cluster.server: ", id="no TLS"),
        pytest.param({"server": "https://u@x"}, "cluster.server: ", id="a password"),
        pytest.param(
            {"caBundle": "%"}, "encoded with base64 once", id="invalid base64"
        ),
        pytest.param({"caBundle": PEM}, "encoded with base64 once", id="bare PEM"),
        pytest.param(
            {"caBundle": base64.b64encode(BUNDLE.encode()).decode()},
            "encoded with base64 once",
            id="encoded twice",
        ),
    ],
)
def test_object_that_does_not_match_the_crd_is_refused(cluster, words: str) -> None:
    with pytest.raises(InvalidGrant) as got:
        read(cluster)

    assert words in str(got.value)
