"""Why an API server refuses a request, as its answer says, and what to do about it.

The HTTP status does not tell: an admission policy, a quota, a namespace that is being
deleted, a missing permission and a proxy all answer 403, an admission policy may answer
401, and a webhook any status.

Source: kubernetes/kubernetes, ``apiserver/pkg/admission/plugin`` (``dispatcher.go`` of
the policies, ``webhook/errors/statuserror.go``, ``resourcequota/controller.go``,
``namespace/lifecycle/admission.go``), ``endpoints/handlers/responsewriters/errors.go``,
``ValidateConfigMapUpdate``; structured-merge-diff, ``Conflicts.Error``; etcd-io/etcd,
``ErrRequestTooLarge`` and ``ErrNoSpace``; grpc/grpc-go, ``prepareMsg``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from argogrant.grants.model.validation import quote
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthorized,
)


class Cause(StrEnum):
    """Cause of a refused or failed request."""

    ADMISSION_POLICY = "AdmissionPolicy"
    WEBHOOK = "Webhook"
    WEBHOOK_DOWN = "WebhookDown"
    ADMISSION_PLUGIN = "AdmissionPlugin"
    QUOTA = "Quota"
    TERMINATING = "Terminating"
    MANAGER = "Manager"
    EXISTS = "Exists"
    IMMUTABLE = "Immutable"
    TOO_LARGE = "TooLarge"
    STORAGE_FULL = "StorageFull"
    PROXY = "Proxy"
    ANONYMOUS = "Anonymous"
    PERMISSION = "Permission"
    CREDENTIALS = "Credentials"
    INVALID = "Invalid"
    CHANGED = "Changed"
    MISSING = "Missing"
    BUSY = "Busy"
    UNAVAILABLE = "Unavailable"


_FORBIDDEN: Final = r'^\S+ (?:"[^"]*" )?is forbidden: '
_USER: Final = r'^(?:\S+ )?(?:"[^"]*" )?(?:is forbidden: )?User '
_PATTERNS: Final = tuple(
    (cause, re.compile(words))
    for cause, words in (
        # Anchored: names of users, and texts of policies, can contain the other words.
        (Cause.ANONYMOUS, rf'{_USER}"system:anonymous" cannot'),
        (Cause.PERMISSION, rf'{_USER}"(?P<name>(?:[^"\\]|\\.)*)" cannot'),
        (Cause.ADMISSION_POLICY, r"\w+AdmissionPolicy '(?P<name>[^']*)' "),
        (Cause.WEBHOOK, r'admission webhook "(?P<name>[^"]*)" denied the request'),
        (Cause.WEBHOOK_DOWN, r'failed calling webhook "(?P<name>[^"]*)"'),
        (Cause.QUOTA, r"(?:exceeded|failed) quota: (?P<name>[^,:\s]+)"),
        (Cause.TERMINATING, r"namespace (?P<name>\S+) because it is being terminated"),
        (Cause.MANAGER, r'Apply failed with .*?conflicts? with "(?P<name>[^"]*)"'),
        (Cause.EXISTS, r'"[^"]*" already exists$'),
        # The controller of quotas has not yet counted what is used.
        (Cause.BUSY, rf"{_FORBIDDEN}status unknown for quota: "),
        # Not the requests of users: their words are those of an authorizer.
        (Cause.ADMISSION_PLUGIN, rf"{_FORBIDDEN}(?![Uu]ser [\"'])(?=\S)"),
        (Cause.IMMUTABLE, r"is immutable|updates to .* are forbidden"),
        (Cause.TOO_LARGE, r"request is too large|message larger than max"),
        (
            Cause.TOO_LARGE,
            r"[Rr]equest entity too large|Too long: (?:may not be|must have at most)",
        ),
        (Cause.STORAGE_FULL, r"etcdserver: (?:mvcc: database space|no space)"),
    )
)
"""Words of the answers, in this order, with the name of what refuses."""
_BY_TYPE: Final[Mapping[type[ClusterError], Cause]] = {
    TooLarge: Cause.UNAVAILABLE,
    Unauthorized: Cause.CREDENTIALS,
    Forbidden: Cause.PERMISSION,
    Invalid: Cause.INVALID,
    Conflict: Cause.CHANGED,
    NotFound: Cause.MISSING,
}
_BY_STATUS: Final = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Cause.TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.BUSY,
    HTTPStatus.INSUFFICIENT_STORAGE: Cause.STORAGE_FULL,
}
"""Statuses that have one cause only."""
_NEEDS_A_CHANGE: Final = frozenset(
    {
        *(Cause.ADMISSION_POLICY, Cause.WEBHOOK, Cause.QUOTA, Cause.TERMINATING),
        *(Cause.MANAGER, Cause.IMMUTABLE, Cause.TOO_LARGE, Cause.INVALID),
        *(Cause.ADMISSION_PLUGIN, Cause.STORAGE_FULL),
    }
)
_UNTIL: Final = "Until then, trying again cannot succeed."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Cause of a refused request, and the name of what refuses it."""

    cause: Cause
    name: str = ""
    """Name of the policy, webhook, quota, namespace, field manager or user."""

    @property
    def needs_a_change(self) -> bool:
        """True if a retry fails until somebody changes what refuses it.

        Missing permissions and credentials need one also, but have remedies of their
        own, which depend on who sends the request.
        """
        return self.cause in _NEEDS_A_CHANGE

    def remedy(self, who: str) -> str:
        """Return what to do, as sentences; empty if the cause has no remedy of its own.

        Args:
            who: The user that sends the request, such as ``your user``.
        """
        text = _REMEDIES.get(self.cause, "").format(name=quote(self.name), who=who)
        return f"{text} {_UNTIL}" if self.needs_a_change else text


_REMEDIES: Final[Mapping[Cause, str]] = {
    Cause.ADMISSION_POLICY: (
        "The admission policy {name} does not permit this change. Ask its owner to"
        " exempt {who} in it (spec.matchConditions)."
    ),
    Cause.WEBHOOK: (
        "The admission webhook {name} does not permit this change. Ask its owner to"
        " exempt {who}."
    ),
    Cause.WEBHOOK_DOWN: (
        "The API server cannot call the admission webhook {name}. Repair it, or delete"
        " its configuration if it is no longer installed."
    ),
    Cause.ADMISSION_PLUGIN: (
        "An admission plugin of the API server does not permit this change; permissions"
        " do not matter for it. Ask an administrator of the cluster to permit the"
        " change."
    ),
    Cause.QUOTA: (
        "The ResourceQuota {name} of the namespace does not permit more. Raise it, or"
        " delete objects."
    ),
    Cause.TERMINATING: (
        "The namespace {name} is being deleted, and nothing can be created in it. Use"
        " another namespace, or create it again after its deletion."
    ),
    Cause.MANAGER: (
        "The field manager {name} owns the field. Remove the field from what it"
        " applies."
    ),
    Cause.EXISTS: "An object with this name exists already. Choose another name.",
    Cause.IMMUTABLE: (
        "The object or the field is immutable. Delete the object and create it again:"
        " a ConfigMap with the same data and without immutable: true."
    ),
    Cause.TOO_LARGE: (
        "The object is larger than Kubernetes stores (a ConfigMap: 1 MiB). Remove data,"
        " annotations or labels from it."
    ),
    Cause.STORAGE_FULL: (
        "The database of the API server (etcd) is full. Ask an administrator of the"
        " cluster to compact and defragment it, and to disarm its alarm NOSPACE."
    ),
    Cause.PROXY: (
        "The answer is not one of an API server: a proxy or gateway in front of it"
        " refuses the request, and permissions in Kubernetes do not change that. Ask"
        " its administrators."
    ),
    Cause.INVALID: "The API server does not accept the object as it would be.",
    Cause.ANONYMOUS: (
        "The request had no credentials that the API server knows. Log in to the"
        " cluster; `kubectl auth whoami` shows who you are."
    ),
}


def refusal_of(error: ClusterError) -> Refusal:
    """Return the cause that the answer names, or else that of the HTTP status."""
    text = error.answer or str(error)
    for cause, words in _PATTERNS:
        found = words.search(text)
        if found is not None:
            return Refusal(cause, found.groupdict().get("name") or "")
    if error.status in _BY_STATUS:
        return Refusal(_BY_STATUS[HTTPStatus(error.status)])
    if error.status == HTTPStatus.FORBIDDEN and not error.answer:
        return Refusal(Cause.PROXY)
    for kind, cause in _BY_TYPE.items():
        if isinstance(error, kind):
            return Refusal(cause)
    is_busy = "too many requests" in text.lower()
    return Refusal(Cause.BUSY if is_busy else Cause.UNAVAILABLE)
