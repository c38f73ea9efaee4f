"""Forms of names: which names differ only in spelling, and which are not Argo CD's.

Argo CD compares the subject of a grant with the strings of a user's token, exactly. A
name that is taken from Kubernetes often has another form: a prefix that the API server
adds, or the form of a cloud's identities. The functions here find that out of the name
alone. They are advice, and decide nothing.

Sources: Kubernetes, "Authenticating" (``--oidc-username-prefix``, the default prefix
with ``#``); Amazon EKS, "Set a custom username" (ARNs of IAM identities); Rancher,
``pkg/auth/providers`` (principals); Google Cloud, "Workforce Identity Federation"
(principals); Oracle Cloud, "Resource Identifiers"; Microsoft Entra ID, "Properties of a
B2B collaboration user"; dexidp/dex, ``server/internal`` (the subject).
"""

import base64
import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote

from argogrant.grants.model.validation import MAX_NAME_LENGTH, quote

_PLAIN: Final = re.compile(r"[a-z0-9._@-]*")
"""Names that are their own core; most are."""
_PREFIX: Final = re.compile(
    r"(?:oidc|github|gitlab|google|gcp|keycloak|okta|auth0|azure|azuread|aad|entra|adfs"
    r"|ldap|saml|dex|sso|cognito|pinniped|teleport|iam|aws|eks)[:/#]",
    re.IGNORECASE,
)
"""Usual prefixes of the authenticators of Kubernetes."""
_ISSUER: Final = re.compile(r"(?:https?://[^#]*|accounts\.google\.com)#(?=.)")
_OF_ADDRESS: Final = re.compile(
    r"[^@\s]*[:#|\\](?=[^@\s:#|\\]+@[^@\s:#|\\]+\.[^@\s]+$)"
)
"""Prefix of an address. No address contains these characters, so it has a prefix."""
_ISSUER_AND_SUBJECT: Final = re.compile(r"https?://[^?#]+\?(?:.*&)?sub=([^&]+)")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::\d*:([a-z-]+)/?(.*)")
_IDENTITY_STORE: Final = re.compile(r"arn:aws[a-z-]*:identitystore:.*")
_WORKFORCE: Final = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/.+/(?:subject|group)/(.+)"
)
_OCID: Final = re.compile(r"ocid1\.[a-z0-9]+\.[^.]*\.[^.]*\..+")
_GUEST: Final = re.compile(r"(.+)_([^_@]+)#EXT#@.+", re.IGNORECASE)
_CERTIFICATES: Final = frozenset(
    {
        *("kubernetes-admin", "kubernetes-super-admin", "kubeadm:cluster-admins"),
        *("minikube-user", "docker-for-desktop", "masterclient", "kube-admin-local"),
    }
)
"""Names in the client certificates of kubeadm, minikube, Docker Desktop, AKS, RKE."""
_RANCHER_USER: Final = re.compile(r"u-[a-z0-9]{5,10}|user-[a-z0-9]{5}")
_PRINCIPAL: Final = re.compile(r"(local|[a-z0-9]+_(?:user|group|team|org))://(.+)")
_DN: Final = re.compile(
    r"(?:cn|uid|ou|samaccountname)=((?:[^,=+\\]|\\.)+),.*=", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\([0-9a-fA-F]{2})|\\(.)")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]+\\(.+)")
_DEX_SUBJECT: Final = re.compile(r"C[g-v][A-Za-z0-9_-]{6,340}={0,2}")
_DISPLAYED: Final = re.compile(r"[^<>]*<([^<>]+)>")
"""An address behind the name of its owner, as mail programs show it."""
_LOOKALIKES: Final = str.maketrans("аеорсухіѕјԁһ", "aeopcyxisjdh")  # noqa: RUF001
"""Small Cyrillic letters with the shape of Latin ones."""
_OPENSHIFT: Final = ("kube:", "b64:")
_KUBERNETES: Final = "system:"
_PLAIN_FORMS: Final = (
    "u-",
    "user-",
    "ocid1.",
    "kube",
    "minikube-",
    "docker-",
    "master",
)
"""Beginnings of forms that consist of plain characters."""
_ROLES: Final = ("role:", "proj:")


class ForeignName(NamedTuple):
    """Form of a name that Argo CD usually does not have."""

    form: str
    """The form, as a clause about the name."""
    name: str = ""
    """Name without the form, which Argo CD may have; empty if it is unknown."""


def foreign_name(name: str, strip_prefix: str = "") -> ForeignName | None:
    """Return the form of a name that comes from elsewhere; None if it has none.

    Args:
        name: Name of a user or group.
        strip_prefix: Prefix that the API server adds (``spec.identity.stripPrefix``).
    """
    if strip_prefix and name.startswith(strip_prefix) and name != strip_prefix:
        return ForeignName(
            f"has the prefix {quote(strip_prefix)} of Kubernetes user names"
            " (spec.identity.stripPrefix of the ArgoCDInstance)",
            name.removeprefix(strip_prefix),
        )
    if _PLAIN.fullmatch(name) and not name.startswith(_PLAIN_FORMS):
        return None
    return _known_form(name)


def _known_form(name: str) -> ForeignName | None:
    return next(filter(None, (find(name) for find in _FORMS)), None)


def _iam_identity(name: str) -> ForeignName | None:
    if _IDENTITY_STORE.fullmatch(name):
        return ForeignName("is the ARN of an identity of IAM Identity Center")
    found = _ARN.fullmatch(name)
    if found is None:
        return None
    last = found[2].rpartition("/")[2]
    is_user = found[1] in {"user", "federated-user"} or "@" in last
    form = "is the name of an IAM identity, as Amazon EKS has it"
    return ForeignName(form, last if is_user else "")


def _name_of_the_cluster(name: str) -> ForeignName | None:
    if name.startswith(_KUBERNETES):
        return ForeignName("is a name of Kubernetes itself")
    if name in _CERTIFICATES:
        return ForeignName("is a name of a Kubernetes client certificate")
    if name.startswith(_OPENSHIFT):
        return ForeignName("is a name of OpenShift", _decoded(name))
    return None


def _rancher_identity(name: str) -> ForeignName | None:
    if _RANCHER_USER.fullmatch(name):
        return ForeignName("has the form of a user ID of Rancher")
    found = _PRINCIPAL.fullmatch(name)
    if found is None:
        return None
    is_id = found[1] == "local" or found[2].isdigit()
    form = "is the name of a principal of Rancher"
    return ForeignName(form, "" if is_id else _relative_name(found[2]))


def _cloud_identity(name: str) -> ForeignName | None:
    if _OCID.fullmatch(name):
        return ForeignName("is an identifier of Oracle Cloud (OCID)")
    if found := _WORKFORCE.fullmatch(name):
        return ForeignName("is the name of a principal of Google Cloud", found[1])
    if found := _GUEST.fullmatch(name):
        form = "is the name of a guest of Microsoft Entra ID"
        return ForeignName(form, f"{found[1]}@{found[2]}")
    return None


def _dex_subject(name: str) -> ForeignName | None:
    user_id = dex_user_id(name)
    form = "is a subject as Dex encodes it, and Argo CD 3 compares the decoded ID"
    return ForeignName(form, user_id) if user_id else None


def _role_name(name: str) -> ForeignName | None:
    is_role = name.lower().startswith(_ROLES)
    return ForeignName("has the form of a role's name") if is_role else None


def _prefixed_name(name: str) -> ForeignName | None:
    if found := _ISSUER_AND_SUBJECT.fullmatch(name):
        return ForeignName("contains the URL of an issuer", unquote(found[1]))
    found = _ISSUER.match(name) or _PREFIX.match(name) or _OF_ADDRESS.match(name)
    if found is None or found.end() == len(name):
        return None
    form = f"has the prefix {quote(found[0])}, which Kubernetes adds to names"
    return ForeignName(form, name[found.end() :])


_FORMS: Final[tuple[Callable[[str], ForeignName | None], ...]] = (
    _iam_identity,
    _name_of_the_cluster,
    _rancher_identity,
    _cloud_identity,
    _dex_subject,
    _role_name,
    _prefixed_name,
)
"""Forms in order; the first one counts."""


def dex_user_id(name: str) -> str:
    r"""Return the user ID in a subject that Dex encoded; empty if it is none.

    The subject is the message ``{user_id: 1, conn_id: 2}`` of protobuf in base64::

        CgVhbGljZRIGZ2l0aHVi  =  \x0a\x05 alice \x12\x06 github
    """
    if not _DEX_SUBJECT.fullmatch(name):
        return ""
    try:
        text = name.rstrip("=")
        data = base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
        user_id, rest = _field(data, 0x0A)
        connector, rest = _field(rest, 0x12)
        text, _ = user_id.decode(), connector.decode("ascii")
    except (ValueError, IndexError):
        return ""
    is_name = text.isprintable() and 0 < len(text) <= MAX_NAME_LENGTH
    return text if is_name and connector and not rest else ""


_CONTINUES: Final = 128
"""Bit of a byte of a number that another byte follows."""


def _field(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Split a field with this tag and less than 16,384 bytes from the rest.

    Raises:
        ValueError: The data begins with something else.
        IndexError: The data ends before.
    """
    size, begin = data[1], 2
    if size >= _CONTINUES:
        size, begin = size - _CONTINUES + data[2] * _CONTINUES, 3
    value = data[begin : begin + size]
    if data[0] != tag or data[begin - 1] >= _CONTINUES or len(value) != size:
        raise ValueError("another field")
    return value, data[begin + size :]


def _decoded(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind != "b64":
        return ""
    try:
        text = base64.urlsafe_b64decode(f"{rest}{'=' * (-len(rest) % 4)}").decode()
    except ValueError:
        return ""
    return text if text.isprintable() else ""


def _relative_name(name: str) -> str:
    """Return the first value of a distinguished name of LDAP, or else the name."""
    found = _DN.match(name)
    return _ESCAPED.sub(_unescaped, found[1]) if found else name


def _unescaped(found: re.Match[str]) -> str:
    """Return the character that an escape in a name of LDAP stands for."""
    return chr(int(found[1], 16)) if found[1] else found[2]


def name_core(name: str) -> str:
    """Return a form that is equal for names that differ only in spelling.

    That is: in upper and lower case, in a prefix or form of ``foreign_name``, in a
    leading ``/`` or ``@``, in quotation marks, in percent encoding, in ``/`` for ``:``,
    in ``-`` for a blank (the slug of a team of GitHub), in compatibility characters, or
    in the rest of an LDAP name.
    """
    if _PLAIN.fullmatch(name):
        return name
    text = name[:MAX_NAME_LENGTH]
    foreign = _known_form(text)
    if foreign is not None and foreign.name:
        text = foreign.name
    if "%" in text:
        text = unquote(text)
    for form in (_DOMAIN, _DISPLAYED):
        if found := form.fullmatch(text):
            text = found[1]
    text = unicodedata.normalize("NFKC", _relative_name(text)).casefold()
    text = text.removeprefix("mailto:").strip("/@ <>'\"").replace(" ", "-")
    return text.replace("/", ":").removeprefix("role:").translate(_LOOKALIKES)


def describe_difference(name: str, other: str) -> str:
    """Return in what two names with the same core differ, as the end of a clause."""
    if name.casefold() == other.casefold():
        return "in upper and lower case only"
    if name.casefold().endswith(other.casefold()):
        return f"in the prefix {quote(name[: len(name) - len(other)])} only"
    if other.casefold().endswith(name.casefold()):
        return f"in the missing prefix {quote(other[: len(other) - len(name)])} only"
    return "in its form only"
