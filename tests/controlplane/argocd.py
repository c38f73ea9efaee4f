"""Argo CD as the judge: what may an account do, by its own answer."""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from controlplane.argocd_client import ArgoCDClient
from controlplane.argocd_secrets import token_key
from controlplane.cluster import Cluster
from controlplane.errors import ArgoCDBroken, ArgoCDError, NotConfigured
from controlplane.people import ACCOUNTS, ADMIN, NOBODY
from controlplane.signing import claims_of, signed

CONFIG_MAP = "argocd-rbac-cm"
SETTLE_SECONDS = 60.0
"""On a busy machine, a restarted argocd-server needs more than ten to watch again."""
BROKEN_SECONDS = 1.0
POLL_SECONDS = 0.01
SETTLING_KEY = "policy.control-plane-settling.csv"


class ArgoCD:
    """One Argo CD, with API tokens for the accounts of the cast."""

    def __init__(
        self,
        cluster: Cluster,
        client: ArgoCDClient,
        *,
        namespace: str = "argocd",
        redis_port: int | None = None,
    ) -> None:
        """Serve an Argo CD that answers already; ``log_in`` comes next."""
        self.namespace = namespace
        self.redis_port = redis_port
        """Port of its Redis, which does not have to run."""
        self.url = client.url
        self.admin_password = ""
        self._cluster = cluster
        self._client = client
        self._tokens: dict[str, str] = {}
        self._key = b""
        self._admin_token = ""
        self._settlings = itertools.count()

    def log_in(self, admin_password: str) -> None:
        """Mint an API token for every account, as Argo CD's admin.

        Raises:
            NotConfigured: An account is missing or may not have API tokens.
        """
        self.admin_password = admin_password
        session = self._client.post(
            "/api/v1/session", {"username": ADMIN, "password": admin_password}
        )
        self._admin_token = session["token"]
        for account in ACCOUNTS:
            self._tokens[account] = self._minted(account, session["token"])
        self._key = token_key(self._cluster, self.namespace)

    def close(self) -> None:
        """Close the connection to Argo CD."""
        self._client.close()

    def token(
        self,
        account: str,
        *,
        groups: Sequence[str] = (),
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a token of an account, with SSO groups or more claims if asked.

        Argo CD accepts the claims of a token with its own signature. Therefore
        the account's API token is signed again with the claims that SSO would add.
        Source: argoproj/argo-cd, ``util/session/sessionmanager.go``, ``Parse``.
        """
        if account not in self._tokens:
            known = ", ".join(self._tokens)
            raise ArgoCDError(f"There is no account {account!r}; there are {known}.")
        token = self._tokens[account]
        added = {**({"groups": list(groups)} if groups else {}), **(claims or {})}
        return signed({**claims_of(token), **added}, self._key) if added else token

    def can_i(  # noqa: PLR0913 — the question has these many parts
        self,
        account: str,
        resource: str,
        action: str,
        object: str,  # noqa: A002 — Argo CD's own word
        *,
        groups: Sequence[str] = (),
        claims: Mapping[str, Any] | None = None,
    ) -> bool:
        """Ask Argo CD whether an account may do something.

        Args:
            account: One of ``people.ACCOUNTS``.
            resource: Argo CD's resource, such as ``applications``.
            action: One of Argo CD's plain actions, such as ``sync``.
            object: What to act on, such as ``team-a/shop``.
            groups: SSO groups that the token shall carry as well.
            claims: Other claims of the token, such as an ``email``.

        Raises:
            ArgoCDBroken: It fails to answer, as it does on a broken RBAC policy.
            ArgoCDUnreachable: It does not run.
            ArgoCDError: It refuses the question, such as an unknown action.
        """
        asked = "/".join([quote(resource, safe=""), quote(action, safe="")])
        answer = self._client.get(
            f"/api/v1/account/can-i/{asked}/{_object_path(object)}",
            token=self.token(account, groups=groups, claims=claims),
        )
        if answer.get("value") not in {"yes", "no"}:
            raise ArgoCDBroken(f"Argo CD answered neither yes nor no: {answer}")
        return bool(answer["value"] == "yes")

    def health_of(self, application: str, kind: str, name: str) -> tuple[str, str]:
        """Return the health of one object of an Application, and what it says."""
        path = f"/api/v1/applications/{application}/resource-tree"
        tree = self._client.get(path, token=self._admin_token)
        for node in tree.get("nodes") or ():
            if (node["kind"], node["name"]) == (kind, name):
                health = node.get("health", {})
                return health.get("status", ""), health.get("message", "")
        return "", ""

    def act(self, application: str, kind: str, name: str, action: str) -> None:
        """Click on an action of one of our objects in an Application, as the admin."""
        group, version = "argogrant.dev", "v1alpha1"
        about = {
            "appNamespace": self.namespace,
            "namespace": "argogrant",
            "resourceName": name,
            "group": group,
            "version": version,
            "kind": kind,
            "action": action,
        }
        path = f"/api/v1/applications/{application}/resource/actions/v2"
        self._client.post(path, about, token=self._admin_token)

    def rbac_config_map(self) -> dict[str, Any]:
        """Return the ConfigMap of Argo CD's RBAC as it is now."""
        return self._cluster.read("configmap", CONFIG_MAP, namespace=self.namespace)

    def set_rbac(self, data: Mapping[str, str], *, settle: bool = True) -> None:
        """Replace the data of Argo CD's RBAC ConfigMap, as the admin.

        Args:
            data: The whole new data; what it does not name is removed.
            settle: Return only when Argo CD judges by it.
        """
        self._patch("json", [{"op": "add", "path": "/data", "value": dict(data)}])
        if settle:
            self.settle()

    def settle(self) -> None:
        """Wait until Argo CD uses the current RBAC ConfigMap.

        An additional key with a line about an unused name is added until
        Argo CD applies it, and removed again; it sees changes in order. A malformed
        policy is never applied; then the failure of Argo CD is sufficient.

        Raises:
            ArgoCDError: It did not take in the change in time.
        """
        nonce = f"settled-{next(self._settlings)}-{time.time_ns()}"
        line = f"p, {NOBODY}, projects, get, {nonce}, allow"
        self._patch("merge", {"data": {SETTLING_KEY: line}})
        try:
            self._wait_until_believed(nonce)
        finally:
            self._patch("merge", {"data": {SETTLING_KEY: None}})

    def _wait_until_believed(self, nonce: str) -> None:
        started = time.monotonic()
        while time.monotonic() - started < SETTLE_SECONDS:
            try:
                if self.can_i(NOBODY, "projects", "get", nonce):
                    return
            except ArgoCDBroken:
                if time.monotonic() - started > BROKEN_SECONDS:
                    return
            time.sleep(POLL_SECONDS)
        raise ArgoCDError(
            f"Argo CD did not take in {CONFIG_MAP} within {SETTLE_SECONDS:.0f} s. "
            f"Does it run, and can it watch the API server?"
        )

    def _patch(self, kind: str, patch: object) -> None:
        self._cluster.api.patch(
            "configmap", CONFIG_MAP, patch, namespace=self.namespace, patch_type=kind
        )

    def _minted(self, account: str, admin_token: str) -> str:
        try:
            answer = self._client.post(
                f"/api/v1/account/{account}/token", {}, token=admin_token
            )
        except ArgoCDError as error:
            raise NotConfigured(
                f"Argo CD gave no API token for its account {account!r}. Add "
                f"'accounts.{account}: apiKey' to the ConfigMap argocd-cm in the "
                f"namespace {self.namespace}. {error}"
            ) from error
        return str(answer["token"])


def _object_path(name: str) -> str:
    """Escape an object for the path of a URL.

    The router of Argo CD's API takes a colon in the last segment for the start of a
    verb; with one more colon at the very end, it takes an empty verb instead.
    """
    return quote(name, safe="") + (":" if ":" in name.rpartition("/")[2] else "")
