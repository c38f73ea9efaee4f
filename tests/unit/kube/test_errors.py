"""The errors of an API server, by what can be done about them."""

import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

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
    raise_for_status,
)

STATUSES = [
    pytest.param(400, Invalid, id="a request that is no request"),
    pytest.param(401, Unauthorized, id="credentials that are not accepted"),
    pytest.param(403, Forbidden, id="rights that are missing"),
    pytest.param(404, NotFound, id="an object that is not there"),
    pytest.param(409, Conflict, id="somebody else was quicker"),
    pytest.param(410, Gone, id="history that is not kept"),
    pytest.param(413, Invalid, id="an object that is too large"),
    pytest.param(422, Invalid, id="an object that is not valid"),
    pytest.param(429, Unavailable, id="come back later"),
    pytest.param(500, Unavailable, id="an error of the server"),
    pytest.param(503, Unavailable, id="a server that starts"),
]


@pytest.mark.parametrize(("status", "error"), STATUSES)
def test_a_status_is_an_error_that_says_what_was_asked(status, error) -> None:
    with pytest.raises(ClusterError, match=rf"^GET /x: {status} no such luck$") as got:
        raise_for_status(status, b'{"message": "no such luck"}', "GET /x")

    assert type(got.value) is error
    assert isinstance(got.value, AccessGrantError)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_is_no_error(status) -> None:
    raise_for_status(status, b"", "GET /x")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"<html>proxy</html>", "<html>proxy</html>", id="no JSON"),
        pytest.param(b"[1]", "[1]", id="JSON that is no object"),
        pytest.param(b'{"kind": "Status"}', '{"kind": "Status"}', id="no message"),
        pytest.param(b"\xff" + b"x" * 300, "\ufffd" + "x" * 199, id="long rubbish"),
    ],
)
def test_whatever_came_with_a_status_is_shown(body, said) -> None:
    with pytest.raises(Unavailable) as got:
        raise_for_status(502, body, "GET /x")

    assert str(got.value) == f"GET /x: 502 {said}"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        pytest.param({"code": 410, "message": "too old"}, Gone, id="too far behind"),
        pytest.param({"code": 500, "message": "etcd"}, Unavailable, id="trouble"),
        pytest.param({"message": "?"}, Unavailable, id="no code"),
        pytest.param({"code": "410"}, Unavailable, id="a code that is no number"),
    ],
)
def test_an_error_within_a_watch_is_told_apart(event, error) -> None:
    assert type(error_of_event(event)) is error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(aiohttp.ServerDisconnectedError(), id="a broken connection"),
        pytest.param(ConnectionRefusedError("no"), id="a refused one"),
        pytest.param(TimeoutError(), id="silence"),
        pytest.param(ValueError("half of a JSON"), id="an answer that breaks off"),
    ],
)
def test_what_goes_wrong_on_the_way_is_unavailable(error) -> None:
    with (
        pytest.raises(Unavailable, match=r"^GET /x: \w+") as got,
        connection_errors("GET /x"),
    ):
        raise error

    assert got.value.__cause__ is error


def test_our_own_errors_pass_untouched() -> None:
    with pytest.raises(NotFound), connection_errors("GET /x"):
        raise NotFound("GET /x: 404")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(20, "was issued by an authority that is not trusted", id="CA"),
        pytest.param(62, "is issued for other host names", id="another name"),
        pytest.param(10, "has expired", id="expired"),
        pytest.param(77, "cannot be verified: odd", id="anything else"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_whose_and_why(code, said) -> None:
    cause = ssl.SSLCertVerificationError("odd")
    cause.verify_code = code
    cause.strerror = "odd"
    key = ConnectionKey("far", 6443, *(True, True), None, None, None)
    with pytest.raises(UntrustedCertificate) as got, connection_errors("GET /x"):
        raise aiohttp.ClientConnectorCertificateError(key, cause)

    assert str(got.value).startswith(
        f"GET /x: the certificate of https://far:6443 {said}"
    )
