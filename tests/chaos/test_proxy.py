"""Faults that the proxy applies to requests."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaos.faults import STATUS_FAULTS, Fault, Faults
from chaos.proxy import Proxy
from controlplane import ControlPlane
from support.live_cluster import eventually

CONFIG_MAP = "/api/v1/namespaces/default/configmaps/proxied"


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane) -> Iterator[Proxy]:
    config = json.loads(control_plane.kubeconfig().read_text())
    server = config["clusters"][0]["cluster"]["server"]
    trusted = (control_plane.folder / "certificates" / "apiserver.crt").read_text()
    control_plane.kubectl("create", "configmap", "proxied", "--from-literal=a=0")
    with Proxy(server, trusted=trusted, faults=Faults()) as proxy:
        yield proxy
    control_plane.kubectl("delete", "configmap", "proxied")


@pytest.fixture
def send(
    proxy: Proxy, control_plane: ControlPlane
) -> Iterator[Callable[..., http.client.HTTPResponse]]:
    config = json.loads(control_plane.kubeconfig().read_text())
    token = config["users"][0]["user"]["token"]
    connections: list[http.client.HTTPConnection] = []

    def sent(
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        timeout: float = 20,
    ) -> http.client.HTTPResponse:
        address = urlsplit(proxy.url).netloc
        connections.append(http.client.HTTPConnection(address, timeout=timeout))
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        text = None if body is None else json.dumps(body)
        connections[-1].request(method, path, text, headers)
        return connections[-1].getresponse()

    proxy.faults.counts.clear()
    yield sent
    proxy.calm()
    for connection in connections:
        connection.close()


def patch(value: str) -> dict[str, Any]:
    return {"data": {"a": value}}


def test_everything_passes_in_calm_weather(send: Callable[..., Any]) -> None:
    assert json.loads(send("PATCH", CONFIG_MAP, patch("1")).read())["data"]["a"] == "1"
    assert json.loads(send("GET", CONFIG_MAP).read())["data"]["a"] == "1"
    assert send("GET", f"{CONFIG_MAP}-not").status == 404


@pytest.mark.parametrize("fault", sorted(STATUS_FAULTS))
def test_a_status_is_answered_and_the_write_is_not_done(
    proxy: Proxy, send: Callable[..., Any], fault: Fault
) -> None:
    proxy.begin(fault)
    answer = send("PATCH", CONFIG_MAP, patch("refused"))
    assert answer.status == int(fault)
    assert json.loads(answer.read())["code"] == int(fault)
    assert (answer.getheader("Retry-After") == "1") == (fault is Fault.TOO_MANY)
    proxy.calm()

    assert json.loads(send("GET", CONFIG_MAP).read())["data"]["a"] != "refused"
    assert proxy.faults.counts == {fault: 1}


def test_a_lost_answer_is_that_of_a_write_that_was_done(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    proxy.begin(Fault.LOST)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        send("PATCH", CONFIG_MAP, patch("done"))

    assert json.loads(send("GET", CONFIG_MAP).read())["data"]["a"] == "done"


def test_a_broken_answer_ends_in_the_middle(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    proxy.begin(Fault.BROKEN)
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        send("GET", CONFIG_MAP).read()


def test_a_held_request_is_never_answered(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    proxy.begin(Fault.HOLD)
    with pytest.raises(TimeoutError):
        send("GET", CONFIG_MAP, timeout=3)


def test_a_cut_off_resets_what_is_open_and_refuses_what_comes(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    watch = send("GET", "/api/v1/namespaces?watch=true&resourceVersion=0")
    assert json.loads(watch.readline())["type"] == "ADDED"
    proxy.begin(Fault.CUT_OFF)
    with pytest.raises(ConnectionRefusedError):
        send("GET", CONFIG_MAP)
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        watch.read()
    proxy.calm()

    assert send("GET", CONFIG_MAP).status == 200
    assert proxy.faults.counts[Fault.CUT_OFF] >= 1


def test_slow_answers_come(proxy: Proxy, send: Callable[..., Any]) -> None:
    proxy.begin(Fault.SLOW)
    began = time.monotonic()

    assert send("GET", CONFIG_MAP).status == 200
    assert time.monotonic() - began > 0.2


def test_a_watch_streams_and_a_silent_one_stays_open_and_silent(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    version = json.loads(send("GET", CONFIG_MAP).read())["metadata"]["resourceVersion"]
    watch = send(
        "GET",
        "/api/v1/namespaces/default/configmaps?watch=true"
        f"&fieldSelector=metadata.name=proxied&resourceVersion={version}",
        timeout=6,
    )
    send("PATCH", CONFIG_MAP, patch("seen"))
    assert json.loads(watch.readline())["object"]["data"]["a"] == "seen"
    proxy.begin(Fault.SILENT)
    send("PATCH", CONFIG_MAP, patch("unseen"))
    eventually(lambda: proxy.faults.counts[Fault.SILENT] >= 1, within=10)
    proxy.calm()
    send("PATCH", CONFIG_MAP, patch("unseen as well"))
    with pytest.raises(TimeoutError):
        watch.readline()


def test_a_share_of_the_requests_is_struck(
    proxy: Proxy, send: Callable[..., Any]
) -> None:
    proxy.begin(Fault.UNAVAILABLE, 0.5)
    statuses = {send("GET", CONFIG_MAP).status for _ in range(30)}

    assert statuses == {200, 503}
