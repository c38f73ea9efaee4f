"""Commands that request, approve, deny, revoke and extend a grant.

They run it as the users whom the API server knows them for, with the Roles of the
examples and no more; Argo CD says what came of it.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import live_policies
from support.live_cluster import after, eventually, sleep_until
from support.live_policies import ClusterWithPolicies, a_policy, approved_by
from support.typist import Typist

ASK = ("request", "--role", "role:deployer", "--reason", "hotfix")
POLICY = a_policy(approval=approved_by("approvers"), maxDuration="2h", maxExtensions=2)
AUTOMATIC = a_policy("quick", maxDuration="1h", maxExtensions=2)


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterWithPolicies]:
    log = tmp_path_factory.mktemp("asking") / "operator.log"
    with live_policies.cluster_with_operator(identity_policies, log) as world:
        eventually(lambda: world.instance_says()[1] == "Converged", within=30)
        yield world


@pytest.fixture
def world(served: ClusterWithPolicies) -> ClusterWithPolicies:
    """Cluster with a policy and without grants."""
    served.clean_up()
    served.apply_policies(POLICY)
    return served


def typist(world: ClusterWithPolicies, name: str, *groups: str) -> Typist:
    return Typist(world.plane.kubeconfig(name, ["people", *groups]))


@pytest.fixture
def alice(world: ClusterWithPolicies) -> Typist:
    return typist(world, "alice", "developers")


@pytest.fixture
def bob(world: ClusterWithPolicies) -> Typist:
    return typist(world, "bob", "approvers")


def test_approved_request_gives_access(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    asked = alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    before = world.may_sync()
    shown = bob.does("approve", "hotfix", "--comment", "agreed", "--wait")
    eventually(world.may_sync, within=live_policies.TIMEOUT)

    assert asked.startswith(
        "accessgrant.argogrant.dev/hotfix created"
        " (context control-plane, namespace argogrant)\n"
    )
    assert 'Group "approvers" may approve. To approve, an approver runs: ' in asked
    assert not before
    assert "Subject:   User alice" in shown
    assert "Reason:    hotfix" in shown
    assert "is not known" not in shown, "the instance lists the role"
    assert shown.splitlines()[-1].startswith("hotfix is active until ")


def test_waiting_request_names_the_missing_approval(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    """The exit status is that of the access."""
    waiting = alice.begins(*ASK, "--for", "1h", "--name", "hotfix", "--wait")
    try:
        eventually(lambda: world.exists("accessgrant", "hotfix"), within=30)
        world.wait_for_reason("hotfix", "AwaitingApproval")
        bob.does("approve", "hotfix")
        out, err = waiting.communicate(timeout=60)
    finally:
        waiting.kill()

    assert waiting.returncode == 0, err
    assert "an approver runs: argogrant approve hotfix" in " ".join(err.split())
    assert "hotfix is active until " in out
    eventually(world.may_sync, within=live_policies.TIMEOUT)


def test_denied_request_gives_no_access(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    said = bob.does("deny", "hotfix", "--comment", "not during the freeze", "--wait")
    world.wait_for_reason("hotfix", "Denied", "Ended")
    late = bob.fails("approve", "hotfix")

    assert said.splitlines()[-1].startswith(
        '"bob" denied the grant: "not during the freeze"'
    )
    assert "not during the freeze" in late
    assert not world.may_sync()


def test_revoke_ends_access(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    bob.does("approve", "hotfix")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    alice.does("revoke", "hotfix", "--reason", "the ticket is closed", "--wait")

    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    assert world.grant("hotfix")["spec"]["revocation"] == {
        "justification": "the ticket is closed"
    }


def test_first_of_two_approvals_names_who_else_may_approve(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    """The second one names the end of the access."""
    world.apply_policies(a_policy(approval=approved_by("approvers", required=2)))
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    first = bob.does("approve", "hotfix").splitlines()[-1]
    before = world.may_sync()
    second = typist(world, "carol", "approvers").does("approve", "hotfix")

    assert first.startswith("It awaits approval: ")
    assert "requires 1 more approval" in first
    assert "another approver runs: argogrant approve hotfix -n argogrant" in first
    assert not before
    assert second.splitlines()[-1].startswith("hotfix is active until ")
    eventually(world.may_sync, within=live_policies.TIMEOUT)


def last_line(file: Path) -> str:
    return file.read_text().splitlines()[-1]


def test_watch_of_what_waits_for_the_user_follows_requests_and_decisions(
    alice: Typist, bob: Typist, tmp_path: Path
) -> None:
    """With the Role of approvers and no more."""
    seen = tmp_path / "list"
    following = bob.begins("list", "--for-me", "--watch", seen_in=seen)
    try:
        assert following.stderr is not None
        following.stderr.readline()
        alice.does(*ASK, "--for", "1h", "--name", "hotfix")
        eventually(lambda: "  Pending  " in seen.read_text(), within=30)
        bob.does("approve", "hotfix")
        eventually(lambda: "  Pending  " not in last_line(seen), within=30)
        following.send_signal(signal.SIGINT)
        _, rest = following.communicate(timeout=30)
    finally:
        following.kill()

    assert (following.returncode, rest) == (130, "")


def test_dry_run_of_a_revocation_changes_nothing(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    """The API server validates the change without persisting it."""
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    agreed = bob.does("approve", "hotfix", "--dry-run=server")
    approvals = world.ours("get", "accessapprovals", "-o", "name")
    revoked = alice.does("revoke", "hotfix", "--dry-run=server")

    assert "created (server dry run): approved" in agreed
    assert approvals == ""
    assert revoked == (
        "accessgrant.argogrant.dev/hotfix revoked (server dry run)"
        " (context control-plane, namespace argogrant)\n"
        "Ends the request of role:deployer for alice.\n"
    )
    assert "revoked" not in world.grant("hotfix")["spec"]


def test_revoke_by_label_ends_matching_grants(
    world: ClusterWithPolicies, alice: Typist
) -> None:
    world.apply_policies(AUTOMATIC)
    for name in ("first", "second"):
        alice.does(*ASK, "--for", "30m", "--name", name, "--wait")
    world.ours("label", "accessgrant", "first", "incident=7")
    said = alice.does("revoke", "-l", "incident=7", "--wait")
    other = world.may_sync()
    alice.does("revoke", "second", "--wait")

    assert said.startswith(
        "accessgrant.argogrant.dev/first revoked (context control-plane, namespace"
        " argogrant)\n"
    )
    assert other
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)


def test_watch_prints_changes_until_interrupted(
    world: ClusterWithPolicies, alice: Typist, tmp_path: Path
) -> None:
    """A second Ctrl-C ends it at once."""
    world.apply_policies(AUTOMATIC)
    seen = tmp_path / "list"
    following = alice.begins("list", "--watch", seen_in=seen)
    try:
        assert following.stderr is not None
        first = following.stderr.readline()
        alice.does(*ASK, "--for", "30m", "--name", "hotfix", "--wait")
        alice.does("revoke", "hotfix", "--wait")
        eventually(
            lambda: "  Ended  " in seen.read_text(), within=live_policies.TIMEOUT
        )
        following.send_signal(signal.SIGINT)
        time.sleep(0.02)
        following.send_signal(signal.SIGINT)
        _, rest = following.communicate(timeout=30)
    finally:
        following.kill()

    assert first == 'No grants in namespace "argogrant".\n'
    assert (following.returncode, rest) == (130, "")
    assert "  Active  " in seen.read_text()


@pytest.mark.long
def test_extended_grant_keeps_access_past_its_first_end(
    world: ClusterWithPolicies, alice: Typist
) -> None:
    """Access has no gap."""
    world.apply_policies(AUTOMATIC)
    first = after(30)
    alice.does(*ASK, "--until", first, "--name", "hotfix", "--wait")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    said = alice.does("extend", "hotfix", "--by", "10m", "--wait")
    sleep_until(first)

    assert "approvers must approve again" in said
    world.wait_for_reason("hotfix", "Expired", "Ended")
    assert world.may_sync()


@pytest.mark.long
def test_end_can_be_moved_earlier(world: ClusterWithPolicies, alice: Typist) -> None:
    world.apply_policies(AUTOMATIC)
    alice.does(*ASK, "--until", after(600), "--name", "hotfix", "--wait")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    alice.does("extend", "hotfix", "--until", after(15))

    eventually(lambda: not world.may_sync(), within=30 + live_policies.TIMEOUT)


def test_repeated_approval_is_created_once(alice: Typist, bob: Typist) -> None:
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    bob.does("deny", "hotfix")
    again = bob.types("deny", "hotfix")

    assert "unchanged: you denied this" in again.stdout or "has ended" in again.stderr


def test_approval_without_effect_is_reported(
    world: ClusterWithPolicies, alice: Typist
) -> None:
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    eve = typist(world, "eve")
    done = eve.types("approve", "hotfix")
    own = alice.types("approve", "hotfix")

    assert (done.returncode, own.returncode) == (1, 1)
    for one in (done, own):
        assert " does not count: Under AccessPolicy" in one.stderr.splitlines()[-1]
    assert not world.may_sync()


def test_request_that_no_policy_allows_fails(alice: Typist) -> None:
    """With --wait and without it; the object remains as a record."""
    waited = alice.types(*ASK, "--for", "8h", "--wait")
    asked = alice.types(*ASK, "--for", "8h", "--name", "hotfix", "-o", "name")

    assert (waited.returncode, asked.returncode) == (1, 1)
    assert asked.stdout == "accessgrant.argogrant.dev/hotfix\n"
    assert waited.stderr.splitlines()[-1].startswith(
        'argogrant request: AccessPolicy "deployers" allows this request for at most'
    )
    assert asked.stderr.startswith(
        'argogrant request: AccessGrant "hotfix" gives no access (NotAllowed):'
        ' AccessPolicy "deployers" allows this request for at most'
    )


def test_denial_after_the_access_does_not_erase_the_approval(
    world: ClusterWithPolicies, alice: Typist, bob: Typist
) -> None:
    """Also after both decisions are deleted, and the policy is changed."""
    alice.does(*ASK, "--for", "1h", "--name", "hotfix")
    bob.does("approve", "hotfix")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    typist(world, "carol", "approvers").does("deny", "hotfix")
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    message = world.wait_for_reason("hotfix", "Denied", "Ended")
    before = world.grant("hotfix")["status"]
    world.ours("delete", "accessapprovals", "--all")
    world.apply_policies(a_policy(requesters=[{"kind": "User", "name": "nobody"}]))
    shown = alice.does("show", "hotfix")
    (reported,) = json.loads(alice.does("report", "-o", "json"))

    assert world.grant("hotfix")["status"] == before
    assert '"carol" denied the grant. It was active from ' in message
    assert 'approved by "bob".' in message
    assert "alice had role:deployer" in shown
    assert "; then carol denied the grant." in " ".join(shown.split())
    assert (reported["approvers"], reported["refusers"]) == (["bob"], ["carol"])
    assert (reported["approval"], reported["gaveAccess"]) == (
        *("ApprovedByReviewers",),
        True,
    )


def test_requester_without_permission_for_argo_cd_reads_the_status(
    world: ClusterWithPolicies, alice: Typist
) -> None:
    """The shipped Roles allow nothing in Argo CD's namespace."""
    eventually(lambda: world.instance_says()[1] == "Converged", within=30)
    listed = alice.types("roles")
    asked = alice.types("can", "alice", "sync", "applications", "team-a/web")

    assert listed.returncode == 0, listed.stderr
    assert "role:deployer" in listed.stdout
    assert "from the status of ArgoCDInstance" in listed.stderr
    assert asked.returncode == 2
    assert asked.stdout.startswith("unknown\n")
    assert "argocd account can-i sync applications team-a/web" in asked.stdout


def test_namespace_that_no_operator_serves_is_the_cause(alice: Typist) -> None:
    sentence = alice.fails(*ASK, "--for", "1h", "--user", "alice", "-n", "default")

    assert sentence.endswith(
        'An ArgoCDInstance is in namespace "argogrant": add -n argogrant.\n'
    )


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "a rule of the whole": (
        ("--user", "alice", "--break-glass", "--reason", "\u200b"),
        (
            "breakGlass requires a justification; describe the emergency, such as:"
            " production is down, incident 4711."
        ),
    ),
    "a rule of a field": (
        ("--user", "role:deployer"),
        'spec.subject.name "role:deployer" must not begin with role: or proj:,',
    ),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED)
def test_rejection_by_the_api_server_is_one_sentence(
    alice: Typist, options: tuple[str, ...], said: str
) -> None:
    sentence = alice.fails(*ASK, "--for", "1h", *options)

    assert sentence.startswith(f"argogrant request: {said}")


def test_missing_permission_is_named(world: ClusterWithPolicies) -> None:
    stranger = Typist(world.plane.kubeconfig("erin"))
    said = stranger.fails(*ASK, "--for", "1h", "--user", "erin")

    assert said == (
        'argogrant request: "erin" cannot create accessgrants in namespace'
        ' "argogrant". Ask an administrator for the Role argogrant-requester'
        " (examples/roles.yaml).\n"
    )


def test_dry_run_of_a_request_creates_nothing(
    world: ClusterWithPolicies, alice: Typist
) -> None:
    said = alice.does(
        *ASK, "--for", "1h", "--name", "hotfix", "--dry-run=server", "-o", "json"
    )
    made: dict[str, Any] = json.loads(said)

    assert made["spec"]["requester"]["username"] == "alice"
    assert not world.exists("accessgrant", "hotfix")


def test_service_account_must_name_the_recipient(world: ClusterWithPolicies) -> None:
    """A service account is no user of Argo CD."""
    world.ours("create", "serviceaccount", "portal", check=False)
    config = world.plane.service_account_kubeconfig("argogrant", "portal")
    world.ours(
        *("create", "rolebinding", "portal", "--role=argogrant-requester"),
        "--serviceaccount=argogrant:portal",
    )
    try:
        portal = Typist(config)
        refused = portal.fails(*ASK, "--for", "1h")
        # The policy lists other requesters, but the grant is created.
        asked = portal.types(*ASK, "--for", "1h", "--user", "alice", "--name", "hotfix")
    finally:
        world.ours("delete", "rolebinding", "portal")
        world.ours("delete", "serviceaccount", "portal")

    assert "Name the Argo CD subject with --user or --group." in refused
    assert asked.returncode == 1
    assert "gives no access (NotAllowed)" in asked.stderr
    requester = world.grant("hotfix")["spec"]["requester"]["username"]
    assert requester == "system:serviceaccount:argogrant:portal"
