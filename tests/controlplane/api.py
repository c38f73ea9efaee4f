"""Requests to the API server in this process, over connections that stay open.

Starting kubectl costs a tenth of a second of CPU. Tests that poll, create or apply an
object ask the API server directly; what is about kubectl itself still runs kubectl.
"""

import copy
import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from kubernetes.config import new_client_from_config_dict

from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SECRETS,
    Resource,
)
from controlplane.errors import APIRequestFailed

REQUEST_SECONDS: Final = 60.0
DELETE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.05
SERVED_SECONDS: Final = 30.0
"""Timeout until a kind is served whose CRD was just created."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation by which ``kubectl apply`` finds removed fields."""
PATCH_TYPES: Final = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
RESOURCES: Final = {
    "accessgrant": ACCESS_GRANTS,
    "accesspolicy": ACCESS_POLICIES,
    "accessapproval": ACCESS_APPROVALS,
    "argocdinstance": ARGOCD_INSTANCES,
    "application": Resource("apis/argoproj.io/v1alpha1", "applications"),
    "appproject": APP_PROJECTS,
    "configmap": CONFIG_MAPS,
    "secret": SECRETS,
    "deployment": DEPLOYMENTS,
    "pod": Resource("api/v1", "pods"),
    "job": Resource("apis/batch/v1", "jobs"),
    "resourcequota": Resource("api/v1", "resourcequotas"),
    "poddisruptionbudget": Resource("apis/policy/v1", "poddisruptionbudgets"),
}
"""Resources of the kinds that tests read and write, by singular name."""


class APIClient:
    """Requests of one user.

    Args:
        config: A kubeconfig with exactly one context.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        client = new_client_from_config_dict(dict(config))  # type: ignore[no-untyped-call]
        client.configuration.retries = False
        self._host = client.configuration.host
        self._pool = client.rest_client.pool_manager
        self._headers = dict(client.default_headers)
        self._client = client
        self._discovered: dict[tuple[str, str], tuple[str, bool]] = {}

    def find(self, kind: str, name: str, *, namespace: str) -> dict[str, Any] | None:
        """Return an object, or None if it does not exist."""
        try:
            return self.request("GET", path_of(kind, namespace, name))
        except APIRequestFailed as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, kind: str, *, namespace: str) -> Sequence[dict[str, Any]]:
        """Return all objects of a kind in a namespace."""
        items: Sequence[dict[str, Any]] = self.request("GET", path_of(kind, namespace))[
            "items"
        ]
        return items

    def create(self, body: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
        """Create an object; unknown fields are refused, as kubectl demands.

        Args:
            body: The object.
            parameters: More parameters of the request, such as ``dryRun="All"``.
        """
        path = path_of(body["kind"].lower(), body["metadata"]["namespace"])
        asked = {"fieldManager": "kubectl-create", "fieldValidation": "Strict"}
        return self.request("POST", path, body, **asked, **parameters)

    def apply(self, body: Mapping[str, Any]) -> None:
        """Create or update an object as ``kubectl apply`` does.

        Fields that the last ``apply`` set and this one does not are removed; all other
        fields of the object remain. Lists are replaced.

        Raises:
            APIRequestFailed: The API server refused.
        """
        collection = self._collection_of(body)
        path = f"{collection}/{quote(body['metadata']['name'], safe='')}"
        wanted = copy.deepcopy(dict(body))
        annotations = wanted["metadata"].setdefault("annotations", {})
        text = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
        annotations[LAST_APPLIED] = f"{text}\n"
        manager = {
            "fieldManager": "kubectl-client-side-apply",
            "fieldValidation": "Strict",
        }
        while True:
            try:
                stored = self.request("GET", path)
            except APIRequestFailed as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                try:
                    self.request("POST", collection, wanted, **manager)
                except APIRequestFailed as race:
                    if race.status != HTTPStatus.CONFLICT:
                        raise
                    continue
                return
            changes = _changes(_last_applied(stored), stored, wanted)
            if changes:
                content_type = PATCH_TYPES["merge"]
                self.request(
                    "PATCH", path, changes, content_type=content_type, **manager
                )
            return

    def replace(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object whatever its version is."""
        metadata = body["metadata"]
        path = path_of(body["kind"].lower(), metadata["namespace"], metadata["name"])
        version = self.request("GET", path)["metadata"]["resourceVersion"]
        body = {**body, "metadata": {**metadata, "resourceVersion": version}}
        return self.request("PUT", path, body, fieldManager="kubectl-replace")

    def patch(  # noqa: PLR0913 - an object, a patch and who sends it
        self,
        kind: str,
        name: str,
        patch: object,
        *,
        namespace: str,
        patch_type: str = "merge",
        field_manager: str = "kubectl-patch",
    ) -> dict[str, Any]:
        """Patch an object.

        Args:
            kind: A key of ``RESOURCES``.
            name: The object.
            patch: The patch as JSON values.
            namespace: Of the object.
            patch_type: A key of ``PATCH_TYPES``.
            field_manager: The manager of the changed fields.
        """
        return self.request(
            "PATCH",
            path_of(kind, namespace, name),
            patch,
            content_type=PATCH_TYPES[patch_type],
            fieldManager=field_manager,
        )

    def delete(self, kind: str, name: str, *, namespace: str, wait: bool) -> None:
        """Delete an object, and wait until it is gone if asked, as kubectl does.

        Raises:
            APIRequestFailed: The API server refused, or it takes too long.
        """
        answer = self.request("DELETE", path_of(kind, namespace, name))
        metadata = answer.get("metadata", {})
        uid = metadata.get("uid") or answer.get("details", {}).get("uid")
        started = time.monotonic()
        while wait:
            found = self.find(kind, name, namespace=namespace)
            if found is None or found["metadata"]["uid"] != uid:
                return
            if time.monotonic() - started > DELETE_SECONDS:
                raise APIRequestFailed(f"{kind} {name} is not gone", status=0)
            time.sleep(POLL_SECONDS)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        **parameters: str,
    ) -> dict[str, Any]:
        """Send one request.

        Raises:
            APIRequestFailed: The answer is an error; it has the API server's message.
        """
        headers = {**self._headers, **self._authorization()}
        headers |= {"Accept": "application/json", "Content-Type": content_type}
        query = f"?{urlencode(parameters)}" if parameters else ""
        answer = self._pool.request(
            method,
            f"{self._host}/{path}{query}",
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=REQUEST_SECONDS,
        )
        read: dict[str, Any] = json.loads(answer.data)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise APIRequestFailed(
                f"{method} /{path}: {answer.status} {read.get('message', '')}",
                status=answer.status,
            )
        return read

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _collection_of(self, body: Mapping[str, Any]) -> str:
        """Return the path of the collection of an object, as the API server names it.

        A kind is not served in the first moments after its CRD was created.
        """
        version, kind = body["apiVersion"], body["kind"]
        started = time.monotonic()
        while (version, kind) not in self._discovered:
            self._discover(version)
            if time.monotonic() - started > SERVED_SECONDS:
                raise APIRequestFailed(f"{kind} in {version} is not served", status=0)
            if (version, kind) not in self._discovered:
                time.sleep(POLL_SECONDS)
        plural, is_namespaced = self._discovered[version, kind]
        prefix = f"apis/{version}" if "/" in version else f"api/{version}"
        if not is_namespaced:
            return f"{prefix}/{plural}"
        namespace = body["metadata"].get("namespace", "default")
        return f"{prefix}/namespaces/{quote(namespace)}/{plural}"

    def _discover(self, version: str) -> None:
        """Read the kinds of one API version."""
        prefix = "apis" if "/" in version else "api"
        try:
            found = self.request("GET", f"{prefix}/{version}")
        except APIRequestFailed as error:
            if error.status not in {
                HTTPStatus.NOT_FOUND,
                HTTPStatus.SERVICE_UNAVAILABLE,
            }:
                raise
            return
        for one in found["resources"]:
            if "/" not in one["name"]:
                self._discovered[version, one["kind"]] = one["name"], one["namespaced"]

    def _authorization(self) -> dict[str, str]:
        settings = self._client.configuration.auth_settings()
        return {one["key"]: one["value"] for one in settings.values() if one["value"]}


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Return the path of an object or, without a name, of a collection."""
    path = RESOURCES[kind].path(quote(namespace), quote(name, safe=""))
    return path.removeprefix("/")


def _last_applied(stored: Mapping[str, Any]) -> dict[str, Any]:
    annotations = stored["metadata"].get("annotations", {})
    last: dict[str, Any] = json.loads(annotations.get(LAST_APPLIED, "{}"))
    return last


def _changes(
    last: Mapping[str, Any], stored: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON merge patch of a three-way merge, without equal values."""
    patch: dict[str, Any] = {
        key: None for key in last if key not in wanted and key in stored
    }
    for key, value in wanted.items():
        old, before = stored.get(key), last.get(key, {})
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            nested = before if isinstance(before, Mapping) else {}
            if changed := _changes(nested, old, value):
                patch[key] = changed
        elif old != value:
            patch[key] = value
    return patch
