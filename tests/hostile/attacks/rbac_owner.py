"""The owner of another Argo CD: its ``argocd-rbac-cm`` and its AppProjects."""

from typing import Final

from hostile.attack import Attacker, attack
from hostile.positions import OTHER_ARGOCD

CONFIG_MAP: Final = "argocd-rbac-cm"


def write(me: Attacker, **data: str | None) -> None:
    """Change keys of the ConfigMap; ``_`` in a name stands for a dot."""
    patch = {"data": {key.replace("_", "."): text for key, text in data.items()}}
    me.merge("configmap", CONFIG_MAP, patch, namespace=OTHER_ARGOCD)


def bomb(levels: int = 9, width: int = 9) -> str:
    """Return a short YAML document whose aliases stand for a billion items."""
    lines = ["a0: &a0 {k: v}"]
    for level in range(1, levels):
        before = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{before}]")
    return "\n".join(lines)


def merge_bomb(levels: int = 22) -> str:
    """Return a short YAML document whose merge keys double at every level."""
    lines = (
        f"- &m{level} {{<<: [*m{level - 1}, *m{level - 1}]}}"
        for level in range(1, levels)
    )
    return "\n".join(["- &m0 {a: b}", *lines])


BOMBS: Final = (
    merge_bomb(),
    bomb(),
    "[" * 50_000 + "]" * 50_000,
    "{a: " * 20_000 + "}" * 20_000,
    "- " * 50_000 + "x",
    "!!python/object/apply:time.sleep [60]",
    "&a [*a]",
    "[" + "groups," * 100_000 + "]",
    f"[{'9' * 100_000}]",
    "[0x" + "f" * 200_000 + "]",
    "[1:" + ":59" * 60_000 + "]",
    "%YAML 9.9\n---\n" * 2000,
)


@attack("rbac-owner", comes_first=True, pause=0.3, least=len(BOMBS))
def scopes(me: Attacker, number: int) -> None:
    """Writes YAML into ``scopes`` that is short and means billions of values."""
    write(me, scopes=BOMBS[number % len(BOMBS)])


@attack("rbac-owner", pause=0.0, least=340)
def versions(me: Attacker, number: int) -> None:
    """Rewrites 900 KB of policies at full speed."""
    lines = [f"g, user-{number}-{line:06}, role:deployer" for line in range(20_000)]
    write(me, policy_csv="\n".join(lines))


@attack("rbac-owner", pause=0.3, least=5)
def keys(me: Attacker, number: int) -> None:
    """Writes 5,000 policy keys."""
    keys = {f"policy.k{number % 2}-{key}.csv": "p, a, b, c, d" for key in range(5000)}
    write(me, **keys)


@attack("rbac-owner", pause=0.0, least=200)
def contest(me: Attacker, number: int) -> None:
    """Rewrites the key of argogrant as fast as the API server allows."""
    texts = (
        f"g, mallory-{number}, role:admin\n",
        None,
        "x" * 500_000,
        "# argogrant v1 argogrant/default 0\n# until 9999-99-99T99:99:99Z\ng, a, b\n",
        "# until 2020-01-01T00:00:00Z\n" * 30_000,
    )
    write(me, policy_argogrant_csv=texts[number % len(texts)])


@attack("rbac-owner", pause=1.0, least=3)
def chain(me: Attacker, number: int) -> None:
    """Writes a circle of 10,000 roles that inherit one from the other."""
    lines = [f"g, role:c{one}, role:c{(one + 1) % 10_000}" for one in range(10_000)]
    write(me, policy_csv="\n".join([*lines, f"g, x{number}, role:c0"]))


@attack("rbac-owner", pause=1.0, least=3)
def dense(me: Attacker, number: int) -> None:
    """Writes 150 roles that all inherit each other, with 100 rules each."""
    lines = [
        f"g, role:d{one}, role:d{other}" for one in range(150) for other in range(150)
    ]
    lines += [
        f"p, role:d{one}, applications, get, a{rule}/*, allow"
        for one in range(50)
        for rule in range(100)
    ]
    write(me, policy_csv="\n".join([*lines, f"g, x{number}, role:d0"])[:950_000])


@attack("rbac-owner", pause=0.5, least=4)
def patterns(me: Attacker, number: int) -> None:
    """Matches by regular expressions that take for ever."""
    expressions = (
        "(a+)+$",
        "(a|aa)*b",
        "(.*)*(.*)*x",
        "a{1000}" * 20,
        "[" * 1000,
        "(?",
    )
    lines = [
        f"p, role:deployer, applications, get, {expressions[one % 6]}{one}, allow"
        for one in range(3000)
    ]
    lines += [f"g, {'a' * 200}{number}, role:deployer"]
    write(me, policy_matchMode="regex", policy_csv="\n".join(lines))


@attack("rbac-owner", pause=0.1)
def odd_text(me: Attacker, number: int) -> None:
    """Writes NUL, quotes without an end and lines of 900 KB."""
    texts = (
        "\x00" * 1000,
        '"' * 100_000,
        "p," + "," * 900_000,
        'g, "' + "\n" * 500_000,
        "g, " + "a" * 900_000 + ", role:deployer",
        "\ufeff\u2028\u2029\x0b\x0c\x1c\x85g, a, role:deployer",
        "p, \U000e0041, *, *, *, allow\r\r\r\n" * 10_000,
    )
    write(me, policy_csv=texts[number % len(texts)], policy_default="\x00" * number)


@attack("rbac-owner", pause=0.1)
def annotation(me: Attacker, number: int) -> None:
    """Writes 250 KB into the annotation that names the allowed namespaces."""
    values = (",".join(["n"] * 120_000), "\x00", "*" * 200_000, f"a{number}," * 9999)
    metadata = {"annotations": {"argogrant.dev/allowed-namespaces": values[number % 4]}}
    patch = {"metadata": metadata}
    me.merge("configmap", CONFIG_MAP, patch, namespace=OTHER_ARGOCD)


@attack("rbac-owner", pause=0.0, least=2000)
def many_projects(me: Attacker, number: int) -> None:
    """Creates 2,000 AppProjects, each with 50 roles."""
    name = f"flood-{number}"
    roles = [
        {"name": f"r{role}", "policies": [f"p, proj:{name}:r{role}, *, *, *, allow"]}
        for role in range(50)
    ]
    me.create(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": name, "namespace": OTHER_ARGOCD},
            "spec": {"roles": roles},
        }
    )


@attack("rbac-owner", pause=0.05, least=300)
def large_projects(me: Attacker, number: int) -> None:
    """Creates 300 AppProjects of 1 MB."""
    groups = [f"group-{number}-{one:060}" for one in range(13_000)]
    me.create(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": f"large-{number}", "namespace": OTHER_ARGOCD},
            "spec": {"roles": [{"name": "r", "groups": groups}]},
        }
    )
