"""What the API server answers to a bad value of each field: what is wanted, and how.

Its own words for a schema (``should match '^…'``) say neither.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from argogrant.api.crd import KINDS, custom_resource_definition
from argogrant.api.structural_schema import RULES
from controlplane import ControlPlane
from support.live_cluster import a_grant
from support.sample_objects import a_policy, an_approval, an_instance, rejection

MISSING: Final = object()
"""The field is left out."""

REMOTE = {
    "server": "https://far.example:6443",
    "tokenSecret": {"name": "far"},
    "tokenRotation": {"every": "1h", "serviceAccount": "argogrant"},
}
OWNERS = {
    "integration": [{"kind": "User", "name": "bob"}],
    "resource": {"key": "example.com/owner", "kind": "Group"},
}
BASES = {
    "AccessGrant": a_grant(
        "tried",
        duration="1h",
        role={"name": "role:deployer"},
        requester={"username": "alice", "groups": ["developers"]},
        revoked=True,
        revocation={"justification": "done"},
    ),
    "AccessPolicy": a_policy(
        requesters=[{"kind": "ServiceAccount", "name": "ci", "namespace": "ci"}],
        subjects={"users": ["alice"], "groups": ["on-call"]},
        instances=["default"],
        justification={"pattern": "CHG"},
        approval={"required": 1, "approvers": [{"kind": "Group", "name": "leads"}]},
        breakGlass={"allowed": True},
    ),
    "AccessApproval": an_approval(approver={"username": "bob", "groups": ["leads"]}),
    "ArgoCDInstance": an_instance(cluster=REMOTE, owners=OWNERS, identity={}),
}

TIME = "2026-11-24T18:00:00Z"
HOURS = "such as 2h30m"
NAME = "1 to 253 lower-case letters"
PEOPLE = "must be User or Group, such as kind:"
TWENTY_THOUSAND = "x" * 5000

BAD: Final[dict[tuple[str, str], tuple[tuple[object, str], ...]]] = {
    ("AccessGrant", "spec"): ((MISSING, "duration: 2h30m"),),
    ("AccessGrant", "spec.instance"): (
        ("Blue", NAME),
        ("", "such as default"),
        ("a" * 254, NAME),
    ),
    ("AccessGrant", "spec.subject"): ((MISSING, "{kind: User, name:"),),
    ("AccessGrant", "spec.subject.kind"): (
        (MISSING, PEOPLE),
        ("user", PEOPLE),
        ("", PEOPLE),
        ("ServiceAccount", PEOPLE),
    ),
    ("AccessGrant", "spec.subject.name"): (
        (MISSING, "such as alice@example.com"),
        ("", "1 to 256 characters"),
        ("a" * 257, "1 to 256 characters"),
        (TWENTY_THOUSAND, "1 to 256 characters"),
        ("bob\u200b", "only visible characters"),
        (" bob", "only visible characters"),
        ("role:x", "must not begin with role:"),
        ("admin", "such as alice@example.com"),
    ),
    ("AccessGrant", "spec.role"): (
        (MISSING, "role: {name: role:deployer}"),
        ({"name": "proj:a:b"}, "project: team-a and name: deployer"),
    ),
    ("AccessGrant", "spec.role.name"): (
        (MISSING, "such as role:deployer"),
        ("", "such as role:deployer"),
        ("r" * 257, "1 to 256 characters"),
        ("role:\tx", "only visible characters"),
    ),
    ("AccessGrant", "spec.role.project"): (
        ("Team", NAME),
        ("", "such as team-a"),
        ("a_b", "the name of an AppProject"),
        ("p" * 254, NAME),
    ),
    ("AccessGrant", "spec.expiresAt"): (
        ("tomorrow", TIME),
        ("2026-11-24", TIME),
        ("2026-11-24T18:00:00", "with a time zone"),
        ("2026-11-24 18:00:00Z", TIME),
        ("2026-02-30T18:00:00Z", TIME),
        ("2026-13-01T18:00:00Z", TIME),
        ("2026-11-24T24:00:00Z", TIME),
        ("2026-11-24T18:00:00+99:99", "2026-11-24T19:00:00+01:00"),
        ("1789000000", TIME),
        ("", TIME),
        ("2" * 5000, TIME),
    ),
    ("AccessGrant", "spec.notBefore"): (
        ("now", TIME),
        ("24.11.2026 18:00", TIME),
        ("2027-02-29T00:00:00Z", TIME),
    ),
    ("AccessGrant", "spec.duration"): (
        ("1d", "not as 1d"),
        ("2 hours", HOURS),
        ("-1h", HOURS),
        ("1h 30m", HOURS),
        ("90", HOURS),
        ("", HOURS),
        ("PT1H", HOURS),
        ("1h" * 17, HOURS),
        ("10ms", "at least one second, such as 2h30m"),
        ("999999999h", HOURS),
    ),
    ("AccessGrant", "spec.justification"): (("x" * 1025, "at most 1024 characters"),),
    ("AccessGrant", "spec.requester.username"): (
        (MISSING, "such as alice@example.com"),
        ("", "`kubectl auth whoami`"),
        ("u" * 513, "1 to 512 characters"),
    ),
    ("AccessGrant", "spec.requester.groups"): (
        ([f"g{i}" for i in range(513)], "at most 512 groups, such as"),
    ),
    ("AccessGrant", "spec.requester.groups[0]"): (("g" * 513, "such as developers"),),
    ("AccessGrant", "spec.extends"): (("A b", "such as deploy-4711"), ("", NAME)),
    ("AccessGrant", "spec.revocation.justification"): (
        (MISSING, "such as: the ticket was closed"),
        ("x" * 1025, "at most 1024 characters"),
    ),
    ("AccessPolicy", "spec"): ((MISSING, "requesters: [{kind: Group"),),
    ("AccessPolicy", "spec.instances[0]"): (("Blue", "the name of an ArgoCDInstance"),),
    ("AccessPolicy", "spec.instances"): (
        ([f"i{i}" for i in range(65)], "at most 64 names"),
    ),
    ("AccessPolicy", "spec.effect"): (
        ("Maybe", "such as effect: Deny"),
        ("allow", "must be Allow or Deny"),
        ("", "must be Allow or Deny"),
    ),
    ("AccessPolicy", "spec.requesters"): (
        (MISSING, "[{kind: Group, name: developers}]"),
        ([], "1 to 64 entries"),
        ([{"kind": "User", "name": "a"}] * 65, "1 to 64 entries"),
    ),
    ("AccessPolicy", "spec.requesters[0]"): (
        ({"kind": "User", "name": "a", "namespace": "b"}, "such as argocd"),
        ({"kind": "ServiceAccount", "name": "a"}, "such as argocd"),
    ),
    ("AccessPolicy", "spec.requesters[0].kind"): (
        (MISSING, "User, Group or ServiceAccount, such as"),
        ("Role", "User, Group or ServiceAccount, such as"),
    ),
    ("AccessPolicy", "spec.requesters[0].name"): (
        (MISSING, "such as developers"),
        ("", "1 to 512 characters"),
        ("x" * 513, "1 to 512 characters"),
        ("al\u200bice", "only visible characters"),
    ),
    ("AccessPolicy", "spec.requesters[0].namespace"): (
        ("*", "the name of a namespace"),
        ("N", "such as argocd"),
        ("n" * 64, "1 to 63"),
    ),
    ("AccessPolicy", "spec.subjects"): (
        (MISSING, "{self: true}"),
        ({}, "at least one of self: true, users and groups"),
    ),
    ("AccessPolicy", "spec.subjects.users"): (
        ([f"u{i}" for i in range(65)], "users: ['*@example.com']"),
    ),
    ("AccessPolicy", "spec.subjects.users[0]"): (
        ("", "such as '*@example.com'"),
        ("u" * 257, "1 to 256 characters"),
        ("proj:*", "must not begin with role:"),
    ),
    ("AccessPolicy", "spec.subjects.groups[0]"): (("on-call ", "visible characters"),),
    ("AccessPolicy", "spec.subjects.groups"): (
        ([f"g{i}" for i in range(65)], "groups: ['team-*']"),
    ),
    ("AccessPolicy", "spec.roles"): (
        (MISSING, "[{name: role:deployer}]"),
        ([], "1 to 64 entries"),
        ([{"name": "x"}] * 65, "1 to 64 entries"),
    ),
    ("AccessPolicy", "spec.roles[0]"): (
        ({"name": "role:x", "project": "a"}, "such as deployer"),
    ),
    ("AccessPolicy", "spec.roles[0].name"): (
        (MISSING, "such as role:deployer"),
        ("", "1 to 256 characters"),
        ("role:x ", "only visible characters"),
    ),
    ("AccessPolicy", "spec.roles[0].project"): (
        ("team-.?", "such as team-a or 'team-*'"),
        ("", "such as team-a or 'team-*'"),
    ),
    ("AccessPolicy", "spec.maxDuration"): (("1d", "not as 1d"), ("0s", "one second")),
    ("AccessPolicy", "spec.subjectRules"): (
        ("accept", "must be Accept or Refuse, such as"),
    ),
    ("AccessPolicy", "spec.maxExtensions"): (
        (-1, "from 0 to 30, such as"),
        (31, "from 0 to 30, such as"),
        (10**18, "from 0 to 30, such as"),
    ),
    ("AccessPolicy", "spec.maxActivePerSubject"): (
        (0, "from 1 to 1000, such as"),
        (1001, "from 1 to 1000, such as"),
    ),
    ("AccessPolicy", "spec.justification.pattern"): (
        ("CHG-[0-9", "such as 'CHG-[0-9]+'"),
        ("(?=x)", "such as 'CHG-[0-9]+'"),
        ("", "such as 'CHG-[0-9]+'"),
        ("x" * 513, "1 to 512 characters"),
    ),
    ("AccessPolicy", "spec.justification.hint"): (
        ("", "name the change ticket"),
        ("x" * 257, "1 to 256 characters"),
    ),
    ("AccessPolicy", "spec.approval.required"): (
        (MISSING, "such as required: 1"),
        (0, "such as required: 1"),
        (11, "from 1 to 10"),
    ),
    ("AccessPolicy", "spec.approval"): (
        (
            {"required": 2, "approvers": [{"kind": "User", "name": "bob"}]},
            "approvers must name at least as many users as required",
        ),
    ),
    ("AccessPolicy", "spec.approval.approvers"): (
        (MISSING, "[{kind: Group, name: approvers}]"),
        ([], "1 to 32 entries"),
        ([{"kind": "ResourceOwner"}] * 33, "1 to 32 entries"),
    ),
    ("AccessPolicy", "spec.approval.approvers[0]"): (
        ({"kind": "Group"}, "such as approvers"),
    ),
    ("AccessPolicy", "spec.approval.approvers[0].kind"): (
        (MISSING, "IntegrationOwner or ResourceOwner, such as"),
        ("Owner", "IntegrationOwner or ResourceOwner, such as"),
    ),
    ("AccessPolicy", "spec.approval.approvers[0].name"): (
        ("", "1 to 512 characters, such as approvers"),
        ("bob\u2060", "only visible characters"),
    ),
    ("AccessPolicy", "spec.approval.timeout"): (("1w", "not as 1d"),),
    ("AccessPolicy", "spec.breakGlass.allowed"): ((MISSING, "such as allowed: true"),),
    ("AccessPolicy", "spec.breakGlass.maxDuration"): (("an hour", HOURS),),
    ("AccessApproval", "spec"): ((MISSING, "decision: Approve"),),
    ("AccessApproval", "spec.grant"): ((MISSING, "grant: {name: deploy-4711"),),
    ("AccessApproval", "spec.grant.name"): (
        (MISSING, "such as deploy-4711"),
        ("A", NAME),
    ),
    ("AccessApproval", "spec.grant.uid"): (
        (MISSING, "-o jsonpath"),
        ("not a uid", "such as 5b0cb1a5-"),
        ("", "such as 5b0cb1a5-"),
        ("u" * 129, "metadata.uid of the AccessGrant"),
    ),
    ("AccessApproval", "spec.decision"): (
        (MISSING, "such as decision: Approve"),
        ("Maybe", "must be Approve or Deny"),
        ("approve", "must be Approve or Deny"),
    ),
    ("AccessApproval", "spec.comment"): (("x" * 1025, "not during the freeze"),),
    ("AccessApproval", "spec.approver.username"): (
        (MISSING, "such as alice@example.com"),
        ("", "`kubectl auth whoami`"),
    ),
    ("AccessApproval", "spec.approver.groups"): (
        ([f"g{i}" for i in range(513)], "at most 512 groups, such as"),
    ),
    ("AccessApproval", "spec.approver.groups[0]"): (("g" * 513, "such as developers"),),
    ("ArgoCDInstance", "spec.namespace"): (
        ("Argo", "such as argocd"),
        ("", "the name of a namespace"),
        ("argo.cd", "1 to 63 lower-case letters"),
    ),
    ("ArgoCDInstance", "spec.cluster.server"): (
        (MISSING, "such as https://10.0.0.1:6443"),
        ("10.0.0.1:6443", "begins with https://"),
        ("http://10.0.0.1", "begins with https://"),
        ("https://user:secret@host", "without a user name"),
        ("https://host?x", "a query"),
        ("", "such as https://10.0.0.1:6443"),
    ),
    ("ArgoCDInstance", "spec.cluster.caBundle"): (
        ("-----BEGIN CERTIFICATE-----", "`base64 -w0 ca.crt`"),
        ("LS0tLS1CRUdJTg", "must be encoded with base64"),
        ("", "such as LS0tLS1CRUdJTi"),
        ("A" * 131076, "131072 characters"),
    ),
    ("ArgoCDInstance", "spec.cluster.tokenSecret"): (
        (MISSING, "{name: far-cluster-token}"),
    ),
    ("ArgoCDInstance", "spec.cluster.tokenSecret.name"): (
        (MISSING, "such as far-cluster-token"),
        ("a/b", "the name of a Secret"),
    ),
    ("ArgoCDInstance", "spec.cluster.tokenSecret.key"): (
        ("a/b", "such as k8s_token"),
        ("", "such as k8s_token"),
    ),
    ("ArgoCDInstance", "spec.cluster.tokenRotation.every"): (
        (MISSING, HOURS),
        ("7d", "not as 1d"),
        ("5m", "at least 10m, such as 168h"),
    ),
    ("ArgoCDInstance", "spec.cluster.tokenRotation.serviceAccount"): (
        (MISSING, "such as argocd/argogrant"),
        ("system:serviceaccount:argocd:argogrant", "not system:serviceaccount:"),
    ),
    ("ArgoCDInstance", "spec.url"): (
        ("argocd.example.com", "such as https://argocd.example.com"),
        ("https://a b", "without spaces"),
        ("", "such as https://argocd.example.com"),
    ),
    ("ArgoCDInstance", "spec.bindProjectRolesIn"): (
        ("appproject", "must be ConfigMap or AppProject, such as"),
    ),
    ("ArgoCDInstance", "spec.maxDuration"): (("1d", "not as 1d"),),
    ("ArgoCDInstance", "spec.maxOpenPerRequester"): (
        (0, "from 1 to 1000000, such as"),
        (1000001, "from 1 to 1000000, such as"),
    ),
    ("ArgoCDInstance", "spec.owners.integration"): (
        ([{"kind": "User", "name": "a"}] * 33, "at most 32 entries, such as"),
    ),
    ("ArgoCDInstance", "spec.owners.integration[0].kind"): ((MISSING, PEOPLE),),
    ("ArgoCDInstance", "spec.owners.integration[0].name"): (
        (MISSING, "such as platform-team"),
        ("", "such as platform-team"),
        ("team-*", "such as platform-team"),
    ),
    ("ArgoCDInstance", "spec.owners.resource.key"): (
        (MISSING, "such as example.com/owner"),
        ("an owner", "such as example.com/owner"),
    ),
    ("ArgoCDInstance", "spec.owners.resource.kind"): (
        (MISSING, PEOPLE),
        ("Team", PEOPLE),
    ),
    ("ArgoCDInstance", "spec.identity.stripPrefix"): (
        ("", "such as 'oidc:'"),
        ("oidc: ", "only visible characters"),
        ("x" * 65, "1 to 64 characters"),
    ),
    ("ArgoCDInstance", "spec.accessDetails"): (
        ("", "Log in at {url}"),
        ("x" * 401, "1 to 400 characters"),
        ("Ask {owner}.", "only these placeholders"),
        ("a\u200bb", "only visible characters"),
    ),
    ("ArgoCDInstance", "spec.retention"): (("30d", "not as 1d"),),
}


def changed(kind: str, path: str, value: object) -> dict[str, Any]:
    """Return the base of a kind with another value of one field."""
    body = copy.deepcopy(BASES[kind])
    *parents, last = re.findall(r"\w+", path)
    node: Any = body
    for part in parents:
        step: Any = int(part) if isinstance(node, list) else part
        if isinstance(node, dict):
            node.setdefault(step, {})
        node = node[step]
    if value is MISSING:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    if path == "spec.expiresAt":
        del body["spec"]["duration"]
    return body


ROWS = [
    pytest.param(kind, path, value, words, id=f"{kind} {path} {str(value)[:20]}")
    for (kind, path), values in BAD.items()
    for value, words in values
]
SCHEMA_WORDS = re.compile(
    r"should match|should be|should have|Too long|Too many|Too few|Unsupported value"
    r"|must be of type|Required value(?!: \S)"
)
"""How the API server speaks for a schema."""
NOT_EVALUATED = "evaluating rule"
"""What it says before the message if a value makes the evaluation of a rule fail."""
ERRORS = {"spec.justification.pattern": "CHG-[0-9 (?=x)", "spec.duration": "999999999h"}
"""Values that do: only the evaluation finds them, and tells what is wrong."""


@pytest.mark.parametrize("kind", BASES)
def test_base_is_accepted(installed: ControlPlane, kind: str) -> None:
    """Otherwise a refusal could have another cause than the value of its row."""
    assert rejection(installed, "create", "--dry-run=server", body=BASES[kind]) == ""


@pytest.mark.parametrize(("kind", "path", "value", "words"), ROWS)
def test_bad_value_is_refused_with_what_is_wanted(
    installed: ControlPlane, kind: str, path: str, value: object, words: str
) -> None:
    body = changed(kind, path, value)

    said = rejection(installed, "create", "--dry-run=server", body=body)

    assert f"{path}: " in said
    assert words in said
    assert not SCHEMA_WORDS.search(said), said
    assert NOT_EVALUATED not in said or str(value) in ERRORS.get(path, "")


def test_every_limit_of_every_field_has_a_row() -> None:
    """Also of a field that is added later, to any kind."""
    tried = {(kind, re.sub(r"\[0\]", "[]", path)) for kind, path in BAD}
    missing = {
        (kind, re.sub(r"\[0\]", "[]", path))
        for (kind, path), values in BAD.items()
        if any(value is MISSING for value, _ in values)
    }

    assert len(ROWS) >= 80
    assert {field for field, _ in limits()} - tried == set()
    assert {field for field, is_required in limits() if is_required} - missing == set()


def limits() -> Iterator[tuple[tuple[str, str], bool]]:
    """Yield kind and path of each field with a limit, and whether it is required."""
    for kind in KINDS:
        crd = custom_resource_definition(kind)["spec"]["versions"][0]
        schema = crd["schema"]["openAPIV3Schema"]
        pending = [("spec", schema["properties"]["spec"])]
        yield from _required("", schema, kind.kind)
        while pending:
            path, node = pending.pop()
            if node.get(RULES) and node["type"] != "object":
                yield (kind.kind, path), False
            yield from _required(path, node, kind.kind)
            pending += [(f"{path}[]", node["items"])] if "items" in node else []
            for name, child in node.get("properties", {}).items():
                pending.append((f"{path}.{name}", child))


def _required(
    path: str, node: dict[str, Any], kind: str
) -> Iterator[tuple[tuple[str, str], bool]]:
    for rule in node.get(RULES, ()):
        if "fieldPath" in rule:
            yield (kind, f"{path}{rule['fieldPath']}".lstrip(".")), True
