"""The admission policies that make the API server vouch for who asks and who agrees.

``admission/*.yaml`` are generated from here, and the operator compares with this what
it finds in the cluster. A ValidatingAdmissionPolicy demands that an object says who
creates it, and that this never changes; a MutatingAdmissionPolicy writes it there.

Source: Kubernetes, "Validating Admission Policy" and "Mutating Admission Policy". The
first keeps to the CEL of Kubernetes 1.30, the second to that of 1.36.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.crd import ACCESS_APPROVAL, ACCESS_GRANT, GROUP, Kind

ADMISSION_API: Final = "admissionregistration.k8s.io/v1"
TRUSTED_FRONT_ENDS: Final = "trustedFrontEnds"
VALIDATING_FILE: Final = "admission/argogrant-validating.yaml"
MUTATING_FILE: Final = "admission/argogrant-mutating.yaml"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityField:
    """The field of a kind that says who made the object."""

    field: str
    kind: Kind

    @property
    def policy(self) -> str:
        """What the policies and their bindings are called."""
        return f"argogrant-{self.field}"


IDENTITY_FIELDS: Final = (
    IdentityField(field="requester", kind=ACCESS_GRANT),
    IdentityField(field="approver", kind=ACCESS_APPROVAL),
)


def validating_policies() -> tuple[Manifest, ...]:
    """Build what checks who asks and who agrees: two policies and their bindings."""
    return tuple(
        manifest
        for maker in IDENTITY_FIELDS
        for manifest in (
            _policy("Validating", maker, _checks(maker)),
            _binding("Validating", maker, validationActions=["Deny"]),
        )
    )


def mutating_policies() -> tuple[Manifest, ...]:
    """Build what writes it, so that nobody has to: two policies and their bindings."""
    return tuple(
        manifest
        for maker in IDENTITY_FIELDS
        for manifest in (
            _policy("Mutating", maker, _mutation(maker)),
            _binding("Mutating", maker),
        )
    )


def admission_files() -> dict[str, str]:
    """Write both files, by their path in the repository."""
    return {
        VALIDATING_FILE: _VALIDATING_HEAD
        + _documents(validating_policies()).replace(
            _ANCHOR, _TRUSTED_COMMENT + _ANCHOR
        ),
        MUTATING_FILE: _MUTATING_HEAD + _documents(mutating_policies()),
    }


def _policy(sort: str, maker: IdentityField, spec: Manifest) -> Manifest:
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [maker.kind.plural],
    }
    return {
        "apiVersion": ADMISSION_API,
        "kind": f"{sort}AdmissionPolicy",
        "metadata": {"name": maker.policy},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, **spec},
    }


def _binding(sort: str, maker: IdentityField, **spec: list[str]) -> Manifest:
    return {
        "apiVersion": ADMISSION_API,
        "kind": f"{sort}AdmissionPolicyBinding",
        "metadata": {"name": maker.policy},
        "spec": {"policyName": maker.policy, **spec},
    }


_OWN_GROUPS: Final = "request.userInfo.?groups.orValue([])"
_WHOAMI: Final = "`kubectl auth whoami -o yaml` shows username and groups"


def _checks(maker: IdentityField) -> Manifest:
    field = maker.field
    return {
        "failurePolicy": "Fail",
        "variables": [
            {"name": TRUSTED_FRONT_ENDS, "expression": "[]"},
            {"name": "ownGroups", "expression": _OWN_GROUPS},
            {
                "name": "groups",
                "expression": f"object.spec.?{field}.?groups.orValue([])",
            },
            {"name": "remedy", "expression": _remedy(maker)},
        ],
        "validations": [_is_there(maker), _is_true(maker), _is_unchanged(maker)],
    }


def _remedy(maker: IdentityField) -> str:
    """Compose what a person has to write, as YAML that can be pasted."""
    return f"""\
'Write below spec: {maker.field}: {{username: '
+ strings.quote(request.userInfo.username) + ', groups: ['
+ variables.ownGroups.map(g, strings.quote(g)).join(', ') + ']}}'"""


def _is_there(maker: IdentityField) -> Manifest:
    problem = (
        f"spec.{maker.field} is missing: it must say who creates the {maker.kind.kind}"
    )
    return {
        "expression": f"""\
request.operation != 'CREATE' || has(object.spec.{maker.field})""",
        "message": f"{problem}; {_WHOAMI}",  # if the other is too long to be shown
        "messageExpression": f'"{problem}. " + variables.remedy',
        "reason": "Forbidden",
    }


def _is_true(maker: IdentityField) -> Manifest:
    said = f"object.spec.{maker.field}"
    problem = (
        f"spec.{maker.field} is not who creates the {maker.kind.kind}: username and"
        " groups must be those of the request, all of them and no others"
    )
    return {
        "expression": f"""\
request.operation != 'CREATE' || !has({said})
|| request.userInfo.username in variables.{TRUSTED_FRONT_ENDS}
|| ({said}.username == request.userInfo.username
    && sets.equivalent(variables.groups, variables.ownGroups))""",
        "message": f"{problem}; {_WHOAMI}",
        "messageExpression": f'"{problem}. " + variables.remedy',
        "reason": "Forbidden",
    }


def _is_unchanged(maker: IdentityField) -> Manifest:
    said = f"object.spec.?{maker.field}"
    was = f"oldObject.spec.?{maker.field}"
    return {
        "expression": f"""\
request.operation != 'UPDATE'
|| ({said}.?username == {was}.?username
    && sets.equivalent(variables.groups, {was}.?groups.orValue([])))""",
        "message": (
            f"spec.{maker.field} can not change after creation; create a new"
            f" {maker.kind.kind} instead"
        ),
        "reason": "Forbidden",
    }


def _mutation(maker: IdentityField) -> Manifest:
    """Write it at creation, and keep it when a later manifest leaves it out.

    It never stands in the way: what it could not fill in, the other policy refuses.
    """
    field = maker.field
    condition = f"""\
has(object.spec) && !has(object.spec.{field})
&& (request.operation == 'CREATE' || has(oldObject.spec.{field}))"""
    # One person may be sent with a group twice; a set may not hold it twice.
    patch = f"""\
[JSONPatch{{
  op: 'add',
  path: '/spec/{field}',
  value: request.operation == 'CREATE'
    ? dyn(Object.spec.{field}{{
        username: request.userInfo.username,
        groups: {_OWN_GROUPS}.distinct()}})
    : dyn(oldObject.spec.{field})
}}]"""
    return {
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "Never",
        "matchConditions": [{"name": f"{field}-is-missing", "expression": condition}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }


_GENERATED: Final = """\
# Generated from operator/argogrant/api/admission_policies.py by `make generate`.
"""
_VALIDATING_HEAD: Final = f"""{_GENERATED}\
# With it the API server vouches for who creates an AccessGrant or an AccessApproval;
# without it AccessPolicies admit nobody. Kubernetes 1.30 or newer. The one thing to
# edit is trustedFrontEnds, twice: see docs/how-to/verified-identity.md.
"""
_MUTATING_HEAD: Final = f"""{_GENERATED}\
# With it nobody has to write spec.requester or spec.approver: the API server does.
# Kubernetes 1.36 or newer. It is optional: argogrant-validating.yaml is what checks.
"""
_ANCHOR: Final = f"  - name: {TRUSTED_FRONT_ENDS}\n"
_TRUSTED_COMMENT: Final = """\
  # Users that may name somebody else, such as the service account of a portal:
  # ['system:serviceaccount:portal:backstage', 'system:serviceaccount:ci:deploy']
"""


class _Dumper(yaml.SafeDumper):
    """YAML in which a text of several lines looks like one."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _documents(manifests: Iterable[Manifest]) -> str:
    return "".join(
        "---\n" + yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=88)
        for one in manifests
    )
