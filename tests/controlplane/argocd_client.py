"""Requests to Argo CD's API over one connection that stays open."""

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from controlplane.errors import ArgoCDBroken, ArgoCDError, ArgoCDUnreachable

REQUEST_SECONDS = 30.0


class ArgoCDClient:
    """Client of Argo CD's API, which distinguishes failures from answers."""

    def __init__(self, url: str, *, trusted: str = "") -> None:
        """Prepare requests to a URL.

        Args:
            url: URL of Argo CD's API, ``http`` or ``https``.
            trusted: Certificates (PEM) to trust, in addition to those of the system.
        """
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._path = parts.path
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                parts.netloc, timeout=REQUEST_SECONDS, context=_verifying(trusted)
            )
        else:
            self._connection = http.client.HTTPConnection(
                parts.netloc, timeout=REQUEST_SECONDS
            )
        self._one_at_a_time = threading.Lock()

    def get(self, path: str, *, token: str) -> dict[str, Any]:
        """Return Argo CD's answer to a GET request."""
        return self._asked("GET", path, token=token)

    def post(
        self, path: str, body: Mapping[str, Any], *, token: str = ""
    ) -> dict[str, Any]:
        """Return Argo CD's answer to a POST request."""
        return self._asked("POST", path, token=token, body=json.dumps(body))

    def close(self) -> None:
        """Close the connection; the next request would open it again."""
        self._connection.close()

    def _asked(
        self, method: str, path: str, *, token: str, body: str | None = None
    ) -> dict[str, Any]:
        """Send a request, and repeat it if the open connection was closed.

        Raises:
            ArgoCDUnreachable: Argo CD does not answer.
            ArgoCDBroken: Argo CD failed on its own account (5xx).
            ArgoCDError: It refused the request itself.
        """
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with self._one_at_a_time:
            is_open = self._connection.sock is not None
            try:
                status, text = self._exchange(method, path, body=body, headers=headers)
            except ArgoCDUnreachable:
                if not is_open:
                    raise
                status, text = self._exchange(method, path, body=body, headers=headers)
        if status == http.HTTPStatus.OK:
            answer: dict[str, Any] = json.loads(text)
            return answer
        broken = status >= http.HTTPStatus.INTERNAL_SERVER_ERROR
        kind = ArgoCDBroken if broken else ArgoCDError
        raise kind(f"Argo CD answered {method} {path} with {status}: {text}")

    def _exchange(
        self, method: str, path: str, *, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        try:
            self._connection.request(method, self._path + path, body, dict(headers))
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ArgoCDUnreachable(
                f"Argo CD does not answer at {self.url}: {error!r}. "
                f"Is argocd-server running there?"
            ) from error


def _verifying(trusted: str) -> ssl.SSLContext:
    """Verify as usual, and trust a self-signed certificate that is known."""
    context = ssl.create_default_context()
    if trusted:
        context.load_verify_locations(cadata=trusted)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
