"""Validating admission webhook that takes its time, for the API server of a test."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import yaml

from controlplane.plane import ControlPlane
from support.live_cluster import eventually

NAME: Final = "slow.argogrant.test"
OPERATOR: Final = "system:serviceaccount:argogrant:argogrant"
KINDS: Final = "admissionregistration.k8s.io/v1"
EFFECT_SECONDS: Final = 30.0
"""Longest time until the API server calls a webhook that was just configured."""


@dataclass(slots=True)
class SlowWebhook:
    """The webhook, which admits everything."""

    seconds: float
    reviewed: list[str] = field(default_factory=list)
    """Operation, resource and name of each request that was admitted."""

    def review(self, body: dict[str, Any]) -> dict[str, Any]:
        """Admit a request, after the pause."""
        request = body["request"]
        is_probe = request["name"] == "probe-of-the-webhook"
        time.sleep(0 if is_probe else self.seconds)
        resource = request["resource"]["resource"]
        self.reviewed.append(f"{request['operation']} {resource} {request['name']}")
        answer = {"uid": request["uid"], "allowed": True}
        return {**body, "request": None, "response": answer}


class _Server(ThreadingHTTPServer):
    """Server of clients that may be gone before their answer."""

    daemon_threads, block_on_close = True, False

    def handle_error(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serving(
    plane: ControlPlane,
    *rules: tuple[str, str],
    seconds: float,
    users: Sequence[str] = (OPERATOR,),
) -> Iterator[SlowWebhook]:
    """Have the API server call the webhook for the length of a block.

    Args:
        plane: The control plane; the webhook has the certificate of its API server.
        rules: API group and resource of the requests, such as ``("", "configmaps")``.
        seconds: Seconds that the webhook takes.
        users: Users whose requests it reviews.
    """
    webhook = SlowWebhook(seconds)
    server = _Server(("127.0.0.1", 0), _handler(webhook))
    folder = plane.folder / "certificates"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "apiserver.crt", folder / "apiserver.key")
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    configuration = _configuration(plane, server.server_address[1], rules, users)
    plane.apply(configuration)
    try:
        eventually(lambda: _is_called(plane, webhook), within=EFFECT_SECONDS)
        webhook.reviewed.clear()
        yield webhook
    finally:
        plane.kubectl("delete", "validatingwebhookconfiguration", NAME)
        server.shutdown()
        server.server_close()


def _is_called(plane: ControlPlane, webhook: SlowWebhook) -> bool:
    """Create a ConfigMap in a dry run, which the webhook reviews at once."""
    probe = ("create", "configmap", "probe-of-the-webhook", "--dry-run=server")
    plane.kubectl("-n", "argogrant", *probe)
    return bool(webhook.reviewed)


def _configuration(
    plane: ControlPlane,
    port: int,
    rules: Sequence[tuple[str, str]],
    users: Sequence[str],
) -> dict[str, Any]:
    cluster = yaml.safe_load(plane.kubeconfig().read_text())["clusters"][0]["cluster"]
    listed = json.dumps(list(users))
    return {
        "apiVersion": KINDS,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [
            {
                "name": NAME,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 30,
                "failurePolicy": "Fail",
                "clientConfig": {
                    "url": f"https://127.0.0.1:{port}/",
                    "caBundle": cluster["certificate-authority-data"],
                },
                "matchConditions": [
                    {
                        "name": "these-users-only",
                        "expression": f"request.userInfo.username in {listed} ||"
                        " request.name == 'probe-of-the-webhook'",
                    }
                ],
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE", "DELETE"],
                        "resources": [resource],
                    }
                    for group, resource in (("", "configmaps"), *rules)
                ],
            }
        ],
    }


def _handler(webhook: SlowWebhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(webhook.review(body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
