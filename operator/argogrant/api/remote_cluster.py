"""Another cluster, where an Argo CD runs, and the token that reaches it."""

import base64
import binascii
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import Field

from argogrant.api.schema import Duration, Model, ObjectName, validations
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_duration

DEFAULT_TOKEN_KEY: Final = "k8s_token"  # noqa: S105

_AT_LEAST_TEN_MINUTES: Final = (
    "duration(self) >= duration('10m')",
    "must be at least 10m; the API server gives no token that lasts shorter",
)


class TokenSecretModel(Model):
    """Where the token is kept."""

    name: ObjectName = Field(
        description=(
            "The name of a Secret in the namespace of the ArgoCDInstance. The operator"
            " may read only Secrets that its Role names."
        )
    )
    key: str = Field(
        DEFAULT_TOKEN_KEY,
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
        description="The key of that Secret whose value is the token.",
    )


class TokenRotationModel(Model):
    """How the token is renewed."""

    every: Duration = Field(
        description=(
            "How old a token becomes, such as 168h. After that a new one is requested"
            " (TokenRequest), tried, and only then stored; it lasts three times as"
            " long, so that two rotations may fail. At least 10m."
        ),
        json_schema_extra=validations(_AT_LEAST_TEN_MINUTES),
    )
    service_account: str = Field(
        min_length=1,
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description=(
            "The ServiceAccount of the other cluster that the token is for, as name or"
            " as namespace/name; without a namespace it is the one of Argo CD"
            " (spec.namespace). It needs the right to create its own"
            " serviceaccounts/token."
        ),
    )


class ClusterModel(Model):
    """Another cluster, and how to reach it."""

    server: str = Field(
        min_length=1,
        max_length=512,
        pattern=r"^https://[^\s/?#@]+(/[^\s?#@]*)?$",
        description=(
            "The URL of that cluster's API server, such as https://10.0.0.1:6443."
            " Its certificate is always verified."
        ),
    )
    ca_bundle: str | None = Field(
        None,
        min_length=1,
        max_length=131072,
        description=(
            "The certificates that its certificate is verified against: PEM, encoded"
            " with base64, as in certificate-authority-data of a kubeconfig. Left out:"
            " those of the operator's system."
        ),
        json_schema_extra={"format": "byte"},
    )
    token_secret: TokenSecretModel = Field(description="Where the token is kept.")
    token_rotation: TokenRotationModel | None = Field(
        None,
        description=(
            "How the token is renewed. Left out: it is not, and a token near its end is"
            " told of with a Warning."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotation:
    """After which time a new token is requested, and for whom."""

    every: timedelta
    namespace: str
    service_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCluster:
    """Another cluster, and where the token for it is kept."""

    server: str
    ca_bundle: str
    """PEM; empty for the system's certificates."""
    secret_name: str
    secret_key: str
    rotation: TokenRotation | None = None


def read_remote_cluster(model: ClusterModel, argocd_namespace: str) -> RemoteCluster:
    """Read where another cluster is.

    Args:
        model: What was written.
        argocd_namespace: Where its Argo CD runs.

    Raises:
        InvalidGrant: The certificates are not what the CRD describes.
    """
    secret, rotation = model.token_secret, model.token_rotation
    return RemoteCluster(
        server=model.server.rstrip("/"),
        ca_bundle=_decoded(model.ca_bundle) if model.ca_bundle else "",
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


def _decoded(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise InvalidGrant(
            "spec.cluster.caBundle: holds no certificate; write the PEM of the"
            " cluster's certificate authority, encoded with base64 once"
        )
    return text
