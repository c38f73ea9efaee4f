"""Credentials of requests: read, kept while they are valid, and renewed.

A source returns the credential for the next request. What it cannot read or renew is a
``CredentialUnavailable``: no request is sent without the credential that is configured.

    StaticCredential       a token of a Secret, or no credential at all
    FileCredential         what a kubeconfig or a pod has, with files that rotate
    OIDCCredential         the id-token of the auth-provider ``oidc``
    ExecCredential         what an exec plugin prints (``exec_plugin``)

Source: kubernetes/client-go, ``transport/round_trippers.go``, ``token_source.go``
and ``plugin/pkg/client/auth/oidc/oidc.go``.
"""

import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from argogrant.grants.model.validation import quote
from argogrant.kube.errors import CredentialUnavailable
from argogrant.kube.kubeconfig.entries import AuthProviderEntry, UserEntry
from argogrant.kube.tls import ClientCertificate

Content = TypeVar("Content")
TOKEN_FILE_SECONDS: Final = 50.0
"""Seconds for which a token file counts as unchanged, as in client-go."""
CERTIFICATE_SECONDS: Final = 60.0
EXPIRY_MARGIN: Final = timedelta(seconds=10)
REMOVED_PROVIDERS: Final = {
    "gcp": "gke-gcloud-auth-plugin",
    "azure": "kubelogin",
}
"""Exec plugins that replace the auth-providers which kubectl no longer has."""
_PADDING: Final = " \t"
"""Characters that Go removes at both ends of the value of a header."""
_WHITE_SPACE: Final = "".join(
    one for one in map(chr, range(0x3001)) if one.isspace() and not "\x1c" <= one < " "
)
"""White space of Unicode, which Go's ``strings.TrimSpace`` removes."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Header and certificate that authenticate a request."""

    authorization: str = field(default="", repr=False)
    """Value of the Authorization header; empty for none."""
    certificate: ClientCertificate | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets in the header: a token, or a password in and out of base64.

        A token may contain blanks.
        """
        scheme, _, rest = self.authorization.partition(" ")
        secrets = (rest.strip(),) if rest.strip() else ()
        if scheme != "Basic":
            return secrets
        try:
            decoded = base64.b64decode(rest, validate=True).decode()
        except ValueError:
            return secrets
        return (*secrets, decoded.partition(":")[2])


class CredentialSource(Protocol):
    """Source of the credential for one API server."""

    async def current(self) -> Credential:
        """Return the credential for the next request.

        Raises:
            CredentialUnavailable: There is none now.
        """

    async def renew(self, rejected: Credential) -> Credential | None:
        """Return another credential than the rejected one; None if there is none."""


class StaticCredential:
    """Credential that never changes."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def current(self) -> Credential:
        """Return the credential."""
        return self._credential

    async def renew(self, rejected: Credential) -> Credential | None:
        """Return None: there is no other credential."""
        _ = rejected
        return None


class CachedFile(Generic[Content]):
    """Content of files, which is read again after some seconds.

    Args:
        read: Reads the files.
        seconds: Seconds for which the files count as unchanged.
    """

    def __init__(self, read: Callable[[], Content], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._kept: tuple[Content, float] | None = None

    def get(self) -> Content:
        """Return the content; after a failure to read it again, that of before."""
        now = time.monotonic()
        if self._kept is None:
            self._kept = self._read(), now
        elif now - self._kept[1] >= self._seconds:
            try:
                self._kept = self._read(), now
            except CredentialUnavailable:
                self._kept = self._kept[0], now
        return self._kept[0]

    def expire(self) -> None:
        """Let the next ``get`` read the files."""
        if self._kept is not None:
            self._kept = self._kept[0], -self._seconds


class FileCredential:
    """Token, password and client certificate of the entry of a user.

    The content of a token file takes precedence over a token, as in kubectl. Files
    are read again from time to time: the kubelet and cert-manager replace them.

    Args:
        user: The entry.
        title: For messages, such as ``user "one" of the kubeconfig``.
    """

    def __init__(self, user: UserEntry, title: str) -> None:
        self._user = user
        self._title = title
        self._token = CachedFile(self._read_token, TOKEN_FILE_SECONDS)
        self._certificate = CachedFile(self._read_certificate, CERTIFICATE_SECONDS)

    async def current(self) -> Credential:
        """Return what the entry and its files contain."""
        return Credential(self._authorization(), self._certificate.get())

    async def renew(self, rejected: Credential) -> Credential | None:
        """Read the files again."""
        self._token.expire()
        self._certificate.expire()
        renewed = await self.current()
        return renewed if renewed != rejected else None

    def _authorization(self) -> str:
        if self._user.username:
            return basic(self._user.username, self._user.password)
        return bearer(self._token.get(), self._title)

    def _read_token(self) -> str:
        user = self._user
        if not user.token_file:
            return user.token
        problem = "is empty"
        try:
            token = Path(user.token_file).read_text("utf-8").strip(_WHITE_SPACE)
            if token:
                return token
        except OSError as error:
            problem = f"cannot be read: {(error.strerror or 'unknown error').lower()}"
        except ValueError:
            problem = "is no UTF-8 text"
        if user.token:
            return user.token
        raise CredentialUnavailable(
            f"the token file {quote(user.token_file)} of {self._title} {problem}."
            " Log in again, or correct tokenFile."
        )

    def _read_certificate(self) -> ClientCertificate | None:
        user = self._user
        if not (user.cert_file or user.cert_data):
            return None
        try:
            return ClientCertificate(
                user.cert_data or Path(user.cert_file).read_bytes(),
                user.key_data or Path(user.key_file).read_bytes(),
            )
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise CredentialUnavailable(
                f"the client certificate of {self._title} cannot be read: {reason}."
            ) from None


class OIDCCredential:
    """The id-token of the auth-provider ``oidc`` of a user, until it expires.

    kubectl then gets another one from the issuer and writes it into the kubeconfig.
    That is left to kubectl: two programs that use one refresh token can end it.

    Args:
        provider: The auth-provider.
        files: The client certificate of the user, if there is one.
        title: For messages, such as ``user "one" of the kubeconfig``.
        clock: Current time in UTC.
    """

    def __init__(
        self,
        provider: AuthProviderEntry,
        files: FileCredential,
        *,
        title: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._token = provider.config.get("id-token", "")
        self._title = title
        self._clock = clock
        self._expires_at = expiry_of_jwt(self._token)

    async def current(self) -> Credential:
        """Return the id-token.

        Raises:
            CredentialUnavailable: It is no token, or has expired.
        """
        if self._expires_at is None:
            raise CredentialUnavailable(
                f"the auth-provider oidc of {self._title} has no id-token that can be"
                " read. Log in again."
            )
        if self._clock() + EXPIRY_MARGIN >= self._expires_at:
            end = self._expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            raise CredentialUnavailable(
                f"the id-token of {self._title} expired at {end}. Log in again, or run"
                " kubectl auth whoami, which gets another one, and repeat the command."
            )
        authorization = bearer(self._token, self._title)
        return replace(await self._files.current(), authorization=authorization)

    async def renew(self, rejected: Credential) -> Credential | None:
        """Return None: only kubectl gets another token."""
        _ = rejected
        return None


def check_auth_provider(provider: AuthProviderEntry, title: str) -> str:
    """Return why an auth-provider cannot be used; empty if it can."""
    name = provider.name
    if name in REMOVED_PROVIDERS:
        return (
            f"the auth-provider {name} of {title} was removed from kubectl. Use the"
            f" exec plugin {REMOVED_PROVIDERS[name]} instead."
        )
    if name != "oidc":
        return (
            f"the auth-provider {quote(name)} of {title} does not exist in kubectl. Use"
            " an exec plugin instead."
        )
    for key in ("idp-issuer-url", "client-id"):
        if not provider.config.get(key):
            return f"the auth-provider oidc of {title} has no {key}. Add it."
    return ""


def bearer(token: str, title: str) -> str:
    """Return the header for a token; empty for no token.

    Raises:
        CredentialUnavailable: The token cannot be sent in a header.
    """
    if any(character < " " or character == "\x7f" for character in token):
        raise CredentialUnavailable(
            f"the token of {title} contains a line break or another control character."
            " Correct it."
        )
    return f"Bearer {token}".rstrip(_PADDING) if token else ""


def basic(username: str, password: str) -> str:
    """Return the header for a username and a password."""
    encoded = base64.b64encode(f"{username}:{password}".encode())
    return f"Basic {encoded.decode()}"


def expiry_of_jwt(token: str) -> datetime | None:
    """Return when a JSON Web Token expires; None if it is none."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload and signature
        return None
    payload = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (
        binascii.Error,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        OSError,
        RecursionError,
    ):
        return None


def impersonation_headers(user: UserEntry) -> tuple[tuple[str, str], ...]:
    """Build the impersonation headers for the entry of a user, as kubectl does.

    Source: Kubernetes, "User impersonation"; ``NewImpersonatingRoundTripper``.
    """
    if not user.as_user:
        return ()
    headers = [("Impersonate-User", user.as_user)]
    headers += [("Impersonate-Uid", uid) for uid in [user.as_uid] if uid]
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    headers += [
        (f"Impersonate-Extra-{_escape(key)}", value)
        for key, values in user.as_user_extra.items()
        for value in values
    ]
    return tuple((name, value.strip(_PADDING)) for name, value in headers)


_TOKEN_CHARACTERS: Final = frozenset(
    "!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
"""Source: ``legalHeaderKeyBytes`` of client-go, which leaves out the percent sign."""


def _escape(key: str) -> str:
    return "".join(
        chr(byte) if chr(byte) in _TOKEN_CHARACTERS else f"%{byte:02X}"
        for byte in key.encode()
    )
