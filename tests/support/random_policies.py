"""Random RBAC policies, projects, users and requests from a seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from argogrant.argocd.simulation.enforcer import EnforceRequest
from argogrant.argocd.simulation.requests import RESOURCES

ACCOUNTS = ("alice", "bob", "carol", "dave")
GROUPS = ("devs", "ops", "CN=a,OU=b", "role:a", "Devs")
EMAILS = ("ann@example.com", "alice")
ROLES = ("role:a", "role:b", "role:c", "leads", "role:readonly", "role:admin")
PROJECTS = ("team-a", "team-b")
PROJECT_ROLES = tuple(f"proj:{p}:{r}" for p in PROJECTS for r in ("x", "y"))
ACTIONS = (
    *("get", "create", "update", "delete", "sync", "rollback", "override", "action"),
    "invoke",
)
OBJECTS = (
    *("team-a/web", "team-a/api", "team-b/web", "team-a/argocd/web", "team-a/x/web"),
    *("team-a", "team-b", "*", "web", "other/web", "https://k:6443", "team-a/{x}"),
)
GLOBS: Mapping[str, Sequence[str]] = {
    "resource": (
        *("applications", "applications", "logs", "exec", "projects", "clusters"),
        *("*", "app*", "{applications,logs}", "[al]ogs", "application?", "[!a]*"),
        *("{app*,exec}", "application[a-z]*", "[applications", "a[!b]plications"),
    ),
    "action": (
        *("get", "sync", "create", "delete", "*", "{get,sync}", "s?nc", "[!g]*"),
        *("update/*", "action/*", "**", "g{e,o}t", "\\get", "{,s}ync", "[a-g]*"),
    ),
    "object": (
        *("*/*", "team-a/*", "team-a/web", "*", "team-?/w*", "team-{a,b}/web"),
        *("[!t]*", "team-a/*/web", "*/web", "{team-a", "team-a/\\{x}", "team-[ab]/*"),
        *("https://*", "team-[!b]*", "{team-a/*,team-b/{web,api}}", "team-a"),
    ),
}
REGEXES: Mapping[str, Sequence[str]] = {
    "resource": ("applications", ".*", "app.*", "^logs$", "(logs|exec)", "p", ""),
    "action": ("get", "sync", ".*", "^(get|sync)$", "[^g]", "s.nc", "update/.*"),
    "object": ("team-a/.*", ".*", "^team-[ab]/", "web$", "team-a", "/", "*/*", "("),
}
SCOPES = ("", "", "[groups, email]", "[email]", "[]", "- groups\n- email\n")
EFFECTS = (*("allow",) * 7, *("deny",) * 2, "ALLOW")


@dataclass(frozen=True)
class Asker:
    """User with an account token and claims of an identity provider."""

    account: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rulebook:
    """RBAC settings and AppProjects of one Argo CD."""

    data: Mapping[str, str]
    """Data of argocd-rbac-cm."""
    projects: tuple[Mapping[str, Any], ...]


class Author:
    """Generator of policies and requests, with equal results for equal seeds."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def rulebook(self) -> Rulebook:
        """Generate a policy in three keys, and AppProjects."""
        mode = self._pick(("", "", "", "glob", "regex"))
        patterns = REGEXES if mode == "regex" else GLOBS
        lines = list(self._lines(patterns))
        data = {
            "policy.csv": "\n".join(lines[::3]),
            "policy.b.csv": "# more\n" + "\r\n".join(lines[1::3]),
            "policy.argogrant.csv": "\n\n".join(lines[2::3]),
            "policy.matchMode": mode,
            "policy.default": self._pick(("", "", *ROLES[:2], *ROLES[4:], "devs")),
            "scopes": self._pick(SCOPES),
        }
        if self._chance(0.1):
            data["policy.default"] = self._pick(PROJECT_ROLES)
        return Rulebook(
            data={key: value for key, value in data.items() if value},
            projects=tuple(self._project(name, patterns) for name in PROJECTS),
        )

    def asker(self) -> Asker:
        """Generate a user."""
        claims: dict[str, Any] = {}
        if self._chance(0.6):
            claims["groups"] = self._random.sample(GROUPS, self._random.randint(1, 3))
        if self._chance(0.4):
            claims["email"] = self._pick(EMAILS)
        return Asker(self._pick(ACCOUNTS), claims)

    def question(self) -> EnforceRequest:
        """Generate a request, mostly one that the rules match."""
        usual = self._chance(0.7)
        return EnforceRequest(
            resource="applications" if usual else self._pick(sorted(RESOURCES)),
            action=self._pick(("get", "sync", "delete") if usual else ACTIONS),
            object=self._pick(OBJECTS[:4] if usual else OBJECTS),
        )

    def _lines(self, patterns: Mapping[str, Sequence[str]]) -> Iterator[str]:
        subjects = (*ROLES[:4], *ROLES[:4], *ACCOUNTS, *GROUPS[:3], *PROJECT_ROLES)
        for _ in range(self._random.randint(3, 12)):
            yield self._rule(self._pick(subjects), patterns)
        subjects_of_bindings = (*ACCOUNTS, *GROUPS, *EMAILS, *ROLES[:4], "ann")
        roles = (*ROLES[:4], *ROLES[:4], *ROLES[4:], *PROJECT_ROLES)
        for _ in range(self._random.randint(3, 10)):
            yield f"g, {_field(self._pick(subjects_of_bindings))}, {self._pick(roles)}"
        if self._chance(0.05):
            yield f'g, "", {self._pick(ROLES[:3])}'

    def _rule(self, subject: str, patterns: Mapping[str, Sequence[str]]) -> str:
        fields = (
            subject,
            *(self._pick(patterns[one]) for one in ("resource", "action", "object")),
            self._pick(EFFECTS),
        )
        return ", ".join(["p", *map(_field, fields)])

    def _project(
        self, name: str, patterns: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Any]:
        roles = [
            {
                "name": role,
                "policies": [
                    self._rule(f"proj:{name}:{role}", patterns)
                    for _ in range(self._random.randint(0, 3))
                ],
                "groups": [
                    _field(self._pick((*GROUPS, *ACCOUNTS)))
                    for _ in range(self._random.randint(0, 2))
                ],
            }
            for role in ("x", "y")
        ]
        if self._chance(0.1):
            roles[0]["groups"] = ['a"b']
        return a_project(name, roles)

    def _pick(self, some: Sequence[str]) -> str:
        return self._random.choice(some)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability


def a_project(name: str, roles: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Build the manifest of an AppProject."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"roles": list(roles)},
    }


def _field(text: str) -> str:
    return f'"{text}"' if "," in text else text
