"""The cluster in which attacks happen, and its state before every attack.

Two namespaces are served, and three Argo CDs: that of the innocent people, one with an
owner of its own, and one behind a remote API server that somebody else runs. Policies
are required, and the admission policies verify who asks.
"""

import base64
import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from argogrant.api.admission_policies import MUTATING_FILE, VALIDATING_FILE
from controlplane.api import PATCH_TYPES, path_of
from controlplane.errors import APIRequestFailed
from controlplane.plane import ControlPlane
from hostile import positions
from hostile.positions import ARGOCD, OTHER, OTHER_ARGOCD, OURS, PROJECT
from hostile.remote_server import RemoteServer
from support import admission_objects, operator_process
from support.live_cluster import INSTANCE, eventually
from support.live_cluster import PROJECT as TEAM_A

ROOT: Final = operator_process.ROOT
RULES: Final = "p, role:deployer, applications, sync, */*, allow\n"
ALLOWED_NAMESPACES: Final = "argogrant.dev/allowed-namespaces"
SECRET: Final = "argocd-prod"
KINDS: Final = ("accessgrant", "accessapproval", "accesspolicy", "argocdinstance")
LEASE: Final = f"apis/coordination.k8s.io/v1/namespaces/{OURS}/leases/argogrant"
IDENTITY: Final = "argogrant-0"
CLIENTS: Final = 8
IDENTITY_FILES: Final = (VALIDATING_FILE, MUTATING_FILE)
LIMITS: Final = [
    path
    for path in sorted((ROOT / "admission").glob("*.yaml"))
    if f"admission/{path.name}" not in IDENTITY_FILES
]
"""Admission policies that are not about who asks."""
Body = dict[str, Any]


def _object(kind: str, name: str, namespace: str, **content: Any) -> Body:
    ours = {"accesspolicy", "argocdinstance"}
    version = {
        "AppProject": "argoproj.io/v1alpha1",
        "ConfigMap": "v1",
        "Secret": "v1",
    }
    assert kind in version or kind.lower() in ours
    return {
        "apiVersion": version.get(kind, "argogrant.dev/v1alpha1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        **content,
    }


def _policy(name: str, **spec: Any) -> Body:
    return _object("AccessPolicy", name, OURS, spec=spec)


def _is(position: str) -> Body:
    account = {"kind": "ServiceAccount", "namespace": positions.HOME}
    return {**account, "name": position}


DEVELOPERS: Final = {
    "apiGroup": "rbac.authorization.k8s.io",
    "kind": "Group",
    "name": "developers",
}
DEVELOPERS_MAY: Final = [
    {
        "apiGroups": positions.OUR_GROUP,
        "resources": ["accessgrants"],
        "verbs": ["create", "get", "list", "watch", "patch"],
    }
]
POLICIES: Final = (
    _policy(
        "developers",
        requesters=[{"kind": "Group", "name": "developers"}],
        subjects={"groups": ["victim-*"]},
        roles=[{"name": "role:deployer"}, {"name": "*", "project": "*"}],
    ),
    _policy(
        "interns",
        requesters=[_is("requester"), _is("status-writer")],
        subjects={"users": ["intern-*"], "groups": ["intern-*"]},
        roles=[{"name": "role:intern*"}],
    ),
    _policy(
        "visitors",
        requesters=[_is("approver")],
        subjects={"users": ["visitor-*"]},
        roles=[{"name": "role:intern*"}],
        approval={
            "required": 2,
            "approvers": [{"kind": "User", "name": "system:serviceaccount:*"}],
        },
    ),
)
"""What innocent people may request, and what attackers may, as in many companies."""


class Scene:
    """A prepared control plane; ``restore`` brings it back to its first state.

    Args:
        plane: Control plane.
        is_verified: The admission policies are installed, and the operator waits until
            they count. False saves a minute: then only innocent people say who they
            are, and are believed.
        has_limits: The admission policies bound the metadata of each object. Without
            them, only the operator's own limits stop large objects.
    """

    def __init__(
        self,
        plane: ControlPlane,
        *,
        is_verified: bool = True,
        has_limits: bool = True,
    ) -> None:
        self.plane = plane
        self.is_verified = is_verified
        self._limits = LIMITS if has_limits else []
        self.metrics_port = operator_process.free_port()
        self.log: Path | None = None
        """Log of the operator, if one runs."""
        certificates = plane.folder / "certificates"
        self.remote = RemoteServer(
            certificates / "apiserver.crt", certificates / "apiserver.key"
        )
        self._admin = plane.api(OURS)
        self._argocd_cm = self._admin.request(
            "GET", path_of("configmap", ARGOCD, "argocd-cm")
        )["data"]

    @contextlib.contextmanager
    def prepared(self) -> Iterator["Scene"]:
        """Install everything, and run the remote server for the length of a block."""
        self._install()
        with contextlib.ExitStack() as held:
            held.callback(self._remove)
            held.enter_context(self.remote)
            for path in self._limits:
                self.plane.apply(path)
                delete = ("delete", "--filename", str(path), "--ignore-not-found")
                held.callback(self.plane.kubectl, *delete)
            if self.is_verified:
                policies = admission_objects.policies(self.plane, *IDENTITY_FILES)
                held.enter_context(policies)
                admission_objects.wait_until_they_vouch(self.plane)
            self.plane.apply(*self._first_state())
            yield self

    def restore(self) -> None:
        """Delete what an attacker created, and write what they changed."""
        self.remote.calm()
        first = self._first_state()
        for namespace in (OURS, OTHER):
            for kind in KINDS:
                self._delete_others(kind, namespace, first)
        for namespace in (ARGOCD, OTHER_ARGOCD):
            self._delete_others("appproject", namespace, first)
        self._free_lease()
        self.restore_most()

    def _free_lease(self) -> None:
        """Let the operator have its Lease again, if an attacker took it."""
        lease = self._admin.request("GET", LEASE)
        if lease["spec"].get("holderIdentity") != IDENTITY:
            free = {"holderIdentity": "", "leaseTransitions": 0}
            patch = {"spec": {**free, "leaseDurationSeconds": 1}}
            kind = PATCH_TYPES["merge"]
            self._admin.request("PATCH", LEASE, patch, content_type=kind)

    def restore_most(self) -> None:
        """Write what an attacker changed."""
        for body in self._first_state():
            self._write(body)

    def grants(self) -> Sequence[Body]:
        """Return all AccessGrants of the first namespace."""
        return self._admin.list("accessgrant", namespace=OURS)

    def may(self, account_or_group: str) -> bool:
        """Ask argocd-server about a name that somebody has from single sign-on."""
        question = ("applications", "sync", "team-a/shop")
        return self.plane.argocd.can_i("nobody", *question, groups=[account_or_group])

    def forget_owner(self) -> None:
        """Remove the key of argogrant, as if nothing had ever been bound there."""
        patch = {"data": {"policy.argogrant.csv": None}}
        self._admin.patch("configmap", "argocd-rbac-cm", patch, namespace=ARGOCD)

    def wait_until_claimed(self, name: str) -> None:
        """Wait a little until the operator has judged an instance of a neighbour."""
        with contextlib.suppress(AssertionError):
            eventually(lambda: self._is_judged(name), within=20)

    def _is_judged(self, name: str) -> bool:
        found = self._admin.find("argocdinstance", name, namespace=OTHER) or {}
        return bool(found.get("status", {}).get("conditions"))

    def revocation_problems(self, name: str, seconds: float) -> list[str]:
        """Revoke and delete a grant of an attacker; return why its access goes on."""
        problems = []
        grant = self._admin.find("accessgrant", name, namespace=OURS)
        if grant is None:
            return []
        group = grant["spec"]["subject"]["name"]
        try:
            patch = {"spec": {"revoked": True}}
            self._admin.patch("accessgrant", name, patch, namespace=OURS)
        except APIRequestFailed as error:
            problems.append(f"revoke: {error}"[-200:])
        try:
            self._admin.delete("accessgrant", name, namespace=OURS, wait=False)
        except APIRequestFailed as error:
            problems.append(f"delete: {error}"[-200:])
        overlay = f"g, {group}, "
        try:
            eventually(lambda: overlay not in self.overlay(), within=seconds)
        except AssertionError:
            return [f"{name} is still bound {seconds:.0f} s after that.", *problems]
        return []

    def overlay(self) -> str:
        """Return the key of argogrant in the ConfigMap of the innocent people."""
        data = self.plane.argocd.rbac_config_map().get("data", {})
        return str(data.get("policy.argogrant.csv", ""))

    def log_text(self) -> str:
        """Return the log of the operator so far."""
        return self.log.read_text(errors="replace") if self.log else ""

    def _install(self) -> None:
        operator_process.install(self.plane)
        home = ROOT / "manifests/argogrant-namespace.yaml"
        far = ROOT / "manifests/argocd-namespace.yaml"
        self.plane.apply(
            _namespace(OTHER),
            _namespace(OTHER_ARGOCD),
            *_roles_of(home, OTHER),
            *_roles_of(far, OTHER_ARGOCD),
            ROOT / "manifests/sweep-cronjob.yaml",
            *_roles_of(ROOT / "manifests/remote-token.yaml", OURS),
            *_roles_of(ROOT / "manifests/remote-token.yaml", OTHER),
            *positions.role("developers", OURS, DEVELOPERS_MAY, DEVELOPERS),
        )
        positions.install(self.plane)

    def _remove(self) -> None:
        """Delete our objects, so that other tests find none of them."""
        for namespace in (OURS, OTHER):
            for kind in KINDS:
                self._delete_others(kind, namespace, [])
        self._delete("appproject", ARGOCD, PROJECT)

    def _first_state(self) -> list[Body]:
        """Return the objects that attackers may change, as they are at first."""
        required = {"requireAccessPolicy": True}
        named = {ALLOWED_NAMESPACES: f"{OURS},{OTHER}"}
        other = _object(
            "ConfigMap", "argocd-rbac-cm", OTHER_ARGOCD, data={"policy.csv": RULES}
        )
        other["metadata"]["annotations"] = named
        far = {**self.cluster(), **required}
        return [
            _object(
                "ConfigMap", "argocd-rbac-cm", ARGOCD, data={"policy.csv": _rules()}
            ),
            other,
            _object("ConfigMap", "argocd-cm", ARGOCD, data=self._argocd_cm),
            _object("ConfigMap", "argocd-cm", OTHER_ARGOCD, data={}),
            _object("Secret", SECRET, OURS, stringData={"k8s_token": "of-nobody"}),
            _object("Secret", SECRET, OTHER, stringData={"k8s_token": "of-nobody"}),
            TEAM_A,
            _object(
                "AppProject", PROJECT, ARGOCD, spec={"roles": [{"name": "deployer"}]}
            ),
            {**INSTANCE, "spec": required},
            _object("ArgoCDInstance", "far", OURS, spec=far),
            _object(
                "ArgoCDInstance",
                "default",
                OTHER,
                spec={"namespace": OTHER_ARGOCD},
            ),
            *POLICIES,
        ]

    def cluster(self) -> Body:
        """Return the spec of an ArgoCDInstance behind the remote server."""
        authority = base64.b64encode(self.remote.certificate.read_bytes()).decode()
        cluster = {"server": self.remote.url, "caBundle": authority}
        return {"cluster": {**cluster, "tokenSecret": {"name": SECRET}}}

    def _delete_others(self, kind: str, namespace: str, first: list[Body]) -> None:
        """Delete the objects of a kind that do not belong to the first state."""
        keep = {_key(body) for body in first}
        others = [
            name
            for name in self._names(kind, namespace)
            if (kind, namespace, name) not in keep
        ]
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(partial(self._delete, kind, namespace), others):
                pass

    def _names(self, kind: str, namespace: str) -> list[str]:
        """List names by small pages: attackers make large objects."""
        names, page = [], "start"
        while page:
            asked = {"limit": "20", **({} if page == "start" else {"continue": page})}
            found = self._admin.request("GET", path_of(kind, namespace), **asked)
            names += [item["metadata"]["name"] for item in found["items"]]
            page = found["metadata"].get("continue", "")
        return names

    def _delete(self, kind: str, namespace: str, name: str) -> None:
        with contextlib.suppress(APIRequestFailed):
            self._admin.delete(kind, name, namespace=namespace, wait=False)
        free = {"metadata": {"finalizers": None}}
        with contextlib.suppress(APIRequestFailed):
            self._admin.patch(kind, name, free, namespace=namespace)

    def _write(self, body: Body) -> None:
        """Write an object as it was at first, except for what the operator writes."""
        kind, namespace, name = _key(body)
        path = path_of(kind, namespace, name)
        for _ in range(20):
            found = self._admin.find(kind, name, namespace=namespace)
            if found is None:
                self._admin.create(copy.deepcopy(body))
                return
            if "deletionTimestamp" in found["metadata"]:
                self._delete(kind, namespace, name)
                continue
            wanted = {
                **body,
                "metadata": {**body["metadata"], **_labels_of(kind, name)},
            }
            kept = ("resourceVersion", "finalizers")
            wanted["metadata"] |= {
                key: found["metadata"][key] for key in kept if key in found["metadata"]
            }
            if kind == "configmap":
                ours = {
                    key: text
                    for key, text in found.get("data", {}).items()
                    if namespace == ARGOCD and _is_ours(key, text)
                }
                wanted["data"] = {**wanted["data"], **ours}
            with contextlib.suppress(APIRequestFailed):
                self._admin.request("PUT", path, wanted)
                return
        raise AssertionError(f"{kind} {namespace}/{name} cannot be written")


def _is_ours(key: str, text: str) -> bool:
    """Return whether a key of ``argocd-rbac-cm`` is what the first instance wrote."""
    begin = f"# argogrant v1 {OURS}/default "
    return key == "policy.argogrant.csv" and text.startswith(begin)


def _labels_of(kind: str, name: str) -> Body:
    """Return the labels by which Argo CD finds its settings."""
    if kind != "configmap":
        return {}
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd"}
    return {"labels": labels}


def _key(body: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = body["metadata"]
    return body["kind"].lower(), metadata["namespace"], metadata["name"]


def _rules() -> str:
    """Return the rules of a company with 300 teams, whose roles have similar names."""
    names = ("role:intern", *(f"role:intern-{team:03}" for team in range(300)))
    rules = (f"p, {name}, applications, get, */*, allow\n" for name in names)
    return "".join([RULES, *rules])


def _namespace(name: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _roles_of(manifest: Any, namespace: str) -> list[Body]:
    """Return the Roles of a manifest, and their bindings, for another namespace."""
    bodies = [
        body
        for body in yaml.safe_load_all(manifest.read_text("utf-8"))
        if body["kind"] in {"Role", "RoleBinding"}
    ]
    for body in bodies:
        body["metadata"]["namespace"] = namespace
    return bodies
