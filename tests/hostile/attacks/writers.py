"""People who may write one small thing: the Lease, a status, argocd-cm or a Secret."""

from typing import Any, Final

from controlplane.api import PATCH_TYPES
from hostile.attack import Attacker, attack
from hostile.attacks.rbac_owner import BOMBS
from hostile.positions import OTHER_ARGOCD, OURS, REQUESTED_END
from support.live_cluster import a_grant

LEASE: Final = f"apis/coordination.k8s.io/v1/namespaces/{OURS}/leases/argogrant"
TAKEN: Final = {"exit_code": 3, "allowance": 17.0}
"""Whoever may write the Lease can make the leader exit, and delay the next one by one
duration of the Lease."""
LATEST: Final = "9999-12-31T23:59:59Z"


def _write_lease(me: Attacker, patch: dict[str, Any]) -> None:
    me.api.request("PATCH", LEASE, patch, content_type=PATCH_TYPES["merge"])


@attack("lease-writer", most=1, least=1, **TAKEN)
def far_future(me: Attacker, number: int) -> None:
    """Renews the Lease once for somebody else, for 68 years."""
    spec = {
        "holderIdentity": f"nobody-{number}",
        "leaseDurationSeconds": 2**31 - 1,
        "renewTime": "9999-12-31T23:59:59.000000Z",
    }
    _write_lease(me, {"spec": spec})


@attack("lease-writer", pause=0.0, least=200)
def lease_metadata(me: Attacker, number: int) -> None:
    """Changes annotations of the Lease at full speed."""
    _write_lease(me, {"metadata": {"annotations": {"a": f"{number}" * 20_000}}})


@attack("lease-writer", pause=0.5, least=4, most=8, **TAKEN)
def odd_leases(me: Attacker, number: int) -> None:
    """Writes numbers and names into the Lease that no replica writes."""
    specs = (
        {"leaseTransitions": 2**31 - 1},
        {"acquireTime": LATEST[:-1] + ".000000Z", "leaseTransitions": -(2**31)},
        {"holderIdentity": "", "leaseDurationSeconds": 1},
        {"strategy": "OldestEmulationVersion", "preferredHolder": "x" * 1000},
    )
    _write_lease(me, {"spec": specs[number % len(specs)]})


def _write_status(me: Attacker, kind: str, name: str, status: Any) -> None:
    patch = {"status": status}
    me.merge(kind, name, patch, namespace=OURS, subresource="/status")


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2020-01-01T00:00:00Z",
    }


@attack("status-writer", pause=0.0, least=300)
def forged(me: Attacker, number: int) -> None:
    """Forges the status of other people's grants at full speed, with later ends."""
    names = me.innocent_names()
    if not names:
        return
    statuses: tuple[dict[str, Any], ...] = (
        {"expiresAt": LATEST},
        {"boundAs": "role:admin", "extensionOf": ["x"] * 32},
        {"conditions": [_condition("Ready", "True", "Bound", "x" * 4096)]},
        {"conditions": []},
        {"startedAt": None, "expiresAt": None, "endedAt": None},
    )
    name = names[number % len(names)]
    _write_status(me, "accessgrant", name, statuses[number % len(statuses)])


@attack("status-writer", pause=0.0, least=300)
def instance_status(me: Attacker, number: int) -> None:
    """Forges the status of the instance at full speed."""
    said = [_condition("Ready", "False", "InternalError", f"{number}" * 500)]
    roles = [{"name": "r" * 1000} for _ in range(number % 50)]
    status = {"conditions": said, "roles": roles, "scopes": "x" * 1024}
    _write_status(me, "argocdinstance", "default", status)


@attack("status-writer", least=100, pause=0.0, most=300)
def own_status(me: Attacker, number: int) -> None:
    """Creates grants, and forges that they have been ended, extended and bound."""
    name = f"forged-{number}"
    body = a_grant(name, f"intern-{number}", expiresAt=REQUESTED_END)
    body["spec"]["role"] = {"name": "role:intern"}
    me.create(body)
    ended = _condition("Ended", "True", "Denied", "x" * 4000)
    times = {"startedAt": "2020-01-01T00:00:00Z", "expiresAt": LATEST}
    _write_status(me, "accessgrant", name, {**times, "conditions": [ended]})


@attack("settings-writer", pause=0.2, least=20)
def settings(me: Attacker, number: int) -> None:
    """Fills argocd-cm with accounts, and with YAML that means billions of values."""
    accounts: dict[str, Any] = {
        f"accounts.a{number % 2}-{one}": "apiKey, login" for one in range(5000)
    }
    connectors = BOMBS[number % len(BOMBS)]
    data = {**accounts, "argogrant.example.com": connectors}
    me.merge("configmap", "argocd-cm", {"data": data}, namespace=OTHER_ARGOCD)


@attack("settings-writer", pause=0.2, least=2 * len(BOMBS))
def single_sign_on(me: Attacker, number: int) -> None:
    """Writes YAML that means billions of values into the settings of single sign-on."""
    key = ("oidc.config", "dex.config")[number % 2]
    data = {key: BOMBS[number // 2 % len(BOMBS)], "url": "https://argocd.example.com"}
    me.merge("configmap", "argocd-cm", {"data": data}, namespace=OTHER_ARGOCD)


@attack("settings-writer", pause=0.0, least=200)
def settings_versions(me: Attacker, number: int) -> None:
    """Changes 900 KB of argocd-cm at full speed."""
    data = {"help.chatText": f"{number}" + "x" * 900_000}
    me.merge("configmap", "argocd-cm", {"data": data}, namespace=OTHER_ARGOCD)


TOKENS: Final = (
    "x" * 700_000,
    "a\r\nX-Injected: b",
    "\x00",
    "é" * 1000,
    "",
    "eyJhbGciOiJub25lIn0." + "e30" * 100_000 + ".",
    "eyJhbGciOiJub25lIn0." + "W1tb" * 50_000 + ".x",
    "....",
)


@attack("secret-writer", pause=0.0, least=200)
def token(me: Attacker, number: int) -> None:
    """Changes the token to line breaks, NUL and 700 KB at full speed."""
    data = {"k8s_token": f"{TOKENS[number % len(TOKENS)]}"}
    patch = {"stringData": {**data, f"other-{number % 3}": f"{number}"}}
    me.merge("secret", "argocd-prod", patch, namespace=OURS)
