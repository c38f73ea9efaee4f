"""Values in Argo CD's Secrets that the tests need."""

import base64

from controlplane.cluster import Cluster


def initial_admin_password(cluster: Cluster, namespace: str) -> str:
    """Return the password that Argo CD made for its admin at its first start."""
    secret = "argocd-initial-admin-secret"
    return _read(cluster, namespace, secret, field="password")


def token_key(cluster: Cluster, namespace: str) -> bytes:
    """Return the key with which Argo CD signs its tokens."""
    return _read(cluster, namespace, "argocd-secret", field="server.secretkey").encode()


def certificate(cluster: Cluster, namespace: str) -> str:
    """Return the certificate (PEM) that Argo CD made for itself, if it did."""
    return _read(cluster, namespace, "argocd-secret", field="tls.crt")


def _read(cluster: Cluster, namespace: str, name: str, *, field: str) -> str:
    secret = cluster.read("secret", name, namespace=namespace)
    return base64.b64decode(secret["data"].get(field, "")).decode()
