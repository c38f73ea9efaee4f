"""Drift of the installed admission policies from the shipped ones.

The ``spec`` of every installed ValidatingAdmissionPolicy and its binding must equal the
shipped one, with the defaults that the API server adds. Every other difference counts
as drift, even one that only rejects more: to validate more, install another policy.
Three things may differ: the list of trusted front ends, which an administrator sets,
the texts of rejections with their variable, which a later release may reword, and the
requirement of an absolute end, which the operator checks itself: each release knows the
marks of other tools, and access must not end because the operator is upgraded before
the policies.

Source: Kubernetes, ``admissionregistration.k8s.io/v1``, for the defaults
``SetDefaults_*`` in ``pkg/apis/admissionregistration/v1/defaults.go``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from argogrant.api.admission_policies import (
    IDENTITY_FIELDS,
    REMEDY,
    TRUSTED_FRONT_ENDS,
    VALIDATING_FILE,
    requires_absolute_end,
    validating_policies,
)
from argogrant.api.json_fields import get_dict, get_dicts, get_str
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import parse_instant

POLICY_NAMES: Final = tuple(field.policy for field in IDENTITY_FIELDS)
"""Names of the policies; each binding has the name of its policy."""

PAGE: Final = "docs/how-to/verified-identity.md"

PROPAGATION_DELAY: Final = timedelta(seconds=10)
"""Longest time after its creation until every API server enforces a policy.

An API server enforces a policy about a second after its informer receives it, but there
may be several API servers, each with its own clock. Source: kubernetes/kubernetes,
``policyRefreshInterval`` in ``apiserver/pkg/admission/plugin/policy/generic``.
"""

Part = Mapping[str, Any]
"""Part of an object, as JSON."""
Observed = Mapping[str, Part]
"""Objects by plural and name: ``validatingadmissionpolicies/argogrant-approver``."""

_POLICY: Final = "ValidatingAdmissionPolicy"
_PLURALS: Final = {
    _POLICY: "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_TEXTS: Final = frozenset({"message", "messageExpression"})
_LITERAL: Final = r"""(?:'[^'\\\n]*'|"[^"\\\n]*")"""
_LITERALS: Final = re.compile(_LITERAL)
_LIST_OF_NAMES: Final = re.compile(
    rf"\s*\[\s*(?:{_LITERAL}\s*(?:,\s*{_LITERAL}\s*)*(?:,\s*)?)?\]\s*"
)


class Drift(NamedTuple):
    """Missing or modified admission policy, with the remedy."""

    reason: Reason
    message: str


def find_drift(observed: Observed) -> Drift | None:
    """Compare the installed policies and bindings with the shipped ones.

    Returns:
        None if the API server verifies requesters and approvers.
    """
    shipped = {_key_of(manifest): manifest for manifest in validating_policies()}
    missing = [_title(shipped[key]) for key in shipped if key not in observed]
    if missing:
        return Drift(
            Reason.ADMISSION_POLICY_MISSING,
            "The API server does not verify requesters and approvers. Missing:"
            f" {', '.join(missing)}. Apply {VALIDATING_FILE} (Kubernetes 1.30 or newer;"
            f" {PAGE}).",
        )
    for key, manifest in shipped.items():
        found = "; ".join(_differences(manifest, observed[key]))
        if found:
            return Drift(
                Reason.ADMISSION_POLICY_CHANGED,
                "The API server may not verify requesters and approvers."
                f" {_title(manifest)} differs from the shipped one: {found}. Apply"
                f" {VALIDATING_FILE} again ({PAGE}).",
            )
    return None


def verified_since(observed: Observed) -> datetime | None:
    """Return the time from which every created object has been verified.

    It is PROPAGATION_DELAY after the creation of the youngest policy or binding, and
    None while one of them is missing.
    """
    keys = [_key_of(manifest) for manifest in validating_policies()]
    if any(key not in observed for key in keys):
        return None
    created = (observed[key]["metadata"]["creationTimestamp"] for key in keys)
    return max(map(parse_instant, created)) + PROPAGATION_DELAY


def trusted_front_ends(observed: Observed) -> frozenset[str]:
    """Return the users that the installed policy for requesters trusts.

    Empty if it is missing, or if it has no list of quoted names.
    """
    policy = observed.get(f"{_PLURALS[_POLICY]}/{IDENTITY_FIELDS[0].policy}", {})
    for name, expression in _variables(policy):
        if name == TRUSTED_FRONT_ENDS and _LIST_OF_NAMES.fullmatch(expression):
            return frozenset(one[1:-1] for one in _LITERALS.findall(expression))
    return frozenset()


def _variables(policy: Part) -> Iterator[tuple[str, str]]:
    for one in get_dicts(get_dict(policy, "spec"), "variables"):
        yield get_str(one, "name"), get_str(one, "expression")


def _key_of(manifest: Part) -> str:
    return f"{_PLURALS[manifest['kind']]}/{manifest['metadata']['name']}"


def _title(manifest: Part) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _differences(shipped: Part, installed: Part) -> Iterator[str]:
    if shipped["kind"] != _POLICY:
        yield from _compare("spec", shipped["spec"], installed["spec"])
        return
    yield from _untrusted_lists(installed["spec"])
    yield from _compare("spec", *map(_comparable, (shipped["spec"], installed["spec"])))


def _untrusted_lists(spec: Part) -> Iterator[str]:
    """Refuse an expression in place of the list of trusted front ends.

    The list may hold any names, but CEL could compute a list that holds every user.
    """
    for variable in spec.get("variables") or ():
        name, expression = variable["name"], variable["expression"]
        if name == TRUSTED_FRONT_ENDS and not _LIST_OF_NAMES.fullmatch(expression):
            yield (
                f"spec.variables[{name}].expression is not a list of quoted user names,"
                " such as ['system:serviceaccount:portal:backstage']"
            )


def _comparable(spec: Part) -> Part:
    """Return the spec of a policy as the API server completes it, without texts."""
    constraints = {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        **(spec.get("matchConstraints") or {}),
    }
    rules = constraints.get("resourceRules") or ()
    return {
        "failurePolicy": "Fail",
        **spec,
        "matchConstraints": {
            **constraints,
            "resourceRules": [{"scope": "*", **rule} for rule in rules],
        },
        "variables": [_comparable_variable(one) for one in spec.get("variables") or ()],
        "validations": [
            {key: value for key, value in one.items() if key not in _TEXTS}
            for one in spec.get("validations") or ()
            if not requires_absolute_end(one.get("expression"))
        ],
    }


def _comparable_variable(variable: Part) -> Part:
    """Empty a text, and the list of trusted front ends, which is checked separately."""
    is_emptied = variable["name"] in {TRUSTED_FRONT_ENDS, REMEDY}
    return {**variable, "expression": "[]"} if is_emptied else variable


def _compare(path: str, shipped: Any, installed: Any) -> Iterator[str]:  # noqa: ANN401
    """Name every field that differs, with both values where they are short."""
    if shipped == installed:
        return
    if isinstance(shipped, Mapping) and isinstance(installed, Mapping):
        for key in sorted({*shipped, *installed}):
            yield from _compare(f"{path}.{key}", shipped.get(key), installed.get(key))
    elif _are_objects(shipped) and _are_objects(installed):
        if len(shipped) == len(installed):
            for number, (one, other) in enumerate(zip(shipped, installed, strict=True)):
                label = one.get("name", number)
                yield from _compare(f"{path}[{label}]", one, other)
        else:
            yield f"{path} has {len(installed)} items, not {len(shipped)}"
    elif shipped is None:
        yield f"{path} was added"
    elif installed is None:
        yield f"{path} was removed"
    elif path.endswith(".expression"):
        yield f"{path} was changed"
    else:
        yield f"{path} is {json.dumps(installed)}, not {json.dumps(shipped)}"


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
