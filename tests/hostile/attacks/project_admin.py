"""An admin of one AppProject: its roles, policies, annotations and tokens."""

import json
from typing import Any, Final

from controlplane.api import path_of
from hostile.attack import APPLY, Attacker, attack
from hostile.positions import ARGOCD, PROJECT

MEMBERS: Final = "argogrant.dev/members"
UNTIL: Final = "2030-01-01T00:00:00Z"


def change(me: Attacker, *, annotations: Any = None, **spec: Any) -> None:
    """Change the project with a merge patch."""
    patch: dict[str, Any] = {"spec": spec} if spec else {}
    if annotations is not None:
        patch["metadata"] = {"annotations": annotations}
    me.merge("appproject", PROJECT, patch, namespace=ARGOCD)


def role(name: str, *policies: str, groups: Any = (), **more: Any) -> dict[str, Any]:
    """Return a role of the project."""
    return {"name": name, "policies": list(policies), "groups": list(groups), **more}


def rule(number: int, role_name: str = "deployer", action: str = "get") -> str:
    """Return one policy line of the project."""
    subject = f"proj:{PROJECT}:{role_name}"
    return f"p, {subject}, applications, {action}, {PROJECT}/app-{number:05}, allow"


def members(**fields: Any) -> str:
    """Return a members annotation with one member, and with other fields."""
    member = {
        "role": "deployer",
        "subject": "mallory",
        "until": UNTIL,
        "since": UNTIL,
        "known": [],
    }
    owner = {"namespace": "argogrant", "instance": "default", "uid": "of-nobody"}
    content = {"version": 1, "owner": owner, "roles": ["deployer"]}
    return json.dumps({**content, "members": [{**member, **fields}]})


@attack("project-admin", comes_first=True, pause=0.2)
def surrogate(me: Attacker, number: int) -> None:
    """Writes half of a surrogate pair beside the next members of the project."""
    names = [f"victim-{one}" for one in me.next_numbers(200)]
    entries = [json.loads(members(subject=name, known=["\ud800"])) for name in names]
    text = {**entries[0], "members": [one["members"][0] for one in entries]}
    owner = {"owner": {**text["owner"], "uid": f"\udfff{number}"}}
    text |= owner if number % 2 else {}
    change(me, annotations={MEMBERS: json.dumps(text)})


@attack("project-admin", least=340, pause=0.0)
def versions(me: Attacker, number: int) -> None:
    """Changes a long list of policies hundreds of times."""
    policies = [rule(100_000 * number + line) for line in range(5000)]
    change(me, roles=[role("deployer", *policies)])


@attack("project-admin", pause=1.0, least=3)
def inheritance(me: Attacker, number: int) -> None:
    """Lets 6,000 roles inherit one role of 6,000 rules."""
    big = role("big", *(rule(line, "big") for line in range(6000 + number)))
    heirs = [
        role(f"r{heir}", f"g, proj:{PROJECT}:r{heir}, proj:{PROJECT}:big")
        for heir in range(6000)
    ]
    change(me, roles=[big, *heirs])


@attack("project-admin", pause=1.0, least=3)
def many_roles(me: Attacker, number: int) -> None:
    """Defines 10,000 roles."""
    change(me, roles=[role(f"r{number}-{one}") for one in range(10_000)])


@attack("project-admin", pause=1.0, least=3)
def many_groups(me: Attacker, number: int) -> None:
    """Gives one role 50,000 groups."""
    groups = [f"group-{number}-{one}" for one in range(50_000)]
    change(me, roles=[role("deployer", groups=groups)])


@attack("project-admin")
def nested_json(me: Attacker, number: int) -> None:
    """Writes JSON of 100,000 nested lists into the annotation of members."""
    depth = 100_000 + number
    change(me, annotations={MEMBERS: "[" * depth + "]" * depth})


ODD_VALUES: Final = (
    members().replace('"version": 1', f'"version": {"9" * 200_000}'),
    members().replace('"version": 1', '"version": 1e999999'),
    members(until="9999-12-31T23:59:59Z", since="0001-01-01T00:00:00Z"),
    members(until="0000-00-00T00:00:00Z"),
    members(until="9999999-01-01T00:00:00Z"),
    members(subject="\x00", role="\x00"),
    members(known=["x" * 50] * 4000),
    members(subject={"deep": [{}] * 1000}),
    '{"version": 1, "version": NaN}',
    "null",
    "0",
    '"' + "\\u0000" * 30_000 + '"',
    members(role='a,b"c\n# until never\ng, x, role:admin'),
)


@attack("project-admin")
def odd_values(me: Attacker, number: int) -> None:
    """Writes enormous numbers, odd dates and NUL into the annotation of members."""
    change(me, annotations={MEMBERS: ODD_VALUES[number % len(ODD_VALUES)]})


@attack("project-admin", pause=0.0, least=200)
def annotations(me: Attacker, number: int) -> None:
    """Changes 250 KB of annotations at full speed."""
    change(me, annotations={f"example.com/{number % 2}": f"{number}" + "x" * 120_000})


@attack("project-admin")
def roles_of_others(me: Attacker, number: int) -> None:
    """Writes lines in which other people's names are roles."""
    names = sorted(me.innocent_names())
    lines = [f"g, mallory-{number}, {name}" for name in names]
    lines += [f"g, role:deployer, {name}" for name in names]
    change(me, roles=[role("deployer", *lines)])


@attack("project-admin")
def malformed_lines(me: Attacker, number: int) -> None:
    """Writes malformed policy lines, and names with commas and quotes."""
    odd = ['p, "', "g", "p,,,,,,", f"g, a{number}", "\x00", "# x\n", 'g, "a", "b",,']
    roles = [role("deployer", *odd), role('x", y\n', groups=['"', "\n", ",", "a\nb"])]
    change(me, roles=roles)


@attack("project-admin", pause=1.0, least=3)
def tokens(me: Attacker, number: int) -> None:
    """Writes 20,000 tokens with times outside of every calendar."""
    times = (0, -1, 2**62, 253402300800 + number)
    items = [{"iat": times[one % 4], "exp": times[one % 3]} for one in range(20_000)]
    patch = {
        "spec": {"roles": [role("deployer", jwtTokens=items[:5000])]},
        "status": {"jwtTokensByRole": {"deployer": {"items": items}}},
        "metadata": {"annotations": {MEMBERS: members()}},
    }
    me.merge("appproject", PROJECT, patch, namespace=ARGOCD)


@attack("project-admin", pause=0.0, least=200)
def managers(me: Attacker, number: int) -> None:
    """Applies from server-side under a new manager's name each time."""
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": PROJECT, "annotations": {f"example.com/k{number}": "x"}},
    }
    path = path_of("appproject", ARGOCD, PROJECT)
    manager = {"fieldManager": f"{'m' * 100}-{number}", "force": "true"}
    me.api.request("PATCH", path, body, content_type=APPLY, **manager)


@attack("project-admin", pause=1.0, least=3)
def chain(me: Attacker, number: int) -> None:
    """Lets 3,000 roles inherit one from the other, in a circle."""
    names = [f"proj:{PROJECT}:c{one}" for one in range(3000)]
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    lines = [f"g, {heir}, {source}" for heir, source in pairs]
    change(me, roles=[role("deployer", *lines, rule(number))])


@attack("project-admin", pause=0.5, least=4)
def labels(me: Attacker, number: int) -> None:
    """Writes 5,000 labels, and owners with names of their own making."""
    texts = {f"example.com/l{number % 3}-{one}": f"{one}" for one in range(5000)}
    owners = {"example.com/owner": "system:masters\n\x00" + "x" * 100_000}
    metadata = {"labels": texts, "annotations": owners}
    me.merge("appproject", PROJECT, {"metadata": metadata}, namespace=ARGOCD)
