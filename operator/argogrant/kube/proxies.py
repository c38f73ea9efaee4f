"""Choice of the proxy for an API server, as Go's HTTP client makes it.

The ``proxy-url`` of a kubeconfig applies without exception. HTTPS_PROXY and HTTP_PROXY
apply unless NO_PROXY has an entry for the server::

    example.com         this host and its subdomains      example.com:6443
    .example.com        its subdomains only               *.example.com
    10.0.0.0/8          addresses of a network
    192.0.2.1           one address                       192.0.2.1:6443, [2001:db8::1]
    *                   every server

``localhost`` and loopback addresses are never reached through a proxy of the
environment.

Source: golang.org/x/net, ``http/httpproxy/proxy.go``; kubernetes/apimachinery,
``pkg/util/net/http.go`` (``NewProxierWithNoProxyCIDR``).
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class InvalidProxy(Exception):
    """A proxy of the environment that cannot be used; the message names no password."""


def proxy_of(server: str, proxy_url: str, environment: Mapping[str, str]) -> str:
    """Return the URL of the proxy to a server; empty for a direct connection.

    Args:
        server: URL of the API server.
        proxy_url: The ``proxy-url`` of its cluster; empty for none.
        environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, or their lower-case forms.

    Raises:
        InvalidProxy: The variable that applies has no usable URL.
    """
    if proxy_url:
        return proxy_url
    target = urlsplit(server)
    variable = f"{target.scheme}_proxy"
    value = _variable(environment, variable)
    if not value or _is_excluded(target, _variable(environment, "no_proxy")):
        return ""
    if target.scheme == "http" and environment.get("REQUEST_METHOD"):
        raise InvalidProxy(
            "HTTP_PROXY is not used in a CGI program (REQUEST_METHOD is set), where a"
            " client can choose its value. Unset one of them."
        )
    url = value if "://" in value else f"http://{value}"
    if not _is_url(url) or urlsplit(url).scheme not in PORTS:
        raise InvalidProxy(
            f"{variable.upper()} is no URL that begins with http://, https:// or"
            " socks5://. Correct or unset it."
        )
    return url


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname)


def _is_excluded(target: SplitResult, no_proxy: str) -> bool:
    """Return whether a server is reached without the proxy of the environment."""
    host = (target.hostname or "").lower()
    port = str(target.port or PORTS[target.scheme])
    address = _address(host)
    if host == "localhost" or (address is not None and _is_loopback(address)):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, host, port, address) for entry in entries if entry)


def _matches(entry: str, host: str, port: str, address: Address | None) -> bool:
    if entry == "*":
        return True
    network = _network(entry)
    if network is not None:
        return address is not None and _unmapped(address) in network
    name, entry_port = _split_port(entry)
    if entry_port not in ("", port) or not name:
        return False
    own = _address(name)
    if own is not None:
        return address is not None and _unmapped(address) == _unmapped(own)
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    """Split ``host:port`` and ``[address]:port``; an address may have no port."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, "")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _is_loopback(address: Address) -> bool:
    return _unmapped(address).is_loopback
