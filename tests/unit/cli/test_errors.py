"""Errors of the API server are summarized, with a remedy."""

import pytest

from argogrant.cli.errors import summarize_api_error
from argogrant.kube.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    Unauthorized,
    Unavailable,
    in_words,
)


def answered(kind: type[ClusterError], answer: str) -> ClusterError:
    """Return the error for an answer of the API server to a request."""
    request = "POST /apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants"
    words = f"{in_words(request)}: {answer}"
    return kind(words, request=request, answer=answer)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            answered(
                Invalid,
                'AccessGrant.argogrant.dev "x" is invalid: spec: Invalid value:'
                ' "object": breakGlass requires a justification',
            ),
            "breakGlass requires a justification.",
            id="a CEL rule on spec",
        ),
        pytest.param(
            answered(
                Invalid,
                'AccessGrant.argogrant.dev "x" is invalid: spec.subject.name: Invalid'
                ' value: "role:x": must not begin with role:',
            ),
            'spec.subject.name "role:x" must not begin with role:.',
            id="a CEL rule on a field",
        ),
        pytest.param(
            answered(
                Invalid,
                'AccessGrant.argogrant.dev "x" is invalid: spec.subject.kind: Required'
                " value: kind is missing; it must be User or Group, such as kind: User",
            ),
            "spec.subject.kind: kind is missing; it must be User or Group, such as"
            " kind: User.",
            id="a missing field",
        ),
        pytest.param(
            answered(
                Invalid,
                'accessgrants.argogrant.dev "x" is forbidden: ValidatingAdmissionPolicy'
                " 'argogrant-requester' with binding 'argogrant-requester' denied"
                " request: spec.requester is missing",
            ),
            "spec.requester is missing.",
            id="an admission policy of argogrant",
        ),
        pytest.param(
            answered(
                Forbidden,
                'accessgrants.argogrant.dev "x" is forbidden: ValidatingAdmissionPolicy'
                " 'freeze' with binding 'freeze' denied request: not this week",
            ),
            'accessgrants.argogrant.dev "x" is forbidden: ValidatingAdmissionPolicy'
            " 'freeze' with binding 'freeze' denied request: not this week. The"
            ' admission policy "freeze" does not permit this change. Ask its owner to'
            " exempt your user in it (spec.matchConditions). Until then, trying again"
            " cannot succeed.",
            id="an admission policy of others",
        ),
        pytest.param(
            answered(
                Forbidden,
                'accessgrants.argogrant.dev is forbidden: User "erin" cannot create'
                ' resource "accessgrants" in API group "argogrant.dev" in the namespace'
                ' "argogrant"',
            ),
            '"erin" cannot create accessgrants in namespace "argogrant". Ask an'
            " administrator for the Role argogrant-requester (examples/roles.yaml).",
            id="a missing permission",
        ),
        pytest.param(
            answered(
                Forbidden,
                'pods is forbidden: User "erin" cannot update resource "pods" in API'
                ' group ""',
            ),
            '"erin" cannot update pods. Ask an administrator for this permission.',
            id="a permission that no Role of the examples contains",
        ),
        pytest.param(
            answered(Invalid, "no\x1b[2J\nspace"),
            "no\\x1b[2J\\nspace. Nothing was changed.",
            id="another message, escaped for the terminal",
        ),
        pytest.param(
            answered(Invalid, 'AccessGrant "x" is invalid: too large'),
            "too large.",
            id="no field",
        ),
        pytest.param(
            answered(Conflict, 'accessgrants.argogrant.dev "x" already exists'),
            'accessgrants.argogrant.dev "x" already exists. An object with this name'
            " exists already. Choose another name.",
            id="a name that is taken",
        ),
        pytest.param(
            answered(Unauthorized, "Unauthorized"),
            "Unauthorized. The credential has expired or was revoked. Log in again;"
            " kubectl auth whoami shows whether it is accepted.",
            id="a login that has expired",
        ),
        pytest.param(
            Unavailable("the API server did not answer in time"),
            "the API server did not answer in time. Does kubectl reach this cluster?",
            id="no answer",
        ),
    ],
)
def test_api_error_is_summarized(error: ClusterError, message: str) -> None:
    assert summarize_api_error(error) == message
