"""Scenarios that provoke the documented errors and return their messages.

Their names are those in ``docs/troubles_of_…``; a test compares both.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from support.live_cluster import (
    INSTANCE,
    OVERLAY,
    PROJECT,
    RULES,
    World,
    a_grant,
    eventually,
)
from support.live_policies import a_policy

PATIENCE = 30
RIGHTS = Path(__file__).parents[2] / "manifests/argocd-appprojects.yaml"
LIMIT = (1024 - 16) * 1024
ANOTHER = "# argogrant v1 elsewhere/default 6a9f3c1e-0000-4000-8000-000000000001\n"
GONE = (
    "# argogrant v1 argogrant/gone 0d5a1710-b5a0-4086-aceb-7f10895f63ff\n"
    "# until 2099-01-01T00:00:00Z\ng, dana@example.com, role:deployer\n"
)
LATER, PAST = "2036-11-24T18:00:00Z", "2026-01-01T00:00:00Z"

Mishap = Callable[[World], str]


def grant_says(world: World, name: str, reason: str) -> str:
    """Wait until a grant has a reason; return reason and message."""
    eventually(lambda: world.ready(name)[1] == reason, within=PATIENCE)
    return f"{reason}: {world.ready(name)[2]}"


def instance_says(world: World, reason: str, kind: str = "Ready") -> str:
    eventually(lambda: world.instance_says(kind)[1] == reason, within=PATIENCE)
    return f"{reason}: {world.instance_says(kind)[2]}"


def refused(world: World, body: dict[str, Any], command: str = "create") -> str:
    """Return what kubectl prints about an object that the API server rejects."""
    done = world.plane.kubectl(command, "-f", "-", stdin=json.dumps(body), check=False)
    assert done.returncode != 0
    return done.stderr.strip()


def a_role_that_is_not_there(world: World) -> str:
    world.apply(a_grant("g1", role={"name": "role:deploier"}))
    return grant_says(world, "g1", "RoleNotFound")


def a_subject_that_is_a_role(world: World) -> str:
    world.edit({"policy.csv": f"{RULES}g, erin, readers\n"})
    world.apply(a_grant("g1", "readers"))
    return grant_says(world, "g1", "SubjectRefused")


def a_duration_from_git(world: World) -> str:
    tracked = a_grant("g1", duration="1h")
    tracked["metadata"]["annotations"] = {TRACKING_ANNOTATION: "app:argogrant.dev/x"}
    world.apply(tracked)
    return grant_says(world, "g1", "AbsoluteEndRequired")


def scopes_without_email(world: World) -> str:
    world.apply(a_grant("g1", "alice@example.com"))
    eventually(
        lambda: world.condition("g1", "Effective")[1] == "EmailNotInScopes",
        within=PATIENCE,
    )
    return f"EmailNotInScopes: {world.condition('g1', 'Effective')[2]}"


def a_role_that_allows_nothing(world: World) -> str:
    rule = "p, role:viewer, application, get, */*, allow"
    world.edit({"policy.csv": f"{RULES}{rule}\n"})
    world.apply(a_grant("g1", role={"name": "role:viewer"}))
    eventually(
        lambda: world.condition("g1", "Effective")[1] == "RoleAllowsNothing",
        within=PATIENCE,
    )
    return f"RoleAllowsNothing: {world.condition('g1', 'Effective')[2]}"


def an_instance_that_is_not_there(world: World) -> str:
    world.apply(a_grant("g1", instance="prod"))
    return grant_says(world, "g1", "InstanceNotFound")


def an_end_in_the_past(world: World) -> str:
    world.apply(a_grant("g1", expiresAt=PAST))
    return grant_says(world, "g1", "Expired")


def nothing_to_extend(world: World) -> str:
    world.apply(a_grant("g1", extends="g0"))
    return grant_says(world, "g1", "ExtensionRefused")


def a_broken_project(world: World) -> str:
    role = {"name": "deployer", "policies": ["p, proj:team-a:deployer, applications"]}
    world.apply({**PROJECT, "spec": {"roles": [role]}})
    world.apply(a_grant("g1", role={"name": "deployer", "project": "team-a"}))
    return grant_says(world, "g1", "ProjectInvalid")


def a_text_that_is_full(world: World) -> str:
    used = sum(map(len, ("policy.csv", RULES, "policy.zz.csv", OVERLAY)))
    line = f"# {'x' * 997}\n"
    filling = (line * (LIMIT // len(line) + 1))[: LIMIT - used - 1] + "\n"
    world.plane.argocd.set_rbac({"policy.csv": RULES, "policy.zz.csv": filling})
    world.apply(a_grant("g1"))
    return grant_says(world, "g1", "RBACTextFull")


def a_requester_that_nobody_vouches_for(world: World) -> str:
    world.apply(a_policy())
    world.apply(a_grant("g1"))
    try:
        return grant_says(world, "g1", "RequesterUnverified")
    finally:
        world.ours("delete", "accesspolicy", "deployers")


def two_ends(world: World) -> str:
    return refused(world, a_grant("g1", duration="1h", expiresAt=LATER))


def a_role_as_argo_cd_writes_it(world: World) -> str:
    return refused(world, a_grant("g1", role={"name": "proj:team-a:deployer"}))


def a_longer_grant(world: World) -> str:
    world.apply(a_grant("g1", expiresAt=LATER))
    longer = a_grant("g1", expiresAt="2036-11-25T18:00:00Z")
    return refused(world, longer, "apply")


def a_missing_right(world: World) -> str:
    world.remove_rights()

    def all_are_named() -> bool:
        said = world.instance_says()[2]
        return "patch configmaps" in said and "appprojects" in said

    eventually(all_are_named, within=PATIENCE)
    return instance_says(world, "Forbidden")


OPERATOR = "system:serviceaccount:argogrant:argogrant"
GUARD = "guard-rbac"
ADMISSION = "admissionregistration.k8s.io/v1"
GUARDING: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": GUARD},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["configmaps"],
                        "resourceNames": ["argocd-rbac-cm"],
                    }
                ]
            },
            "validations": [
                {
                    "expression": f"request.userInfo.username != '{OPERATOR}'",
                    "message": "the platform team changes it in Git",
                }
            ],
        },
    },
    {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": GUARD},
        "spec": {"policyName": GUARD, "validationActions": ["Deny"]},
    },
)


def a_guarded_config_map(world: World) -> str:
    world.apply(*GUARDING)
    probe = ("annotate", "configmap", "argocd-rbac-cm", "probe=x", "--as", OPERATOR)

    def is_guarded() -> bool:
        done = world.plane.kubectl(
            "-n", "argocd", *probe, "--dry-run=server", "--overwrite", check=False
        )
        return GUARD in done.stderr

    try:
        eventually(is_guarded, within=PATIENCE)
        world.apply(a_grant("g1"))
        return instance_says(world, "WriteRefused")
    finally:
        for body in GUARDING:
            world.ours("delete", body["kind"], GUARD)


def an_immutable_config_map(world: World) -> str:
    world.argocds(
        *("patch", "configmap", "argocd-rbac-cm", "--type=merge"),
        *("-p", json.dumps({"immutable": True})),
    )
    try:
        world.apply(a_grant("g1"))
        return instance_says(world, "WriteRefused")
    finally:
        world.remove_config_map()


def a_missing_config_map(world: World) -> str:
    world.remove_config_map()
    return instance_says(world, "ConfigMapMissing")


def a_line_that_can_not_be_read(world: World) -> str:
    world.edit({"policy.csv": f"{RULES}p, role:broken, applications\n"})
    return instance_says(world, "RBACTextInvalid")


def a_key_of_another(world: World) -> str:
    world.edit({OVERLAY: f"{ANOTHER}g, carol, role:deployer\n"})
    return instance_says(world, "OverlayOwnedByAnother")


def an_argo_cd_that_names_others(world: World) -> str:
    world.allow("team-b")
    return instance_says(world, "NotAllowedByArgoCD")


def missing_admission_policies(world: World) -> str:
    return instance_says(world, "AdmissionPolicyMissing", "RequesterVerified")


def a_contested_key(world: World) -> str:
    """Replace the whole ConfigMap, as Argo CD does with ``Replace=true``."""
    world.apply(a_grant("g1"))
    for number in range(3):
        eventually(world.overlay, within=PATIENCE)
        body = world.config_map()
        body["data"] = {"policy.csv": RULES}
        body["metadata"] = {
            "name": "argocd-rbac-cm",
            "namespace": "argocd",
            "annotations": {"round": str(number)},
        }
        command = ("replace", "--field-manager=argocd-controller", "-f", "-")
        world.plane.kubectl(*command, stdin=json.dumps(body))
    return instance_says(world, "Contested", "Contested")


def a_member_that_returned(world: World) -> str:
    """Write back the roles of a project twice, as an editor that was open does."""
    world.plane.apply(RIGHTS)
    world.apply({**INSTANCE, "spec": {"bindProjectRolesIn": "AppProject"}})
    role = {"project": "team-a", "name": "deployer"}
    world.apply(a_grant("g1", role=role))
    eventually(world.may_sync, within=PATIENCE)
    roles = world.appproject("team-a")["spec"]["roles"]
    patch = json.dumps({"spec": {"roles": roles}})
    world.delete("g1")
    for reason in ("MemberRemovedAgain", "MemberReturned"):
        world.argocds("patch", "appproject", "team-a", "--type=merge", "-p", patch)
        message = instance_says(world, reason, "MembersReturned")
    world.argocds("delete", "appproject", "team-a")
    world.apply({**INSTANCE, "spec": {"bindProjectRolesIn": "ConfigMap"}})
    world.plane.kubectl("delete", "-f", str(RIGHTS))
    return message


def records_that_can_not_be_deleted(world: World) -> str:
    role = json.loads(world.ours("get", "role", "argogrant", "-o", "json"))
    kept = [rule for rule in role["rules"] if "delete" not in rule["verbs"]]
    patch = json.dumps({"rules": kept})
    world.apply({**INSTANCE, "spec": {"retention": "1s"}})
    world.ours("patch", "role", "argogrant", "--type=merge", "-p", patch)
    world.apply(a_grant("g1", expiresAt=PAST))
    try:
        return instance_says(world, "Forbidden")
    finally:
        whole = json.dumps({"rules": role["rules"]})
        world.ours("patch", "role", "argogrant", "--type=merge", "-p", whole)
        world.apply({**INSTANCE, "spec": {"retention": "720h"}})


def a_namespace_without_an_instance(world: World) -> str:
    options = ("--role", "role:deployer", "--for", "1h", "--reason", "hotfix")
    kubeconfig = str(world.plane.kubeconfig())
    return typed("request", "-n", "default", *options, kubeconfig=kubeconfig)


def a_sweep_without_config_map(world: World) -> str:
    world.remove_config_map()
    return typed("sweep", kubeconfig=str(world.plane.kubeconfig()))


def a_sweep_that_is_forbidden(world: World) -> str:
    world.ours("create", "serviceaccount", "nobody", check=False)
    nobody = world.plane.service_account_kubeconfig("argogrant", "nobody")
    return typed("sweep", kubeconfig=str(nobody))


def access_that_remains(world: World) -> str:
    """Uninstall a namespace, with access in an Argo CD that no instance manages."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-rbac-cm", "namespace": "gitops"},
        "data": {OVERLAY: GONE},
    }
    world.plane.kubectl("create", "namespace", "gitops", check=False)
    world.apply(body)
    try:
        words = ("uninstall", "--namespace", "gitops")
        return typed(*words, kubeconfig=str(world.plane.kubeconfig()))
    finally:
        world.plane.kubectl("-n", "gitops", "delete", "configmap", "argocd-rbac-cm")


def a_quota_that_is_used_up(world: World) -> str:
    """Set the status as the controller of quotas would."""
    hard = {"hard": {"count/accessgrants.argogrant.dev": "0"}}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "grants", "namespace": "argogrant"},
        "spec": hard,
    }
    world.apply(quota)
    used = {"used": {"count/accessgrants.argogrant.dev": "0"}}
    patch = json.dumps({"status": hard | used})
    world.ours(
        *("patch", "resourcequota", "grants", "--subresource=status"),
        *("--type=merge", "-p", patch),
    )
    ask = ("request", "--role", "role:deployer", "--user", "erin", "--for", "1h")
    config = world.plane.kubeconfig(context_namespace="argogrant")
    try:
        return typed(*ask, "--reason", "x", "--name", "g1", kubeconfig=str(config))
    finally:
        world.ours("delete", "resourcequota", "grants")


def a_login_that_has_expired(world: World) -> str:
    config = json.loads(
        world.plane.kubeconfig(context_namespace="argogrant").read_text()
    )
    for user in config["users"]:
        user["user"] = {"token": "a-token-of-yesterday"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        return typed("list", kubeconfig=file.name)


def no_api_server(_world: World) -> str:
    return typed("sweep", kubeconfig="/no/such/file")


def typed(*command: str, kubeconfig: str) -> str:
    """Return the last line that argogrant prints on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", *command],
        env={**os.environ, "KUBECONFIG": kubeconfig},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return done.stderr.strip().splitlines()[-1]


MISHAPS: dict[str, Mishap] = {
    function.__name__: function
    for function in (
        a_role_that_is_not_there,
        a_subject_that_is_a_role,
        a_duration_from_git,
        scopes_without_email,
        a_role_that_allows_nothing,
        an_instance_that_is_not_there,
        an_end_in_the_past,
        nothing_to_extend,
        a_broken_project,
        a_text_that_is_full,
        a_requester_that_nobody_vouches_for,
        two_ends,
        a_role_as_argo_cd_writes_it,
        a_longer_grant,
        a_missing_right,
        a_guarded_config_map,
        an_immutable_config_map,
        a_missing_config_map,
        a_line_that_can_not_be_read,
        a_key_of_another,
        an_argo_cd_that_names_others,
        missing_admission_policies,
        a_contested_key,
        a_member_that_returned,
        records_that_can_not_be_deleted,
        a_namespace_without_an_instance,
        a_sweep_without_config_map,
        a_sweep_that_is_forbidden,
        access_that_remains,
        a_quota_that_is_used_up,
        a_login_that_has_expired,
        no_api_server,
    )
}
"""Scenarios that need no admission policies."""
