"""Remedies for every message of a ValidatingAdmissionPolicy of argogrant.

A test compares the keys with the messages of ``api/admission_policies.py``.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from argogrant.api.admission_policies import limits_policies, validating_policies


class AdmissionMessage(NamedTuple):
    """Message of one rule of a ValidatingAdmissionPolicy."""

    policy: str
    """Name of the policy, which the API server prints before the message."""
    message: str
    """Static text of the message."""
    has_value: bool
    """True if the API server prints the correct value instead of the command that
    shows it."""


def admission_messages() -> Iterator[AdmissionMessage]:
    """Return the message of every rule of every installed policy, in their order."""
    for manifest in (*validating_policies(), *limits_policies()):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            name = manifest["metadata"]["name"]
            for rule in manifest["spec"]["validations"]:
                has_value = "messageExpression" in rule
                yield AdmissionMessage(name, rule["message"], has_value)


_OMIT: Final = (
    "Omit `{0}` where the API server fills it in"
    " (`admission/argogrant-mutating.yaml`). Otherwise copy the value from the message."
)
_FORGED: Final = (
    f"{_OMIT} A portal that creates objects for its users must be listed in"
    " `trustedFrontEnds`: see [Verified identity](../how-to/verified-identity.md)."
)
_ENTRIES: Final = "Remove entries until the limit is kept, then write the object again."
REMEDIES: Final[Mapping[str, str]] = {
    "spec.requester is missing": _OMIT.format("requester"),
    "spec.requester is not the user": _FORGED.format("requester"),
    "spec.requester is immutable": (
        "Leave the field as it is. To request as another user, create another"
        " AccessGrant as that user."
    ),
    "a service account must set spec.expiresAt": (
        "Write `expiresAt` instead of `duration`, or add `notBefore`. If the service"
        " account requests for users, list it in `trustedFrontEnds`."
    ),
    "an AccessGrant with a label, annotation or controller": (
        "Write `expiresAt` instead of `duration`, or add `notBefore`. A grant that is"
        " not managed by the tool needs no such label or annotation: remove it."
    ),
    "spec.approver is missing": _OMIT.format("approver"),
    "spec.approver is not the user": _FORGED.format("approver"),
    "spec.approver is immutable": (
        "Leave the field as it is. To decide as another user, create another"
        " AccessApproval as that user."
    ),
    "metadata.labels must have at most 32 entries": _ENTRIES,
    "metadata.annotations must have at most 32 entries": _ENTRIES,
    "metadata.finalizers must have at most 16 entries": _ENTRIES,
    "metadata.ownerReferences must have at most 16 entries": _ENTRIES,
    "metadata.annotations must have at most 65536 characters": (
        "Shorten or remove annotations. `kubectl apply --server-side` does not store"
        " the whole object in an annotation."
    ),
    "metadata.ownerReferences must have at most 8192 characters": _ENTRIES,
    "metadata.ownerReferences cannot be added after creation": (
        "Set the owner when you create the object. To end a grant, set `revoked: true`."
    ),
}
"""Remedies, by the beginning of the message."""


def remedy_for(message: str) -> str:
    """Return the remedy of a message.

    Raises:
        LookupError: No remedy, or more than one, has the beginning of the message.
    """
    found = [text for start, text in REMEDIES.items() if message.startswith(start)]
    if len(found) != 1:
        raise LookupError(message)
    return found[0]
