"""What an API server refuses is told in a sentence, with what to do."""

import pytest

from argogrant.cli.errors import summarize_api_error
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, Invalid

WHERE = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(
            Invalid(
                f'POST {WHERE}: 422 AccessGrant.argogrant.dev "x" is invalid: spec:'
                ' Invalid value: "object": breakGlass requires a justification'
            ),
            "breakGlass requires a justification.",
            id="a rule about the whole",
        ),
        pytest.param(
            Invalid(
                f'POST {WHERE}: 422 AccessGrant.argogrant.dev "x" is invalid:'
                ' spec.subject.name: Invalid value: "role:x": must not begin with role:'
            ),
            'spec.subject.name "role:x" must not begin with role:.',
            id="a rule about a field",
        ),
        pytest.param(
            Invalid(
                f'POST {WHERE}: 422 accessgrants.argogrant.dev "x" is forbidden:'
                " ValidatingAdmissionPolicy 'argogrant-requester' with binding"
                " 'argogrant-requester' denied request: spec.requester is missing"
            ),
            "spec.requester is missing.",
            id="an admission policy",
        ),
        pytest.param(
            Forbidden(
                f"POST {WHERE}: 403 accessgrants.argogrant.dev is forbidden: User"
                ' "erin" cannot create resource "accessgrants" in API group'
                ' "argogrant.dev" in the namespace "argogrant"'
            ),
            '"erin" may not create accessgrants in namespace "argogrant"; ask for the'
            " Role argogrant-requester (examples/roles.yaml).",
            id="a right that is missing",
        ),
        pytest.param(
            Forbidden(
                'PUT /x: 403 pods is forbidden: User "erin" cannot update resource'
                ' "pods" in API group ""'
            ),
            '"erin" may not update pods; ask for the right to do that.',
            id="a right that no Role of ours gives",
        ),
        pytest.param(
            Invalid(f"POST {WHERE}: 422 no\x1b[2J\nroom"),
            "no\\x1b[2J\\nroom. Nothing was changed.",
            id="anything else, harmless on a terminal",
        ),
        pytest.param(
            Invalid('POST /x: 422 AccessGrant "x" is invalid: too large'),
            "too large.",
            id="no field",
        ),
        pytest.param(
            Conflict(f"{WHERE}/x: 409 already exists"),
            f"{WHERE}/x: 409 already exists. Somebody changed it meanwhile; try again.",
            id="of another form",
        ),
    ],
)
def test_a_refusal_is_a_sentence(error: ClusterError, told: str) -> None:
    assert summarize_api_error(error) == told
