"""Whether the cluster's admission policies still do what the shipped ones do.

It decides from what was read, and refuses to know how. What can only make a policy
stricter is no change: another validation, another operation, an audit. Texts are not
compared either, and whom the policy trusts is a person's decision.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from argogrant.api.admission_policies import (
    IDENTITY_FIELDS,
    TRUSTED_FRONT_ENDS,
    VALIDATING_FILE,
    validating_policies,
)
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import parse_instant

POLICY_NAMES: Final = tuple(maker.policy for maker in IDENTITY_FIELDS)
"""What both the policies and their bindings are called."""

PAGE: Final = "docs/how-to/verified-identity.md"

PROPAGATION_DELAY: Final = timedelta(seconds=10)
"""How long after its creation a policy may not be obeyed yet.

An API server obeys it about a second after hearing of it, but there may be several,
each with a clock of its own. Source: kubernetes/kubernetes, ``policyRefreshInterval``
in ``apiserver/pkg/admission/plugin/policy/generic/policy_source.go``.
"""

Part = Mapping[str, Any]
"""Some part of an object, as JSON."""
Observed = Mapping[str, Part]
"""Objects by plural and name: ``validatingadmissionpolicies/argogrant-approver``."""
DriftCheck = Callable[[Part, Part], Iterable[str]]
"""What differs in one respect between the shipped ``spec`` and the one seen."""

_PLURALS: Final = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_LITERAL: Final = r"""(?:'[^'\\\n]*'|"[^"\\\n]*")"""
_LIST_OF_NAMES: Final = re.compile(
    rf"\s*\[\s*(?:{_LITERAL}\s*(?:,\s*{_LITERAL}\s*)*(?:,\s*)?)?\]\s*"
)
_ANY: Final = "*"
_KNOWN_OF_POLICIES: Final = frozenset(
    {
        "auditAnnotations",
        "failurePolicy",
        "matchConstraints",
        "validations",
        "variables",
    }
)
_KNOWN_OF_BINDINGS: Final = frozenset(
    {"matchResources", "policyName", "validationActions"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Why the API server does not vouch for anybody, with the remedy."""

    reason: Reason
    message: str


def find_drift(observed: Observed) -> Drift | None:
    """Compare what was read with what is shipped.

    Args:
        observed: Those of the policies and bindings that exist.

    Returns:
        None if they make the API server check who creates what.
    """
    shipped = {_key_of(manifest): manifest for manifest in validating_policies()}
    missing = [_title(shipped[key]) for key in shipped if key not in observed]
    if missing:
        return Drift(
            reason=Reason.ADMISSION_POLICY_MISSING,
            message=(
                "Nobody checks who asks and who approves. Missing:"
                f" {', '.join(missing)}. Apply {VALIDATING_FILE} (Kubernetes 1.30 or"
                f" newer; {PAGE})."
            ),
        )
    for key, manifest in shipped.items():
        differences = "; ".join(_differences(manifest, observed[key]))
        if differences:
            return Drift(
                reason=Reason.ADMISSION_POLICY_CHANGED,
                message=(
                    "It is not certain that somebody checks who asks and who approves."
                    f" In {_title(manifest)}: {differences}. Apply {VALIDATING_FILE}"
                    f" again ({PAGE})."
                ),
            )
    return None


def verified_since(observed: Observed) -> datetime | None:
    """Say from when on everything that was created has been checked.

    Returns:
        A little after the youngest of the policies and bindings was created; None while
        one is missing.
    """
    keys = [_key_of(manifest) for manifest in validating_policies()]
    if any(key not in observed for key in keys):
        return None
    created = (observed[key]["metadata"]["creationTimestamp"] for key in keys)
    return max(map(parse_instant, created)) + PROPAGATION_DELAY


def _key_of(manifest: Part) -> str:
    return f"{_PLURALS[manifest['kind']]}/{manifest['metadata']['name']}"


def _title(manifest: Part) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _differences(shipped: Part, seen: Part) -> Iterator[str]:
    for check in CHECKS[shipped["kind"]]:
        yield from check(shipped["spec"], seen["spec"])


def an_error_refuses(_shipped: Part, seen: Part) -> Iterator[str]:
    """What can not be evaluated must not pass; that is the API server's default too."""
    if seen.get("failurePolicy", "Fail") != "Fail":
        yield f"spec.failurePolicy is {seen['failurePolicy']}, not Fail"


def it_applies_always(_shipped: Part, seen: Part) -> Iterator[str]:
    """A condition or a parameter would let objects pass unseen."""
    yield from _added("spec", seen, _KNOWN_OF_POLICIES)


def it_matches_our_kind(shipped: Part, seen: Part) -> Iterator[str]:
    """Every creation and every change is looked at, in every namespace."""
    path = "spec.matchConstraints"
    constraints = seen.get("matchConstraints") or {}
    yield from _added(path, constraints, {"matchPolicy", "resourceRules"})
    if constraints.get("matchPolicy", "Equivalent") != "Equivalent":
        yield f"{path}.matchPolicy is {constraints['matchPolicy']}, not Equivalent"
    rules = constraints.get("resourceRules") or ()
    for wanted in shipped["matchConstraints"]["resourceRules"]:
        if not any(_covers(rule, wanted) for rule in rules):
            yield f"{path}.resourceRules matches less"


def its_variables_mean_the_same(shipped: Part, seen: Part) -> Iterator[str]:
    """Whom it trusts may be another list of names, but not what CEL computes."""
    expressions = _expressions(seen.get("variables"))
    for variable in shipped["variables"]:
        name, expression = variable["name"], expressions.get(variable["name"], "")
        if name != TRUSTED_FRONT_ENDS:
            if expression != variable["expression"]:
                yield f"the variable {name} has another expression"
        elif not _LIST_OF_NAMES.fullmatch(expression):
            yield (
                f"the variable {name} is no plain list of user names, such as"
                " ['system:serviceaccount:portal:backstage']"
            )


def its_validations_are_there(shipped: Part, seen: Part) -> Iterator[str]:
    """They are what makes an identity true."""
    expressions = {one["expression"].strip() for one in seen.get("validations") or ()}
    for number, validation in enumerate(shipped["validations"], start=1):
        if validation["expression"] not in expressions:
            yield f"the shipped validation {number} is not among spec.validations"


def it_binds_our_policy(shipped: Part, seen: Part) -> Iterator[str]:
    """A binding of the right name may be one of something else."""
    if seen.get("policyName") != shipped["policyName"]:
        yield f"spec.policyName is not {shipped['policyName']}"


def it_denies(_shipped: Part, seen: Part) -> Iterator[str]:
    """A warning or an audit entry stops nobody."""
    if "Deny" not in (seen.get("validationActions") or ()):
        yield "spec.validationActions lacks Deny"


def it_binds_everything(_shipped: Part, seen: Part) -> Iterator[str]:
    """A selector or a parameter would let objects pass unseen."""
    yield from _added("spec", seen, _KNOWN_OF_BINDINGS)
    matched = seen.get("matchResources") or {}
    yield from _added("spec.matchResources", matched, {"matchPolicy"})


CHECKS: Final[Mapping[str, tuple[DriftCheck, ...]]] = {
    "ValidatingAdmissionPolicy": (
        an_error_refuses,
        it_applies_always,
        it_matches_our_kind,
        its_variables_mean_the_same,
        its_validations_are_there,
    ),
    "ValidatingAdmissionPolicyBinding": (
        it_binds_our_policy,
        it_denies,
        it_binds_everything,
    ),
}


def _added(path: str, seen: Part, known: AbstractSet[str]) -> Iterator[str]:
    """Name what was added, also what only a later Kubernetes can explain.

    An empty selector, which the API server fills in, selects everything.
    """
    for field in sorted(set(seen) - known):
        if seen[field]:
            yield f"{path}.{field} was added"


def _covers(rule: Part, wanted: Part) -> bool:
    """Tell whether a rule matches all that another does."""
    return (
        all(
            _ANY in (rule.get(field) or ()) or set(values) <= set(rule.get(field) or ())
            for field, values in wanted.items()
        )
        and rule.get("scope", _ANY) in {_ANY, "Namespaced"}
        and not any(_added("", rule, {"scope", *wanted}))
    )


def _expressions(variables: Iterable[Part] | None) -> Mapping[str, str]:
    return {one["name"]: one["expression"].strip() for one in variables or ()}
