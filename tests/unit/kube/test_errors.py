"""Exceptions for HTTP statuses, watch events and connection failures."""

import base64
import ssl
import unicodedata

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
    UntrustedCertificate,
    connection_errors,
    error_of_event,
    foreign_text,
    raise_for_status,
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
def test_status_raises_an_exception_with_the_request(status, error) -> None:
    with pytest.raises(ClusterError, match=rf"^GET /x: {status} no such luck$") as got:
        raise_for_status(status, b'{"message": "no such luck"}', "GET /x")

    assert type(got.value) is error
    assert isinstance(got.value, AccessGrantError)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_success_raises_nothing(status) -> None:
    raise_for_status(status, b"", "GET /x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"<html>proxy</html>", "<html>proxy</html>", id="not JSON"),
        pytest.param(b"[1]", "[1]", id="JSON array"),
        pytest.param(b'{"kind": "Status"}', '{"kind": "Status"}', id="no message"),
        pytest.param(b"\xff" + b"x" * 300, "\ufffd" + "x" * 199, id="long binary"),
    ],
)
def test_any_response_body_is_in_the_message(body, message) -> None:
    with pytest.raises(Unavailable) as got:
        raise_for_status(502, body, "GET /x")

    assert str(got.value) == f"GET /x: 502 {message}"


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
    "error",
    [
        pytest.param(aiohttp.ServerDisconnectedError(), id="connection broken"),
        pytest.param(ConnectionRefusedError("no"), id="connection refused"),
        pytest.param(TimeoutError(), id="timeout"),
        pytest.param(ValueError("half of a JSON"), id="truncated response"),
        pytest.param(BadHttpMessage("no HTTP"), id="response that is no HTTP"),
    ],
)
def test_connection_failure_is_unavailable(error) -> None:
    with (
        pytest.raises(Unavailable, match=r"^GET /x: \w+") as got,
        connection_errors("GET /x"),
    ):
        raise error

    assert got.value.__cause__ is error


def test_cluster_errors_pass_unchanged() -> None:
    with pytest.raises(NotFound), connection_errors("GET /x"):
        raise NotFound("GET /x: 404")


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
    key = ConnectionKey("far", 6443, *(True, True), None, None, None)
    with pytest.raises(UntrustedCertificate) as got, connection_errors("GET /x"):
        raise aiohttp.ClientConnectorCertificateError(key, cause)

    assert str(got.value).startswith(
        f"GET /x: the certificate of https://far:6443 {problem}"
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


def test_short_token_is_hidden_whole() -> None:
    assert foreign_text("your token is abc.", ("abc",)) == "your token is [redacted]."


def test_token_that_crosses_the_limit_is_not_shown() -> None:
    shown = foreign_text("x" * 20 + TOKEN, (TOKEN,), 30)

    assert shown == "x" * 20 + "[redacted]"


def test_redirect_is_an_error_without_its_body() -> None:
    with pytest.raises(Unavailable, match=r"^GET /x: 302 redirects are not followed$"):
        raise_for_status(302, b'{"message": "internal"}', "GET /x")


def test_body_that_is_nested_too_deeply_is_a_message() -> None:
    with pytest.raises(Unavailable):
        raise_for_status(502, b"[" * 100_000, "GET /x")
