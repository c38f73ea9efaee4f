"""Admission policies: the API server verifies who creates an object, and its size.

``admission/*.yaml`` is generated from this module. A ValidatingAdmissionPolicy requires
that an object names its creator and that this field never changes, and an absolute end
of grants that may be re-created; the operator compares the installed one with it
(``admission_drift.py``). A MutatingAdmissionPolicy
sets the field. Another ValidatingAdmissionPolicy limits the metadata of all kinds, and
rejects owner references that are added later.

Source: Kubernetes, "Validating Admission Policy" and "Mutating Admission Policy". The
first uses the CEL of Kubernetes 1.30, the second that of 1.36.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from argogrant.api.crd import ACCESS_APPROVAL, ACCESS_GRANT, GROUP, KINDS, Kind
from argogrant.api.metadata_limits import MAX_CHARACTERS, MAX_ENTRIES, OWNER_FIELDS
from argogrant.api.recreating_tools import MARK_KEYS, MARK_PATTERN
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.grants.model.identity import SERVICE_ACCOUNT_PREFIX

ADMISSION_API: Final = "admissionregistration.k8s.io/v1"
TRUSTED_FRONT_ENDS: Final = "trustedFrontEnds"
REMEDY: Final = "remedy"
"""Variable that only texts of rejections use."""
VALIDATING_FILE: Final = "admission/argogrant-validating.yaml"
MUTATING_FILE: Final = "admission/argogrant-mutating.yaml"
LIMITS_FILE: Final = "admission/argogrant-limits.yaml"
LIMITS_POLICY: Final = "argogrant-limits"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityField:
    """Field of a kind that names the creator of the object."""

    field: str
    kind: Kind

    @property
    def policy(self) -> str:
        """Name of the policies and of their bindings."""
        return f"argogrant-{self.field}"


IDENTITY_FIELDS: Final = (
    IdentityField(field="requester", kind=ACCESS_GRANT),
    IdentityField(field="approver", kind=ACCESS_APPROVAL),
)


def validating_policies() -> tuple[Manifest, ...]:
    """Build the policies that verify requesters and approvers, with their bindings."""
    return tuple(_policies("Validating", _validating_spec, validationActions=["Deny"]))


def mutating_policies() -> tuple[Manifest, ...]:
    """Build the policies that set requesters and approvers, with their bindings."""
    return tuple(_policies("Mutating", _mutating_spec))


def limits_policies() -> tuple[Manifest, ...]:
    """Build the policy that limits the metadata of all kinds, with its binding."""
    rule = _rule(*(kind.plural for kind in KINDS))
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [_IS_NO_REVOCATION],
        "validations": [
            *(_has_few(field, most) for field, most in MAX_ENTRIES.items()),
            *(_is_short(field, most) for field, most in MAX_CHARACTERS.items()),
            _OWNERS_ARE_OLD,
        ],
    }
    binding = {"policyName": LIMITS_POLICY, "validationActions": ["Deny"]}
    return tuple(
        {
            "apiVersion": ADMISSION_API,
            "kind": kind,
            "metadata": {"name": LIMITS_POLICY},
            "spec": one,
        }
        for kind, one in (
            ("ValidatingAdmissionPolicy", spec),
            ("ValidatingAdmissionPolicyBinding", binding),
        )
    )


def admission_files() -> dict[str, str]:
    """Return the text of both files by their path in the repository."""
    return {
        VALIDATING_FILE: _VALIDATING_HEAD
        + _documents(validating_policies()).replace(
            _ANCHOR, _TRUSTED_COMMENT + _ANCHOR
        ),
        MUTATING_FILE: _MUTATING_HEAD + _documents(mutating_policies()),
        LIMITS_FILE: _LIMITS_HEAD + _documents(limits_policies()),
    }


def _policies(
    prefix: str, spec_of: Callable[[IdentityField], Manifest], **binding: list[str]
) -> Iterator[Manifest]:
    for creator in IDENTITY_FIELDS:
        specs = {
            "Policy": {
                "matchConstraints": {"resourceRules": [_rule(creator.kind.plural)]},
                **spec_of(creator),
            },
            "PolicyBinding": {"policyName": creator.policy, **binding},
        }
        for kind, spec in specs.items():
            yield {
                "apiVersion": ADMISSION_API,
                "kind": f"{prefix}Admission{kind}",
                "metadata": {"name": creator.policy},
                "spec": spec,
            }


def _rule(*plurals: str) -> Manifest:
    return {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [*plurals],
    }


_EMPTY: Final = {
    "labels": "{}",
    "annotations": "{}",
    "finalizers": "[]",
    "ownerReferences": "[]",
}
_OWN_GROUPS: Final = "request.userInfo.?groups.orValue([])"
_WHOAMI: Final = "`kubectl auth whoami -o yaml` shows username and groups"


def _validating_spec(creator: IdentityField) -> Manifest:
    field = creator.field
    return {
        "failurePolicy": "Fail",
        "variables": [
            {"name": TRUSTED_FRONT_ENDS, "expression": "[]"},
            {"name": "ownGroups", "expression": _OWN_GROUPS},
            {
                "name": "groups",
                "expression": f"object.spec.?{field}.?groups.orValue([])",
            },
            {"name": REMEDY, "expression": _remedy(creator)},
        ],
        "validations": [
            _is_present(creator),
            _is_correct(creator),
            _is_unchanged(creator),
            *(_ABSOLUTE_ENDS if creator.kind is ACCESS_GRANT else ()),
        ],
    }


def _remedy(creator: IdentityField) -> str:
    """Build the CEL expression for the missing field, as YAML that can be pasted."""
    return f"""\
'Write below spec: {creator.field}: {{username: '
+ strings.quote(request.userInfo.username) + ', groups: ['
+ variables.ownGroups.map(g, strings.quote(g)).join(', ') + ']}}'"""


# The API server shows message if the value of messageExpression is too long.


def _is_present(creator: IdentityField) -> Manifest:
    problem = (
        f"spec.{creator.field} is missing: it must name the user who creates the"
        f" {creator.kind.kind}"
    )
    return {
        "expression": f"""\
request.operation != 'CREATE' || has(object.spec.{creator.field})""",
        "message": f"{problem}; {_WHOAMI}",
        "messageExpression": f'"{problem}. " + variables.remedy',
        "reason": "Forbidden",
    }


def _is_correct(creator: IdentityField) -> Manifest:
    path = f"object.spec.{creator.field}"
    problem = (
        f"spec.{creator.field} is not the user who creates the {creator.kind.kind}:"
        " username and groups must equal those of the request, with all groups and no"
        " others"
    )
    return {
        "expression": f"""\
request.operation != 'CREATE' || !has({path})
|| request.userInfo.username in variables.{TRUSTED_FRONT_ENDS}
|| ({path}.username == request.userInfo.username
    && sets.equivalent(variables.groups, variables.ownGroups))""",
        "message": f"{problem}; {_WHOAMI}",
        "messageExpression": f'"{problem}. " + variables.remedy',
        "reason": "Forbidden",
    }


def _is_unchanged(creator: IdentityField) -> Manifest:
    new = f"object.spec.?{creator.field}"
    old = f"oldObject.spec.?{creator.field}"
    return {
        "expression": f"""\
request.operation != 'UPDATE'
|| ({new}.?username == {old}.?username
    && sets.equivalent(variables.groups, {old}.?groups.orValue([])))""",
        "message": (
            f"spec.{creator.field} is immutable; create another"
            f" {creator.kind.kind} instead"
        ),
        "reason": "Forbidden",
    }


_HAS_ABSOLUTE_END: Final = """\
request.operation != 'CREATE'
|| !has(object.spec.duration) || has(object.spec.notBefore)"""
_BECAUSE: Final = (
    "must set spec.expiresAt, or spec.notBefore beside spec.duration: a duration alone"
    " would start again each time the AccessGrant is re-created"
)
_IS_MARK: Final = (
    f"key in [{', '.join(map(repr, MARK_KEYS))}]\n    || key.matches(r'{MARK_PATTERN}')"
)
_ABSOLUTE_ENDS: Final = (
    {
        "expression": f"""\
{_HAS_ABSOLUTE_END}
|| !object.spec.?requester.?username.orValue('').startsWith('{SERVICE_ACCOUNT_PREFIX}')
|| object.spec.requester.username in variables.{TRUSTED_FRONT_ENDS}""",
        "message": (
            f"a service account {_BECAUSE}; a front end that requests for users must be"
            f" listed in {TRUSTED_FRONT_ENDS} of this policy"
        ),
        "reason": "Invalid",
    },
    {
        "expression": f"""\
{_HAS_ABSOLUTE_END}
|| !([object.metadata.?labels.orValue({{}}),
    object.metadata.?annotations.orValue({{}})].exists(marks, marks.exists(key,
    {_IS_MARK}))
  || object.metadata.?ownerReferences.orValue([]).exists(owner,
    owner.?controller.orValue(false)))""",
        "message": (
            "an AccessGrant with a label, annotation or controller of a tool such as"
            f" Argo CD, Flux, Helm or Velero {_BECAUSE}"
        ),
        "reason": "Invalid",
    },
)


def requires_absolute_end(expression: object) -> bool:
    """Return whether an expression of a policy requires an absolute end.

    That of any release: each knows other marks of tools. An installed policy may lack
    it, because the operator checks the same, and none makes a policy accept more.
    """
    begin = f"{_HAS_ABSOLUTE_END}\n|| "
    return isinstance(expression, str) and expression.startswith(begin)


def _mutating_spec(creator: IdentityField) -> Manifest:
    """Set the field at creation, and keep it when a later manifest omits it.

    Errors are ignored: if the field cannot be set, the validating policy rejects the
    object.
    """
    field = creator.field
    condition = f"""\
has(object.spec) && !has(object.spec.{field})
&& (request.operation == 'CREATE' || has(oldObject.spec.{field}))"""
    # A request may list a group twice, but a set must not contain it twice.
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


_IS_NO_REVOCATION: Final = {
    "name": "is-no-revocation",
    "expression": """\
request.operation == 'CREATE' || !dyn(object).?spec.?revoked.orValue(false)
|| dyn(oldObject).?spec.?revoked.orValue(false)""",
}
"""No limit may stop a revocation, whatever else the request changes."""


def _has_few(field: str, most: int) -> Manifest:
    """Limit the number of entries; an object that exceeds it may become smaller.

    The record that the operator adds does not count.
    """
    new = f"object.metadata.?{field}.orValue({_EMPTY[field]})"
    if field == "annotations":
        new += f".filter(key, key != '{RECORD_ANNOTATION}')"
    old = new.replace("object", "oldObject")
    return {
        "expression": f"""\
size({new}) <= {most}
|| (request.operation == 'UPDATE' && size({new}) <= size({old}))""",
        "message": (
            f"metadata.{field} must have at most {most} entries; remove some of them"
        ),
        "reason": "Invalid",
    }


def _is_short(field: str, most: int) -> Manifest:
    """Limit the characters; entries that are unchanged are accepted, uncounted.

    To count those of an object from before the policy could exceed the cost limit.
    """
    path = f"object.metadata.{field}"
    each, sizes = "key", f"size(key) + size({path}[key])"
    if field == "ownerReferences":
        each, sizes = "one", " + ".join(f"size(one.{name})" for name in OWNER_FIELDS)
    return {
        "expression": f"""\
!has({path})
|| (request.operation == 'UPDATE'
  && {path} == oldObject.metadata.?{field}.orValue({_EMPTY[field]}))
|| {path}.map({each}, {sizes}).sum() <= {most}""",
        "message": (
            f"metadata.{field} must have at most {most} characters in total; remove"
            " some of them"
        ),
        "reason": "Invalid",
    }


_OWNERS_ARE_OLD: Final = {
    "expression": f"""\
request.operation != 'UPDATE'
|| !(request.resource.resource in ['{ACCESS_GRANT.plural}', '{ACCESS_APPROVAL.plural}'])
|| object.metadata.?ownerReferences.orValue([]).all(one,
  oldObject.metadata.?ownerReferences.orValue([]).exists(old, old.uid == one.uid))""",
    "message": (
        "metadata.ownerReferences cannot be added after creation, because garbage"
        " collection would delete the object and end the access; set spec.revoked"
        " to end a grant"
    ),
    "reason": "Forbidden",
}

_GENERATED: Final = """\
# Generated from operator/argogrant/api/admission_policies.py by `make generate`.
"""
_VALIDATING_HEAD: Final = f"""{_GENERATED}\
# The API server verifies who creates an AccessGrant or an AccessApproval. Without these
# policies no AccessPolicy matches. Requires Kubernetes 1.30 or newer. Edit only
# trustedFrontEnds, in both policies: see docs/how-to/verified-identity.md. The operator
# reports every other difference in spec as AdmissionPolicyChanged.
"""
_MUTATING_HEAD: Final = f"""{_GENERATED}\
# The API server sets spec.requester and spec.approver if they are missing. Requires
# Kubernetes 1.36 or newer. Optional: argogrant-validating.yaml verifies the fields.
"""
_LIMITS_HEAD: Final = f"""{_GENERATED}\
# The API server limits the metadata of argogrant's objects, so that each of them can be
# written, revoked and deleted. Requires Kubernetes 1.30 or newer. Optional: without it,
# the operator sets larger objects aside.
"""
_ANCHOR: Final = f"  - name: {TRUSTED_FRONT_ENDS}\n"
_TRUSTED_COMMENT: Final = """\
  # Users that may name another user, such as the service account of a portal:
  # ['system:serviceaccount:portal:backstage', 'system:serviceaccount:ci:deploy']
"""


class _Dumper(yaml.SafeDumper):
    """YAML dumper that writes texts of several lines as block scalars."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _documents(manifests: Iterable[Manifest]) -> str:
    return "".join(
        "---\n" + yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=88)
        for one in manifests
    )
