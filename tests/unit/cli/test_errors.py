"""Errors of the API server are summarized, with a remedy."""

import pytest

from argogrant.cli.errors import summarize_api_error
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, Invalid

PATH = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            Invalid(
                f'POST {PATH}: 422 AccessGrant.argogrant.dev "x" is invalid: spec:'
                ' Invalid value: "object": breakGlass requires a justification'
            ),
            "breakGlass requires a justification.",
            id="a CEL rule on spec",
        ),
        pytest.param(
            Invalid(
                f'POST {PATH}: 422 AccessGrant.argogrant.dev "x" is invalid:'
                ' spec.subject.name: Invalid value: "role:x": must not begin with role:'
            ),
            'spec.subject.name "role:x" must not begin with role:.',
            id="a CEL rule on a field",
        ),
        pytest.param(
            Invalid(
                f'POST {PATH}: 422 accessgrants.argogrant.dev "x" is forbidden:'
                " ValidatingAdmissionPolicy 'argogrant-requester' with binding"
                " 'argogrant-requester' denied request: spec.requester is missing"
            ),
            "spec.requester is missing.",
            id="an admission policy",
        ),
        pytest.param(
            Forbidden(
                f"POST {PATH}: 403 accessgrants.argogrant.dev is forbidden: User"
                ' "erin" cannot create resource "accessgrants" in API group'
                ' "argogrant.dev" in the namespace "argogrant"'
            ),
            '"erin" cannot create accessgrants in namespace "argogrant". Ask an'
            " administrator for the Role argogrant-requester (examples/roles.yaml).",
            id="a missing permission",
        ),
        pytest.param(
            Forbidden(
                'PUT /x: 403 pods is forbidden: User "erin" cannot update resource'
                ' "pods" in API group ""'
            ),
            '"erin" cannot update pods. Ask an administrator for this permission.',
            id="a permission that no Role of the examples contains",
        ),
        pytest.param(
            Invalid(f"POST {PATH}: 422 no\x1b[2J\nspace"),
            "no\\x1b[2J\\nspace. Nothing was changed.",
            id="another message, escaped for the terminal",
        ),
        pytest.param(
            Invalid('POST /x: 422 AccessGrant "x" is invalid: too large'),
            "too large.",
            id="no field",
        ),
        pytest.param(
            Conflict(f"{PATH}/x: 409 already exists"),
            f"{PATH}/x: 409 already exists. The object changed in the meantime."
            " Try again.",
            id="an error in another format",
        ),
    ],
)
def test_api_error_is_summarized(error: ClusterError, message: str) -> None:
    assert summarize_api_error(error) == message
