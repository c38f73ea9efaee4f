"""Secrets never leave: no output contains a credential, however its use fails.

Every credential contains a canary. Servers of other people repeat what they receive;
tokens are malformed; a proxy, a receiver of audit events and an exec plugin fail.
"""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.echoing_server import ANSWERS, Echo, echoing
from support.live_cluster import INSTANCE, RULES, World, a_grant, eventually

CANARY = "kanarienvogel"
HALVES = ("kanarien", "envogel")
"""Parts of a canary that are long enough to be recognized in any output."""


def token(name: str) -> str:
    """Return a token with a canary at each end."""
    return f"{CANARY}-{name}-0123456789abcdef-{CANARY}"


MALFORMED = {
    "newline": f"{token('newline')}\n{token('second')}",
    "blanks": f"{token('blanks')} {token('second')}",
    "letters": f"{token('letters')}-ä-ö-ü",
    "twice": base64.b64encode(token("twice").encode()).decode(),
    "empty": "",
    "control": f"{token('control')}\x07{token('second')}",
}
"""Contents of Secrets that are no usable token, by name."""
NOWHERE = "https://127.0.0.1:1"
BEHIND_A_PROXY = "https://far.argogrant.test:6443"
COMMANDS = (
    ("doctor",),
    ("doctor", "-o", "json"),
    ("list", "--all"),
    ("list", "-o", "yaml"),
    ("show", "hotfix"),
    ("roles",),
    ("report",),
)
READS_SECRETS = [
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "canaries", "namespace": "argogrant"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "verbs": ["get", "list", "watch", "patch"],
            }
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "canaries", "namespace": "argogrant"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "canaries",
        },
        "subjects": [
            {"kind": "ServiceAccount", "name": "argogrant", "namespace": "argogrant"}
        ],
    },
]


def found_in(text: str) -> list[str]:
    """Return the parts of canaries in a text, also in base64, with their context."""
    forms = {*HALVES}
    for half in HALVES:
        for shift in range(3):
            encoded = base64.b64encode(b" " * shift + half.encode()).decode()
            forms.add(encoded[4 * (shift > 0) : -4])
    pattern = "|".join(map(re.escape, sorted(forms)))
    return [
        text[max(0, m.start() - 80) : m.end() + 40] for m in re.finditer(pattern, text)
    ]


def run(
    *words: str, kubeconfig: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command; return its exit status and all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", *words],
        env={
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "ARGOGRANT_NAMESPACE": "argogrant",
            "ARGOGRANT_DEBUG": "1",
            **(environment or {}),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("shift", range(3))
def test_canary_is_found_in_any_form(shift: int) -> None:
    encoded = base64.b64encode(b"x" * shift + token("x").encode()).decode()

    assert found_in(f"before {token('x')[:9]} after")
    assert found_in(f"before {encoded} after")


@pytest.fixture
def certificates(installed: ControlPlane) -> Path:
    if not installed.is_ours:
        pytest.skip("a named cluster does not give its key away")
    return installed.folder / "certificates"


@pytest.fixture
def echoes(certificates: Path) -> Iterator[dict[str, Echo]]:
    """All servers, and one that speaks no TLS."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(echoing(name, certificates))
            for name in ANSWERS
            if name != "proxy"
        }
        servers["plain"] = stack.enter_context(echoing("401", None))
        yield servers


def authority(plane: ControlPlane) -> str:
    cluster = json.loads(plane.kubeconfig().read_text())["clusters"][0]["cluster"]
    return str(cluster["certificate-authority-data"])


def far_instance(
    plane: ControlPlane, name: str, server: str, secret: str
) -> list[dict[str, Any]]:
    """Return an ArgoCDInstance in another cluster, and the Secret with its token."""
    metadata = {"name": f"canary-{name}", "namespace": "argogrant"}
    cluster = {
        "server": server,
        "caBundle": authority(plane),
        "tokenSecret": {"name": metadata["name"]},
    }
    encoded = base64.b64encode(secret.encode()).decode()
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "data": {"k8s_token": encoded},
        },
        {**INSTANCE, "metadata": metadata, "spec": {"cluster": cluster}},
    ]


def everything_of(world: World) -> str:
    """Return our objects with their statuses and metadata, and all Events, as JSON."""
    kinds = "argocdinstances,accessgrants,accesspolicies,accessapprovals,events"
    return world.ours("get", kinds, "--show-managed-fields", "-o", "json")


@pytest.mark.long
def test_no_output_contains_a_credential_of_a_remote_cluster(
    installed: ControlPlane,
    echoes: dict[str, Echo],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither that of a proxy, nor that of the receiver of audit events."""
    world, log = World(installed), tmp_path / "operator.log"
    port = operator_process.free_port()
    installed.argocd.set_rbac({"policy.csv": RULES})
    instances = {
        name: (f"https://127.0.0.1:{echo.port}", token(name))
        for name, echo in echoes.items()
    }
    instances |= {
        name: (f"https://127.0.0.1:{echoes['401'].port}", text)
        for name, text in MALFORMED.items()
    }
    instances["refused"] = NOWHERE, token("refused")
    instances["proxied"] = BEHIND_A_PROXY, token("proxied")
    names = [f"canary-{name}" for name in instances]
    sink_token = tmp_path / "token"
    sink_token.write_text(token("sink"))
    with ExitStack() as stack:
        proxy = stack.enter_context(echoing("proxy", None))
        sink = stack.enter_context(echoing("redirect", None))
        monkeypatch.setenv(
            "HTTPS_PROXY", f"http://{token('u')}:{token('p')}@127.0.0.1:{proxy.port}"
        )
        options = (
            *("--audit-sink", f"http://127.0.0.1:{sink.port}/events"),
            *("--audit-sink-token-file", str(sink_token), "--port", str(port)),
        )
        for name, (server, secret) in instances.items():
            installed.apply(*far_instance(installed, name, server, secret))
        installed.apply(*READS_SECRETS, a_grant("hotfix"))
        stack.callback(_clean_up, world, names)
        with operator_process.running(installed, log, *options):
            eventually(
                lambda: all(
                    _reason(world, name) not in ("", "Unknown") for name in names
                ),
                within=60,
            )
            for number, name in enumerate(names):
                installed.apply(a_grant(f"far-{number}", instance=name))
            eventually(
                lambda: all(
                    world.ready(f"far-{number}")[1] == "InstanceUnavailable"
                    for number in range(len(names))
                ),
                within=60,
            )
            eventually(lambda: proxy.received and sink.received, within=30)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                outputs = {"metrics": answer.read().decode()}
            monkeypatch.delenv("HTTPS_PROXY")
            for words in COMMANDS:
                _, shown = run(*words, kubeconfig=installed.kubeconfig())
                outputs[" ".join(words)] = shown
            outputs["objects"] = everything_of(world)
    outputs["log"] = log.read_text()
    outputs["audit"] = json.dumps(operator_process.audit_of(log))

    assert all(echo.received for name, echo in echoes.items() if name != "plain")
    assert {
        name: found for name, text in outputs.items() if (found := found_in(text))
    } == {}


def _reason(world: World, name: str) -> str:
    return world.instance_says(name=name)[1]


def _clean_up(world: World, names: list[str]) -> None:
    free = {"metadata": {"finalizers": None}}
    api = world.plane.api("argogrant")
    for grant in api.list("accessgrant", namespace="argogrant"):
        name = grant["metadata"]["name"]
        api.patch("accessgrant", name, free, namespace="argogrant")
    world.ours("delete", "accessgrants", "--all")
    for name in names:
        api.patch("argocdinstance", name, free, namespace="argogrant")
    world.ours("delete", "argocdinstance", *names)
    world.ours("delete", "secret", *names)
    world.ours("delete", "role,rolebinding", "canaries")


USERS: dict[str, dict[str, Any]] = {
    "token": {"token": token("t")},
    "token with a newline": {"token": f"{token('t')}\n{token('u')}"},
    "token with blanks": {"token": f" {token('t')} {token('u')} "},
    "token that is not ASCII": {"token": f"{token('t')}-ä"},
    "password": {"username": "alice", "password": token("w")},
    "certificate": {
        "client-certificate-data": base64.b64encode(token("c").encode()).decode(),
        "client-key-data": base64.b64encode(token("k").encode()).decode(),
    },
    "oidc": {
        "auth-provider": {
            "name": "oidc",
            "config": {
                "idp-issuer-url": "https://issuer.argogrant.test",
                "client-id": "x",
                "client-secret": token("s"),
                "id-token": f"{token('a')}.{token('b')}.{token('c')}",
                "refresh-token": token("r"),
            },
        }
    },
}


@pytest.mark.parametrize(
    "user",
    [
        one if one == "token" else pytest.param(one, marks=pytest.mark.long)
        for one in USERS
    ],
)
def test_no_command_prints_a_credential_of_the_kubeconfig(
    echoes: dict[str, Echo], tmp_path: Path, user: str
) -> None:
    """Whatever the API server or the proxy answers."""
    outputs: dict[str, str] = {}
    with echoing("proxy", None) as proxy:
        places: dict[str, dict[str, Any]] = {
            name: {"server": f"https://127.0.0.1:{echo.port}"}
            for name, echo in echoes.items()
        }
        places["refused"] = {"server": NOWHERE}
        address = f"127.0.0.1:{proxy.port}"
        places["proxied"] = {
            "server": BEHIND_A_PROXY,
            "proxy-url": f"http://{token('u')}:{token('p')}@{address}",
        }
        places["no proxy"] = {
            "server": BEHIND_A_PROXY,
            "proxy-url": f"http://{token('u')}:{token('p')}@127.0.0.1:1",
        }
        places["odd proxy"] = {
            "server": BEHIND_A_PROXY,
            "proxy-url": f"gopher://{token('u')}:{token('p')}@127.0.0.1:1",
        }
        places["in the URL"] = {
            "server": f"https://{token('u')}:{token('p')}@127.0.0.1:1"
        }
        for name, cluster in places.items():
            config = tmp_path / "config"
            config.write_text(json.dumps(_kubeconfig(cluster, USERS[user])))
            words = ("list",) if name != "403" else ("doctor",)
            status, outputs[name] = run(*words, kubeconfig=config)
            assert status != 0, name

    assert {
        name: found for name, text in outputs.items() if (found := found_in(text))
    } == {}


def _kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [
            {"name": "one", "cluster": {**cluster, "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "one", "user": user}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
