"""kubectl and argogrant with the same kubeconfig: the same request, or a refusal.

kubectl is the judge. Servers record what both send (``support.kubeconfigs.servers``).
Where kubectl refuses a kubeconfig, argogrant has to refuse it with a sentence, and
without a request.
"""

import base64
import binascii
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controlplane import go, programs
from support.kubeconfigs import pythons
from support.kubeconfigs.rows import (
    PRINTS_TOKEN,
    ROWS,
    SECRET,
    Row,
    exec_user,
    fill,
    one,
    write,
)
from support.kubeconfigs.servers import GRANTS, Network, network
from support.terminal import started

SOURCE = Path(__file__).parents[1] / "support/kubeconfigs/certificates.go"
MAY_CONNECT = {
    "a token that the API server rejects",
    "a plugin that prints a client certificate with another key",
}
"""Refused rows whose refusal comes from the API server."""
PLAIN_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "COLUMNS": "100"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(
        [programs.installed("go"), "run", SOURCE, folder],
        env=dict(go.environment()),
        check=True,
    )
    with network(folder) as servers:
        yield servers


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("", id="on this Python"),
        pytest.param(
            pythons.NEWEST, id=f"on Python {pythons.NEWEST}", marks=pytest.mark.long
        ),
    ],
)
def argogrant(request: pytest.FixtureRequest) -> Iterator[pythons.Runner]:
    python = pythons.this()
    if request.param:
        found = pythons.with_version(request.param)
        if found is None:
            pytest.skip(f"Python {request.param} is not installed")
        python = found
    with pythons.runner(python) as runner:
        yield runner


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=title) for title, row in ROWS.items() if not row.in_pod],
)
def test_argogrant_does_what_kubectl_does(
    row: Row,
    servers: Network,
    argogrant: pythons.Runner,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    write(row, servers, tmp_path)
    env = environment(row, servers, tmp_path)
    args = [fill(one, servers, tmp_path) for one in row.args]
    servers.clear()
    kubectl = ask_kubectl(args, env, tmp_path)
    expected, tunnels = kubectl["seen"], sorted(set(servers.tunnels))
    servers.clear()
    answer = argogrant.run(["list", "-o", "json", *args], env, tmp_path)

    assert kubectl["accepts"] is row.is_accepted, kubectl
    assert "Traceback" not in answer["stdout"] + answer["stderr"]
    assert SECRET not in answer["stdout"] + answer["stderr"]
    if row.refused:
        assert_refused(row, answer, servers, request.node.callspec.id)
        return
    assert answer["status"] == 0, answer
    asked = [one for one in servers.requests if one["path"].endswith("/accessgrants")]
    assert [identity(one) for one in asked[-1:]] == [identity(expected)]
    assert sorted(set(servers.tunnels)) == tunnels
    if kubectl["context"]:
        assert answer["context"] == kubectl["context"]
        assert namespace_of(asked[-1]) == (kubectl["namespace"] or "argogrant")


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=title) for title, row in ROWS.items() if row.in_pod]
)
def test_argogrant_does_what_kubectl_does_in_a_pod(
    row: Row, servers: Network, tmp_path: Path
) -> None:
    """Both run as in a pod: with a service account at the place of a pod's."""
    if not IN_POD:
        pytest.skip("this user cannot mount the service account of a pod")
    write(row, servers, tmp_path)
    mount_account(servers, tmp_path)
    args = [fill(one, servers, tmp_path) for one in row.args]
    env = {
        **environment(row, servers, tmp_path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(servers.port("one")),
        "PYTHONPATH": str(pythons.ROOT / "operator"),
    }
    servers.clear()
    kubectl = run_in_pod(
        [str(programs.installed("kubectl")), "auth", "whoami", *args], env, tmp_path
    )
    expected = servers.requests[-1:]
    servers.clear()
    command = [str(pythons.this()), "-m", "argogrant.cli.main", "list", *args]
    argogrant = run_in_pod(command, env, tmp_path)

    assert (kubectl.returncode == 0) is row.is_accepted, kubectl.stderr
    assert (argogrant.returncode == 0) is row.is_accepted, argogrant.stderr
    assert row.refused in argogrant.stderr
    assert "Traceback" not in argogrant.stderr
    asked = [{**identity(one), "path": ""} for one in servers.requests[-1:]]
    assert asked == [{**identity(one), "path": ""} for one in expected]


ASKS = """#!/bin/sh
printf 'Password: ' >&2
read -r password
test "$password" = open || { echo 'wrong password' >&2; exit 4; }
""" + PRINTS_TOKEN.removeprefix("#!/bin/sh\n")


@pytest.mark.parametrize("mode", ["IfAvailable", "Always"])
@pytest.mark.parametrize("program", ["kubectl", "argogrant"])
def test_plugin_asks_on_the_terminal(
    program: str, mode: str, servers: Network, tmp_path: Path
) -> None:
    """The question is seen before it is answered, with kubectl and with argogrant."""
    row = Row(
        files={"config": one(user=exec_user(interactiveMode=mode)), "plugin": ASKS}
    )
    write(row, servers, tmp_path)
    env = {
        **environment(row, servers, tmp_path),
        "PYTHONPATH": str(pythons.ROOT / "operator"),
    }
    command = {
        "kubectl": [str(programs.installed("kubectl")), "auth", "whoami"],
        "argogrant": [str(pythons.this()), "-m", "argogrant.cli.main", "list"],
    }[program]
    servers.clear()
    with started(command, env) as (terminal, process):
        terminal.sees("Password: ")
        assert servers.requests == []
        terminal.types("open\n")
        while terminal.read(0.2) or process.poll() is None:
            pass

    assert process.returncode == 0, terminal.text
    assert servers.requests[-1]["authorization"] == f"Bearer {SECRET}"


def test_plugin_that_fails_on_the_terminal_ends_the_command(
    servers: Network, tmp_path: Path
) -> None:
    row = Row(
        files={"config": one(user=exec_user(interactiveMode="Always")), "plugin": ASKS}
    )
    write(row, servers, tmp_path)
    env = {
        **environment(row, servers, tmp_path),
        "PYTHONPATH": str(pythons.ROOT / "operator"),
    }
    command = [str(pythons.this()), "-m", "argogrant.cli.main", "doctor"]
    servers.clear()
    with started(command, env, width=200) as (terminal, process):
        terminal.sees("Password: ")
        terminal.types("shut\n")
        while terminal.read(0.2) or process.poll() is None:
            pass

    assert process.returncode == 1
    assert servers.requests == []
    assert "wrong password" in terminal.text
    assert "failed with exit code 4" in " ".join(terminal.text.split())


IN_POD = shutil.which("unshare") is not None and os.geteuid() == 0


def mount_account(servers: Network, folder: Path) -> None:
    """Write a service account, which ``run_in_pod`` puts at its place."""
    account = folder / "secrets/kubernetes.io/serviceaccount"
    account.mkdir(parents=True)
    (account / "token").write_text(f"{SECRET}-of-the-pod\n")
    (account / "namespace").write_text("shop")
    shutil.copy2(servers.certificates / "ca.crt", account / "ca.crt")


def run_in_pod(
    command: list[str], env: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command with the service account in a mount namespace of its own."""
    script = 'mount -t tmpfs none /run && cp -r secrets /run/ && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        env=dict(env),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_refused(
    row: Row, answer: dict[str, Any], servers: Network, title: str
) -> None:
    assert answer["status"] == 1, answer
    sentence = answer["stderr"].strip().splitlines()[-1]
    assert sentence.startswith("argogrant list: ")
    assert row.refused in sentence
    assert sentence.endswith((".", "?"))
    assert answer["stdout"] == ""
    if not any(one in title for one in MAY_CONNECT):
        assert servers.requests == []


def environment(row: Row, servers: Network, folder: Path) -> Mapping[str, str]:
    """Return the whole environment of a command."""
    filled = {key: fill(value, servers, folder) for key, value in row.env.items()}
    (folder / "empty-home").mkdir(exist_ok=True)
    defaults = {
        "HOME": str(folder / "empty-home"),
        "KUBECONFIG": f"{folder}/config",
        "KUBERC": "off",
    }
    return {**PLAIN_ENVIRONMENT, **defaults, **filled}


def ask_kubectl(
    args: list[str], env: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """Return what kubectl does with a kubeconfig."""

    def kubectl(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [programs.installed("kubectl"), *words, *args],
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    who = kubectl("auth", "whoami", "-o", "json")
    accepts = who.returncode == 0
    seen = (
        json.loads(json.loads(who.stdout)["status"]["userInfo"]["username"])
        if accepts
        else {}
    )
    view = kubectl("config", "view", "--minify", "-o", "json")
    minified = json.loads(view.stdout) if accepts and view.returncode == 0 else {}
    contexts = minified.get("contexts") or [{"name": "", "context": {}}]
    namespace = contexts[0]["context"].get("namespace", "")
    if "-n" in args:
        namespace = args[args.index("-n") + 1]
    return {
        "accepts": accepts,
        "seen": seen,
        "context": contexts[0]["name"],
        "namespace": namespace,
        "error": who.stderr[-500:],
    }


def identity(seen: dict[str, Any]) -> dict[str, Any]:
    """Return what of a request identifies its sender; JSON in a token is compared."""
    path = seen["path"].partition(GRANTS)[0]
    token = seen["authorization"].removeprefix("Bearer ")
    try:
        told: Any = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        told = seen["authorization"]
    return {**seen, "path": path, "authorization": told}


def namespace_of(seen: dict[str, Any]) -> str:
    namespace: str = seen["path"].split("/namespaces/")[1].partition("/")[0]
    return namespace
