"""Output in the README, compared with what kubectl prints; times differ."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from argogrant.grants.model.reasons import GRANT_REASONS
from controlplane import ControlPlane
from support import doc_pages, operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually

STATUS = {True: "True", False: "False", None: "Unknown"}
TEXT = RULES + "g, alice-team, team-leads\n"


def shown_grants() -> list[dict[str, Any]]:
    """Return the grants of the list in the README."""
    return [
        doc_pages.example("01-temporary-role", expiresAt=after(3600)),
        doc_pages.example("02-project-role", expiresAt=after(3600)),
        doc_pages.example(
            "03-maintenance-window", notBefore=after(600), expiresAt=after(3600)
        ),
        a_grant("bob-deploys", "bob@example.com", role={"name": "role:deplyer"}),
        a_grant("carol-staging", "carol@example.com", instance="staging"),
        a_grant("dave-yesterday", "dave@example.com", expiresAt=after(-3600)),
        a_grant("erin-deploys", "erin@example.com", revoked=True),
        a_grant("leads-deploy", "team-leads"),
    ]


Rows = list[dict[str, str]]


def printed(world: World, command: str, columns: tuple[str, ...], wanted: Rows) -> bool:
    """Return whether kubectl prints these columns of these rows."""
    out = world.plane.kubectl(*shlex.split(command)[1:]).stdout
    return cells(doc_pages.rows_of(out), columns) == cells(wanted, columns)


def cells(rows: Rows, columns: tuple[str, ...]) -> list[list[str]]:
    return [[row[column] for column in columns] for row in rows]


def set_policy(world: World, text: str) -> None:
    """Replace ``policy.csv`` and keep the operator's key."""
    world.plane.kubectl(
        *("-n", "argocd", "patch", "configmap", "argocd-rbac-cm", "--type=merge"),
        *("--patch", json.dumps({"data": {"policy.csv": text}})),
    )


@pytest.fixture(scope="module")
def shown_world(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Cluster with the grants of the README, whose conditions are written."""
    installed.argocd.set_rbac({"policy.csv": TEXT})
    log = tmp_path_factory.mktemp("readme") / "operator.log"
    with operator_process.running(installed, log):
        world = World(installed)
        for body in shown_grants():
            world.apply(body)
        names = [body["metadata"]["name"] for body in shown_grants()]
        eventually(
            lambda: all(world.ready(name)[1] not in {"", "Binding"} for name in names),
            within=60,
        )
        yield world
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def test_readme_shows_the_list_that_kubectl_prints(shown_world: World) -> None:
    """Times apart: they are when the README was written."""
    (said,) = [t for t in doc_pages.tables() if "get accessgrants" in t[1]]
    _, command, rows = said
    columns = ("NAME", "SUBJECT", "ROLE", "PROJECT", "READY", "REASON")

    eventually(lambda: printed(shown_world, command, columns, rows), within=30)


def test_readme_shows_the_message_of_a_waiting_grant(
    shown_world: World,
) -> None:
    (block,) = [b for b in doc_pages.blocks("console") if "bob-deploys -o" in b.text]
    command, answer = block.text.removeprefix("$ ").rstrip("\n").split("\n")

    assert shown_world.plane.kubectl(*shlex.split(command)[1:]).stdout == answer


def test_readme_shows_the_instance_with_a_malformed_line(shown_world: World) -> None:
    (said,) = [t for t in doc_pages.tables() if "get argocdinstances" in t[1]]
    _, command, rows = said
    columns = ("NAME", "ARGO CD", "READY", "REASON", "BINDINGS", "MESSAGE")
    set_policy(shown_world, RULES + "g, only-two\n")

    try:
        eventually(lambda: printed(shown_world, command, columns, rows), within=30)
    finally:
        set_policy(shown_world, TEXT)


def test_written_conditions_are_in_the_reference(
    shown_world: World,
) -> None:
    """The reference has type, status and reason of every condition."""
    listed = shown_world.plane.kubectl(
        "-n", "argogrant", "get", "accessgrants", "-o", "json"
    )
    known = {
        (str(condition), STATUS[status], str(reason))
        for condition, reasons in GRANT_REASONS.items()
        for status, used in reasons.items()
        for reason in used
    }
    written = {
        (condition["type"], condition["status"], condition["reason"])
        for item in json.loads(listed.stdout)["items"]
        for condition in item["status"]["conditions"]
    }

    assert len(written) >= 8
    assert written <= known
