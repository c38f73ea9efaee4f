"""Exceptions for HTTP statuses, watch events and connection failures."""

import base64
import json
import ssl
import unicodedata

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.errors import (
    CONNECTION_FAILURES,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
    UntrustedCertificate,
    connection_error,
    error_of_event,
    foreign_text,
    in_words,
    raise_for_status,
)

PATCH = "PATCH /api/v1/namespaces/argocd/configmaps/argocd-rbac-cm"
CHANGE = "configmaps/argocd-rbac-cm in namespace argocd cannot be changed"
KEY = ConnectionKey("far", 6443, *(True, True), None, None, None)
INFO = aiohttp.RequestInfo(
    URL("https://far"), "GET", CIMultiDictProxy(CIMultiDict()), URL("https://far")
)
STATUSES = [
    pytest.param(400, Invalid, id="bad request"),
    pytest.param(401, Unauthorized, id="credentials not accepted"),
    pytest.param(403, Forbidden, id="permission missing"),
    pytest.param(404, NotFound, id="object missing"),
    pytest.param(409, Conflict, id="object has changed"),
    pytest.param(410, Gone, id="history compacted"),
    pytest.param(413, Invalid, id="object too large"),
    pytest.param(422, Invalid, id="object invalid"),
    pytest.param(429, Unavailable, id="too many requests"),
    pytest.param(500, Unavailable, id="internal error"),
    pytest.param(503, Unavailable, id="server starting"),
]


@pytest.mark.parametrize(("status", "error"), STATUSES)
def test_status_raises_an_exception_that_says_what_failed(status, error) -> None:
    with pytest.raises(ClusterError) as got:
        raise_for_status(status, b'{"message": "no such luck"}', PATCH)

    assert str(got.value) == f"{CHANGE}: no such luck"
    assert got.value.reason == got.value.answer == "no such luck"
    assert got.value.request == PATCH
    assert type(got.value) is error
    assert isinstance(got.value, AccessGrantError)


@pytest.mark.parametrize(
    ("request_line", "words"),
    [
        pytest.param(PATCH, CHANGE, id="one object"),
        pytest.param(
            "GET /apis/argogrant.dev/v1alpha1/namespaces/a/accessgrants",
            "accessgrants in namespace a cannot be read",
            id="all objects of a namespace",
        ),
        pytest.param(
            "PATCH /apis/argogrant.dev/v1alpha1/namespaces/a/accessgrants/g/status",
            "accessgrants/g/status in namespace a cannot be changed",
            id="a status",
        ),
        pytest.param(
            "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "selfsubjectaccessreviews cannot be created",
            id="an object without a namespace",
        ),
        pytest.param(
            "WATCH /apis/argogrant.dev/v1alpha1/namespaces/a/accessgrants",
            "accessgrants in namespace a cannot be watched",
            id="a watch",
        ),
        pytest.param(
            "DELETE /api/v1/namespaces/a",
            "namespaces/a cannot be deleted",
            id="namespace",
        ),
        pytest.param(
            "GET /version",
            "/version of the API server cannot be read",
            id="no object",
        ),
    ],
)
def test_request_is_told_in_words(request_line, words) -> None:
    assert in_words(request_line) == words


@pytest.mark.parametrize(
    ("status", "answer", "cause"),
    [
        pytest.param(
            403,
            'configmaps "a" is forbidden: User "x" cannot patch resource "configmaps"',
            'User "x" cannot patch resource "configmaps"',
            id="without the name of the object, which the request has",
        ),
        pytest.param(
            401,
            "Unauthorized",
            "the API server does not accept the credentials",
            id="no bare word",
        ),
    ],
)
def test_answer_is_told_in_words(status, answer, cause) -> None:
    with pytest.raises(ClusterError) as got:
        raise_for_status(status, json.dumps({"message": answer}).encode(), PATCH)

    assert str(got.value) == f"{CHANGE}: {cause}"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_success_raises_nothing(status) -> None:
    raise_for_status(status, b"", "GET /x")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>proxy</html>", id="not JSON"),
        pytest.param(b"[1]", id="JSON array"),
        pytest.param(b'{"kind": "Status"}', id="no message"),
        pytest.param(b"\xff" + b"x" * 300, id="long binary"),
    ],
)
def test_body_that_is_no_status_of_an_api_server_is_not_shown(body) -> None:
    with pytest.raises(Unavailable) as got:
        raise_for_status(502, body, PATCH)

    assert str(got.value) == (
        f"{CHANGE}: the answer has the HTTP status 502 and no message of an API server"
    )


@pytest.mark.parametrize(
    ("event", "error"),
    [
        pytest.param({"code": 410, "message": "too old"}, Gone, id="version too old"),
        pytest.param(
            {"code": 500, "message": "etcd"}, Unavailable, id="internal error"
        ),
        pytest.param({"message": "?"}, Unavailable, id="no code"),
        pytest.param({"code": "410"}, Unavailable, id="code is not a number"),
    ],
)
def test_error_event_of_a_watch_has_its_own_exception(event, error) -> None:
    assert type(error_of_event(event)) is error


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        pytest.param(
            aiohttp.ServerDisconnectedError("hunter2"),
            "the connection was closed without an answer",
            id="connection broken",
        ),
        pytest.param(
            aiohttp.ClientConnectorError(KEY, OSError(111, "hunter2")),
            "far:6443 cannot be reached: connection refused",
            id="connection refused",
        ),
        pytest.param(
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "hunter2")),
            "the host name far cannot be resolved",
            id="unknown host",
        ),
        pytest.param(
            aiohttp.ClientProxyConnectionError(KEY, OSError(113, "hunter2")),
            "the proxy cannot be reached: no route to host",
            id="proxy cannot be reached",
        ),
        pytest.param(
            aiohttp.ClientHttpProxyError(
                INFO, (), status=407, message="http://me:hunter2@proxy"
            ),
            "the proxy refused the connection (status 407)",
            id="proxy wants a password",
        ),
        pytest.param(
            TimeoutError(), "the API server did not answer in time", id="timeout"
        ),
        pytest.param(
            OSError(9, "hunter2"),
            "the connection was closed without an answer",
            id="system error",
        ),
        pytest.param(
            ValueError("half of a JSON: hunter2"),
            "the answer is not the JSON of an API server",
            id="truncated response",
        ),
        pytest.param(
            aiohttp.ClientPayloadError("hunter2"),
            "the answer breaks the rules of HTTP",
            id="body that is cut off",
        ),
        pytest.param(
            BadHttpMessage("no HTTP: hunter2"),
            "the answer breaks the rules of HTTP",
            id="response that is no HTTP",
        ),
    ],
)
def test_connection_failure_is_told_without_the_text_of_the_library(
    error, problem
) -> None:
    """A library quotes answers, and the URL of a proxy with its password."""
    got = connection_error(error, PATCH)

    assert isinstance(got, Unavailable)
    assert str(got) == f"{CHANGE}: {problem}"


def test_cluster_errors_are_no_connection_failures() -> None:
    """Otherwise the answer of an API server would become a failure to reach it."""
    assert not issubclass(ClusterError, CONNECTION_FAILURES)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        pytest.param(
            20, "was issued by an authority that is not trusted", id="unknown authority"
        ),
        pytest.param(62, "is issued for other host names", id="other host name"),
        pytest.param(10, "has expired", id="expired"),
        pytest.param(77, "cannot be verified: odd", id="any other problem"),
    ],
)
def test_untrusted_certificate_names_server_and_problem(code, problem) -> None:
    cause = ssl.SSLCertVerificationError("odd")
    cause.verify_code = code
    cause.strerror = "odd"
    got = connection_error(aiohttp.ClientConnectorCertificateError(KEY, cause), PATCH)

    assert isinstance(got, UntrustedCertificate)
    assert str(got).startswith(
        f"{CHANGE}: the certificate of https://far:6443 {problem}"
    )


TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0LW9m~LWFyZ29+ncm/FudA.c2lnbmF0dXJl"
PARTS = [TOKEN[i : i + 8] for i in range(len(TOKEN) - 7)]


@given(st.text(), st.integers(2, 40))
def test_foreign_text_is_one_short_line(text, longest) -> None:
    shown = foreign_text(text, (), longest)

    assert len(shown) <= longest
    assert not any(unicodedata.category(c) in ("Zl", "Zp") for c in shown)
    assert not any(unicodedata.category(c).startswith("C") for c in shown)


def test_visible_text_is_unchanged() -> None:
    text = 'configmaps "argocd-rbac-cm" is forbidden: User "Zoë" cannot patch it'

    assert foreign_text(text, (TOKEN,)) == text


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),
    st.integers(0, len(TOKEN) - 8),
    st.integers(8, len(TOKEN)),
)
def test_no_part_of_a_token_is_shown(around, begin, size) -> None:
    text = f"{around}{TOKEN[begin : begin + size]}{around}"
    shown = foreign_text(text, (TOKEN,))

    assert "[redacted]" in shown
    assert not any(part in shown for part in PARTS)


@pytest.mark.parametrize("prefix", ["", "a", "ab", "Bearer "])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_a_token_is_not_shown(prefix, encode) -> None:
    encoded = encode(f"{prefix}{TOKEN}\n".encode()).decode()
    shown = foreign_text(f"got {encoded} from you", (TOKEN,))

    assert shown.startswith("got ")
    assert shown.endswith(" from you")
    assert len(shown) < len("got  from you") + len("[redacted]") + 24


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "got eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2ln",
            "got [redacted]",
            id="a JSON Web Token",
        ),
        pytest.param("k8s-aws-v1.aHR0cHM6", "[redacted]", id="a token of EKS"),
        pytest.param(
            "Authorization: Bearer abcdefgh1234",
            "Authorization: Bearer [redacted]",
            id="a header",
        ),
        pytest.param(
            "at http://me:hunter2@proxy:3128/",
            "at http://me:[redacted]@proxy:3128/",
            id="the URL of a proxy",
        ),
        pytest.param(
            '{"refresh_token": "hunter2hunter2", "x": 1}',
            '{"refresh_token": "[redacted]", "x": 1}',
            id="an answer in JSON",
        ),
        pytest.param(
            "client-secret=hunter2hunter2 failed",
            "client-secret=[redacted] failed",
            id="an option",
        ),
        pytest.param(
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2", "[redacted]", id="a private key"
        ),
        pytest.param(
            "spec.cluster.tokenSecret: Required value: tokenSecret is missing",
            "spec.cluster.tokenSecret: Required value: tokenSecret is missing",
            id="a field with such a name",
        ),
        pytest.param(
            'secrets "argocd-prod" is forbidden: User "x" cannot get "secrets"',
            'secrets "argocd-prod" is forbidden: User "x" cannot get "secrets"',
            id="a Secret by its name",
        ),
        pytest.param(
            "Basic authentication is off", "Basic authentication is off", id="no header"
        ),
    ],
)
def test_what_looks_like_a_credential_is_masked(text, shown) -> None:
    assert foreign_text(text) == shown


def test_short_token_is_hidden_whole() -> None:
    assert foreign_text("your token is abc.", ("abc",)) == "your token is [redacted]."


def test_token_that_crosses_the_limit_is_not_shown() -> None:
    shown = foreign_text("x" * 20 + TOKEN, (TOKEN,), 30)

    assert shown == "x" * 20 + "[redacted]"


def test_redirect_is_an_error_without_its_body() -> None:
    with pytest.raises(Unavailable) as got:
        raise_for_status(302, b'{"message": "internal"}', PATCH)

    assert str(got.value) == (
        f"{CHANGE}: the answer is a redirect (302), and redirects are not followed"
    )


def test_body_that_is_nested_too_deeply_is_a_message() -> None:
    with pytest.raises(Unavailable):
        raise_for_status(502, b"[" * 100_000, "GET /x")
