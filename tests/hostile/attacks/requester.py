"""A requester: AccessGrants that no policy allows, and those that one does."""

from typing import Any, Final

from controlplane.api import path_of
from controlplane.errors import APIRequestFailed
from hostile.attack import APPLY, Attacker, attack
from hostile.positions import OURS, REQUESTED_END
from support.live_cluster import a_grant

NOT_ALLOWED: Final = {"name": "role:admin"}
PRECISION: Final = 400
"""Bytes of one label, with what the API server records about it."""


def request(
    me: Attacker, name: str, *, metadata: dict[str, Any] | None = None, **spec: Any
) -> None:
    """Create a grant; without other fields, one that the policy of interns allows."""
    ends = {} if "duration" in spec else {"expiresAt": REQUESTED_END}
    body = a_grant(name, f"intern-{name}", **ends)
    body["spec"]["role"] = {"name": "role:intern"}
    body["spec"] |= spec
    body["metadata"] |= metadata or {}
    me.create(body)


def labels(size: int) -> dict[str, str]:
    """Return labels of that many bytes in all."""
    count = size // 370
    return {f"{'p' * 240}.io/{'n' * 50}-{one:06}": "v" * 63 for one in range(count)}


def revoked_after(me: Attacker, name: str, seconds: float = 15.0) -> list[str]:
    """Revoke a grant of the attacker as other people do; return what went wrong."""
    return me.scene.revocation_problems(name, seconds)


@attack("requester", least=85, pause=0.0, most=100)
def labelled(me: Attacker, number: int) -> None:
    """Creates 85 grants of 1.2 MB of labels that no policy allows."""
    metadata = {"labels": labels(1_200_000)}
    request(me, f"labelled-{number}", metadata=metadata, role=NOT_ALLOWED)


@attack("requester", least=3000, pause=0.0, most=3000)
def missing_roles(me: Attacker, number: int) -> None:
    """Requests 3,000 roles that almost exist."""
    role = {"name": f"role:intern{number % 7}-{number}"}
    request(me, f"missing-{number}", role=role)


@attack("requester", least=3500, pause=0.0, most=3500)
def fill(me: Attacker, number: int) -> None:
    """Fills the ConfigMap with 3,500 long names that a policy allows."""
    name = f"fill-{number}"
    subject = {"kind": "User", "name": f"intern-{number:05}-{'x' * 240}"}
    request(me, name, subject=subject)


def _largest(me: Attacker) -> int:
    """Find the most bytes of labels with which a grant is accepted."""
    accepted, refused = 0, 1_700_000
    while refused - accepted > PRECISION:
        size = (accepted + refused) // 2
        name = f"tried-{size}"
        try:
            request(me, name, metadata={"labels": labels(size)}, role=NOT_ALLOWED)
        except APIRequestFailed:
            refused = size
        else:
            accepted = size
            me.api.request("DELETE", path_of("accessgrant", OURS, name))
    return accepted


@attack("requester", least=64, pause=0.0, most=64)
def unwritable(me: Attacker, number: int) -> None:
    """Creates 64 grants that are as large as the API server accepts."""
    size = int(me.remember("size", lambda: str(_largest(me))))
    request(me, f"unwritable-{number}", metadata={"labels": labels(size)})


def _big_after(me: Attacker) -> list[str]:
    return [one for number in range(3) for one in revoked_after(me, f"big-{number}")]


@attack("requester", least=3, most=3, after=_big_after)
def big(me: Attacker, number: int) -> None:
    """Creates the largest grants that are accepted, with a finalizer of their own."""
    size = int(me.remember("size", lambda: str(_largest(me))))
    finalizers = ["example.com/mine"] if size else []
    metadata = {"labels": labels(size - 2 * PRECISION), "finalizers": finalizers}
    request(me, f"big-{number}", metadata=metadata)


@attack("requester", least=500, pause=0.0)
def churn(me: Attacker, number: int) -> None:
    """Creates, revokes and deletes grants at full speed."""
    name = f"churn-{number}"
    request(me, name)
    me.merge("accessgrant", name, {"spec": {"revoked": True}}, namespace=OURS)
    if number % 2:
        me.api.request("DELETE", path_of("accessgrant", OURS, name))


@attack("requester", least=1000, pause=0.0, most=5000)
def generated(me: Attacker, number: int) -> None:
    """Creates thousands of grants with generated names that no policy allows."""
    body = a_grant("", f"stranger-{number}", expiresAt=REQUESTED_END)
    body["metadata"] = {"generateName": "flood-", "namespace": OURS}
    me.create(body)


@attack("requester", least=300, pause=0.0, most=600)
def extensions(me: Attacker, number: int) -> None:
    """Creates chains and circles of grants that extend each other."""
    to = (number + 1) % 300
    subject = {"kind": "User", "name": "intern-chain"}
    request(me, f"chain-{number}", subject=subject, extends=f"chain-{to}")


@attack("requester", least=400, pause=0.0, most=800)
def terminating(me: Attacker, number: int) -> None:
    """Deletes hundreds of grants that finalizers of their own keep for ever."""
    name = f"held-{number}"
    request(
        me, name, metadata={"finalizers": [f"example.com/{one}" for one in range(15)]}
    )
    me.api.request("DELETE", path_of("accessgrant", OURS, name))


@attack("requester", least=400, pause=0.0)
def touched(me: Attacker, number: int) -> None:
    """Changes the annotations of one grant at full speed."""
    if number == 0:
        request(me, "touched")
    text = {"example.com/a": f"{number:06}" * 10_000}
    patch = {"metadata": {"annotations": text}}
    me.merge("accessgrant", "touched", patch, namespace=OURS)


@attack("requester", least=300, pause=0.0)
def managers(me: Attacker, number: int) -> None:
    """Applies one grant from server-side under a new manager's name each time."""
    if number == 0:
        request(me, "managed")
    body = {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {
            "name": "managed",
            "labels": {f"l{one}": "x" for one in range(20)},
        },
    }
    manager = {"fieldManager": f"{'m' * 100}-{number}", "force": "true"}
    path = path_of("accessgrant", OURS, "managed")
    me.api.request("PATCH", path, body, content_type=APPLY, **manager)


@attack("requester", least=200, pause=0.02)
def tracked(me: Attacker, number: int) -> None:
    """Puts tracking annotations and owner references on other people's grants."""
    names = me.innocent_names()
    if not names:
        return
    tracking = {"argocd.argoproj.io/tracking-id": f"x:y/z:{number}"}
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": f"{number}"}
    # argogrant-limits rejects the owner references.
    metadata = {"ownerReferences": [owner]} if number % 4 else {"annotations": tracking}
    patch = {"metadata": metadata}
    me.merge("accessgrant", names[number % len(names)], patch, namespace=OURS)


@attack("requester", least=300, pause=0.0, most=600)
def scheduled(me: Attacker, number: int) -> None:
    """Requests hundreds of windows that begin later, in every order."""
    start = f"2027-{number % 12 + 1:02}-{number % 28 + 1:02}T00:00:00Z"
    request(me, f"later-{number}", notBefore=start, duration="1h")


@attack("requester", least=200, pause=0.0, most=200)
def long_names(me: Attacker, number: int) -> None:
    """Uses names of 253 characters that are beginnings of each other."""
    name = "victim" + "x" * (number + 40)
    group = {"kind": "Group", "name": f"intern-{'é' * (number % 240)}x{number % 3}"}
    request(me, name, subject=group, justification="\u00e9" * 1024)
