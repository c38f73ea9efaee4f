"""Access details: validation on the API server, and text for recipients."""

import json
from typing import Any

import pytest

from argogrant.grants.decide import validate_template
from controlplane import ControlPlane
from support.live_cluster import INSTANCE, World, a_grant, eventually

TEXT = "Log in at {url} as {subject}.\nYou have {role} until {end}."
URL = "https://argocd.example.com"


def telling(text: str) -> dict[str, Any]:
    return {**INSTANCE, "spec": {"url": URL, "accessDetails": text}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(TEXT, "", id="every placeholder"),
        pytest.param(
            "f() { x } {", "only these placeholders", id="braces around a text"
        ),
        pytest.param("f( {", "", id="a single brace"),
        pytest.param(
            "{user}", "these placeholders: {subject}, {role}, {end}", id="unknown"
        ),
        pytest.param("{{url}}", "only these placeholders", id="a place in a place"),
        pytest.param("${HOME}", "only these placeholders", id="a variable of a shell"),
        pytest.param("{}", "only these placeholders", id="a nameless one"),
        pytest.param("a\tb", "only visible characters", id="a tab"),
        pytest.param(
            "a\u202eb", "only visible characters", id="text that turns around"
        ),
        pytest.param("a\u00a0b", "only visible characters", id="a no-break space"),
        pytest.param("x" * 401, "must be 1 to 400 characters", id="too long"),
        pytest.param("é" * 400, "", id="400 characters"),
    ],
)
def test_api_server_and_operator_accept_the_same_details(
    installed: ControlPlane, text: str, said: str
) -> None:
    applied = installed.kubectl(
        *("apply", "--dry-run=server", "-f", "-"),
        stdin=json.dumps(telling(text)),
        check=False,
    )

    assert said in applied.stderr
    assert (applied.returncode == 0) is (said == "")
    assert len(text) > 400 or (validate_template(text) is None) is (said == "")


def test_recipient_sees_details_from_start_until_after_expiry(
    world: World,
) -> None:
    world.apply(telling(TEXT))
    world.apply(a_grant("short"))
    eventually(lambda: "accessDetails" in told(world), within=30)
    status = told(world)
    assert status["url"] == URL
    assert status["accessDetails"] == (
        f"Log in at {URL} as alice.\nYou have role:deployer until"
        f" {status['expiresAt']}."
    )
    world.ours(
        *("patch", "accessgrant", "short", "--type=merge", "-p"),
        json.dumps({"spec": {"revoked": True}}),
    )
    eventually(lambda: "endedAt" in told(world), within=30)

    assert told(world)["accessDetails"] == status["accessDetails"]


def told(world: World) -> dict[str, Any]:
    status: dict[str, Any] = world.grant("short").get("status", {})
    return status
