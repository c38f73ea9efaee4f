"""Entries of a kubeconfig, and the exception for one that cannot be used.

Source: kubernetes/client-go, ``tools/clientcmd/api/types.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from argogrant.grants.model.errors import AccessGrantError


class InvalidKubeconfig(AccessGrantError):
    """A kubeconfig that names no usable API server or credential; says the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEntry:
    """An API server, and how its certificate is verified."""

    server: str = ""
    tls_server_name: str = ""
    insecure: bool = False
    """True if the certificate of the API server is not verified."""
    ca_file: str = ""
    ca_data: bytes = b""
    proxy_url: str = ""
    disable_compression: bool = False
    plugin_config: Any = None
    """Configuration of the exec plugin for this cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecEntry:
    """A program that prints the credential of a user."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProviderEntry:
    """A credential of the kind that exec plugins have replaced."""

    name: str
    config: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEntry:
    """The credential of a user, and whom the user impersonates."""

    cert_file: str = ""
    cert_data: bytes = b""
    key_file: str = ""
    key_data: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    auth_provider: AuthProviderEntry | None = None
    exec: ExecEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEntry:
    """A cluster, a user and a namespace, by name."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """The entries of one file, or of several that are merged."""

    clusters: Mapping[str, ClusterEntry] = field(default_factory=dict)
    users: Mapping[str, UserEntry] = field(default_factory=dict)
    contexts: Mapping[str, ContextEntry] = field(default_factory=dict)
    current_context: str = ""
