"""Audit events across kills of the operator and outages of the sink."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.audit.verification import LeftOut
from argogrant.cli.report.entries import read_audit_file
from argogrant.telemetry.log_lines import MARK
from controlplane import ControlPlane
from support import operator_process
from support.audit_receiver import Receiver
from support.live_cluster import RULES, World, a_grant, after, eventually, sleep_until

ROLE = operator_process.ROOT / "manifests/argogrant-namespace.yaml"
STATUSES = "accessgrants/status"
LIFE = ["requested", "bound", "ended"]


def kinds(events: list[dict[str, Any]], name: str) -> list[str]:
    return [
        event["type"].rpartition(".")[2]
        for event in events
        if event["subject"] == f"argogrant/{name}"
    ]


def ids(events: list[dict[str, Any]], name: str) -> list[str]:
    return [e["id"] for e in events if e["subject"] == f"argogrant/{name}"]


@pytest.fixture
def audited(installed: ControlPlane, tmp_path: Path) -> Iterator[World]:
    """A world in which each test runs operators of its own."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    yield world
    with operator_process.running(installed, tmp_path / "last.log"):
        world.reset()  # deletions wait for an operator


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "operator.log"


def wait_until_leading(log: Path, times: int = 1) -> None:
    """Wait for an operator's start, which takes longer than some grants last."""
    eventually(
        lambda: log.read_text().count(" Leader: acquired the Lease.") == times,
        within=30,
    )


@contextlib.contextmanager
def no_status_can_be_written(world: World) -> Iterator[None]:
    """Take the right to report from the operator for the length of a block."""
    (role,) = (
        body for body in yaml.safe_load_all(ROLE.read_text()) if body["kind"] == "Role"
    )
    for rule in role["rules"]:
        rule["resources"] = [one for one in rule["resources"] if one != STATUSES]
    world.apply(role)
    try:
        yield
    finally:
        world.plane.apply(ROLE)


@pytest.fixture
def certificate(audited: World, tmp_path: Path) -> Path:
    """The certificate and key for this machine that the API server made, of its CA."""
    if not audited.plane.is_ours:
        pytest.skip("a named cluster does not give its key away")
    folder = audited.plane.folder / "certificates"
    both = tmp_path / "receiver.pem"
    names = ("apiserver.crt", "apiserver.key")
    both.write_text("".join((folder / name).read_text() for name in names))
    return both


def sink(receiver: Receiver, folder: Path, trusted: Path | None) -> tuple[str, ...]:
    """Options of an operator that posts to a receiver, with a spool and a token."""
    token = folder / "token"
    token.write_text("the-token")
    trust = () if trusted is None else ("--audit-sink-ca-file", str(trusted))
    return (
        *("--audit-sink", receiver.url),
        *("--audit-sink-token-file", str(token)),
        *("--audit-spool", str(folder / "spool")),
        *trust,
    )


@pytest.mark.long
def test_standard_output_has_only_audit_events(audited: World, log: Path) -> None:
    """``audit_of`` parses every line as JSON; the log goes to standard error."""
    life = [*LIFE[:-1], "ineffective", LIFE[-1]]  # there is no account Zoë
    with operator_process.running(audited.plane, log):
        wait_until_leading(log)
        audited.apply(a_grant("short", subject="zoë", expiresAt=after(20)))
        eventually(
            lambda: kinds(operator_process.audit_of(log), "short") == life, within=45
        )
    end = operator_process.audit_of(log)[-1]

    assert end["source"] == "/argogrant/argogrant/default"
    assert end["data"]["subject"] == {"kind": "User", "name": "zoë"}
    assert end["data"]["reason"] == "Expired"
    assert end["data"]["wasBound"] is True
    assert "Leader: acquired the Lease." in log.read_text()

    # kubectl logs mixes both; a report leaves out the log, and nothing else.
    logged = log.read_text().splitlines()
    events = list(map(json.dumps, operator_process.audit_of(log)))
    mixed = read_audit_file([*logged, *events, *logged])
    assert all(line.startswith(("[20", MARK)) for line in logged)
    assert mixed.left_out == {LeftOut.NO_EVENT: 2 * len(logged)}
    assert "short" in [entry.name for entry in mixed.entries]


@pytest.mark.long
def test_kill_between_binding_and_status_repeats_the_same_events(
    audited: World, log: Path
) -> None:
    """The next operator emits the events with the same ids, then the expiry."""
    with no_status_can_be_written(audited):
        killed = operator_process.start(audited.plane, log)
        wait_until_leading(log)
        end = after(25)
        audited.apply(a_grant("short", expiresAt=end))
        eventually(audited.may_sync, within=18)
        eventually(
            lambda: kinds(operator_process.audit_of(log), "short") == LIFE[:2],
            within=10,
        )
        killed.kill()
        killed.wait()
    first = operator_process.audit_of(log)
    assert "status" not in audited.grant("short")
    sleep_until(end)
    with operator_process.running(audited.plane, log):
        eventually(lambda: not audited.may_sync(), within=30)
        eventually(
            lambda: kinds(operator_process.audit_of(log), "short")[-1] == "ended",
            within=30,
        )
    again = operator_process.audit_of(log)[len(first) :]

    assert kinds(again, "short") == LIFE
    assert ids(again, "short")[:2] == ids(first, "short")
    assert len(set(ids([*first, *again], "short"))) == 3


@pytest.mark.long
def test_failing_sink_receives_all_events_eventually(
    audited: World, log: Path, certificate: Path, tmp_path: Path
) -> None:
    """This includes a kill of the operator, and delays no revocation."""
    with Receiver(certificate) as away:
        away.answers = [503, away.hang]
        away.otherwise = 503
        options = sink(away, tmp_path, certificate)
        port = away.port
        killed = operator_process.start(audited.plane, log, *options)
        wait_until_leading(log)
        end = after(20)
        audited.apply(a_grant("short", expiresAt=end))
        eventually(audited.may_sync, within=18)
        sleep_until(end)
        eventually(lambda: not audited.may_sync(), within=10)
        eventually(
            lambda: kinds(operator_process.audit_of(log), "short") == LIFE, within=30
        )
        eventually(lambda: audited.ready("short")[1] == "Expired", within=30)
        assert away.requests > 0
        assert away.events == []
        killed.kill()
        killed.wait()
    with operator_process.running(audited.plane, log, *options):
        audited.apply(a_grant("next", subject="carol"))
        eventually(lambda: audited.may_sync("carol"), within=30)
        with Receiver(certificate, port) as back:
            eventually(lambda: "bound" in kinds(back.events, "next"), within=60)
            headers = back.headers

            assert kinds(back.events, "short") == LIFE
            assert kinds(back.events, "next") == LIFE[:2]
            assert back.events == operator_process.audit_of(log)
    assert {one["Authorization"] for one in headers} == {"Bearer the-token"}
    assert "the-token" not in log.read_text()


def test_sink_with_untrusted_certificate_receives_nothing(
    audited: World, log: Path, certificate: Path, tmp_path: Path
) -> None:
    """It is reported and counted; access begins in the meantime."""
    port = operator_process.free_port()
    bound = 'argogrant_audit_events_total{type="bound"} 1.0'

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    with Receiver(certificate) as stranger:
        options = (*sink(stranger, tmp_path, None), "--port", str(port))
        with operator_process.running(audited.plane, log, *options):
            audited.apply(a_grant("short"))
            eventually(audited.may_sync, within=30)
            problem = "its certificate cannot be verified"
            eventually(lambda: problem in log.read_text(), within=30)
            eventually(lambda: bound in metrics(), within=30)

            assert stranger.requests == 0
            assert "argogrant_audit_sink_pending 2.0" in metrics()


def test_events_of_a_grant_are_created_once(audited: World, log: Path) -> None:
    for starts in (1, 2):  # the second operator finds everything as it was left
        with operator_process.running(audited.plane, log):
            wait_until_leading(log, starts)
            audited.apply(a_grant("long"))
            audited.wait_until_bound("long")
            eventually(lambda: "Bound" in shown(audited, "long"), within=30)

    assert shown(audited, "long") == ["Bound"]
    described = audited.ours("describe", "accessgrant", "long")
    assert "Normal  Bound" in described
    assert 'Argo CD gives "alice" the role' in described


def shown(world: World, name: str) -> list[str]:
    """The reasons of the Events about a grant, not about an earlier one of its name."""
    uid = world.grant(name)["metadata"]["uid"]
    about = f"--field-selector=involvedObject.uid={uid}"
    events = json.loads(world.ours("get", "events", about, "-o", "json"))
    return [event["reason"] for event in events["items"]]


def test_operator_without_permission_for_events_still_grants(
    audited: World, log: Path
) -> None:
    (role,) = (
        body for body in yaml.safe_load_all(ROLE.read_text()) if body["kind"] == "Role"
    )
    role["rules"] = [r for r in role["rules"] if "events" not in r["resources"]]
    audited.apply(role)
    try:
        with operator_process.running(audited.plane, log):
            audited.apply(a_grant("quiet"))
            audited.wait_until_bound("quiet")
            eventually(lambda: "Events cannot be created" in log.read_text(), within=30)
    finally:
        audited.plane.apply(ROLE)

    assert shown(audited, "quiet") == []
