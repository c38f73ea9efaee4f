"""Failed requests to an API server: exceptions by what the caller can do, and retries.

    ClusterError
    ├── NotFound           the object or its kind is missing; often normal on deletion
    ├── Conflict           the object has changed; read it again and plan again
    ├── Gone               the resourceVersion is too old; list again
    ├── Forbidden          a permission is missing; an administrator must grant it
    │   └── Unauthorized       the API server does not accept the token
    ├── Invalid            the API server rejects the object; a retry fails again
    └── Unavailable        no usable response; retry later
        ├── AnswerLost             a write may be done; look at the object
        ├── TooLarge               the response exceeds the limit of its size
        ├── UntrustedCertificate   the server's certificate was not verified
        ├── TokenMissing           no token is configured for this API server
        └── CredentialUnavailable  the configured credential cannot be had; nothing sent

Only this package sees the exceptions of aiohttp. The message
of an exception begins with the request. ``controller.permissions`` adds the remedy.
A loop that retries has a ``Backoff`` of its own.

The program that answers a request writes part of the message: the API server of another
owner, a proxy, or an admission webhook. Log, status and Events repeat it, so
``foreign_text`` makes it one short line without a credential.
"""

import asyncio
import base64
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.http import HttpProcessingError

from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import one_line


class ClusterError(AccessGrantError):
    """A failed request to an API server."""


class NotFound(ClusterError):
    """The object does not exist, or the API server does not serve its kind."""


class Conflict(ClusterError):
    """The object has changed since it was read, or its name is in use."""


class Gone(ClusterError):
    """The API server no longer keeps the requested resourceVersion."""


class Forbidden(ClusterError):
    """The credentials do not permit this request."""


class Unauthorized(Forbidden):
    """The API server does not accept the credentials: expired or revoked token."""


class Invalid(ClusterError):
    """The API server rejects the object; a retry of the same object fails again."""


class Unavailable(ClusterError):
    """No response, a late response, or one that asks to retry later."""


class AnswerLost(Unavailable):
    """The request may have reached the API server, but no usable answer came back."""


class TooLarge(Unavailable):
    """The response exceeds the limit of its size; the rest of it was not read."""


class UntrustedCertificate(Unavailable):
    """The server's certificate was not verified; no request was sent."""


class TokenMissing(Unavailable):
    """No token is configured for this API server yet."""


class CredentialUnavailable(Unavailable):
    """The configured credential cannot be read or renewed, so no request was sent.

    The message is complete: it names the credential, what is wrong and what to do.
    """


_BY_STATUS: Final[dict[int, type[ClusterError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
    502: AnswerLost,
    504: AnswerLost,
}
_CERTIFICATE_PROBLEMS: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not trusted",
    **dict.fromkeys((19, 20, 21), "was issued by an authority that is not trusted"),
    62: "is issued for other host names",
    64: "is issued for other IP addresses",
}
"""By OpenSSL's code. Source: openssl/openssl, ``include/openssl/x509_vfy.h.in``."""


LONGEST_TEXT: Final = 300
"""Characters of a foreign message; those of the API server itself are shorter."""
SHORTEST_PART: Final = 8
"""Characters of a credential that may not be shown in a row."""
_LONGEST_READ: Final = 4_096
"""Characters of a foreign message that are looked at."""
REDACTED: Final = "[redacted]"

Clean = Callable[[str], str]
"""Makes foreign text harmless: ``foreign_text`` with the secrets of a client."""


def foreign_text(
    text: str, secrets: tuple[str, ...] = (), longest: int = LONGEST_TEXT
) -> str:
    """Make text of unknown origin fit to be logged, stored and shown.

    Args:
        text: What another program wrote.
        secrets: Credentials of ours that it may repeat, whole, in part or in base64.
        longest: Length of the result in characters.

    Returns:
        One line. Control characters, format characters, unassigned ones and surrogates
        (Unicode categories C*) and separators of lines are escaped, and every part of a
        secret of ``SHORTEST_PART`` characters or more is replaced by ``REDACTED``.
    """
    shown = _redact(text[:_LONGEST_READ], secrets)
    shown = one_line(shown[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _redact(text: str, secrets: tuple[str, ...]) -> str:
    """Replace every part of a secret that is long enough to be of use."""
    hidden = bytearray(len(text))
    for form in (form for secret in secrets for form in _forms(secret)):
        size = min(SHORTEST_PART, len(form))
        parts = {form[i : i + size] for i in range(len(form) - size + 1)}
        for start in range(len(text) - size + 1):
            if text[start : start + size] in parts:
                hidden[start : start + size] = b"\1" * size
    shown: list[str] = []
    for position, character in enumerate(text):
        if not hidden[position]:
            shown.append(character)
        elif not position or not hidden[position - 1]:
            shown.append(REDACTED)
    return "".join(shown)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret and its base64, at each of the three places in a longer text."""
    if not secret:
        return
    yield secret
    for shift in range(3):
        encoded = base64.b64encode(b" " * shift + secret.encode())
        inner = encoded[4 * (shift > 0) : -4].decode()
        if len(inner) >= SHORTEST_PART:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))


def raise_for_status(
    status: int, body: bytes, request: str, clean: Clean = foreign_text
) -> None:
    """Raise the exception for an HTTP status, unless it is a success.

    A redirect is an error, and its body is never shown: no request of argogrant has to
    be redirected, and the place that it points to is chosen by the server that answers.

    Args:
        status: Of the response.
        body: Of the response, usually a ``metav1.Status``.
        request: For the message, such as ``PATCH /api/v1/…``.
        clean: Makes the body's text harmless.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        kind = _BY_STATUS.get(status, Unavailable)
        raise kind(f"{request}: {status} {clean(_message(body))}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Unavailable(f"{request}: {status} redirects are not followed")


def error_of_event(
    status_object: dict[str, object], clean: Clean = foreign_text
) -> ClusterError:
    """Return the exception for the object of a watch's ERROR event."""
    code, message = status_object.get("code"), status_object.get("message")
    kind = _BY_STATUS.get(code, Unavailable) if isinstance(code, int) else Unavailable
    return kind(f"watch: {clean(f'{code} {message}')}")


@contextmanager
def connection_errors(request: str, clean: Clean = foreign_text) -> Iterator[None]:
    """Turn connection failures into ``Unavailable`` or ``UntrustedCertificate``.

    A ValueError means that the response ended in the middle of its JSON, or has values
    that no API server sends. A response that breaks the rules of HTTP raises an
    ``HttpProcessingError``, which is no ``ClientError``.
    """
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        cause = clean(_certificate_problem(error))
        raise UntrustedCertificate(f"{request}: {cause}") from error
    except (
        aiohttp.ClientError,
        HttpProcessingError,
        OSError,
        TimeoutError,
        ValueError,
    ) as error:
        cause = clean(str(error)) or _without_message(error)
        kind = Unavailable if isinstance(error, _NEVER_SENT) else AnswerLost
        raise kind(f"{request}: {cause}") from error


_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
"""Exceptions before a request is sent."""


def _without_message(error: Exception) -> str:
    """Return what an exception means that has no message."""
    is_late = isinstance(error, TimeoutError)
    return "no answer in time" if is_late else type(error).__name__


def _message(body: bytes) -> str:
    """Return the message of a ``metav1.Status``, or the start of any other body."""
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError, RecursionError):
        message = None
    return str(message or body[:200].decode("utf-8", "replace"))


def _certificate_problem(error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    code = getattr(cause, "verify_code", None)
    problem = _CERTIFICATE_PROBLEMS.get(code or 0, f"cannot be verified: {cause}")
    return f"the certificate of https://{error.host}:{error.port} {problem}"


BROKEN_ANSWERS: Final = (
    aiohttp.ClientPayloadError,
    aiohttp.ContentTypeError,
    ValueError,
)
"""Exceptions of a client that reads an answer which is cut off or no JSON."""
FIRST_BACKOFF: Final = 0.2
LONGEST_BACKOFF: Final = 5.0


class Backoff:
    """Delays of one retry loop: doubled after every failure up to a maximum.

    Every delay is shortened by a random part, at most by half. Loops that failed at the
    same moment, such as the watches of an API server that restarts, then do not retry
    at the same moment.

    Args:
        first: Seconds after the first failure.
        longest: Upper limit of the delay in seconds.
    """

    def __init__(
        self, *, first: float = FIRST_BACKOFF, longest: float = LONGEST_BACKOFF
    ) -> None:
        self._first = self._delay = first
        self._longest = longest
        self._retry = asyncio.Event()

    @property
    def has_failed(self) -> bool:
        """True if an attempt has failed since the last reset."""
        return self._delay > self._first

    def next_delay(self) -> float:
        """Return the seconds until the next attempt, and double them for later."""
        delay = self._delay * random.uniform(0.5, 1.0)  # noqa: S311
        self._delay = min(self._delay * 2, self._longest)
        return delay

    async def wait(self) -> None:
        """Sleep until the next attempt is due or ``retry_now`` is called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.next_delay()):
                await self._retry.wait()
        self._retry.clear()

    def reset(self) -> None:
        """Begin with the first delay again, after an attempt that succeeded."""
        self._delay = self._first

    def retry_now(self) -> None:
        """End the wait in progress; if there is none, the next wait ends at once."""
        self._retry.set()
