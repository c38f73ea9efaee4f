"""Ways to change the admission policies, harmless and harmful, as a table."""

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
    value: Any
    difference: str = ""
    """What is told about it; empty if it is harmless."""
    is_refused: bool = False
    """The API server itself does not let it pass, today."""

    def made_in(self, observed: dict[str, Body]) -> dict[str, Body]:
        """The same objects with this change."""
        changed = copy.deepcopy(observed)
        part = changed[self.key]["spec"]
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
        path=tuple(path.split(".")),
        value=value,
        difference=difference,
        is_refused=is_refused,
    )


def in_binding(title: str, path: str, value: Any, difference: str = "") -> Change:
    return Change(
        title=title,
        key=BINDING,
        path=tuple(path.split(".")),
        value=value,
        difference=difference,
    )


def variables(**expressions: str) -> list[Body]:
    """The variables of the policy, some with another expression."""
    return [
        {**one, "expression": expressions.get(one["name"], one["expression"])}
        for one in SHIPPED[POLICY]["spec"]["variables"]
    ]


def validations(change: Callable[[list[Body]], object]) -> list[Body]:
    """The validations of the policy after a change."""
    changed: list[Body] = copy.deepcopy(SHIPPED[POLICY]["spec"]["validations"])
    change(changed)
    return changed


def rule(**changed: Any) -> list[Body]:
    """The one rule that says what the policy matches, changed."""
    (shipped,) = SHIPPED[POLICY]["spec"]["matchConstraints"]["resourceRules"]
    return [{**shipped, **changed}]


RULES = "matchConstraints.resourceRules"
EXCLUDED = [{**rule()[0], "operations": ["UPDATE"]}]
SELECTED = {"matchLabels": {"checked": "yes"}}
MORE = {"expression": "size(object.metadata.name) < 64"}
CONDITION = {"name": "weekdays", "expression": "request.name != 'free'"}

HARMLESS = (
    *(
        in_policy(title, "variables", variables(trustedFrontEnds=expression))
        for title, expression in (
            ("nobody is trusted, with a blank", "[ ]"),
            ("a front end is trusted", f"['{PORTAL}']"),
            ("two are, on lines of their own", f'\n[\n "{PORTAL}",\n "o\'hara",\n]\n'),
        )
    ),
    in_policy(
        "something is written into the audit log",
        "auditAnnotations",
        [{"key": "who", "valueExpression": "request.userInfo.username"}],
    ),
    in_policy(
        "more is demanded", "validations", validations(lambda v: v.insert(0, MORE))
    ),
    in_policy(
        "a message has other words",
        "validations",
        validations(lambda v: v[0].update(message="Write!")),
    ),
    in_policy("all operations are matched", RULES, rule(operations=["*"])),
    in_policy("all kinds are matched", RULES, rule(apiGroups=["*"], resources=["*"])),
    in_policy("all of a namespace is matched", RULES, rule(scope="Namespaced")),
    in_policy("two rules match", RULES, [*rule(resources=["leases"]), *rule()]),
    in_binding("an audit as well", "validationActions", ["Deny", "Audit"]),
    in_binding(
        "the binding selects everything",
        "matchResources",
        {"matchPolicy": "Exact", "namespaceSelector": {}, "objectSelector": {}},
    ),
)

HARMFUL = (
    in_policy(
        "errors are ignored",
        "failurePolicy",
        "Ignore",
        "spec.failurePolicy is Ignore, not Fail",
    ),
    in_policy(
        "a condition is asked first",
        "matchConditions",
        [CONDITION],
        "spec.matchConditions was added",
    ),
    in_policy(
        "it takes a parameter",
        "paramKind",
        {"apiVersion": "v1", "kind": "ConfigMap"},
        "spec.paramKind was added",
    ),
    in_policy(
        "a later Kubernetes has a field that is not known here",
        "sampling",
        "0.5",
        "spec.sampling was added",
        is_refused=True,
    ),
    *(
        in_policy(title, f"matchConstraints.{field}", value, f"{field} was added")
        for title, field, value in (
            ("something is left out", "excludeResourceRules", EXCLUDED),
            ("it looks at some namespaces only", "namespaceSelector", SELECTED),
            ("it looks at some objects only", "objectSelector", SELECTED),
        )
    ),
    in_policy(
        "other versions of the kind are not matched",
        "matchConstraints.matchPolicy",
        "Exact",
        "spec.matchConstraints.matchPolicy is Exact, not Equivalent",
    ),
    *(
        in_policy(title, RULES, rules, f"spec.{RULES} matches less")
        for title, rules in (
            ("changes are not matched", rule(operations=["CREATE"])),
            ("creations are not matched", rule(operations=["UPDATE"])),
            ("one version is matched", rule(apiVersions=["v1alpha1"])),
            ("another group is matched", rule(apiGroups=["example.com"])),
            ("a subresource is matched", rule(resources=["accessgrants/status"])),
            ("one name is matched", rule(resourceNames=["one"])),
            ("nothing in a namespace is matched", rule(scope="Cluster")),
        )
    ),
    in_policy(
        "nothing is matched",
        RULES,
        [],
        f"spec.{RULES} matches less",
        is_refused=True,
    ),
    in_policy(
        "a rule has a field that is not known here",
        RULES,
        rule(selector=SELECTED),
        f"spec.{RULES} matches less",
        is_refused=True,
    ),
    in_policy(
        "everybody is taken for somebody without groups",
        "variables",
        variables(ownGroups="[]"),
        "the variable ownGroups has another expression",
    ),
    in_policy(
        "a variable is missing",
        "variables",
        variables()[1:],
        "the variable trustedFrontEnds is no plain list of user names",
        is_refused=True,
    ),
    *(
        in_policy(
            f"trusted is {expression}",
            "variables",
            variables(trustedFrontEnds=expression),
            "the variable trustedFrontEnds is no plain list of user names",
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
        "the shipped validation 2 is not among spec.validations",
    ),
    in_policy(
        "a validation demands nothing",
        "validations",
        validations(lambda v: v[2].update(expression="true")),
        "the shipped validation 3 is not among spec.validations",
    ),
    in_binding(
        "the binding binds another policy",
        "policyName",
        "argogrant-approver",
        "spec.policyName is not argogrant-requester",
    ),
    in_binding(
        "the binding only warns",
        "validationActions",
        ["Warn", "Audit"],
        "spec.validationActions lacks Deny",
    ),
    in_binding(
        "the binding depends on a parameter",
        "paramRef",
        {"name": "x", "parameterNotFoundAction": "Allow"},
        "spec.paramRef was added",
    ),
    *(
        in_binding(title, f"matchResources.{field}", value, f"{field} was added")
        for title, field, value in (
            ("the binding has rules of its own", "resourceRules", rule()),
            ("the binding leaves something out", "excludeResourceRules", EXCLUDED),
            ("the binding selects namespaces", "namespaceSelector", SELECTED),
            ("the binding selects objects", "objectSelector", SELECTED),
        )
    ),
)
