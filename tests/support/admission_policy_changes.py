"""Changes of the admission policies, harmless and harmful, as a table."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argogrant.api.admission_policies import validating_policies

Body = dict[str, Any]
POLICY = "validatingadmissionpolicies/argogrant-requester"
BINDING = "validatingadmissionpolicybindings/argogrant-requester"
PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
SHIPPED: dict[str, Body] = {
    f"{PLURALS[one['kind']]}/{one['metadata']['name']}": one
    for one in validating_policies()
}
PORTAL = "system:serviceaccount:portal:backstage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one of the objects."""

    title: str
    key: str
    path: tuple[str, ...]
    """Path of the field, below the object."""
    value: Any
    difference: str = ""
    """Part of the message about it; empty if the change is harmless."""
    is_refused: bool = False
    """The API server rejects the change, as of Kubernetes 1.36."""

    def made_in(self, observed: dict[str, Body]) -> dict[str, Body]:
        """Return the same objects with this change."""
        changed = copy.deepcopy(observed)
        part = changed[self.key]
        for step in self.path[:-1]:
            part = part.setdefault(step, {})
        part[self.path[-1]] = self.value
        return changed


def in_policy(
    title: str, path: str, value: Any, difference: str = "", *, is_refused: bool = False
) -> Change:
    return Change(
        title=title,
        key=POLICY,
        path=("spec", *path.split(".")),
        value=value,
        difference=difference,
        is_refused=is_refused,
    )


def in_binding(title: str, path: str, value: Any, difference: str = "") -> Change:
    return Change(
        title=title,
        key=BINDING,
        path=("spec", *path.split(".")),
        value=value,
        difference=difference,
    )


def in_metadata(title: str, key: str, field: str) -> Change:
    return Change(
        title=title, key=key, path=("metadata", field), value={"example.com/a": "b"}
    )


def in_other_order(value: Any) -> Any:
    """Return the same JSON with every map in the opposite order."""
    if isinstance(value, list):
        return [in_other_order(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: in_other_order(value[key]) for key in reversed(value)}


def variables(**expressions: str) -> list[Body]:
    """Return the variables of the policy, some with another expression."""
    return [
        {**one, "expression": expressions.get(one["name"], one["expression"])}
        for one in SHIPPED[POLICY]["spec"]["variables"]
    ]


def validations(change: Callable[[list[Body]], object]) -> list[Body]:
    """Return the validations of the policy after a change."""
    changed: list[Body] = copy.deepcopy(SHIPPED[POLICY]["spec"]["validations"])
    change(changed)
    return changed


def rule(**changed: Any) -> list[Body]:
    """Return the only resource rule of the policy, changed."""
    (shipped,) = SHIPPED[POLICY]["spec"]["matchConstraints"]["resourceRules"]
    return [{**shipped, **changed}]


RULES = "matchConstraints.resourceRules"
FIRST_RULE = f"spec.{RULES}[0]"
EXCLUDED = [{**rule()[0], "operations": ["UPDATE"]}]
SELECTED = {"matchLabels": {"checked": "yes"}}
DISGUISED = {"matchLabels": {"matchPolicy": "Equivalent", "message": "yes"}}
"""A selector whose labels have the names of fields with defaults, or of texts."""
MORE = {"expression": "size(object.metadata.name) < 64"}
CONDITION = {"name": "weekdays", "expression": "request.name != 'free'"}

HARMLESS = (
    *(
        in_policy(title, "variables", variables(trustedFrontEnds=expression))
        for title, expression in (
            ("no front end is trusted, with a blank", "[ ]"),
            ("a front end is trusted", f"['{PORTAL}']"),
            ("two are, on separate lines", f'\n[\n "{PORTAL}",\n "o\'hara",\n]\n'),
        )
    ),
    in_policy(
        "a message is reworded",
        "validations",
        validations(lambda v: v[0].update(message="Write!", messageExpression="'W'")),
    ),
    in_policy(
        "the remedy in messages is reworded", "variables", variables(remedy="'Ask.'")
    ),
    in_policy("the default scope is written", RULES, rule(scope="*")),
    in_policy(
        "the other defaults are written",
        "matchConstraints",
        {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": rule(),
        },
    ),
    Change(
        title="the maps are in another order",
        key=POLICY,
        path=("spec",),
        value=in_other_order(SHIPPED[POLICY]["spec"]),
    ),
    *(
        in_metadata(f"{title} of the {kind}", key, field)
        for kind, key in (("policy", POLICY), ("binding", BINDING))
        for title, field in (("labels", "labels"), ("annotations", "annotations"))
    ),
)

HARMFUL = (
    in_policy(
        "errors are ignored",
        "failurePolicy",
        "Ignore",
        'spec.failurePolicy is "Ignore", not "Fail"',
    ),
    in_policy(
        "a condition is evaluated first",
        "matchConditions",
        [CONDITION],
        "spec.matchConditions was added",
    ),
    in_policy(
        "the policy takes a parameter",
        "paramKind",
        {"apiVersion": "v1", "kind": "ConfigMap"},
        "spec.paramKind was added",
    ),
    in_policy(
        "a later Kubernetes has an unknown field",
        "sampling",
        "0.5",
        "spec.sampling was added",
        is_refused=True,
    ),
    in_policy(
        "the audit log gets an annotation",
        "auditAnnotations",
        [{"key": "who", "valueExpression": "request.userInfo.username"}],
        "spec.auditAnnotations was added",
    ),
    in_policy(
        "some requests are excluded",
        "matchConstraints.excludeResourceRules",
        EXCLUDED,
        "spec.matchConstraints.excludeResourceRules was added",
    ),
    *(
        in_policy(
            title,
            f"matchConstraints.{field}",
            selector,
            f"spec.matchConstraints.{field}.matchLabels was added",
        )
        for title, field, selector in (
            ("some namespaces are selected", "namespaceSelector", SELECTED),
            ("some objects are selected", "objectSelector", SELECTED),
            ("objects are selected by disguised labels", "objectSelector", DISGUISED),
        )
    ),
    in_policy(
        "other versions of the kind are not matched",
        "matchConstraints.matchPolicy",
        "Exact",
        'spec.matchConstraints.matchPolicy is "Exact", not "Equivalent"',
    ),
    *(
        in_policy(title, RULES, rule(**changed), f"{FIRST_RULE}.{difference}")
        for title, changed, difference in (
            (
                "updates are not matched",
                {"operations": ["CREATE"]},
                'operations is ["CREATE"], not ["CREATE", "UPDATE"]',
            ),
            (
                "creations are not matched",
                {"operations": ["UPDATE"]},
                'operations is ["UPDATE"], not ["CREATE", "UPDATE"]',
            ),
            (
                "all operations are matched",
                {"operations": ["*"]},
                'operations is ["*"], not ["CREATE", "UPDATE"]',
            ),
            (
                "one version is matched",
                {"apiVersions": ["v1alpha1"]},
                'apiVersions is ["v1alpha1"], not ["*"]',
            ),
            (
                "another group is matched",
                {"apiGroups": ["example.com"]},
                'apiGroups is ["example.com"], not ["argogrant.dev"]',
            ),
            (
                "a subresource is matched",
                {"resources": ["accessgrants/status"]},
                'resources is ["accessgrants/status"], not ["accessgrants"]',
            ),
            ("one name is matched", {"resourceNames": ["one"]}, "resourceNames was ad"),
            (
                "only cluster-scoped objects are matched",
                {"scope": "Cluster"},
                'scope is "Cluster", not "*"',
            ),
            (
                "only namespaced objects are matched",
                {"scope": "Namespaced"},
                'scope is "Namespaced", not "*"',
            ),
        )
    ),
    in_policy(
        "two rules match",
        RULES,
        [*rule(resources=["leases"]), *rule()],
        f"spec.{RULES} has 2 items, not 1",
    ),
    in_policy(
        "nothing is matched",
        RULES,
        [],
        f"spec.{RULES} has 0 items, not 1",
        is_refused=True,
    ),
    in_policy(
        "a rule has an unknown field",
        RULES,
        rule(selector=SELECTED),
        f"{FIRST_RULE}.selector was added",
        is_refused=True,
    ),
    in_policy(
        "every requester counts as a user without groups",
        "variables",
        variables(ownGroups="[]"),
        "spec.variables[ownGroups].expression was changed",
    ),
    in_policy(
        "a variable is missing",
        "variables",
        variables()[1:],
        "spec.variables has 3 items, not 4",
        is_refused=True,
    ),
    *(
        in_policy(
            f"trusted is {expression}",
            "variables",
            variables(trustedFrontEnds=expression),
            "spec.variables[trustedFrontEnds].expression is not a list of quoted user",
            is_refused=is_refused,
        )
        for expression, is_refused in (
            ("[request.userInfo.username]", False),
            ("['a'] + [request.userInfo.username]", False),
            ("['a', request.userInfo.username]", False),
            ("['a' + 'b']", False),
            (r"['\u0061']", False),
            ("{'a': 1}", False),
            ("['a'] // and others", False),
            ("['a' 'b']", True),
            ("['a',,]", True),
            ("['a'", True),
            ("", True),
        )
    ),
    in_policy(
        "a validation is missing",
        "validations",
        validations(lambda v: v.pop(1)),
        "spec.validations has 2 items, not 3",
    ),
    in_policy(
        "a validation is added",
        "validations",
        validations(lambda v: v.insert(0, MORE)),
        "spec.validations has 4 items, not 3",
    ),
    in_policy(
        "a validation accepts everything",
        "validations",
        validations(lambda v: v[2].update(expression="true")),
        "spec.validations[2].expression was changed",
    ),
    in_policy(
        "a rejection has another reason",
        "validations",
        validations(lambda v: v[0].update(reason="Invalid")),
        'spec.validations[0].reason is "Invalid", not "Forbidden"',
    ),
    in_binding(
        "the binding is of another policy",
        "policyName",
        "argogrant-approver",
        'spec.policyName is "argogrant-approver", not "argogrant-requester"',
    ),
    *(
        in_binding(
            title,
            "validationActions",
            actions,
            f'spec.validationActions is {difference}, not ["Deny"]',
        )
        for title, actions, difference in (
            ("the binding only warns", ["Warn", "Audit"], '["Warn", "Audit"]'),
            ("the binding also audits", ["Deny", "Audit"], '["Deny", "Audit"]'),
        )
    ),
    in_binding(
        "the binding depends on a parameter",
        "paramRef",
        {"name": "x", "parameterNotFoundAction": "Allow"},
        "spec.paramRef was added",
    ),
    *(
        in_binding(
            title, f"matchResources.{field}", value, "spec.matchResources was added"
        )
        for title, field, value in (
            ("the binding has its own rules", "resourceRules", rule()),
            ("the binding excludes requests", "excludeResourceRules", EXCLUDED),
            ("the binding selects namespaces", "namespaceSelector", SELECTED),
            ("the binding selects objects", "objectSelector", SELECTED),
            ("the binding selects everything", "objectSelector", {}),
        )
    ),
)
