"""Connections through a SOCKS5 proxy, which looks up the host names.

Source: RFC 1928 and RFC 1929; golang.org/x/net, ``internal/socks/client.go``.
"""

import asyncio
import ipaddress
import socket
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

DEFAULT_PORT: Final = 1080
_VERSION: Final = 5
_NO_AUTHENTICATION: Final = 0
_PASSWORD: Final = 2
_CONNECT: Final = b"\x05\x01\x00"
_ADDRESS_BYTES: Final = {1: 4, 4: 16}
_NAME: Final = 3
_LONGEST: Final = 255
_PROBLEMS: Final = {
    1: "general failure",
    2: "the connection is not allowed",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the connection was refused",
    6: "the time to live expired",
    7: "the command is not supported",
    8: "the kind of address is not supported",
}


class ProxyRefused(OSError):
    """The SOCKS5 proxy does not open the connection."""


class Socks5Connector(aiohttp.TCPConnector):
    """Connector that reaches every host through one SOCKS5 proxy.

    Args:
        proxy: URL of the proxy, with user and password if it asks for them.
        resolver: Looks up the host of the proxy.
        settings: Settings of ``aiohttp.TCPConnector``.
    """

    def __init__(
        self,
        proxy: str,
        resolver: AbstractResolver,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(resolver=_NoLookup(resolver), **settings)
        self._proxy = urlsplit(proxy)
        self._proxy_resolver = resolver

    async def _wrap_create_connection(
        self,
        *args: Any,  # noqa: ANN401
        addr_infos: list[Any],
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **settings: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Connect to the proxy, let it connect to the host, and begin TLS."""
        addr_infos.clear()  # aiohttp tries the next address after a failure.
        try:
            async with asyncio.timeout(timeout.sock_connect):
                connection = await self._connect()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise client_error(req.connection_key, error) from error
        try:
            async with asyncio.timeout(timeout.sock_connect):
                await self._open(connection, req.url.host or "", req.url.port or 0)
            return await self._wrap_existing_connection(
                *args,
                req=req,
                timeout=timeout,
                client_error=client_error,
                sock=connection,
                **settings,
            )
        except ProxyRefused as error:
            connection.close()
            raise client_error(req.connection_key, error) from error
        except BaseException:
            connection.close()
            raise

    async def _connect(self) -> socket.socket:
        """Connect to the first address of the proxy that accepts it."""
        host = self._proxy.hostname or ""
        port = self._proxy.port or DEFAULT_PORT
        loop, problem = asyncio.get_running_loop(), OSError(f"{host} has no address")
        found = await self._proxy_resolver.resolve(host, port, socket.AF_UNSPEC)
        for one in found:
            connection = socket.socket(one["family"], socket.SOCK_STREAM)
            connection.setblocking(False)  # noqa: FBT003
            try:
                await loop.sock_connect(connection, (one["host"], one["port"]))
            except OSError as error:
                connection.close()
                problem = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise problem

    async def _open(self, connection: socket.socket, host: str, port: int) -> None:
        """Ask the proxy for a connection to a host.

        Raises:
            ProxyRefused: The proxy does not open it.
        """
        user, password = self._proxy.username, self._proxy.password
        methods = bytes([_NO_AUTHENTICATION] + ([_PASSWORD] if user else []))
        loop = asyncio.get_running_loop()
        greeting = bytes([_VERSION, len(methods)]) + methods
        await loop.sock_sendall(connection, greeting)
        version, method = await _receive(connection, 2)
        if version != _VERSION:
            raise ProxyRefused("the proxy does not speak SOCKS5")
        if method == _PASSWORD and user:
            await loop.sock_sendall(connection, _login(user, password or ""))
            _, status = await _receive(connection, 2)
            if status != 0:
                raise ProxyRefused("the SOCKS5 proxy refuses the password")
        elif method != _NO_AUTHENTICATION:
            raise ProxyRefused("the SOCKS5 proxy asks for another authentication")
        request = _CONNECT + _encode(host) + port.to_bytes(2, "big")
        await loop.sock_sendall(connection, request)
        _, status, _, kind = await _receive(connection, 4)
        if status != 0:
            problem = _PROBLEMS.get(status, f"error {status}")
            raise ProxyRefused(f"the SOCKS5 proxy reports: {problem}")
        length = _ADDRESS_BYTES.get(kind)
        if length is None:
            length = (await _receive(connection, 1))[0]
        await _receive(connection, length + 2)


class _NoLookup(AbstractResolver):
    """Resolver that looks up nothing: only the proxy can know the host."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return an address that nothing connects to."""
        _ = family
        address = ResolveResult(
            hostname=host,
            host="192.0.2.1",
            port=port,
            family=socket.AF_INET,
            proto=0,
            flags=0,
        )
        return [address]

    async def close(self) -> None:
        """Close the resolver of the proxy's host."""
        await self._resolver.close()


async def _receive(connection: socket.socket, length: int) -> bytes:
    loop, received = asyncio.get_running_loop(), b""
    while len(received) < length:
        piece = await loop.sock_recv(connection, length - len(received))
        if not piece:
            raise ProxyRefused("the SOCKS5 proxy closed the connection")
        received += piece
    return received


def _login(user: str, password: str) -> bytes:
    fields = [unquote(one).encode()[:_LONGEST] for one in (user, password)]
    return b"\x01" + b"".join(bytes([len(one)]) + one for one in fields)


def _encode(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")[:_LONGEST]
        return bytes([_NAME, len(name)]) + name
    return bytes([1 if address.version == 4 else 4]) + address.packed  # noqa: PLR2004
