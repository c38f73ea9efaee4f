"""TLS settings of clients, with the checks that Go's TLS makes.

Python 3.13 refuses certificates that break rules of RFC 5280 which Go does not check,
such as those of many private authorities (``VERIFY_X509_STRICT``). kubectl accepts
them, so this flag is cleared. As in Go, every certificate of the bundle is trusted by
itself, also an intermediate one, and the common name of a certificate is no host name.

Source: golang/go, ``src/crypto/x509/verify.go`` and ``cert_pool.go``.
"""

import re
import ssl
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

_CERTIFICATE: Final = re.compile(
    rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n(?:(?!-----BEGIN ).)*?"
    rb"^-----END CERTIFICATE-----[ \t\r]*$",
    re.DOTALL | re.MULTILINE,
)
"""A block as Go finds it: a line begins it, and another block does not interrupt it."""
MAX_SHARED: Final = 16
"""Different authorities whose settings are kept for further connections."""


class InvalidCertificate(Exception):
    """Certificates or a key that cannot be loaded; the message continues a sentence."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Certificates of a client and their key, in PEM."""

    certificates: bytes
    key: bytes = field(repr=False)


def client_context(
    authorities: bytes | None = None,
    certificate: ClientCertificate | None = None,
    *,
    insecure: bool = False,
) -> ssl.SSLContext:
    """Return the TLS settings for the connections to one server.

    Connections without a client certificate share them. The certificates of a system
    take almost a megabyte, and every instance with another cluster has several pools
    of connections.

    Args:
        authorities: Trusted certificates in PEM; None for those of the system.
        certificate: Certificate of the client; None for none.
        insecure: Whether the server's certificate is not verified.

    Raises:
        InvalidCertificate: The certificates or the key cannot be loaded.
    """
    if certificate is None:
        return _shared_context(authorities, insecure)
    context = _context(authorities, insecure)
    _load_certificate(context, certificate)
    return context


def _context(authorities: bytes | None, insecure: bool) -> ssl.SSLContext:  # noqa: FBT001
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is None:
        context.load_default_certs()
    else:
        _trust(context, authorities)
    return context


_shared_context: Final = lru_cache(maxsize=MAX_SHARED)(_context)


def _trust(context: ssl.SSLContext, authorities: bytes) -> None:
    """Trust every certificate that can be read; skip other blocks, as Go does."""
    is_empty = True
    for found in _CERTIFICATE.finditer(authorities):
        try:
            context.load_verify_locations(cadata=found[0].decode("ascii"))
            is_empty = False
        except (ssl.SSLError, ValueError):
            continue
    if is_empty:
        raise InvalidCertificate("has no certificate in PEM format")


def _load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load a certificate through files, since Python cannot load it from memory."""
    if _CERTIFICATE.search(certificate.certificates) is None:
        raise InvalidCertificate("has no certificate in PEM format")
    try:
        with tempfile.TemporaryDirectory(prefix="argogrant-") as folder:
            chain, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
            for path, text in (
                (chain, certificate.certificates),
                (key, certificate.key),
            ):
                path.touch(mode=0o600)
                path.write_bytes(text)
            context.load_cert_chain(chain, key, password=_no_password)
    except ssl.SSLError:
        raise InvalidCertificate(
            "and its key are no pair in PEM format without a password"
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise InvalidCertificate(
            f"cannot be loaded, because no temporary file can be written: {reason}"
        ) from None


def _no_password() -> str:
    """Return no password, for which the library would ask on the terminal."""
    return ""
