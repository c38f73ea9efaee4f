"""What a grant adds, and which roles allow nothing, judged by a real argocd-server.

The RBAC policies are generated from a seed. A few of them are judged in every run, and
all of them in ``make test-long``.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY, render_line
from argogrant.argocd.roles import discover_roles
from argogrant.argocd.simulation.enforcer import EnforceRequest
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    Snapshot,
    observe_project,
)
from argogrant.controller.planner import StateGatherer
from argogrant.controller.store import NamespaceRules, record_instance
from argogrant.grants.access.policy import AccessPolicy, SubjectPatterns
from argogrant.grants.checks import build_input
from argogrant.grants.decide import Decision, DesiredBinding, decide
from argogrant.grants.model.grant import Binding, RoleRef, project_of
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.steps import completed
from controlplane import ControlPlane
from support.builders import a_policy, a_role, grant_by
from support.live_cluster import INSTANCE
from support.random_policies import (
    PROJECT_ROLES,
    PROJECTS,
    ROLES,
    Asker,
    Author,
    Rulebook,
    a_project,
)
from support.rbac_judge import RealJudge

SEED = 20261130
SAMPLE, ALL = 6, 220
"""Numbers of RBAC policies with one grant each."""
ROLE_SAMPLE, ALL_ROLES = 30, 330
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUBJECTS = ("devs", "ops", "CN=a,OU=b", "Devs", "ann@example.com", "alice", "bob")
PROBE = "erin"
"""Account that has the granted role and nothing else."""
QUESTIONS = [
    EnforceRequest(resource=resource, action=action, object=about)
    for resource, action, about in itertools.product(
        ("applications", "logs"),
        ("get", "sync", "delete"),
        ("team-a/web", "team-a/api", "team-b/web", "other/web"),
    )
]
EVERYBODY = a_policy(
    subjects=SubjectPatterns(is_self=True, users=("*",), groups=("*",)),
    roles=(a_role("*"), a_role("*", "*")),
)
ACCEPTING = replace(EVERYBODY, accepts_subject_rules=True)


@pytest.fixture
def judge(plane: ControlPlane) -> Iterator[RealJudge]:
    judge = RealJudge(plane)
    yield judge
    judge.clear()


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One RBAC policy, and a grant under an access policy."""

    book: Rulebook
    subject: str
    role: str
    in_project: bool
    """Roles of projects are bound in the AppProject."""

    def decision(self, policy: AccessPolicy) -> Decision:
        """Decide about the grant as the operator does."""
        spec = {"bindProjectRolesIn": "AppProject"} if self.in_project else {}
        body = {**INSTANCE, "spec": {**INSTANCE["spec"], **spec}}
        body["metadata"] = {**INSTANCE["metadata"], "uid": "u1"}
        projects: list[dict[str, Any]] = [dict(one) for one in self.book.projects]
        seen = Snapshot(
            config_map=ObservedConfigMap("1", dict(self.book.data)),
            text_is_known=True,
            projects=tuple(map(observe_project, projects)),
            projects_are_known=True,
        )
        since = RequesterVerification(verified_since=NOW)
        rules = NamespaceRules(policies=(policy,), verification=since)
        gathered = completed(
            StateGatherer("default", "argogrant").gather(
                record_instance(body), seen, rules
            )
        )
        project = project_of(self.role)
        name = self.role.removeprefix(f"proj:{project}:")
        grant = grant_by(
            "zoe",
            group=self.subject,
            created_at=NOW,
            duration=timedelta(hours=1),
        )
        grant = replace(grant, role=RoleRef(name=name, project=project or None))
        return decide(build_input(grant, gathered.state, NOW))

    def bound(self) -> Rulebook:
        """Return the policy with the line that the operator writes."""
        binding = Binding(self.subject, self.role)
        if not self.in_project or not project_of(self.role):
            data = {**self.book.data, OVERLAY_KEY: render_line(*binding)}
            return replace(self.book, data=data)
        return replace(
            self.book,
            projects=tuple(_with_member(one, binding) for one in self.book.projects),
        )

    def askers(self) -> list[Asker]:
        """Return the users whom Argo CD knows by the subject's name."""
        by_group = Asker("nobody", {"groups": [self.subject]})
        by_email = Asker("nobody", {"email": self.subject})
        accounts = [Asker(self.subject)] if self.subject in ("alice", "bob") else []
        return [by_group, by_email, *accounts]


def _with_member(project: Any, binding: Binding) -> Any:
    name = project["metadata"]["name"]
    group = f'"{binding.subject}"' if "," in binding.subject else binding.subject
    roles = [
        {**role, "groups": [*role["groups"], group]}
        if f"proj:{name}:{role['name']}" == binding.role
        else role
        for role in project["spec"]["roles"]
    ]
    return {**project, "spec": {"roles": roles}}


def situations(number: int) -> Iterator[Situation]:
    author, random = Author(SEED), Random(SEED)
    for _ in range(number):
        book = author.rulebook()
        role = random.choice((*ROLES, *PROJECT_ROLES))
        data = {**book.data, "policy.probe.csv": f"g, {PROBE}, {role}"}
        data["policy.other.csv"] = data.pop(OVERLAY_KEY, "")
        subject = random.choice(SUBJECTS)
        if random.random() < 0.4:
            effect = random.choice(("allow", "allow", "deny", "Allow"))
            rule = f"p, {_field(subject)}, applications, *, */*, {effect}"
            data["policy.rules.csv"] = rule
        projects = [_with_rules_of_subjects(one, random) for one in book.projects]
        yield Situation(
            book=Rulebook(data=data, projects=tuple(projects)),
            subject=subject,
            role=role,
            in_project=random.random() < 0.3,
        )


def _with_rules_of_subjects(project: Any, random: Random) -> Any:
    """Add a rule for a user or group, which only Argo CD's own API would refuse."""
    roles, name = list(project["spec"]["roles"]), project["metadata"]["name"]
    if random.random() < 0.3:
        subject, effect = random.choice(SUBJECTS[:2]), random.choice(("allow", "deny"))
        rule = f"p, {subject}, applications, *, {name}/*, {effect}"
        roles[0] = {**roles[0], "policies": [*roles[0]["policies"], rule]}
    return {**project, "spec": {"roles": roles}}


class Comparison:
    """Answers of argocd-server before and after a binding."""

    def __init__(self, judge: RealJudge, situation: Situation) -> None:
        self._judge = judge
        self._situation = situation
        judge.load(situation.book)
        self._before = self._answers()
        after = situation.bound()
        if after.projects == situation.book.projects:
            judge.load_text(after.data)
        else:
            judge.load(after)
        self._after = self._answers()

    def _answers(self) -> dict[tuple[str, EnforceRequest], bool]:
        return {
            (str(asker), question): self._judge.says(asker, question)
            for asker in self._situation.askers()
            for question in QUESTIONS
        }

    @property
    def added(self) -> set[EnforceRequest]:
        """Requests that the binding makes Argo CD allow."""
        return {
            key[1]
            for key, allowed in self._after.items()
            if allowed > self._before[key]
        }

    def beyond_role(self) -> list[EnforceRequest]:
        """Requests among them that the role does not allow by itself."""
        probe = Asker(PROBE)
        return [one for one in self.added if not self._judge.says(probe, one)]


def judge_grants(judge: RealJudge, number: int) -> tuple[int, int, int]:
    """Judge grants; return how many are bound, refused, and would have given more."""
    bound, refused, would_exceed, gave = 0, 0, 0, 0
    for situation in situations(number):
        decision = situation.decision(EVERYBODY)
        if decision.desired_binding is DesiredBinding.PRESENT:
            bound += 1
            comparison = Comparison(judge, situation)
            gave += bool(comparison.added)
            assert comparison.beyond_role() == [], situation
        elif decision.policy_result.reason is Reason.SUBJECT_HAS_RULES:
            refused += 1
            accepted = situation.decision(ACCEPTING).desired_binding
            if accepted is DesiredBinding.PRESENT:
                would_exceed += bool(Comparison(judge, situation).beyond_role())
    print(f"{bound} bound, {gave} gave access, {refused} refused, {would_exceed} right")
    assert gave
    return bound, refused, would_exceed


def test_grant_under_a_policy_adds_what_its_role_allows(judge: RealJudge) -> None:
    bound, refused, _ = judge_grants(judge, SAMPLE)

    assert bound
    assert refused


@pytest.mark.long
def test_every_grant_under_a_policy_adds_what_its_role_allows(
    judge: RealJudge,
) -> None:
    bound, refused, would_exceed = judge_grants(judge, ALL)

    assert bound >= ALL // 4
    assert refused >= ALL // 10
    assert would_exceed >= refused // 10, "the refused grants would be harmless"


RESOURCES = ("applications", "logs", "projects", "accounts")
"""Not clusters: can-i takes a URL for PROJECT/NAMESPACE/NAME."""
ACTIONS = ("get", "sync", "delete")
OBJECTS = {
    "projects": ("team-a", "zz", "web"),
    "accounts": ("team-a", "zz", "alice"),
}
OF_APPLICATIONS = tuple(
    f"{project}/{name}"
    for project in (*PROJECTS, "zz")
    for name in ("web", "api", "ns/web", "ns/api")
)
"""Objects with every combination that the patterns below distinguish."""
PATTERNS = (
    ("applications",) * 3
    + ("logs", "projects", "accounts", "app*", "{logs,projects}", "[al]*")
    + ("application", "Applications", "applications ", "[applications", "apps")
)
ACTION_PATTERNS = ("get", "sync", "*", "{get,sync}", "[!g]*", "read", "Get", "list", "")
OBJECT_PATTERNS = (
    *("*/*", "team-a/*", "team-a/web", "*", "team-a", "*/web", "team-?/*", "zz"),
    *("[!t]*", "team-a/*/web", "team-{a,b}/web", "{team-a", "/", "team-a/", "zz/*"),
    *("Team-A/*", ""),
)
REGEXES = {
    "resource": ("applications", ".*", "^logs$", "app", "(logs|projects)", "*", "zz"),
    "action": ("get", ".*", "^(get|sync)$", "[^g]", "read", "("),
    "object": ("team-a/.*", ".*", "^team-[ab]/", "web$", "*/*", "^team-a$", "[", "/"),
}
ROLE_EFFECTS = (*("allow",) * 6, *("deny",) * 3, "Allow", "ALLOW", "allow # now", "")


def random_role(random: Random, name: str, mode: str) -> list[str]:
    """Write the rules of a role, most of them with a mistake."""
    kinds = [PATTERNS, ACTION_PATTERNS, OBJECT_PATTERNS]
    if mode == "regex":
        kinds = list(map(tuple, REGEXES.values()))
    rules = [
        [name, *(random.choice(kind) for kind in kinds), random.choice(ROLE_EFFECTS)]
        for _ in range(random.choice((1, 1, 1, 2, 2, 3)))
    ]
    return [", ".join(["p", *map(_field, rule)]) for rule in rules]


def _field(text: str) -> str:
    return f'"{text}"' if "," in text else text


def role_texts(number: int, *, per_text: int = 30) -> Iterator[tuple[str, list[str]]]:
    """Yield texts of roles, each with the names; some roles inherit another one."""
    random = Random(SEED)
    for first in range(0, number, per_text):
        mode = "regex" if first // per_text % 3 == 2 else ""
        names = [f"role:r{n}" for n in range(first, first + per_text)]
        lines: list[str] = []
        for name in names:
            lines += random_role(random, name, mode)
            if random.random() < 0.15:
                lines.append(f"g, {name}, {random.choice(names)}")
            lines.append(f"g, {name.replace('role:', 'group-')}, {name}")
        yield mode, [*lines, *names]


def allows_nothing(
    judge: RealJudge, group: str, but: EnforceRequest | None = None
) -> bool:
    """Ask argocd-server for everything that the rules could allow, but one request."""
    asker = Asker("nobody", {"groups": [group]})
    questions = (
        EnforceRequest(resource=resource, action=action, object=about)
        for resource in RESOURCES
        for action in ACTIONS
        for about in OBJECTS.get(resource, OF_APPLICATIONS)
    )
    return not any(judge.says(asker, one) for one in questions if one != but)


def judge_roles(judge: RealJudge, number: int) -> tuple[int, int]:
    """Compare roles; return how many were compared, and how many allow nothing."""
    compared, empty = 0, 0
    wrong: list[tuple[str, Sequence[str]]] = []
    for mode, text in role_texts(number):
        names = [one for one in text if one.startswith("role:")]
        lines = [one for one in text if not one.startswith("role:")]
        data = {"policy.csv": "\n".join(lines), "policy.matchMode": mode or "glob"}
        judge.load(Rulebook(data=data, projects=()))
        found = discover_roles(ObservedConfigMap("1", data).unmanaged, ())
        ours = {one.name: one.allows_nothing for one in found}
        for name in names:
            theirs = allows_nothing(judge, name.replace("role:", "group-"))
            compared, empty = compared + 1, empty + theirs
            if theirs is not bool(ours[name]):
                wrong.append((name, [one for one in lines if f" {name}" in one]))
    print(f"{compared} compared, {empty} allow nothing, {len(wrong)} differ: {wrong}")
    assert not wrong
    return compared, empty


def test_roles_that_allow_nothing_are_those_of_argocd(judge: RealJudge) -> None:
    compared, empty = judge_roles(judge, ROLE_SAMPLE)

    assert 0 < empty < compared


@pytest.mark.long
def test_all_roles_that_allow_nothing_are_those_of_argocd(judge: RealJudge) -> None:
    compared, empty = judge_roles(judge, ALL_ROLES)

    assert compared >= 300
    assert compared // 10 < empty < compared * 9 // 10


PROJECT_RULES = (
    *("applications, sync, team-a/*", "applications, sync, team-b/*"),
    *("applications, get, */*", "applications, get, *", "applications, get, team-a"),
    *("applications, get, team-?/web", "applications, get, tea*/web"),
    *("accounts, get, *", "logs, get, zz/*", "*, get, team-b/*", "*, *, *"),
    *("projects, sync, team-a", "projects, sync, team-b", "projects, sync, t*"),
)
"""Rules of the roles of AppProject team-a."""


def test_roles_of_a_project_that_allow_nothing_are_those_of_argocd(
    judge: RealJudge,
) -> None:
    """Argo CD adds to each role the permission to see the project."""
    roles = [
        {
            "name": f"r{number}",
            "policies": [f"p, proj:team-a:r{number}, {rule}, allow"],
            "groups": [f"group-{number}"],
        }
        for number, rule in enumerate(PROJECT_RULES)
    ]
    project: dict[str, Any] = dict(a_project("team-a", roles))
    data = {"policy.csv": ""}
    judge.load(Rulebook(data=data, projects=(project,)))
    found = discover_roles(
        ObservedConfigMap("1", data).unmanaged, [observe_project(project)]
    )
    ours = {one.name: bool(one.allows_nothing) for one in found}
    implicit = EnforceRequest(resource="projects", action="get", object="team-a")
    theirs = {
        f"r{number}": allows_nothing(judge, f"group-{number}", but=implicit)
        for number, _ in enumerate(PROJECT_RULES)
    }

    assert {name: ours[name] for name in theirs} == theirs
    assert 0 < sum(theirs.values()) < len(theirs)
