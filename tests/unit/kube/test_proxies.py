"""Proxies of the environment, by the rules of Go."""

import pytest

from argogrant.kube.proxies import InvalidProxy, proxy_of

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("server", "no_proxy", "is_direct"),
    [
        pytest.param("https://a.test", "", False, id="no NO_PROXY"),
        pytest.param("https://a.test", "*", True, id="everything"),
        pytest.param("https://a.test", "b.test, a.test", True, id="the host"),
        pytest.param("https://A.test", "a.TEST", True, id="the host in capitals"),
        pytest.param("https://x.a.test", "a.test", True, id="a subdomain"),
        pytest.param("https://xa.test", "a.test", False, id="a longer name"),
        pytest.param("https://x.a.test", ".a.test", True, id="a dot and a subdomain"),
        pytest.param("https://a.test", ".a.test", False, id="a dot and the domain"),
        pytest.param("https://x.a.test", "*.a.test", True, id="a star"),
        pytest.param("https://a.test", "*.a.test", False, id="a star and the domain"),
        pytest.param("https://a.test:6443", "a.test:6443", True, id="the port"),
        pytest.param("https://a.test:6443", "a.test:443", False, id="another port"),
        pytest.param("https://a.test", "a.test:443", True, id="the port of https"),
        pytest.param("https://10.1.2.3:6443", "10.0.0.0/8", True, id="a network"),
        pytest.param("https://10.1.2.3", "10.2.0.0/16", False, id="another network"),
        pytest.param("https://10.1.2.3", "10.9.9.9/8", True, id="an inexact network"),
        pytest.param("https://10.1.2.3", "10.1.2.3", True, id="an address"),
        pytest.param("https://10.1.2.3:1", "10.1.2.3:1", True, id="address and port"),
        pytest.param("https://10.1.2.3:1", "10.1.2.3:2", False, id="other port of it"),
        pytest.param("https://10.1.2.3", "10.1.2.*", False, id="a star in an address"),
        pytest.param("https://10.1.2.3", "2.3", True, id="the end of an address"),
        pytest.param("https://[2001:db8::1]", "2001:db8::/32", True, id="IPv6 network"),
        pytest.param("https://[2001:db8::1]", "2001:db8::1", True, id="IPv6 address"),
        pytest.param("https://[2001:db8::1]:1", "[2001:db8::1]:1", True, id="and port"),
        pytest.param("https://a.test", "10.0.0.0/8", False, id="a network and a name"),
        pytest.param("https://a.test", "10.0.0.1", False, id="an address and a name"),
        pytest.param("https://a.test", ":443,,/8, ", False, id="broken entries"),
        pytest.param("https://localhost:6443", "", True, id="localhost"),
        pytest.param("https://127.8.9.1", "", True, id="IPv4 loopback"),
        pytest.param("https://[::1]:6443", "", True, id="IPv6 loopback"),
        pytest.param("https://[::ffff:127.0.0.1]", "", True, id="mapped loopback"),
        pytest.param("https://localhost.a.test", "", False, id="localhost as a label"),
    ],
)
def test_no_proxy_excludes_servers(
    server: str, no_proxy: str, *, is_direct: bool
) -> None:
    environment = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}

    assert proxy_of(server, "", environment) == ("" if is_direct else PROXY)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"https_proxy": PROXY}, PROXY, id="small letters"),
        pytest.param(
            {"HTTPS_PROXY": PROXY, "https_proxy": "x"}, PROXY, id="capitals first"
        ),
        pytest.param(
            {"HTTPS_PROXY": "", "https_proxy": PROXY}, PROXY, id="empty capitals"
        ),
        pytest.param({"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, "", id="other schemes"),
        pytest.param({"HTTPS_PROXY": "p.test:1"}, "http://p.test:1", id="no scheme"),
        pytest.param({"HTTPS_PROXY": "p.test"}, "http://p.test", id="only a host"),
        pytest.param({"HTTPS_PROXY": "socks5h://p:1"}, "socks5h://p:1", id="socks5h"),
        pytest.param(
            {"HTTPS_PROXY": PROXY, "no_proxy": "a.test"}, "", id="small no_proxy"
        ),
    ],
)
def test_variable_names_the_proxy(environment: dict[str, str], proxy: str) -> None:
    assert proxy_of("https://a.test:6443", "", environment) == proxy


def test_http_server_has_a_variable_of_its_own() -> None:
    environment = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://other.test"}

    assert proxy_of("http://a.test", "", environment) == PROXY


def test_proxy_url_of_the_kubeconfig_has_no_exception() -> None:
    environment = {"NO_PROXY": "*", "HTTPS_PROXY": "http://other.test"}

    assert proxy_of("https://localhost", PROXY, environment) == PROXY


@pytest.mark.parametrize("value", ["ftp://p.test", "http://p.test:x", "http://"])
def test_variable_that_is_no_url_is_refused(value: str) -> None:
    with pytest.raises(InvalidProxy, match="HTTPS_PROXY is no URL"):
        proxy_of("https://a.test", "", {"HTTPS_PROXY": value})
