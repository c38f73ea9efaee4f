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

Only this package sees the exceptions of aiohttp. The message of an exception is a
sentence for people, without a full stop: what could not be done, and why.
``kube.refusals`` finds the cause in it, and knows the remedy. A loop that retries has a
``Backoff`` of its own.

The program that answers a request writes part of the message: the API server of another
owner, a proxy, or an admission webhook. Log, status and Events repeat it, so
``foreign_text`` makes it one short line without a credential.
"""

import asyncio
import base64
import errno
import json
import random
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp.http import HttpProcessingError

from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.exception_text import chain_of
from argogrant.grants.model.validation import one_line
from argogrant.kube.answers import InvalidAnswer


class ClusterError(AccessGrantError):
    """A failed request to an API server.

    Args:
        message: What could not be done, and why.
        request: The request, such as ``PATCH /api/v1/…``; empty if none failed.
        answer: What the API server wrote; empty if it did not.
        status: The HTTP status of the answer; 0 without an answer.
    """

    def __init__(
        self, message: str = "", *, request: str = "", answer: str = "", status: int = 0
    ) -> None:
        super().__init__(message)
        self.request = request
        self.answer = answer
        self.status = status

    @property
    def reason(self) -> str:
        """Why it failed, without the request."""
        prefix = f"{in_words(self.request)}: " if self.request else ""
        return str(self).removeprefix(prefix)


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
    shown = mask_credentials(_redact(text[:_LONGEST_READ], secrets))
    shown = one_line(shown[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


_CREDENTIALS: Final = tuple(
    (re.compile(words, re.DOTALL | re.IGNORECASE), replacement)
    for words, replacement in (
        (r"(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]+)+|\bk8s-aws-v1\.[\w-]+", REDACTED),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", REDACTED),
        (r"\b(bearer|basic) +(?=\S*\d)[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        (r"(://[^/\s:@]*):[^@/\s]+@", rf"\1:{REDACTED}@"),
        (
            (
                r"\b([\w-]{0,40}(?:token|secret|passw\w*|api-?key)[\"']?\s*[:=]\s*[\"']?)"
                r"(?=[^\s\"']*\d)[^\s\"',}]{8,}"
            ),
            rf"\1{REDACTED}",
        ),
    )
)
"""Forms of credentials, for those that are not known here."""


def mask_credentials(text: str) -> str:
    """Replace what looks like a credential: of a plugin, a proxy, another program."""
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


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


_ETCD: Final = re.compile(r"etcdserver: |context deadline exceeded$")
"""Errors of etcd, which may have carried out the write: a time-out, a new leader."""


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
    what = in_words(request)
    if status >= HTTPStatus.BAD_REQUEST:
        answer = clean(_with_short_name(_message(body)))
        kind = _kind_of(status, answer)
        cause = _without_prefix(answer) or (
            f"the answer has the HTTP status {status} and no message of an API server"
        )
        raise kind(f"{what}: {cause}", request=request, answer=answer, status=status)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Unavailable(
            f"{what}: the answer is a redirect ({status}), and redirects are not"
            " followed",
            request=request,
        )


_DENIED: Final = re.compile(
    r"^(?:\S+ \"[^\"]*\" is forbidden: )?"
    r"(?:\w+AdmissionPolicy '[^']*' |admission webhook \"[^\"]*\" denied the request)"
)
"""The request was understood and denied. A webhook chooses any HTTP status for that."""
_OF_DENIALS: Final = frozenset({400, 401, 403, 413, 422})
"""Statuses of denials whose exceptions mean a rejected object or request anyway."""


def _kind_of(status: int, answer: str) -> type[ClusterError]:
    if status not in _OF_DENIALS and _DENIED.match(answer):
        return Invalid  # The object is neither missing nor changed by another writer.
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and _ETCD.match(answer):
        return AnswerLost
    return _BY_STATUS.get(status, Unavailable)


def error_of_event(
    status_object: dict[str, object], clean: Clean = foreign_text
) -> ClusterError:
    """Return the exception for the object of a watch's ERROR event."""
    code, message = status_object.get("code"), status_object.get("message")
    kind = _BY_STATUS.get(code, Unavailable) if isinstance(code, int) else Unavailable
    answer = clean(str(message or f"status {code}"))
    return kind(f"the watch was ended: {answer}", answer=answer)


CONNECTION_FAILURES: Final = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    TimeoutError,
    ValueError,
)
"""Exceptions of a request whose response is missing or cannot be read.

A ValueError means that the response ended in the middle of its JSON, or has values that
no API server sends. A response that breaks the rules of HTTP raises an
``HttpProcessingError``, which is no ``ClientError``.
"""


def connection_error(
    error: Exception, request: str, clean: Clean = foreign_text
) -> ClusterError:
    """Return the exception for one of ``CONNECTION_FAILURES``.

    The text of an exception is never shown: it is a library's, and may repeat an answer
    or the URL of a proxy with a password.

    Args:
        error: The exception; it loses its traceback.
        request: For the message, such as ``PATCH /api/v1/…``.
        clean: Makes foreign text in the message harmless.
    """
    _free_frames(error)
    kind: type[ClusterError]
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        kind, problem = UntrustedCertificate, _certificate_problem(error)
    else:
        kind = Unavailable if isinstance(error, _NEVER_SENT) else AnswerLost
        problem = connection_problem(error)
    return kind(f"{in_words(request)}: {clean(problem)}", request=request)


def _free_frames(error: Exception) -> None:
    """Free the TLS connection of a failure, which the tracebacks would keep.

    asyncio's exception, its traceback and a future in one of its frames refer to each
    other in a cycle, and the frames to a connection with some hundred kilobytes of
    buffers. The collector of cycles counts objects, not bytes: a server that ends each
    connection at once took hundreds of megabytes until the next collection.

    Source: python/cpython, ``Lib/asyncio/sslproto.py``, ``SSLProtocol.max_size``.
    """
    for one in chain_of(error):
        one.__traceback__ = None


_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
"""Exceptions before a request is sent."""


_REQUEST: Final = re.compile(
    r"(?P<verb>[A-Z]+) /(?:api|apis/[^/]+)/[^/]+"
    r"(?:/namespaces/(?P<namespace>[^/]+))?(?P<object>(?:/[^/?]+)+)"
)
_VERBS: Final = {
    "GET": "read",
    "WATCH": "watched",
    "POST": "created",
    "PUT": "changed",
    "PATCH": "changed",
    "DELETE": "deleted",
}


def in_words(request: str) -> str:
    """Return what failed: ``configmaps/a in namespace b cannot be changed``.

    Args:
        request: Method and path, such as ``PATCH /api/v1/namespaces/b/configmaps/a``.
    """
    method, _, path = request.partition(" ")
    verb, found = _VERBS.get(method, "used"), _REQUEST.match(request)
    if found is None:
        return f"{path or request} of the API server cannot be {verb}"
    namespace = found["namespace"]
    where = f" in namespace {namespace}" if namespace else ""
    return f"{found['object'][1:]}{where} cannot be {verb}"


def connection_problem(error: Exception) -> str:
    """Return what is wrong with a connection, without the text of a library."""
    for kind, problem in _CONNECTION_PROBLEMS:
        if isinstance(error, kind):
            return problem(error) if callable(problem) else problem
    return "the answer is not the JSON of an API server"


_CONNECTION_PROBLEMS: Final[
    tuple[tuple[type[Exception], str | Callable[[Any], str]], ...]
] = (
    (InvalidAnswer, str),
    (TimeoutError, "the API server did not answer in time"),
    (
        aiohttp.ClientHttpProxyError,
        lambda error: f"the proxy refused the connection (status {error.status})",
    ),
    (
        aiohttp.ClientProxyConnectionError,
        lambda error: f"the proxy cannot be reached: {_reason(error.os_error)}",
    ),
    (
        aiohttp.ClientConnectorDNSError,
        lambda error: f"the host name {error.host} cannot be resolved",
    ),
    (
        aiohttp.ClientConnectorError,
        lambda error: (
            f"{error.host}:{error.port} cannot be reached: {_reason(error.os_error)}"
        ),
    ),
    (aiohttp.ClientConnectionError, "the connection was closed without an answer"),
    (OSError, "the connection was closed without an answer"),
    (aiohttp.ClientError, "the answer breaks the rules of HTTP"),
    (HttpProcessingError, "the answer breaks the rules of HTTP"),
)
"""The first match counts: some of these types are subtypes of later ones."""


def _reason(error: OSError) -> str:
    """Return the words for an error of the operating system."""
    if isinstance(error, ssl.SSLError):
        return "no TLS connection could be made"
    return _SYSTEM_ERRORS.get(error.errno or 0, f"system error {error.errno}")


_SYSTEM_ERRORS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.ETIMEDOUT: "connection timed out",
}


def _message(body: bytes) -> str:
    """Return the message of a ``metav1.Status``; empty if the body is none."""
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError, RecursionError):
        message = None
    return str(message or "")


_LONG_NAME: Final = re.compile(r'^([\w.-]+ "[^"]{40})[^"]+"')


def _with_short_name(message: str) -> str:
    """Shorten the name of the object: the cause behind it must not be cut off."""
    return _LONG_NAME.sub(r'\1…"', message)


_PREFIX: Final = re.compile(r'^[\w.]+(?: "[^"]*")? is forbidden: (?=\S)')


def _without_prefix(answer: str) -> str:
    """Return an answer without the name of the object, which the request has."""
    if answer == "Unauthorized":
        return "the API server does not accept the credentials"
    return _PREFIX.sub("", answer)


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
