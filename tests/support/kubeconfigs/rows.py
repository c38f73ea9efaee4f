"""Kubeconfigs that kubectl and argogrant read side by side.

Texts have placeholders: ``${one}`` is the URL of a server, ``${port:one}`` its port,
``${file:ca.crt}`` the path of a certificate, ``${data:ca.crt}`` its base64, and
``${folder}`` the folder of the row. An object is written as JSON, which is YAML.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.kubeconfigs.servers import Network

SECRET = "s3cr3t-of-the-kubeconfig"
"""Part of every secret in the rows; no output may contain it."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Files, environment and options of one invocation."""

    files: Mapping[str, Any]
    """By path in the folder of the row: text, bytes, or an object."""
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    refused: str = ""
    """Words of argogrant's sentence; empty if it has to do as kubectl."""
    kubectl_accepts: bool | None = None
    """Whether kubectl sends a request; by default if argogrant is not to refuse."""
    in_pod: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether kubectl accepts the row."""
        if self.kubectl_accepts is not None:
            return self.kubectl_accepts
        return not self.refused


def one(
    *,
    cluster: Any = None,
    user: Any = None,
    context: Any = None,
    current: str = "one",
    **top: Any,
) -> dict[str, Any]:
    """Return a kubeconfig with one context, cluster and user, all of the name one."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": cluster or CLUSTER}],
        "users": [{"name": "one", "user": USER if user is None else user}],
        "contexts": [
            {
                "name": "one",
                "context": {"cluster": "one", "user": "one"} | (context or {}),
            }
        ],
        "current-context": current,
        **top,
    }


def named(name: str, *, server: str = "", current: bool = True, **more: Any) -> Any:
    """Return a kubeconfig whose context, cluster and user have this name."""
    cluster = {"server": f"${{{server or name}}}", **TRUST}
    context = {"cluster": name, "user": name, **more}
    return {
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}}],
        "contexts": [{"name": name, "context": context}],
        **({"current-context": name} if current else {}),
    }


TRUST = {"certificate-authority-data": "${data:ca.crt}"}
CLUSTER = {"server": "${one}", **TRUST}
USER = {"token": SECRET}
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def credential(status: str, version: str = V1, kind: str = "ExecCredential") -> str:
    """Return a plugin that prints a credential with this status."""
    return f"""#!/bin/sh
cat <<END
{{"kind": "{kind}", "apiVersion": "{version}", "status": {status}}}
END
"""


PRINTS_TOKEN = credential(f'{{"token": "{SECRET}"}}')
PRINTS_INFO = credential(
    '{"token": "$(printf %s "$KUBERNETES_EXEC_INFO" | base64 | tr -d \'\\n\')"}'
)


def exec_user(**plugin: Any) -> dict[str, Any]:
    """Return a user with an exec plugin; null removes a field."""
    fields = {"apiVersion": V1, "command": "./plugin", "interactiveMode": "Never"}
    merged = {**fields, **plugin}
    return {"exec": {key: value for key, value in merged.items() if value is not None}}


def plugin_row(script: str, refused: str = "", **plugin: Any) -> Row:
    """Return a row whose user has this plugin."""
    files = {"config": one(user=exec_user(**plugin)), "plugin": script}
    return Row(files=files, refused=refused)


def preferences(policy: str, *plugins: str) -> dict[str, Any]:
    """Return preferences of kubectl about plugins."""
    return {
        "apiVersion": "kubectl.config.k8s.io/v1beta1",
        "kind": "Preference",
        "credentialPluginPolicy": policy,
        **(
            {"credentialPluginAllowlist": [{"command": one} for one in plugins]}
            if plugins
            else {}
        ),
    }


def allowed(policy: str, *plugins: str, refused: str = "") -> Row:
    """Return a row with a plugin in PATH and these preferences."""
    return Row(
        files={
            "config": one(user=exec_user(command="plugin")),
            "bin/plugin": PRINTS_TOKEN,
            "home/.kube/kuberc": preferences(policy, *plugins),
        },
        env={
            "PATH": "${folder}/bin:/usr/bin:/bin",
            "HOME": "${folder}/home",
            "KUBERC": "",
        },
        refused=refused,
    )


def simple(refused: str = "", *, args: tuple[str, ...] = (), **parts: Any) -> Row:
    """Return a row with one file."""
    accepts = parts.pop("kubectl_accepts", None)
    env = parts.pop("env", {})
    return Row(
        files={"config": one(**parts)},
        args=args,
        env=env,
        refused=refused,
        kubectl_accepts=accepts,
    )


def text_row(text: Any, refused: str = "", **more: Any) -> Row:
    """Return a row with one file of this text."""
    return Row(files={"config": text}, refused=refused, **more)


def jwt(exp: int) -> str:
    """Return a token that ends at this time, without a valid signature."""
    part = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode()
    return f"e30.{part.rstrip('=')}.{SECRET}"


def oidc(**config: str) -> dict[str, Any]:
    """Return a user with the auth-provider oidc."""
    both = {"idp-issuer-url": "https://127.0.0.1:1", "client-id": "kubernetes"}
    return {"auth-provider": {"name": "oidc", "config": {**both, **config}}}


def proxied(url: str, **env: str) -> Row:
    """Return a row whose server is reached through the proxy of the environment."""
    cluster = {"server": "https://one.test:6443", **TRUST}
    return simple(cluster=cluster, env={"HTTPS_PROXY": url, **env})


YAML = f"""
apiVersion: v1
kind: Config
clusters:
- name: one
  cluster:
    server: ${{one}}
    certificate-authority-data: ${{data:ca.crt}}
users:
- name: one
  user: {{token: {SECRET}}}
contexts:
- name: one
  context: {{cluster: one, user: one}}
current-context: one
"""
ANCHORS = """
x-trust: &trust
  certificate-authority-data: ${data:ca.crt}
clusters:
- name: one
  cluster:
    <<: *trust
    server: ${one}
users:
- {name: one, user: {token: &name one}}
contexts:
- {name: *name, context: {cluster: *name, user: *name}}
current-context: *name
"""
BOTH = {"KUBECONFIG": "${folder}/a:${folder}/b"}
ROWS: dict[str, Row] = {
    # Files.
    "one file with everything in it": simple(),
    "of two files, the first current-context wins": Row(
        files={"a": named("one"), "b": named("two")}, env=BOTH
    ),
    "of two files, the first entry of a name wins": Row(
        files={"a": named("one"), "b": named("one", server="two")}, env=BOTH
    ),
    "the only current-context is in the second file": Row(
        files={"a": named("one", current=False), "b": named("two")}, env=BOTH
    ),
    "context in one file, cluster and user in another": Row(
        files={
            "a": {
                "contexts": [
                    {"name": "x", "context": {"cluster": "one", "user": "one"}}
                ],
                "current-context": "x",
            },
            "b": named("one"),
        },
        env=BOTH,
    ),
    "an empty current-context does not hide that of the next file": Row(
        files={"a": {"current-context": ""}, "b": named("two")}, env=BOTH
    ),
    "a missing file in the list is skipped": Row(files={"b": named("two")}, env=BOTH),
    "an empty file in the list is skipped": Row(
        files={"a": "", "b": named("two")}, env=BOTH
    ),
    "a file with comments only is skipped": Row(
        files={"a": "# nothing yet\n---\n", "b": named("two")}, env=BOTH
    ),
    "empty places and repeated files in the list are skipped": Row(
        files={"a": named("one")},
        env={"KUBECONFIG": ":${folder}/a::${folder}/a:"},
    ),
    "all files of the list are missing": Row(
        files={}, env=BOTH, refused="no API server is configured"
    ),
    "an empty KUBECONFIG means the file in the home directory": Row(
        files={"home/.kube/config": named("two")},
        env={"KUBECONFIG": "", "HOME": "${folder}/home"},
    ),
    "a tilde in KUBECONFIG is not expanded": Row(
        files={"home/x": named("two")},
        env={"KUBECONFIG": "~/x", "HOME": "${folder}/home"},
        refused="no API server is configured",
    ),
    "without HOME the file is below the working directory": Row(
        files={".kube/config": named("two")}, env={"KUBECONFIG": "", "HOME": ""}
    ),
    "the file that --kubeconfig names is used alone": Row(
        files={"a": named("one"), "b": named("two"), "c": named("one", server="two")},
        env=BOTH,
        args=("--kubeconfig", "c"),
    ),
    "the file that --kubeconfig names is missing": Row(
        files={"a": named("one")}, env=BOTH, args=("--kubeconfig=c",), refused="exist"
    ),
    "a directory instead of a file": Row(
        files={"config/inside": ""}, refused="is a directory"
    ),
    "a name below a file": Row(
        files={"a": named("one")},
        env={"KUBECONFIG": "${folder}/a/b"},
        refused="not a directory",
    ),
    "a broken file in the list": Row(
        files={"a": named("one"), "b": "{["}, env=BOTH, refused="not valid YAML"
    ),
    # Text.
    "YAML": text_row(YAML),
    "YAML with a byte order mark": text_row(f"\ufeff{YAML}"),
    "YAML with the line breaks of Windows": text_row(YAML.replace("\n", "\r\n")),
    "YAML with anchors, aliases and merge keys": text_row(ANCHORS),
    "a second document is ignored": text_row(f"{YAML}---\ncurrent-context: two\n"),
    "the last of two equal keys counts": text_row(
        f"{YAML}\ncurrent-context: two\n", "two"
    ),
    "unknown fields are ignored": simple(
        cluster={**CLUSTER, "colour": "red"}, unknown={"a": [1]}
    ),
    "JSON with tabs": text_row(json.dumps(one(), indent="\t")),
    "null in the place of lists and texts": simple(
        user={**USER, "as-groups": None, "username": None}, extensions=None
    ),
    "a token of digits is no text": text_row(
        YAML.replace(SECRET, "12345"), "users[0].user.token"
    ),
    "a date and a time are text": text_row(YAML.replace(SECRET, "2026-01-01")),
    "digits between colons are text": text_row(YAML.replace(SECRET, "12:30:45")),
    "a word that means yes is no text": text_row(
        YAML.replace(SECRET, "y"), "users[0].user.token"
    ),
    "a number with underscores is no text": text_row(
        YAML.replace(SECRET, "1_000"), "users[0].user.token"
    ),
    "an exponent is a number": text_row(
        YAML.replace(SECRET, "1e3"), "must have a string"
    ),
    "a number that is too large is text": text_row(YAML.replace(SECRET, "1E400")),
    "an anchor that is defined again": text_row(
        YAML.replace("current-context: one", "a: &a x\nb: &a one\ncurrent-context: *a")
    ),
    "an anchor that contains itself": text_row(f"{YAML}x: &x [*x]\n", "itself"),
    "YAML of a later version": text_row(f"%YAML 1.2\n---{YAML}", "version"),
    "a byte order mark between two parts": text_row(f"{YAML}\ufeffcolour: red\n"),
    "two extensions of one name": simple(
        "two extensions", extensions=[{"name": "x", "extension": {}}] * 2
    ),
    "text instead of true": simple(
        "true or false", cluster={**CLUSTER, "insecure-skip-tls-verify": "true"}
    ),
    "a mapping instead of a list": text_row({"clusters": {}}, "must have a list"),
    "a list instead of a document": text_row([1], "must have a mapping"),
    "two users of one name in a file": simple(
        "two users", users=[{"name": "one", "user": USER}] * 2
    ),
    "a wrong kind": simple("kind", kind="Pod"),
    "a wrong apiVersion": simple("apiVersion", apiVersion="v2"),
    "base64 that is none": simple(
        "base64", cluster={"server": "${one}", "certificate-authority-data": "%%"}
    ),
    # Contexts.
    "an option chooses the context": Row(
        files={"a": named("one"), "b": named("two", namespace="b")},
        env=BOTH,
        args=("--context=two",),
    ),
    "an option chooses the context where none is current": Row(
        files={"config": named("two", current=False)}, args=("--context=two",)
    ),
    "no context is current": Row(
        files={"config": named("one", current=False)}, refused="has no current context"
    ),
    "the current context does not exist": simple("does not exist", current="three"),
    "the context of the option does not exist": simple(
        "does not exist", args=("--context=three",)
    ),
    "the cluster of the context does not exist": simple(
        "does not exist", context={"cluster": "three"}
    ),
    "the user of the context does not exist": simple(
        "does not exist", context={"user": "three"}
    ),
    "the context has no user": simple("names no user", context={"user": ""}),
    "the user has no credential": simple("has no credential", user={}),
    "options choose cluster and user": Row(
        files={"a": named("one"), "b": named("two")},
        env=BOTH,
        args=("--cluster", "two", "--user", "two"),
    ),
    "the cluster of the option does not exist": simple(
        "--cluster", args=("--cluster", "three")
    ),
    "the user of the option does not exist": simple("--user", args=("--user", "three")),
    "the namespace of the context": simple(context={"namespace": "shop"}),
    "the namespace of an option": simple(
        context={"namespace": "shop"}, args=("-n", "depot")
    ),
    "a namespace that leads to another path": simple(
        "no name of a namespace",
        context={"namespace": "../../x"},
        kubectl_accepts=True,
    ),
    "a namespace that hides the rest of a path": simple(
        "no name of a namespace", context={"namespace": "a?b"}, kubectl_accepts=True
    ),
    "a namespace of an option that leads to another path": simple(
        "no name of a namespace", args=("-n", "a/b"), kubectl_accepts=True
    ),
    # Servers.
    "an at sign in the path of a server": simple(
        cluster={**CLUSTER, "server": "${one}/k:a@b.test"}
    ),
    "an encoded slash in the path of a server": simple(
        cluster={**CLUSTER, "server": "${one}/k8s%2Fc-1"}
    ),
    "an unfinished escape in the path of a server": simple(
        "is no URL", cluster={**CLUSTER, "server": "${one}/k%zz"}
    ),
    "an empty user in the URL of a server": simple(
        cluster={**CLUSTER, "server": "https://@127.0.0.1:${port:one}"}
    ),
    "a server with a path": simple(cluster={**CLUSTER, "server": "${one}/k8s/c-1"}),
    "a server with a slash at its end": simple(
        cluster={**CLUSTER, "server": "${one}/"}
    ),
    "a server with a path and slashes": simple(
        cluster={**CLUSTER, "server": "${one}//k8s//c-1/"}
    ),
    "a server with a query": simple(cluster={**CLUSTER, "server": "${one}/k?a=b#c"}),
    "a server at an IPv6 address": simple(cluster={**CLUSTER, "server": "${six}"}),
    "a server with a scheme in capitals": simple(
        cluster={**CLUSTER, "server": "HTTPS://127.0.0.1:${port:one}"}
    ),
    "a server without a scheme and a user without a credential": simple(
        cluster={"server": "127.0.0.1:${port:plain}"}, user={"as": "eve"}
    ),
    "a server without a scheme and a user with a token": simple(
        "is not https://",
        cluster={"server": "127.0.0.1:${port:plain}"},
        kubectl_accepts=True,
    ),
    "an http server and a user with a plugin": simple(
        "is not https://",
        cluster={"server": "${plain}"},
        user=exec_user(),
        kubectl_accepts=True,
    ),
    "an http server that an option names": simple(args=("--server", "${plain}")),
    "no server": simple("has no server", cluster={"tls-server-name": "x"}),
    "no URL as a server": simple(
        "is no URL", cluster={**CLUSTER, "server": "ftp://127.0.0.1:1"}
    ),
    "a password in the URL of the server": simple(
        cluster={**CLUSTER, "server": f"https://eve:{SECRET}@127.0.0.1:${{port:one}}"},
        user={"token": "other"},
    ),
    "an option names another server": simple(args=("--server", "${two}")),
    "compression is switched off": simple(
        cluster={**CLUSTER, "disable-compression": True}
    ),
    # Certificates.
    "a certificate authority in a file of the same folder": Row(
        files={
            "config": one(
                cluster={"server": "${one}", "certificate-authority": "tls/ca.crt"}
            ),
            "tls/ca.crt": "${text:ca.crt}",
        }
    ),
    "a certificate authority among other blocks": Row(
        files={
            "config": one(cluster={"server": "${one}", "certificate-authority": "ca"}),
            "ca": "some words\n${text:ca.key}${text:root.crt}\n# more\n${text:ca.crt}",
        }
    ),
    "a certificate authority behind one that is cut off": Row(
        files={
            "config": one(cluster={"server": "${one}", "certificate-authority": "ca"}),
            "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n${text:ca.crt}",
        }
    ),
    "a certificate authority behind a byte order mark": Row(
        files={
            "config": one(cluster={"server": "${one}", "certificate-authority": "ca"}),
            "ca": "\ufeff${text:ca.crt}",
        },
        refused="no certificate",
    ),
    "file and data of a certificate authority": simple(
        "Remove one", cluster={**CLUSTER, "certificate-authority": "${file:ca.crt}"}
    ),
    "a certificate authority that is missing": simple(
        "cannot be read", cluster={"server": "${one}", "certificate-authority": "none"}
    ),
    "an empty certificate authority": Row(
        files={
            "config": one(cluster={"server": "${one}", "certificate-authority": "ca"}),
            "ca": "",
        },
        refused="no certificate",
    ),
    "another certificate authority": simple(
        "not trusted",
        cluster={"server": "${one}", "certificate-authority-data": "${data:root.crt}"},
    ),
    "no certificate authority": simple("not trusted", cluster={"server": "${one}"}),
    "a server whose certificate is not verified": simple(
        cluster={"server": "${renamed}", "insecure-skip-tls-verify": True}
    ),
    "an authority for a server that is not verified": simple(
        "Remove one", cluster={**CLUSTER, "insecure-skip-tls-verify": True}
    ),
    "an option that does not verify the server": simple(
        cluster={**CLUSTER, "server": "${renamed}"},
        args=("--insecure-skip-tls-verify",),
    ),
    "an option with a value that does not verify the server": simple(
        cluster={**CLUSTER, "server": "${renamed}"},
        args=("--insecure-skip-tls-verify=true",),
    ),
    "an option with a value that verifies the server": simple(
        args=("--insecure-skip-tls-verify=false",)
    ),
    "an option with a certificate authority": simple(
        cluster={"server": "${old}", **TRUST},
        args=("--certificate-authority", "${file:old-ca.crt}"),
    ),
    "a certificate for another name": simple(
        "other", cluster={**CLUSTER, "server": "${renamed}"}
    ),
    "a name for the certificate": simple(
        cluster={**CLUSTER, "server": "${renamed}", "tls-server-name": "other.test"}
    ),
    "an option with the name for the certificate": simple(
        cluster={**CLUSTER, "server": "${renamed}"},
        args=("--tls-server-name", "other.test"),
    ),
    "an authority without the extensions of RFC 5280": simple(
        cluster={"server": "${old}", "certificate-authority-data": "${data:old-ca.crt}"}
    ),
    "trust in an intermediate authority": simple(
        cluster={
            "server": "${chain}",
            "certificate-authority-data": "${data:middle.crt}",
        }
    ),
    "a certificate that has a common name only": simple(
        "other", cluster={**CLUSTER, "server": "${unnamed}"}
    ),
    "a certificate that has expired": simple(
        "expired", cluster={**CLUSTER, "server": "${expired}"}
    ),
    # Credentials.
    "a token file whose text ends with a line break": Row(
        files={"config": one(user={"tokenFile": "token"}), "token": f"{SECRET}\n"}
    ),
    "a token file takes precedence over a token": Row(
        files={
            "config": one(user={"token": "other", "tokenFile": "token"}),
            "token": SECRET,
        }
    ),
    "a token and a token file that is missing": simple(
        user={"token": SECRET, "tokenFile": "none"}
    ),
    "a token file that is missing": simple(
        "cannot be read", user={"tokenFile": "none"}
    ),
    "a token file that is empty": Row(
        files={"config": one(user={"tokenFile": "token"}), "token": "\n"},
        refused="is empty",
    ),
    "blanks around a token": simple(user={"token": f" {SECRET} "}),
    "a token file that begins with a separator": Row(
        files={"config": one(user={"tokenFile": "token"}), "token": f"\x1c{SECRET}"},
        refused="control character",
    ),
    "a token of an option and a token file": Row(
        files={"config": one(user={"tokenFile": "token"}), "token": SECRET},
        args=("--token", "other"),
        refused="uses instead of --token",
        kubectl_accepts=True,
    ),
    "a token with a line break": simple("line break", user={"token": f"{SECRET}\n"}),
    "a token that the API server rejects": simple(
        "Log in again", user={"token": "rejected"}, kubectl_accepts=False
    ),
    "an option with a token": simple(args=("--token", "other")),
    "a token of an option for a user that does not exist": simple(
        context={"user": "three"}, args=("--token", "other")
    ),
    "a name and a password": simple(user={"username": "eve", "password": SECRET}),
    "a name without a password": simple(user={"username": "eve"}),
    "a token and a password": simple(
        "Remove one", user={**USER, "username": "eve", "password": SECRET}
    ),
    "a client certificate in the file": simple(
        user={
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:alice.key}",
        }
    ),
    "a client certificate in other files": Row(
        files={
            "sub/config": one(
                user={"client-certificate": "../alice.crt", "client-key": "alice.key"}
            ),
            "alice.crt": "${text:alice.crt}",
            "sub/alice.key": "${text:alice.key}",
        },
        env={"KUBECONFIG": "${folder}/sub/config"},
    ),
    "a client certificate and a token": simple(
        user={
            **USER,
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:alice.key}",
        }
    ),
    "a client certificate of an option": simple(
        user={
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:alice.key}",
        },
        args=(
            *("--client-certificate", "${file:bob.crt}"),
            *("--client-key", "${file:bob.key}"),
        ),
    ),
    "a client certificate without a key": simple(
        "without a key", user={"client-certificate-data": "${data:alice.crt}"}
    ),
    "a client certificate with the key of another": simple(
        "no pair",
        user={
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:bob.key}",
        },
    ),
    "a client key with a password": simple(
        "no pair",
        user={
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:alice-locked.key}",
        },
    ),
    "file and data of a client certificate": simple(
        "Remove one",
        user={
            "client-certificate": "${file:alice.crt}",
            "client-certificate-data": "${data:alice.crt}",
            "client-key-data": "${data:alice.key}",
        },
    ),
    # Impersonation.
    "impersonation of a user with groups, UID and extra fields": simple(
        user={
            **USER,
            "as": "eve",
            "as-uid": "u-1",
            "as-groups": ["b", "a"],
            "as-user-extra": {"example.com/Scopes": ["x", "y"], "a%b c": ["z"]},
        }
    ),
    "blanks around the names to impersonate": simple(
        user={**USER, "as": " eve ", "as-groups": [" a "]}
    ),
    "keys of extra fields that are numbers": text_row(
        YAML.replace(
            f"{{token: {SECRET}}}",
            "{token: x, as: eve, as-user-extra: {1: [a], true: [b], 1e3: [c]}}",
        )
    ),
    "groups without a user to impersonate": simple(
        "without as", user={**USER, "as-groups": ["a"]}
    ),
    "options that impersonate": simple(
        user={**USER, "as": "eve", "as-groups": ["a"]},
        args=("--as=zoe", "--as-group=x", "--as-group=y", "--as-uid=7"),
    ),
    "an option with a group, but no user to impersonate": simple(
        "without as", args=("--as-group=x",)
    ),
    "an option with an extra field": simple(
        args=("--as=zoe", "--as-user-extra=k=v", "--as-user-extra=k=w=x")
    ),
    "impersonation with a line break": simple(
        "line break", user={**USER, "as": "eve\nHost: x"}
    ),
    # Exec plugins.
    "a plugin beside the kubeconfig": plugin_row(PRINTS_TOKEN),
    "a plugin in a folder beside the kubeconfig": Row(
        files={
            "config": one(user=exec_user(command="bin/plugin")),
            "bin/plugin": PRINTS_TOKEN,
        }
    ),
    "a plugin in PATH": Row(
        files={
            "config": one(user=exec_user(command="plugin")),
            "bin/plugin": PRINTS_TOKEN,
        },
        env={"PATH": "${folder}/bin:/usr/bin:/bin"},
    ),
    "a plugin in a relative folder of PATH": Row(
        files={
            "config": one(user=exec_user(command="plugin")),
            "bin/plugin": PRINTS_TOKEN,
        },
        env={"PATH": "bin:/usr/bin:/bin"},
        refused="is not installed",
    ),
    "the environment of a plugin does not change where it is found": Row(
        files={
            "config": one(
                user=exec_user(
                    command="plugin", env=[{"name": "PATH", "value": "/usr/bin:/bin"}]
                )
            ),
            "bin/plugin": PRINTS_TOKEN,
        },
        env={"PATH": "${folder}/bin:/usr/bin:/bin"},
    ),
    "a plugin with arguments and environment": plugin_row(
        credential('{"token": "$1-$2-$GREETING-$KEPT"}'),
        args=["a b", ""],
        env=[
            {"name": "GREETING", "value": "first"},
            {"name": "GREETING", "value": "hello"},
            {"name": "KEPT", "value": "kept"},
        ],
    ),
    "a plugin that asks for the cluster": Row(
        files={
            "config": one(
                cluster={
                    **CLUSTER,
                    "server": "${one}/prefix",
                    "tls-server-name": "one.test",
                    "disable-compression": True,
                    "extensions": [
                        {
                            "name": V1.replace("/v1", "/exec"),
                            "extension": {"audience": ["a", 1, True, None]},
                        }
                    ],
                },
                user=exec_user(provideClusterInfo=True),
            ),
            "plugin": PRINTS_INFO,
        }
    ),
    "a plugin that asks for the cluster behind a proxy": Row(
        files={
            "config": one(
                cluster={
                    "server": "${one}",
                    "certificate-authority": "${file:ca.crt}",
                    "proxy-url": "${proxy}",
                },
                user=exec_user(provideClusterInfo=True, apiVersion=V1BETA1),
            ),
            "plugin": PRINTS_INFO.replace(V1, V1BETA1),
        }
    ),
    "a plugin that does not ask for the cluster": plugin_row(PRINTS_INFO),
    "a plugin of the version v1beta1 without interactiveMode": plugin_row(
        PRINTS_TOKEN.replace(V1, V1BETA1), apiVersion=V1BETA1, interactiveMode=None
    ),
    "a plugin of the version v1 without interactiveMode": plugin_row(
        PRINTS_TOKEN, "has no interactiveMode", interactiveMode=None
    ),
    "a plugin with another interactiveMode": plugin_row(
        PRINTS_TOKEN, "other than Never", interactiveMode="Sometimes"
    ),
    "a plugin of the removed version v1alpha1": plugin_row(
        PRINTS_TOKEN, "v1alpha1", apiVersion=V1.replace("v1", "v1alpha1")
    ),
    "a plugin that needs a terminal": plugin_row(
        PRINTS_TOKEN, "needs a terminal", interactiveMode="Always"
    ),
    "a plugin that would use a terminal": plugin_row(
        credential('{"token": "$(cat)x"}'), interactiveMode="IfAvailable"
    ),
    "a plugin without a command": plugin_row(
        PRINTS_TOKEN, "has no command", command=""
    ),
    "a plugin without apiVersion": plugin_row(
        PRINTS_TOKEN, "has no apiVersion", apiVersion=None
    ),
    "a plugin that is not installed": plugin_row(
        PRINTS_TOKEN,
        "Run brew install kubelogin",
        command="kubectl-no-such-plugin",
        installHint="Run brew install\nkubelogin",
    ),
    "a plugin that cannot be executed": Row(
        files={"config": one(user=exec_user(command="./data")), "data": "text"},
        refused="cannot be executed",
    ),
    "a plugin that fails": plugin_row(
        "#!/bin/sh\necho 'the session has expired' >&2\nexit 3\n",
        "exit code 3, and wrote: the session has expired",
    ),
    "a plugin that fails after it has printed a token": plugin_row(
        f"{PRINTS_TOKEN}exit 1\n", "exit code 1"
    ),
    "a plugin that kills itself": plugin_row("#!/bin/sh\nkill -9 $$\n", "SIGKILL"),
    "a plugin that writes a megabyte of messages": plugin_row(
        f"#!/bin/sh\nhead -c 1048576 /dev/zero | tr '\\0' x >&2\n{PRINTS_TOKEN}"
    ),
    "a plugin that prints no JSON": plugin_row(
        f"#!/bin/sh\necho '{SECRET} ['", "printed"
    ),
    "a plugin that prints nothing": plugin_row("#!/bin/sh\n", "printed"),
    "a plugin that prints another kind": plugin_row(
        credential(f'{{"token": "{SECRET}"}}', kind="Config"), "another kind"
    ),
    "a plugin that prints another version": plugin_row(
        PRINTS_TOKEN.replace(V1, V1BETA1), "another kind or apiVersion"
    ),
    "a plugin that prints no status": plugin_row(credential("null"), "no status"),
    "a plugin that prints an empty status": plugin_row(credential("{}"), "neither"),
    "a plugin that prints a number as token": plugin_row(
        credential('{"token": 12345}'), "status.token"
    ),
    "a plugin that prints YAML": plugin_row(
        f"#!/bin/sh\nprintf 'apiVersion: {V1}\\nkind: ExecCredential\\nstatus:\\n"
        f"  token: {SECRET}\\n'\n"
    ),
    "a plugin that prints a client certificate": plugin_row(
        credential(
            '{"clientCertificateData": "${json:alice.crt}",'
            ' "clientKeyData": "${json:alice.key}"}'
        )
    ),
    "a plugin that prints a client certificate and a token": plugin_row(
        credential(
            '{"token": "other", "clientCertificateData": "${json:alice.crt}",'
            ' "clientKeyData": "${json:alice.key}"}'
        )
    ),
    "a plugin that prints a client certificate without a key": plugin_row(
        credential('{"clientCertificateData": "${json:alice.crt}"}'), "only one"
    ),
    "a plugin that prints a client certificate with another key": plugin_row(
        credential(
            '{"clientCertificateData": "${json:alice.crt}",'
            ' "clientKeyData": "${json:bob.key}"}'
        ),
        "no pair",
    ),
    "a plugin that prints a token which expires": plugin_row(
        credential(
            f'{{"token": "{SECRET}", "expirationTimestamp": "2100-01-01T00:00:00Z"}}'
        )
    ),
    "a plugin that prints a token which has expired": plugin_row(
        credential(
            f'{{"token": "{SECRET}", "expirationTimestamp": "2020-01-01T00:00:00Z"}}'
        )
    ),
    "a plugin that prints an empty expiry": plugin_row(
        credential(f'{{"token": "{SECRET}", "expirationTimestamp": ""}}'), "no time"
    ),
    "a plugin that prints an expiry in another form of Go": plugin_row(
        credential(
            f'{{"token": "{SECRET}", "expirationTimestamp": "2100-01-01T0:00:00,5Z"}}'
        )
    ),
    "a plugin that prints no kind": plugin_row(
        f'#!/bin/sh\necho \'{{"apiVersion": "{V1}", "status": {{"token": "x"}}}}\'\n'
    ),
    "a plugin that prints two objects": plugin_row(
        PRINTS_TOKEN + PRINTS_TOKEN.removeprefix("#!/bin/sh\n"), "single object"
    ),
    "a plugin that prints a word behind its object": plugin_row(
        f"{PRINTS_TOKEN}echo done\n", "single object"
    ),
    "a plugin that prints no time as the expiry": plugin_row(
        credential(f'{{"token": "{SECRET}", "expirationTimestamp": "soon"}}'), "no time"
    ),
    "a token takes precedence over a plugin": Row(
        files={
            "config": one(user={"token": "other", **exec_user()}),
            "plugin": "#!/bin/sh\nexit 1\n",
        }
    ),
    "a plugin and an auth-provider": simple(
        "Remove one", user={**exec_user(), **oidc()}
    ),
    # The preferences of kubectl about plugins.
    "preferences that permit no plugin": allowed("DenyAll", refused="may not run"),
    "preferences that permit every plugin": allowed("AllowAll"),
    "preferences that permit this plugin by its path": allowed(
        "Allowlist", "${folder}/bin/plugin"
    ),
    "preferences that permit this plugin by its name": allowed("Allowlist", "plugin"),
    "preferences that permit another plugin": allowed(
        "Allowlist", "/usr/bin/plugin", "other", refused="may not run"
    ),
    "preferences with an unknown policy": allowed("Some", refused="may not run"),
    "preferences behind a document of another kind": Row(
        files={
            **allowed("DenyAll").files,
            "home/.kube/kuberc": f"kind: X\n---\n{json.dumps(preferences('DenyAll'))}",
        },
        env=allowed("DenyAll").env,
        refused="may not run",
    ),
    "preferences with an empty entry": allowed(
        "Allowlist", "", "plugin", refused="empty entry"
    ),
    "preferences that are switched off": Row(
        files=allowed("DenyAll").files,
        env={**allowed("DenyAll").env, "KUBERC": "off"},
    ),
    "preferences in another file": Row(
        files={**allowed("AllowAll").files, "rc": preferences("DenyAll")},
        env={**allowed("AllowAll").env, "KUBERC": "${folder}/rc"},
        refused="may not run",
    ),
    # Auth-providers.
    "an id-token of oidc": simple(user=oidc(**{"id-token": jwt(4_102_444_800)})),
    "an id-token of oidc that has expired": simple(
        "expired at 2020-01-01T00:00:00Z", user=oidc(**{"id-token": jwt(1_577_836_800)})
    ),
    "an expired id-token of oidc with a refresh token": simple(
        "expired at",
        user=oidc(**{"id-token": jwt(1_577_836_800), "refresh-token": SECRET}),
    ),
    "no id-token of oidc": simple("no id-token", user=oidc()),
    "oidc without a client": simple(
        "client-id", user=oidc(**{"client-id": "", "id-token": jwt(4_102_444_800)})
    ),
    "the auth-provider gcp": simple(
        "gke-gcloud-auth-plugin", user={"auth-provider": {"name": "gcp"}}
    ),
    "the auth-provider azure": simple(
        "kubelogin", user={"auth-provider": {"name": "azure"}}
    ),
    "an auth-provider that nobody knows": simple(
        "does not exist in kubectl", user={"auth-provider": {"name": "x"}}
    ),
    # Proxies.
    "a proxy-url": simple(cluster={**CLUSTER, "proxy-url": "${proxy}"}),
    "a proxy-url with user and password": simple(
        cluster={
            **CLUSTER,
            "proxy-url": f"http://eve:{SECRET}@127.0.0.1:${{port:proxy}}",
        }
    ),
    "a proxy-url that is https": simple(
        cluster={**CLUSTER, "proxy-url": "${tls-proxy}"}
    ),
    "a proxy-url that is socks5": simple(cluster={**CLUSTER, "proxy-url": "${socks}"}),
    "a socks5 proxy looks up the host": simple(
        cluster={
            "server": "https://one.test:6443",
            **TRUST,
            "proxy-url": "${socks}",
        }
    ),
    "a socks5 proxy with user and password": simple(
        cluster={
            **CLUSTER,
            "proxy-url": f"socks5://eve:{SECRET}@127.0.0.1:${{port:socks}}",
        }
    ),
    "a proxy-url and a name for the certificate": simple(
        cluster={
            "server": "https://elsewhere.test:6443",
            **TRUST,
            "tls-server-name": "one.test",
            "proxy-url": "${proxy}",
        }
    ),
    "a proxy-url for a server on http": simple(
        cluster={"server": "http://plain.test:8080", "proxy-url": "${proxy}"},
        user={"as": "eve"},
    ),
    "a proxy-url with another scheme": simple(
        "proxy-url", cluster={**CLUSTER, "proxy-url": "ftp://127.0.0.1:1"}
    ),
    "a proxy-url that begins with a blank": simple(
        "proxy-url", cluster={**CLUSTER, "proxy-url": " ${proxy}"}
    ),
    "a proxy-url for a host that ends with a dot": simple(
        cluster={"server": "https://one.test.:6443", **TRUST, "proxy-url": "${proxy}"}
    ),
    "HTTP_PROXY in a CGI program": simple(
        "CGI",
        cluster={"server": "http://plain.test:8080"},
        user={"as": "eve"},
        env={"HTTP_PROXY": "${proxy}", "REQUEST_METHOD": "GET"},
    ),
    "a proxy-url without a scheme": simple(
        "proxy-url", cluster={**CLUSTER, "proxy-url": "127.0.0.1:1"}
    ),
    "NO_PROXY does not concern a proxy-url": simple(
        cluster={**CLUSTER, "proxy-url": "${proxy}"}, env={"NO_PROXY": "*"}
    ),
    "an option with a proxy": simple(args=("--proxy-url", "${proxy}")),
    "HTTPS_PROXY": proxied("${proxy}"),
    "HTTPS_PROXY without a scheme": proxied("127.0.0.1:${port:proxy}"),
    "HTTPS_PROXY that is socks5": proxied("${socks}"),
    "https_proxy in small letters": simple(
        cluster={"server": "https://one.test:6443", **TRUST},
        env={"https_proxy": "${proxy}"},
    ),
    "HTTPS_PROXY is not used for loopback addresses": simple(
        env={"HTTPS_PROXY": "${proxy}"}
    ),
    "HTTPS_PROXY is not used for localhost": simple(
        cluster={**CLUSTER, "server": "https://localhost:${port:one}"},
        env={"HTTPS_PROXY": "${proxy}"},
    ),
    "HTTP_PROXY is not used for https": simple(
        env={"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    ),
    "NO_PROXY with another domain": proxied("${proxy}", NO_PROXY="two.test,.one.test"),
    "NO_PROXY with another port": proxied("${proxy}", NO_PROXY="one.test:443"),
    "NO_PROXY with another network": proxied("${proxy}", NO_PROXY="10.0.0.0/8, ,x"),
    "a proxy that does not answer": simple(
        "Does kubectl reach this cluster?",
        cluster={**CLUSTER, "proxy-url": "http://127.0.0.1:1"},
    ),
    # In a pod.
    "in a pod without a kubeconfig": Row(files={}, in_pod=True),
    "in a pod with a kubeconfig": Row(files={"config": named("two")}, in_pod=True),
    "in a pod with an empty kubeconfig": Row(files={"config": ""}, in_pod=True),
    "in a pod with a kubeconfig without a current context": Row(
        files={"config": named("two", current=False)}, in_pod=True
    ),
    "in a pod with a context of the kubeconfig": Row(
        files={"config": named("two", current=False)},
        args=("--context=two",),
        in_pod=True,
    ),
    "in a pod with a context that does not exist": Row(
        files={}, args=("--context=two",), in_pod=True, refused="does not exist"
    ),
    "in a pod with a broken kubeconfig": Row(
        files={"config": "{["}, in_pod=True, refused="not valid YAML"
    ),
}


def fill(text: str, network: Network, folder: Path) -> str:
    """Replace the placeholders of a text."""

    def value(found: re.Match[str]) -> str:
        kind, _, name = found[1].rpartition(":")
        if name == "folder":
            return str(folder)
        if kind == "":
            return network.urls[name]
        file = network.certificates / name
        return {
            "port": lambda: str(network.port(name)),
            "file": lambda: str(file),
            "data": lambda: network.data(name),
            "text": file.read_text,
            "json": lambda: json.dumps(file.read_text())[1:-1].replace("\\", "\\\\"),
        }[kind]()

    return re.sub(r"\$\{((?:\w+:)?[\w.-]+)\}", value, text)


def write(row: Row, network: Network, folder: Path) -> None:
    """Write the files of a row into a folder; scripts can be executed."""
    for name, content in row.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(fill(text, network, folder), "utf-8")
        if text.startswith("#!"):
            path.chmod(0o755)
