"""Choice of API server, credential and namespace, as kubectl makes it.

Options take precedence over the context, and the kubeconfig over the service account of
a pod, which is used only if the kubeconfig names no API server. kubectl then still has
a last resort, ``http://localhost:8080``; here it is refused, with the remedy.

kubectl sends no credential to an ``http://`` server. A kubeconfig that names both is
refused, because the request would be sent without the credential. An option
``--server http://…`` is obeyed: it names a proxy that has the credential, such as
``kubectl proxy``.

Source: kubernetes/client-go, ``tools/clientcmd/client_config.go``, ``validation.go``;
``rest/config.go``, ``InClusterConfig``.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.parse import quote as escape

from argogrant.grants.model.validation import quote
from argogrant.kube.kubeconfig.entries import (
    ClusterEntry,
    ContextEntry,
    ExecEntry,
    InvalidKubeconfig,
    Kubeconfig,
    UserEntry,
)
from argogrant.kube.kubeconfig.loading import describe_files, load_kubeconfig

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Source: Kubernetes, "Accessing the Kubernetes API from a Pod"."""
LIST_CONTEXTS: Final = "To list contexts, run: kubectl config get-contexts."
PROXY_SCHEMES: Final = ("http", "https", "socks5")
_BAD_ESCAPE: Final = re.compile("%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """Options of the command line that choose API server and credential.

    Their names and meanings are those of kubectl.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    proxy_url: str = ""
    token: str = field(default="", repr=False)
    client_certificate: str = ""
    client_key: str = ""
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: tuple[str, ...] = ()
    """Each of them is ``key=value``."""
    request_timeout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """An API server, the credential for it, and where its objects are."""

    server: str
    """URL with scheme; a path in it begins the paths of all requests."""
    cluster: ClusterEntry
    user: UserEntry
    context: str = ""
    """Name of the context; empty for none."""
    user_name: str = ""
    namespace: str = ""
    """Namespace of the context, or of the pod; empty for none."""
    in_cluster: bool = False
    """True if the credential is the service account of the pod."""

    @property
    def place(self) -> str:
        """Where requests go: ``context one``."""
        if self.in_cluster:
            return "this pod's cluster"
        if self.context:
            return f"context {self.context}"
        return f"server {url_without_credential(self.server)}"


def read_client_config(
    options: ConnectionOptions, environment: Mapping[str, str]
) -> ClientConfig:
    """Read the kubeconfig and choose in it.

    Raises:
        InvalidKubeconfig: It names no usable API server or credential.
    """
    return choose(
        load_kubeconfig(options.kubeconfig, environment), options, environment
    )


def choose(
    kubeconfig: Kubeconfig, options: ConnectionOptions, environment: Mapping[str, str]
) -> ClientConfig:
    """Choose context, cluster and user, and apply the options to them.

    Raises:
        InvalidKubeconfig: They do not exist, contradict each other or lack something.
    """
    name = options.context or kubeconfig.current_context
    context = _context(kubeconfig, options, environment)
    cluster = _cluster(kubeconfig, context, options, name)
    default_server = environment.get("KUBERNETES_MASTER", "")
    if not (cluster.server or context.cluster) and _is_pod(environment):
        return _in_cluster(options, environment)
    if not (cluster.server or default_server):
        raise InvalidKubeconfig(
            _no_server(context.cluster, name, kubeconfig, options, environment)
        )
    cluster = replace(cluster, server=cluster.server or default_server)
    _check_cluster(cluster, context.cluster)
    user_name = options.user or context.user
    user = _user(kubeconfig, user_name, options)
    _check_user(user, user_name)
    server = _normalized_server(cluster.server)
    if urlsplit(server).scheme == "https":
        _check_tls(cluster, context.cluster)
        if not _has_credential(user):
            raise InvalidKubeconfig(_no_credential(user_name, name, kubeconfig))
    else:
        cluster, user = _without_tls(cluster, user, user_name, options)
    return ClientConfig(
        server=server,
        cluster=cluster,
        user=user,
        context=name,
        user_name=user_name,
        namespace=context.namespace,
    )


def _context(
    kubeconfig: Kubeconfig, options: ConnectionOptions, environment: Mapping[str, str]
) -> ContextEntry:
    name = options.context or kubeconfig.current_context
    found = kubeconfig.contexts.get(name)
    if found is None and name:
        files = describe_files(options.kubeconfig, environment)
        what = "context" if options.context else "current context"
        raise InvalidKubeconfig(
            f"the {what} {quote(name)} does not exist in the kubeconfig ({files})."
            f" {LIST_CONTEXTS}"
        )
    context = found or ContextEntry()
    return replace(context, cluster=options.cluster or context.cluster)


def _cluster(
    kubeconfig: Kubeconfig, context: ContextEntry, options: ConnectionOptions, name: str
) -> ClusterEntry:
    """Return the entry of the cluster, with the options that replace its values."""
    entry = kubeconfig.clusters.get(context.cluster)
    if entry is None and options.cluster:
        raise InvalidKubeconfig(
            f"the cluster {quote(options.cluster)} (--cluster) does not exist in the"
            " kubeconfig. To list clusters, run: kubectl config get-clusters."
        )
    if entry is None and context.cluster and not options.server:
        raise InvalidKubeconfig(
            f"the cluster {quote(context.cluster)} of context {quote(name)} does not"
            " exist in the kubeconfig. To list clusters, run: kubectl config"
            " get-clusters."
        )
    entry = entry or ClusterEntry()
    if options.insecure_skip_tls_verify or options.certificate_authority:
        entry = replace(
            entry,
            insecure=options.insecure_skip_tls_verify,
            ca_file=_absolute(options.certificate_authority),
            ca_data=b"",
        )
    if options.server or options.tls_server_name:
        entry = replace(entry, tls_server_name=options.tls_server_name)
    return replace(
        entry,
        server=options.server or entry.server,
        proxy_url=options.proxy_url or entry.proxy_url,
    )


def _user(kubeconfig: Kubeconfig, name: str, options: ConnectionOptions) -> UserEntry:
    """Return the entry of the user, with the options that replace its values."""
    entry = kubeconfig.users.get(name)
    if entry is None and options.user:
        raise InvalidKubeconfig(
            f"the user {quote(name)} (--user) does not exist in the kubeconfig. To list"
            " users, run: kubectl config get-users."
        )
    entry = entry or UserEntry()
    if options.token and entry.token_file and name:
        raise InvalidKubeconfig(
            f"the user {quote(name)} of the kubeconfig has a tokenFile, which kubectl"
            " uses instead of --token. Remove --token, or choose another user with"
            " --user."
        )
    if options.client_certificate:
        file = _absolute(options.client_certificate)
        entry = replace(entry, cert_file=file, cert_data=b"")
    if options.client_key:
        file = _absolute(options.client_key)
        entry = replace(entry, key_file=file, key_data=b"")
    extra = _parse_extra(options.as_user_extra)
    return replace(
        entry,
        token=options.token or entry.token,
        # A token of the command line takes precedence over a file.
        token_file="" if options.token else entry.token_file,
        as_user=options.as_user or entry.as_user,
        as_uid=options.as_uid or entry.as_uid,
        as_groups=options.as_groups or entry.as_groups,
        as_user_extra={**entry.as_user_extra, **extra},
    )


def _parse_extra(pairs: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if equals:
            extra[key] = (*extra.get(key, ()), value)
    return extra


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""


def _no_server(
    cluster: str,
    context: str,
    kubeconfig: Kubeconfig,
    options: ConnectionOptions,
    environment: Mapping[str, str],
) -> str:
    if cluster:
        return (
            f"the cluster {quote(cluster)} of the kubeconfig has no server. Add its"
            " URL, such as server: https://example.com:6443."
        )
    if context:
        return (
            f"the context {quote(context)} of the kubeconfig has no cluster. Add the"
            f" name of one, or choose another context. {LIST_CONTEXTS}"
        )
    files = describe_files(options.kubeconfig, environment)
    if kubeconfig.contexts:
        return (
            f"the kubeconfig ({files}) has no current context. Choose one with"
            " --context, or with: kubectl config use-context NAME."
        )
    return (
        f"no API server is configured: {files} names no context, and this is no pod"
        " with a service account. Set KUBECONFIG, or use --kubeconfig."
    )


def _no_credential(user_name: str, context: str, kubeconfig: Kubeconfig) -> str:
    if not user_name:
        where = f"the context {quote(context)}" if context else "the kubeconfig"
        return (
            f"{where} names no user, so that no request can be authenticated. Name one"
            " with --user, or use --token."
        )
    if user_name not in kubeconfig.users:
        return (
            f"the user {quote(user_name)} of context {quote(context)} does not exist in"
            " the kubeconfig. To list users, run: kubectl config get-users."
        )
    return (
        f"the user {quote(user_name)} of the kubeconfig has no credential: no token,"
        " client certificate, username or exec plugin. kubectl asks for a username"
        " there; argogrant does not. Log in again, or use --token."
    )


def _has_credential(user: UserEntry) -> bool:
    return bool(
        user.token
        or user.token_file
        or user.username
        or user.cert_file
        or user.cert_data
        or user.exec is not None
        or user.auth_provider is not None
    )


def _without_tls(
    cluster: ClusterEntry, user: UserEntry, user_name: str, options: ConnectionOptions
) -> tuple[ClusterEntry, UserEntry]:
    """Return the entries without what kubectl does not use over ``http://``."""
    if not options.server and _has_credential(user):
        raise InvalidKubeconfig(
            f"the server {quote(_without_password(cluster.server))} is not https://, so"
            f" the credential of user {quote(user_name)} would not be sent, as in"
            " kubectl. Write https:// in front of the server, or use a user without a"
            " credential."
        )
    impersonation = UserEntry(
        as_user=user.as_user,
        as_uid=user.as_uid,
        as_groups=user.as_groups,
        as_user_extra=user.as_user_extra,
    )
    return ClusterEntry(server=cluster.server, proxy_url=cluster.proxy_url), (
        impersonation
    )


def _check_cluster(cluster: ClusterEntry, name: str) -> None:
    """Refuse what kubectl refuses before it looks at the server."""
    title = f"the cluster {quote(name)} of the kubeconfig"
    if cluster.proxy_url:
        _check_proxy_url(cluster.proxy_url, title)
    if cluster.ca_file and cluster.ca_data:
        raise InvalidKubeconfig(
            f"{title} has both certificate-authority and certificate-authority-data."
            " Remove one of them."
        )
    if cluster.ca_file:
        _check_readable(cluster.ca_file, f"the certificate-authority of {title}")


def _check_tls(cluster: ClusterEntry, name: str) -> None:
    if cluster.insecure and (cluster.ca_file or cluster.ca_data):
        raise InvalidKubeconfig(
            f"the cluster {quote(name)} of the kubeconfig has a certificate authority"
            " and insecure-skip-tls-verify. Remove one of them."
        )


def _check_proxy_url(url: str, title: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in PROXY_SCHEMES and bool(parts.hostname)
        is_usable = is_usable and not url[0].isspace()
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidKubeconfig(
            f"the proxy-url of {title} is no URL that begins with http://, https:// or"
            " socks5://. Correct it."
        )


def _check_user(user: UserEntry, name: str) -> None:
    """Refuse what kubectl refuses before it connects."""
    title = f"the user {quote(name)} of the kubeconfig"
    has_basic = user.username or (user.password and user.token)
    if has_basic and (user.token or user.token_file):
        raise InvalidKubeconfig(
            f"{title} has a token and a username or password. Remove one of them."
        )
    if user.cert_file or user.cert_data:
        _check_certificate(user, title)
    if user.exec is not None:
        if user.auth_provider is not None:
            raise InvalidKubeconfig(
                f"{title} has an exec plugin and an auth-provider. Remove one of them."
            )
        _check_exec(user.exec, title)
    has_others = user.as_uid or user.as_groups or user.as_user_extra
    if has_others and not user.as_user:
        raise InvalidKubeconfig(
            f"{title} has as-uid, as-groups or as-user-extra without as. Set as (--as)"
            " to the user to impersonate."
        )


def _check_certificate(user: UserEntry, title: str) -> None:
    for what, file, data in (
        ("client-certificate", user.cert_file, user.cert_data),
        ("client-key", user.key_file, user.key_data),
    ):
        if file and data:
            raise InvalidKubeconfig(
                f"{title} has both {what} and {what}-data. Remove one of them."
            )
        if not (file or data):
            raise InvalidKubeconfig(
                f"{title} has a client certificate without a key. Add client-key or"
                " client-key-data."
            )
        if file:
            _check_readable(file, f"the {what} of {title}")


def _check_exec(plugin: ExecEntry, title: str) -> None:
    problem = ""
    if not plugin.command:
        problem = "has no command"
    elif not plugin.api_version:
        problem = "has no apiVersion"
    elif any(not name for name, _ in plugin.env):
        problem = "has an environment variable without a name"
    elif not plugin.interactive_mode:
        problem = "has no interactiveMode"
    elif plugin.interactive_mode not in ("Never", "IfAvailable", "Always"):
        problem = "has an interactiveMode other than Never, IfAvailable and Always"
    if problem:
        raise InvalidKubeconfig(
            f"the exec plugin of {title} {problem}. Correct the kubeconfig; kubectl"
            " also rejects it."
        )


def _check_readable(path: str, title: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", "") or "unknown error").lower()
        raise InvalidKubeconfig(
            f"{title} cannot be read: {quote(path)}: {reason}."
        ) from None


def _normalized_server(server: str) -> str:
    """Return the URL of a server, without query and with its scheme.

    Raises:
        InvalidKubeconfig: It is neither a URL nor a host with a port.
    """
    parts = _split(server)
    if parts is None or not (parts.scheme and parts.netloc):
        parts = _split(f"http://{server}")
        if parts is None or parts.path not in ("", "/"):
            raise InvalidKubeconfig(_bad_server(server))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidKubeconfig(_bad_server(server))
    if _BAD_ESCAPE.search(parts.path):
        raise InvalidKubeconfig(_bad_server(server))
    path = posixpath.normpath(f"/{unquote(parts.path).strip('/')}")
    # An encoded slash separates segments, as in kubectl; an at sign is encoded, since
    # it would look like the end of a password.
    escaped = escape(path.lstrip("/"), safe="/:!$&'()*+,;=~")
    return f"{parts.scheme}://{parts.netloc}/{escaped}".rstrip("/")


def _bad_server(server: str) -> str:
    return (
        f"the server {quote(_without_password(server))} is no URL of an API server."
        " Write one such as https://example.com:6443."
    )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if url.isprintable() and " " not in url else None


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    return f"{scheme}{slashes}…@{after}" if at and slashes else after


def basic_of_url(server: str) -> tuple[str, str] | None:
    """Return the user and the password in a URL; None if it has no user."""
    parts = urlsplit(server)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def url_without_credential(server: str) -> str:
    """Return a URL without the user and the password in it."""
    parts = urlsplit(server)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_pod(environment: Mapping[str, str]) -> bool:
    """Return whether the service account of a pod can be used."""
    return bool(
        environment.get("KUBERNETES_SERVICE_HOST")
        and environment.get("KUBERNETES_SERVICE_PORT")
        and (SERVICE_ACCOUNT / "token").is_file()
    )


def _in_cluster(
    options: ConnectionOptions, environment: Mapping[str, str]
) -> ClientConfig:
    host = environment["KUBERNETES_SERVICE_HOST"]
    port = environment["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    server = f"https://{host}:{port}"
    ca_file = SERVICE_ACCOUNT / "ca.crt"
    cluster = ClusterEntry(
        server=server,
        ca_file=_absolute(options.certificate_authority)
        or (str(ca_file) if ca_file.is_file() else ""),
        proxy_url=options.proxy_url,
        tls_server_name=options.tls_server_name,
    )
    if options.insecure_skip_tls_verify:
        cluster = replace(cluster, insecure=True, ca_file="")
    account = UserEntry(token_file=str(SERVICE_ACCOUNT / "token"))
    user = _user(Kubeconfig(users={"": account}), options.user, options)
    _check_user(user, "")
    return ClientConfig(
        server=server,
        cluster=cluster,
        user=user,
        user_name="the service account of the pod",
        namespace=_pod_namespace(environment),
        in_cluster=True,
    )


def _pod_namespace(environment: Mapping[str, str]) -> str:
    if environment.get("POD_NAMESPACE"):
        return environment["POD_NAMESPACE"]
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
