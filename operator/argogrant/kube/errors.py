"""The errors of an API server, by what can be done about them.

    ClusterError
    ├── NotFound       usually normal on the way out
    ├── Conflict       re-read and plan again
    ├── Gone           a watch is too far behind; list again
    ├── Forbidden      our own permissions are missing; a person must act
    │   └── Unauthorized   the token is not accepted, by any API
    ├── Refused        the API server will not take this object
    └── Unavailable    it does not answer as it should; try again later
        ├── Untrusted      its certificate is not the one of that server
        └── TokenMissing   there is no token to show it

Neither aiohttp's nor the client library's errors leave this room.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp

from argogrant.grants.model.errors import AccessGrantError


class ClusterError(AccessGrantError):
    """An API server did not do what it was asked for."""


class NotFound(ClusterError):
    """The object, or its kind, is not there."""


class Conflict(ClusterError):
    """Somebody else changed the object since it was read."""


class Gone(ClusterError):
    """The asked-for history is not kept any longer."""


class Forbidden(ClusterError):
    """The credentials do not allow this."""


class Unauthorized(Forbidden):
    """The credentials are not accepted: a token has expired or was revoked."""


class Invalid(ClusterError):
    """The object is not valid for the API server, now and at a second try."""


class Unavailable(ClusterError):
    """No answer, too late an answer, or one that says to come back later."""


class UntrustedCertificate(Unavailable):
    """The certificate that was shown is not one to believe; nothing was sent."""


class TokenMissing(Unavailable):
    """Nobody has given us a token for this API server yet."""


_BY_STATUS: Final[dict[int, type[ClusterError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
}
_OUR_GROUPS: Final = ("/apis/argogrant.dev/", "/apis/coordination.k8s.io/")
"""What the operator reads and writes in its own namespace, by the request's path."""
_FIRST_ERROR_STATUS: Final = 400
_WRONG_WITH_CERTIFICATE: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "was signed by itself and by no authority that is trusted",
    19: "was issued by an authority that is not trusted",
    20: "was issued by an authority that is not trusted",
    21: "was issued by an authority that is not trusted",
    62: "is made out to other names than that",
    64: "is made out to other addresses than that",
}
"""By OpenSSL's code. Source: openssl/openssl, ``include/openssl/x509_vfy.h.in``."""


def raise_for_status(status: int, body: bytes, request: str) -> None:
    """Raise the error that an HTTP status stands for; return if it is a success.

    Args:
        status: The HTTP status.
        body: What came with it, a ``metav1.Status`` as a rule.
        request: What was asked, as ``PATCH /api/v1/…``, for the message.
    """
    if status < _FIRST_ERROR_STATUS:
        return
    raise _BY_STATUS.get(status, Unavailable)(f"{request}: {status} {_said(body)}")


def remedy_of(error: ClusterError) -> str:
    """Say which Role to give where a right is missing, by the refused request."""
    if any(group in str(error) for group in _OUR_GROUPS):
        whose, manifest = "its own", "manifests/argogrant-namespace.yaml"
    elif "PATCH" in str(error) and "/appprojects/" in str(error):
        return (
            "Give the operator's service account the Role argogrant-appprojects of Argo"
            " CD's namespace (manifests/argocd-appprojects.yaml), or set"
            " bindProjectRolesIn: ConfigMap."
        )
    else:
        whose, manifest = "Argo CD's", "manifests/argocd-namespace.yaml"
    return (
        f"Give the operator's service account the Role argogrant of {whose} namespace"
        f" ({manifest})."
    )


def error_of_event(status_object: dict[str, object]) -> ClusterError:
    """Translate the object of a watch's ERROR event."""
    code = status_object.get("code")
    kind = _BY_STATUS.get(code, Unavailable) if isinstance(code, int) else Unavailable
    return kind(f"watch: {code} {status_object.get('message')}")


@contextmanager
def connection_errors(request: str) -> Iterator[None]:
    """Translate what goes wrong on the way to the API server into Unavailable.

    A ValueError is an answer that breaks off in the middle of its JSON.

    Raises:
        Untrusted: The server's certificate could not be verified.
    """
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise UntrustedCertificate(f"{request}: {_untrusted(error)}") from error
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        said = str(error) or type(error).__name__
        raise Unavailable(f"{request}: {said}") from error


def _said(body: bytes) -> str:
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError):
        message = None
    return str(message or body[:200].decode("utf-8", "replace"))


def _untrusted(error: aiohttp.ClientConnectorCertificateError) -> str:
    """Say whose certificate is not trusted, and why."""
    cause = error.certificate_error
    code = getattr(cause, "verify_code", None)
    wrong = _WRONG_WITH_CERTIFICATE.get(code or 0, f"can not be verified: {cause}")
    return f"the certificate of https://{error.host}:{error.port} {wrong}"
