"""Remote cluster of an Argo CD, and the token for it."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import Field

from argogrant.api.cel_rules import BASE64_RULE
from argogrant.api.schema import (
    Duration,
    Model,
    ObjectName,
    duration,
    must,
    object_name,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_duration

_AT_LEAST_TEN_MINUTES: Final = (
    "duration(self) >= duration('10m')",
    "must be at least 10m, such as 168h; the API server issues no shorter-lived token",
)


class TokenSecretModel(Model):
    """Reference to the Secret with the token."""

    name: ObjectName = Field(
        json_schema_extra=object_name("a Secret", "far-cluster-token")
    )
    """Name of a Secret in the namespace of the ArgoCDInstance. The operator can read
    only Secrets that its Role names."""
    key: str = Field(
        "k8s_token",
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
        json_schema_extra=must(
            "be the key of the token in the Secret: 1 to 253 letters, digits, '-', '_'"
            " and '.', such as k8s_token"
        ),
    )
    """Key of the token in the Secret."""


class TokenRotationModel(Model):
    """Rotation of the token."""

    every: Duration = Field(json_schema_extra=duration(_AT_LEAST_TEN_MINUTES))
    """Interval of the rotation, such as 168h; at least 10m. The operator requests a new
    token (TokenRequest), verifies it, and then stores it. A token is valid for three
    intervals, so two rotations may fail."""
    service_account: str = Field(
        min_length=1,
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        json_schema_extra=must(
            "be the name of a ServiceAccount, such as argogrant, or its namespace and"
            " name, such as argocd/argogrant, not"
            " system:serviceaccount:argocd:argogrant; 1 to 317 characters"
        ),
    )
    """ServiceAccount of the remote cluster to request tokens for, as name or
    namespace/name; the default namespace is spec.namespace. The ServiceAccount needs
    permission to create its own serviceaccounts/token."""


class ClusterModel(Model):
    """Remote cluster and its credentials."""

    server: str = Field(
        min_length=1,
        max_length=512,
        pattern=r"^https://[^\s/?#@]+(/[^\s?#@]*)?$",
        json_schema_extra=must(
            "be the URL of an API server that begins with https://, without a user"
            " name, a query and spaces, in at most 512 characters, such as"
            " https://10.0.0.1:6443"
        ),
    )
    """URL of the API server, such as https://10.0.0.1:6443. Its certificate is always
    verified. Immutable."""
    ca_bundle: str | None = Field(
        None,
        min_length=1,
        max_length=131072,
        json_schema_extra=must(
            "be a PEM file of 1 to 131072 characters in base64, such as"
            " LS0tLS1CRUdJTi…; `base64 -w0 ca.crt` prints it",
            BASE64_RULE,
            format="byte",
        ),
    )
    """CA certificates of the API server: PEM, encoded with base64, as in
    certificate-authority-data of a kubeconfig. If omitted, the CA certificates of the
    operator's system are used."""
    token_secret: TokenSecretModel = Field(
        json_schema_extra=must(
            "be the Secret with the token, such as tokenSecret: {name:"
            " far-cluster-token}"
        )
    )
    """Secret with the token for the API server."""
    token_rotation: TokenRotationModel | None = None
    """Rotation of the token. If omitted, the operator does not rotate it, and emits a
    Warning event before it expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotation:
    """Interval and service account of a token rotation."""

    every: timedelta
    namespace: str
    service_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCluster:
    """Remote cluster and the location of its token."""

    server: str
    ca_bundle: str
    """PEM; empty for the CA certificates of the operator's system."""
    secret_name: str
    secret_key: str
    rotation: TokenRotation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDLocation:
    """Location of an Argo CD, with the credentials that reach it."""

    namespace: str
    cluster: RemoteCluster | None = None
    """None for the cluster of the ArgoCDInstance."""

    @property
    def key(self) -> tuple[str, str]:
        """The immutable part: the URL of the API server, and the namespace."""
        return (self.cluster.server if self.cluster else "", self.namespace)


def read_remote_cluster(model: ClusterModel, argocd_namespace: str) -> RemoteCluster:
    """Convert the remote cluster of an ArgoCDInstance.

    Raises:
        InvalidGrant: ``caBundle`` has no certificate.
    """
    secret, rotation = model.token_secret, model.token_rotation
    return RemoteCluster(
        server=model.server.rstrip("/"),
        ca_bundle=_decode(model.ca_bundle) if model.ca_bundle else "",
        secret_name=secret.name,
        secret_key=secret.key,
        rotation=_read_rotation(rotation, argocd_namespace) if rotation else None,
    )


def _read_rotation(model: TokenRotationModel, argocd_namespace: str) -> TokenRotation:
    namespace, _, name = model.service_account.rpartition("/")
    return TokenRotation(
        every=parse_duration(model.every),
        namespace=namespace or argocd_namespace,
        service_account=name,
    )


def _decode(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode("ascii")
    except ValueError:
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise InvalidGrant(
            "spec.cluster.caBundle: contains no certificate. Set it to the PEM of the"
            " cluster's certificate authority, encoded with base64 once"
        )
    return text
