"""What an API server says when it refuses, without its noise. Pure.

Source: Kubernetes, ``apimachinery/pkg/api/errors`` (``NewInvalid``, ``NewForbidden``)
and ``util/validation/field`` (``Error``): how the messages are put together.
"""

import re
from typing import Final

from argogrant.cli.errors import remedy
from argogrant.cli.terminal.tables import shown
from argogrant.grants.model.validation import quoted, sentence
from argogrant.kube.errors import ClusterError, Refused

_REQUEST: Final = re.compile(r"^[A-Z]+ /\S* ?\S*: \d{3} |^[A-Z]+ /\S*: ")
_POLICY: Final = re.compile(
    r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ",
    re.DOTALL,
)
_INVALID: Final = re.compile(r"^\S+ \".*?\" is invalid: (.*)$", re.DOTALL)
_FIELD: Final = re.compile(
    r'^\[?(?P<field>[\w.\[\]<>]+): [A-Z][a-z ]+: (?:"(?P<value>(?:[^"\\]|\\.)*)": )?'
    r"(?P<why>.*?)\]?$",
    re.DOTALL,
)
_RBAC: Final = re.compile(
    r'is forbidden: User "(?P<user>.*)" cannot (?P<verb>\w+) resource'
    r' "(?P<resource>[^"]+)" in API group "[^"]*"(?: in the namespace "(?P<where>.*)")?'
)
ROLE_OF: Final = {
    ("create", "accessgrants"): "argogrant-requester",
    ("patch", "accessgrants"): "argogrant-requester",
    ("create", "accessapprovals"): "argogrant-approver",
}
"""Which of the Roles in ``examples/roles.yaml`` gives a right."""


def refusal(error: ClusterError) -> str:
    """Say in a sentence or two why something is refused, and what to do."""
    said = shown(_REQUEST.sub("", str(error)))
    rights = _RBAC.search(said)
    if rights is not None:
        return _missing_right(rights)
    policy = _POLICY.search(said)
    if policy is not None:
        return sentence(said[policy.end() :])
    invalid = _INVALID.match(said)
    if isinstance(error, Refused) and invalid is not None:
        return sentence(_about_field(invalid[1]))
    return f"{sentence(said)} {remedy(error)}"


def _about_field(text: str) -> str:
    """Name the field and its value before what is wrong with it."""
    found = _FIELD.match(text)
    if found is None:
        return text
    value, why = found["value"], found["why"]
    if found["field"] == "spec" or value in (None, "object"):
        return why if found["field"] == "spec" else f"{found['field']}: {why}"
    return f"{found['field']} {quoted(value or '')} {why}"


def _missing_right(found: re.Match[str]) -> str:
    where = f" in namespace {quoted(found['where'])}" if found["where"] else ""
    role = ROLE_OF.get((found["verb"], found["resource"]))
    give = f"the Role {role} (examples/roles.yaml)" if role else "the right to do that"
    return (
        f"{quoted(found['user'])} may not {found['verb']} {found['resource']}{where};"
        f" ask for {give}."
    )
