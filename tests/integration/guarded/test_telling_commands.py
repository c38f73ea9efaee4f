"""Commands ``argogrant list``, ``show`` and ``report``, compared with Argo CD."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.admission_objects import Asker, Body
from support.live_cluster import eventually
from support.live_policies import (
    OIDC_PREFIX,
    ONE_APPROVAL,
    TIMEOUT,
    ClusterWithPolicies,
    a_role_binding,
)

LONG = "w" + "x" * 150
HOSTILE = "\x1b[2J\x07" + "y" * 300 + "\nz"
LINE = "g, alice, role:deployer"


@dataclass(frozen=True)
class Story:
    """Five grants, a lead and an audit log."""

    world: ClusterWithPolicies
    lead: Asker
    audit: Path

    def run(
        self, *arguments: str, kubeconfig: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as an admin, or with another kubeconfig."""
        chosen = kubeconfig or self.world.plane.kubeconfig()
        return subprocess.run(
            [sys.executable, "-m", "argogrant.cli.main", *arguments, "-n", "argogrant"],
            env={
                **os.environ,
                "KUBECONFIG": str(chosen),
                "COLUMNS": "80",
                "TZ": "UTC",
                "PYTHONIOENCODING": "utf-8",
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def told(self, *arguments: str) -> Any:
        """Return the JSON output of a command."""
        answer = self.run(*arguments, "-o", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def developer(self, name: str) -> Asker:
        return self.world.user(f"oidc:{name}", "developers")

    def give(self, name: str, subject: str) -> Body:
        """Have a grant in force."""
        grant = self.world.create_grant(
            self.developer(subject), name, subject, justification=f"{name} the shop"
        )
        self.world.create_approval(self.lead, grant, comment="go ahead")
        self.world.wait_for_reason(name, "Bound")
        return grant

    def revoke(self, name: str) -> None:
        self.world.ours(
            *("patch", "accessgrant", name, "--type=merge"),
            *("-p", '{"spec": {"revoked": true}}'),
        )
        self.world.wait_for_reason(name, "Revoked", "Ended")


@pytest.fixture(scope="module")
def story(served: ClusterWithPolicies, log: Path) -> Iterator[Story]:
    served.clean_up()
    served.apply_policies(ONE_APPROVAL, **OIDC_PREFIX)
    audit = log.with_suffix(".audit")
    lead = served.user("oidc:lead", "approvers")
    told = Story(served, lead, audit)
    told.give("deploy", "alice")
    told.give("over", "dave")
    told.revoke("over")
    served.create_grant(told.developer("carol"), LONG, "carol", justification=HOSTILE)
    served.wait_for_reason(LONG, "AwaitingApproval")
    served.create_grant(
        told.developer("erin"), "admin", "erin", role={"name": "role:admin"}
    )
    served.wait_for_reason("admin", "NotAllowed")
    denied = served.create_grant(told.developer("frank"), "denied", "frank")
    served.create_approval(lead, denied, decision="Deny", comment=HOSTILE)
    served.wait_for_reason("denied", "Denied", "Ended")
    yield told
    served.clean_up()


def test_list_shows_the_state_of_every_grant(story: Story) -> None:
    listed = story.run("list", "--all")
    header, *rows = listed.stdout.splitlines()
    states = {
        row.split()[0]: row[header.index("STATE") :].split("  ")[0] for row in rows
    }

    assert listed.returncode == 0, listed.stderr
    assert states == {
        "deploy": "Active",
        "over": "Ended",
        LONG: "Pending",
        "admin": "Refused",
        "denied": "Refused",
    }
    # A name is never shortened, so only the columns go that 80 characters do not hold.
    assert header.split() == ["NAME", "STATE", "ENDS"]


def test_list_omits_ended_grants_and_applies_filters(story: Story) -> None:
    assert {one["metadata"]["name"] for one in story.told("list")["items"]} == {
        "deploy",
        LONG,
        "admin",
    }
    assert story.run("list", "--subject", "alice", "-o", "name").stdout == (
        "accessgrant.argogrant.dev/deploy\n"
    )
    story.world.ours("label", "accessgrant", "admin", "team=a", "--overwrite")
    assert story.run("list", "-l", "team=a", "-o", "name").stdout == (
        "accessgrant.argogrant.dev/admin\n"
    )


def test_json_output_equals_kubectl_output(story: Story) -> None:
    ours = story.told("list", "--subject", "alice")
    theirs = json.loads(
        story.world.ours(
            "get", "accessgrant", "-o", "json", "--field-selector=metadata.name=deploy"
        )
    )

    assert ours == theirs


def test_invalid_selector_is_reported_in_one_line(story: Story) -> None:
    failed = story.run("list", "-l", "a=b=c")

    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(
        "argogrant list: accessgrants in namespace argogrant cannot be read: found '='"
    )
    assert failed.stderr.count("\n") == 1


@pytest.mark.long
def test_show_agrees_with_argocd_before_and_after_expiry(story: Story) -> None:
    grant = "shown"
    story.give(grant, "dave")
    eventually(lambda: story.world.may_sync("dave"), within=TIMEOUT)
    before = story.told("show", grant)

    assert before["argocd"][0]["present"] is story.world.may_sync("dave") is True
    story.revoke(grant)
    eventually(lambda: not story.world.may_sync("dave"), within=TIMEOUT)
    after = story.told("show", grant)
    assert after["argocd"][0]["present"] is story.world.may_sync("dave") is False
    assert (before["state"], after["state"]) == ("Active", "Ended")


def test_show_lists_approvals_and_the_binding_in_argocd(story: Story) -> None:
    shown = story.run("show", "deploy")
    text = " ".join(shown.stdout.split())

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("AccessGrant argogrant/deploy: Active\n")
    assert "✓ Approved ApprovedByReviewers: " in text
    assert "✓ oidc:lead Approve, " in text
    assert '"go ahead". Counted.' in text
    assert f"✓ Binding argocd-rbac-cm contains {LINE}" in text
    assert story.world.may_sync("alice")


@pytest.mark.parametrize("name", ["deploy", "over", LONG, "admin", "denied"])
def test_output_is_narrow_and_escapes_control_characters(
    story: Story, name: str
) -> None:
    shown = story.run("show", name)
    lines = [one for one in shown.stdout.splitlines() if not one.startswith("$ ")]

    assert shown.returncode == 0, shown.stderr
    assert max(map(len, lines)) <= 80
    assert not {"\x1b", "\x07"} & set(shown.stdout)


def test_unreadable_items_are_shown_as_unknown(story: Story) -> None:
    """Developers can read grants here, and nothing in Argo CD's namespace."""
    binding = a_role_binding("argogrant-requester", "developers")
    story.world.apply(binding)
    shown = story.run("show", "deploy", kubeconfig=story.world.plane.kubeconfig("dave"))
    story.world.ours("delete", "rolebinding", binding["metadata"]["name"])
    text = " ".join(shown.stdout.split())

    assert shown.returncode == 0, shown.stderr
    assert (
        "? Binding argocd-rbac-cm: unknown, you do not have permission to read" in text
    )


def test_report_lists_grants_that_gave_access(story: Story) -> None:
    found = {one["name"]: one for one in story.told("report")}

    assert {"deploy", "over"} <= found.keys()
    assert not {LONG, "admin", "denied"} & found.keys()
    assert found["deploy"]["approvers"] == ["oidc:lead"]
    assert found["over"]["endReason"] == "Revoked"
    everything = {one["name"] for one in story.told("report", "--all")}
    assert {LONG, "admin", "denied"} <= everything


def test_csv_report_has_one_line_per_grant(story: Story) -> None:
    written = story.run("report", "--all", "-o", "csv").stdout
    rows = list(csv.DictReader(written.splitlines()))

    assert len(rows) == len(story.told("report", "--all"))
    assert "\x1b" not in written


def test_report_from_audit_log_includes_deleted_grants(story: Story) -> None:
    story.give("gone", "dave")
    story.revoke("gone")
    story.world.delete("gone")
    without = {one["name"] for one in story.told("report")}
    audit = story.audit.read_text()
    answer = story.run("report", "--audit", "-", "-o", "json", stdin=audit)
    found = {one["name"]: one for one in json.loads(answer.stdout)}

    assert "gone" not in without
    assert found["gone"]["source"] == "audit"
    assert (found["gone"]["state"], found["gone"]["endReason"]) == ("Ended", "Revoked")
    assert found["gone"]["approvers"] == ["oidc:lead"]
    assert found["deploy"]["source"] == "cluster"
