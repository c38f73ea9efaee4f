"""Someone who may create AccessApprovals, and requests that need them."""

from controlplane.api import path_of
from hostile.attack import Attacker, attack
from hostile.positions import OURS, REQUESTED_END
from support.admission_objects import an_approval
from support.live_cluster import a_grant


def _request(me: Attacker, name: str) -> str:
    """Request what needs two approvals; return the uid."""
    body = a_grant(name, f"visitor-{name}", expiresAt=REQUESTED_END)
    body["spec"]["role"] = {"name": "role:intern"}
    uid: str = me.create(body)["metadata"]["uid"]
    return uid


def _approve(me: Attacker, number: int, grant: str, uid: str, **spec: str) -> str:
    name = f"approval-{number}"
    me.create(an_approval(name, grant={"name": grant, "uid": uid}, **spec))
    return name


@attack("approver", least=5000, pause=0.0, most=10_000)
def many(me: Attacker, number: int) -> None:
    """Creates 10,000 approvals of one grant, with long comments."""
    uid = me.remember("uid", lambda: _request(me, "wanted"))
    _approve(me, number, "wanted", uid, comment="é" * 1024)


@attack("approver", least=300, pause=0.0)
def churn(me: Attacker, number: int) -> None:
    """Creates and deletes approvals and denials at full speed."""
    uid = me.remember("uid", lambda: _request(me, "wavering"))
    decision = ("Approve", "Deny")[number % 2]
    name = _approve(me, number, "wavering", uid, decision=decision)
    me.api.request("DELETE", path_of("accessapproval", OURS, name))


@attack("approver", least=500, pause=0.0, most=3000)
def waiting(me: Attacker, number: int) -> None:
    """Lets thousands of requests wait for approvals, each with one of two."""
    name = f"waiting-{number}"
    _approve(me, number, name, _request(me, name))


@attack("approver", least=300, pause=0.0, most=3000)
def of_others(me: Attacker, number: int) -> None:
    """Approves and denies other people's grants, which no policy asks for."""
    grants = me.scene.grants()
    if grants:
        metadata = grants[number % len(grants)]["metadata"]
        decision = ("Approve", "Deny")[number % 2]
        _approve(me, number, metadata["name"], metadata["uid"], decision=decision)
