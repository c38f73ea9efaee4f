"""Where another cluster is, as people write it."""

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


def test_the_least_that_is_written() -> None:
    assert read({}) == RemoteCluster(
        server="https://far.example:6443",
        ca_bundle="",
        secret_name="far",
        secret_key="k8s_token",
    )


def test_what_is_written_is_read() -> None:
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
        pytest.param("argogrant", "argo", id="beside Argo CD"),
        pytest.param("iam/argogrant", "iam", id="in a namespace that is named"),
    ],
)
def test_rotation(account: str, namespace: str) -> None:
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
        pytest.param({"caBundle": "%"}, "encoded with base64 once", id="no base64"),
        pytest.param({"caBundle": PEM}, "encoded with base64 once", id="bare PEM"),
        pytest.param(
            {"caBundle": base64.b64encode(BUNDLE.encode()).decode()},
            "encoded with base64 once",
            id="encoded twice",
        ),
    ],
)
def test_what_can_not_be_understood_is_told(cluster, words: str) -> None:
    with pytest.raises(InvalidGrant) as got:
        read(cluster)

    assert words in str(got.value)
