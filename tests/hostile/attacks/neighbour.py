"""The owner of another served namespace: all four kinds, but none of ours."""

import base64
from typing import Any, Final

from hostile.attack import Attacker, attack
from hostile.positions import ARGOCD, OTHER, OTHER_ARGOCD, REQUESTED_END
from support.live_cluster import a_grant

SILENT_ADDRESS: Final = "10.255.255.1"


def create(me: Attacker, kind: str, name: str, **spec: Any) -> None:
    """Create an object in the attacker's namespace."""
    me.create(
        {
            "apiVersion": "argogrant.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": OTHER},
            "spec": spec,
        }
    )


def request(me: Attacker, name: str, **spec: Any) -> None:
    """Create a grant in the attacker's namespace."""
    body = a_grant(name, f"neighbour-{name}", expiresAt=REQUESTED_END)
    body["metadata"]["namespace"] = OTHER
    body["spec"] |= spec
    me.create(body)


def policy(**more: Any) -> dict[str, Any]:
    """Return the spec of a policy that allows everything to everybody."""
    return {
        "requesters": [{"kind": "User", "name": "*"}],
        "subjects": {"self": True, "users": ["*"], "groups": ["*"]},
        "roles": [{"name": "*"}, {"name": "*", "project": "*"}],
        **more,
    }


@attack("neighbour", least=60, pause=0.0, most=120)
def instances(me: Attacker, number: int) -> None:
    """Creates 60 ArgoCDInstances of Argo CDs that exist, and of some that do not."""
    namespace = (OTHER_ARGOCD, f"nowhere-{number}", ARGOCD)[number % 3]
    create(me, "ArgoCDInstance", f"i{number}", namespace=namespace)
    request(me, f"g{number}", instance=f"i{number}")


@attack("neighbour", least=60, pause=0.0, most=120)
def remote_instances(me: Attacker, number: int) -> None:
    """Creates 60 ArgoCDInstances whose remote servers accept and never answer."""
    me.scene.remote.handshakes = False
    cluster = me.scene.cluster()["cluster"]
    silent = f"https://{SILENT_ADDRESS}:6443"
    server = (f"{cluster['server']}/{number}", silent)[number % 2]
    spec = {"cluster": {**cluster, "server": server}}
    create(me, "ArgoCDInstance", f"r{number}", **spec)


@attack("neighbour", least=60, pause=0.0, most=120)
def dns_names(me: Attacker, number: int) -> None:
    """Creates 60 ArgoCDInstances whose servers have names that do not resolve."""
    name = f"host-{number}.{'x' * 60}.invalid"
    cluster = {**me.scene.cluster()["cluster"], "server": f"https://{name}"}
    create(me, "ArgoCDInstance", f"d{number}", cluster=cluster)


@attack("neighbour", least=40, pause=0.0, most=80)
def authorities(me: Attacker, number: int) -> None:
    """Creates ArgoCDInstances with 128 KB of certificates that are none."""
    begin = b"-----BEGIN CERTIFICATE-----\n"
    bundles = (
        begin + b"A" * 90_000,
        begin * 3000,
        me.scene.remote.certificate.read_bytes() * 30,
    )
    bundle = base64.b64encode(bundles[number % 3][:98_000]).decode()
    cluster = {**me.scene.cluster()["cluster"], "caBundle": bundle}
    create(me, "ArgoCDInstance", f"c{number}", cluster=cluster)


PATTERNS: Final = (
    "(x{1,30}){1,30}",
    "((a*)*)*" * 60,
    "[[:alpha:]]{200}" * 5,
    "(?i)" + "\\pL{50}" * 20,
    ".*" * 250,
    "(" * 250 + ")" * 250,
    "a|" * 250 + "b",
)


@attack("neighbour", least=300, pause=0.0, most=300)
def regular_expressions(me: Attacker, number: int) -> None:
    """Creates 300 policies with the largest regular expressions that are accepted."""
    rule = {"pattern": f"{PATTERNS[number % len(PATTERNS)]}{number}"}
    create(me, "AccessPolicy", f"p{number}", **policy(justification=rule))
    request(me, f"g{number}", justification="aaaa" * 256)


@attack("neighbour", least=300, pause=0.0, most=600)
def policies(me: Attacker, number: int) -> None:
    """Creates hundreds of policies with 64 patterns everywhere, and as many grants."""
    stars = [f"{'*a' * 20}*{one}" for one in range(63)]
    patterns = {
        "requesters": [{"kind": "User", "name": one} for one in stars],
        "subjects": {"users": stars, "groups": stars},
        "roles": [{"name": one} for one in stars],
    }
    create(me, "AccessPolicy", f"p{number}", **policy(**patterns))
    for one in range(3):
        subject = {"kind": "User", "name": "a" * 250 + f"{number % 1000}"}
        request(me, f"g{number}-{one}", subject=subject, justification="a" * 1024)


@attack("neighbour", least=100, pause=0.0)
def switching(me: Attacker, number: int) -> None:
    """Creates and deletes instances, policies and grants at full speed."""
    name = f"s{number}"
    create(me, "ArgoCDInstance", name, namespace=OTHER_ARGOCD)
    create(me, "AccessPolicy", name, **policy(instances=[name]))
    request(me, name, instance=name)
    for kind in ("argocdinstances", "accesspolicies", "accessgrants"):
        path = f"apis/argogrant.dev/v1alpha1/namespaces/{OTHER}/{kind}/{name}"
        me.api.request("DELETE", path)


@attack("neighbour", least=40, pause=0.0, most=80)
def details(me: Attacker, number: int) -> None:
    """Creates instances whose details for users repeat every placeholder."""
    text = "{subject}{role}{url}{end}" * 16
    url = f"https://example.com/{'x' * 480}"
    name = f"t{number}"
    create(
        me,
        "ArgoCDInstance",
        name,
        url=url,
        accessDetails=text,
        namespace=OTHER_ARGOCD,
    )
    request(me, name, instance=name)


def _gains(me: Attacker) -> list[str]:
    if me.scene.may("neighbour-claimed"):
        return ["The neighbour has access to an Argo CD that is not theirs."]
    return []


@attack("neighbour", comes_first=True, most=20, after=_gains)
def claim(me: Attacker, number: int) -> None:
    """Claims an Argo CD of other people while nothing is bound there."""
    name = f"claim-{number}"
    if number == 0:
        me.scene.forget_owner()
    create(me, "ArgoCDInstance", name, namespace=ARGOCD)
    subject = {"kind": "User", "name": "neighbour-claimed"}
    request(me, name, instance=name, subject=subject)
    if number == 0:
        me.scene.wait_until_claimed(name)


@attack("neighbour", comes_first=True, most=20, after=_gains)
def claim_projects(me: Attacker, number: int) -> None:
    """Claims the AppProjects of other people."""
    name = f"claim-{number}"
    mode = {"bindProjectRolesIn": "AppProject"}
    create(me, "ArgoCDInstance", name, namespace=ARGOCD, **mode)
    subject = {"kind": "User", "name": "neighbour-claimed"}
    role = {"name": "deployer", "project": "team-a"}
    request(me, name, instance=name, subject=subject, role=role)
    if number == 0:
        me.scene.wait_until_claimed(name)
