"""Secrets of a kubeconfig, which no command prints, whatever is wrong with it.

No API server is reached: the address is that of a closed port.
"""

import base64
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from argogrant.cli.main import app

RUNNER = CliRunner()
CANARY = "c4n4ryc4n4ry"
JWT = f"eyJhbGciOiJSUzI1NiJ9.{CANARY}.c2lnbmF0dXJl"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----\n"
NOWHERE = "https://127.0.0.1:9"
COMMANDS = (
    ("list",),
    ("doctor",),
    ("sweep",),
    ("revoke", "g1"),
    ("roles",),
    ("version", "-o", "json"),
)

Kubeconfig = dict[str, Any]


def config(user: dict[str, Any], **cluster: Any) -> Kubeconfig:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": NOWHERE, **cluster}}],
        "users": [{"name": "one", "user": user}],
    }


def oidc(**settings: str) -> dict[str, Any]:
    given = {"id-token": JWT, "refresh-token": CANARY, **settings}
    return {"auth-provider": {"name": "oidc", "config": given}}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plugin(folder: Path, script: str) -> dict[str, Any]:
    """Return a user with an exec plugin, which is a Python script."""
    path = folder / "plugin"
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    api = "client.authentication.k8s.io/v1"
    command = {"apiVersion": api, "command": str(path), "interactiveMode": "Never"}
    return {"exec": command}


def file_with(folder: Path, text: str) -> str:
    path = folder / "secret-file"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return str(path)


CONFIGS: dict[str, Callable[[Path], Kubeconfig | str]] = {
    "a token that works nowhere": lambda _: config({"token": JWT}),
    "an auth-provider without a client secret": lambda _: config(
        oidc(**{"idp-issuer-url": NOWHERE, "client-id": "x"})
    ),
    "an auth-provider with a client secret": lambda _: config(
        oidc(
            **{
                "idp-issuer-url": NOWHERE,
                "client-id": "x",
                "client-secret": CANARY,
                "idp-certificate-authority-data": CANARY,
            }
        )
    ),
    "an auth-provider without settings": lambda _: config(oidc()),
    "an auth-provider that was removed": lambda _: config(
        {"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}}
    ),
    "an unknown auth-provider": lambda _: config(
        {"auth-provider": {"name": "x", "config": {"access-token": CANARY}}}
    ),
    "a token file with line feeds inside": lambda folder: config(
        {"tokenFile": file_with(folder, f"{CANARY}\nX: {CANARY}")}
    ),
    "a token file that is no text": lambda folder: config(
        {"tokenFile": file_with(folder, f"\udcff{CANARY}")}
    ),
    "a token with control characters": lambda _: config({"token": f"{CANARY}\r\nx"}),
    "a token that is a number": lambda _: config({"token": {"x": CANARY}}),
    "a password": lambda _: config({"username": "me", "password": CANARY}),
    "a key that is none": lambda _: config(
        {"client-certificate-data": encoded("x"), "client-key-data": encoded(PEM)}
    ),
    "a key that is no base64": lambda _: config(
        {"client-certificate-data": "%", "client-key-data": f"%{CANARY}"}
    ),
    "a key file without a certificate": lambda folder: config(
        {"client-key": file_with(folder, PEM)}
    ),
    "a key file that is no key": lambda folder: config(
        {
            "client-certificate": file_with(folder, PEM),
            "client-key": file_with(folder, PEM),
        }
    ),
    "a proxy with a password": lambda _: config(
        {"token": JWT}, **{"proxy-url": f"http://me:{CANARY}@127.0.0.1:9"}
    ),
    "a proxy of an unknown kind with a password": lambda _: config(
        {"token": JWT}, **{"proxy-url": f"gopher://me:{CANARY}@127.0.0.1:9"}
    ),
    "a server with a password": lambda _: config(
        {}, server=f"https://me:{CANARY}@127.0.0.1:9"
    ),
    "a server that is no URL, with a password": lambda _: config(
        {}, server=f"https://me:{CANARY}@[127.0.0.1"
    ),
    "a plugin that does not exist, with a secret in its environment": lambda _: config(
        {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/no/such/plugin",
                "interactiveMode": "Never",
                "env": [{"name": "TOKEN", "value": CANARY}],
            }
        }
    ),
    "a plugin that prints something else": lambda folder: config(
        plugin(folder, f'print(\'{{"status": {{"token": "{CANARY}"\')')
    ),
    "a plugin that prints a credential of another kind": lambda folder: config(
        plugin(folder, f"print({json.dumps(json.dumps({'token': CANARY}))})")
    ),
    "a plugin that fails and prints a credential": lambda folder: config(
        plugin(folder, f"print('{CANARY}'); raise SystemExit(3)")
    ),
    "a line that is no YAML": lambda _: (
        f"users:\n- name: one\n  user:\n    token: {CANARY}\n   x: : {CANARY}"
    ),
    "an open quotation": lambda _: f'users:\n- user: {{token: "{CANARY}\n',
    "a tab": lambda _: f"users:\n\t- token: {CANARY}\n",
    "no kubeconfig but a token": lambda _: CANARY,
    "a list of users that is a text": lambda _: yaml.safe_dump(
        {**config({}), "users": CANARY}
    ),
    "a user that is a text": lambda _: yaml.safe_dump(
        {**config({}), "users": [{"name": "one", "user": CANARY}]}
    ),
    "an anchor that is not defined": lambda _: f"token: {CANARY}\nusers: *nothing",
    "a kubeconfig in JSON that is cut off": lambda _: json.dumps(
        config({"token": CANARY})
    )[:-4],
}
"""Kubeconfigs by what is wrong with them."""


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize("name", CONFIGS)
def test_no_command_prints_a_secret_of_the_kubeconfig(
    name: str, debug: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = CONFIGS[name](tmp_path)
    path = tmp_path / "config"
    path.write_text(made if isinstance(made, str) else yaml.safe_dump(made))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("ARGOGRANT_DEBUG", debug)

    for command in COMMANDS:
        result = RUNNER.invoke(app, command)
        printed = result.output + result.stderr

        assert CANARY not in printed, command
        assert encoded(PEM) not in printed, command
        assert "Traceback" not in printed, command
        assert result.exit_code in (1, 2) or command[0] == "version"
