"""The cause of a refused request, by what the API server answers."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube.errors import ClusterError, Forbidden, Invalid, raise_for_status
from argogrant.kube.refusals import Cause, Refusal, refusal_of

PATCH = "PATCH /api/v1/namespaces/argocd/configmaps/argocd-rbac-cm"
MAP = 'configmaps "argocd-rbac-cm" is forbidden: '
POLICY = "ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: "


def refused(status: int, message: str) -> ClusterError:
    """Return the error for an answer of an API server."""
    with pytest.raises(ClusterError) as got:
        raise_for_status(status, json.dumps({"message": message}).encode(), PATCH)
    return got.value


ANSWERS = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        (
            "a permission is missing",
            403,
            f'{MAP}User "ops" cannot patch resource "configmaps" in API group ""',
            Refusal(Cause.PERMISSION, "ops"),
        ),
        (
            "a permission is missing for a user whose name quotes another cause",
            403,
            f'{MAP}User "exceeded quota: a \\"b" cannot patch resource "configmaps"',
            Refusal(Cause.PERMISSION, 'exceeded quota: a \\"b'),
        ),
        (
            "the request was anonymous",
            403,
            f'{MAP}User "system:anonymous" cannot patch resource "configmaps"',
            Refusal(Cause.ANONYMOUS),
        ),
        ("the token has expired", 401, "Unauthorized", Refusal(Cause.CREDENTIALS)),
        (
            "an admission policy guards the ConfigMap",
            422,
            f"{MAP}{POLICY}the platform team changes it",
            Refusal(Cause.ADMISSION_POLICY, "guard"),
        ),
        (
            "an admission policy answers as if a permission were missing",
            403,
            f'{MAP}{POLICY}User "x" cannot patch resource',
            Refusal(Cause.ADMISSION_POLICY, "guard"),
        ),
        (
            "an admission policy answers as if the token had expired",
            401,
            f"{MAP}{POLICY}Unauthorized",
            Refusal(Cause.ADMISSION_POLICY, "guard"),
        ),
        (
            "a webhook of a policy engine refuses",
            403,
            'admission webhook "validation.gatekeeper.sh" denied the request: no',
            Refusal(Cause.WEBHOOK, "validation.gatekeeper.sh"),
        ),
        (
            "a webhook refuses with the status of an outage",
            500,
            'admission webhook "x.y.z" denied the request without explanation',
            Refusal(Cause.WEBHOOK, "x.y.z"),
        ),
        (
            "a webhook does not answer",
            500,
            (
                'Internal error occurred: failed calling webhook "x.y.z": failed to'
                " call webhook: Post: context deadline exceeded"
            ),
            Refusal(Cause.WEBHOOK_DOWN, "x.y.z"),
        ),
        (
            "the ConfigMap is immutable",
            422,
            (
                'ConfigMap "argocd-rbac-cm" is invalid: data: Forbidden: field is'
                " immutable when `immutable` is set"
            ),
            Refusal(Cause.IMMUTABLE),
        ),
        (
            "a field is immutable",
            422,
            'Deployment.apps "x" is invalid: spec.selector: field is immutable',
            Refusal(Cause.IMMUTABLE),
        ),
        (
            "a quota is used up",
            403,
            f"{MAP}exceeded quota: objects, requested: count/configmaps=1, used: 9",
            Refusal(Cause.QUOTA, "objects"),
        ),
        (
            "the namespace is being deleted",
            403,
            (
                f"{MAP}unable to create new content in namespace team-a because it is"
                " being terminated"
            ),
            Refusal(Cause.TERMINATING, "team-a"),
        ),
        (
            "another field manager owns the field",
            409,
            'Apply failed with 1 conflict: conflict with "flux" using v1: .data.x',
            Refusal(Cause.MANAGER, "flux"),
        ),
        (
            "the object has changed",
            409,
            (
                'Operation cannot be fulfilled on configmaps "argocd-rbac-cm": the'
                " object has been modified; please apply your changes to the latest"
                " version"
            ),
            Refusal(Cause.CHANGED),
        ),
        ("the name is taken", 409, 'leases "x" already exists', Refusal(Cause.EXISTS)),
        (
            "etcd does not store an object of this size",
            500,
            "etcdserver: request is too large",
            Refusal(Cause.TOO_LARGE),
        ),
        (
            "the client of etcd does not send an object of this size",
            500,
            "rpc error: trying to send message larger than max (3 vs. 2)",
            Refusal(Cause.TOO_LARGE),
        ),
        (
            "the ConfigMap would be too large",
            422,
            (
                'ConfigMap "argocd-rbac-cm" is invalid: []: Too long: may not be more'
                " than 1048576 bytes"
            ),
            Refusal(Cause.TOO_LARGE),
        ),
        (
            "the request is too large",
            413,
            "Request entity too large: limit is 3145728",
            Refusal(Cause.TOO_LARGE),
        ),
        (
            "the object is invalid",
            422,
            'ConfigMap "x" is invalid: data: Invalid value: "x"',
            Refusal(Cause.INVALID),
        ),
        (
            "the object is missing",
            404,
            'configmaps "x" not found',
            Refusal(Cause.MISSING),
        ),
        (
            "there are too many requests",
            429,
            "too many requests, please try again later.",
            Refusal(Cause.BUSY),
        ),
        (
            "etcd has no leader",
            503,
            "etcdserver: no leader",
            Refusal(Cause.UNAVAILABLE),
        ),
        (
            "a plugin of the API server enforces the security of pods",
            403,
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccomp',
            Refusal(Cause.ADMISSION_PLUGIN),
        ),
        (
            "a plugin of the API server uses the word of another cause",
            403,
            f"{MAP}the label tenant is immutable",
            Refusal(Cause.ADMISSION_PLUGIN),
        ),
        (
            "a role would give more than its author has",
            403,
            (
                'roles.rbac.authorization.k8s.io "x" is forbidden: user "a" (groups=[])'
                " is attempting to grant RBAC permissions not currently held"
            ),
            Refusal(Cause.PERMISSION),
        ),
        (
            "the usage of a quota is not counted yet",
            403,
            f"{MAP}status unknown for quota: objects, resources: count/configmaps",
            Refusal(Cause.BUSY),
        ),
        (
            "a quota is used up for an object with the longest name",
            403,
            (
                f'accessgrants.argogrant.dev "{"a" * 253}" is forbidden: exceeded'
                " quota: q, requested: count/accessgrants.argogrant.dev=1"
            ),
            Refusal(Cause.QUOTA, "q"),
        ),
        (
            "a webhook answers as if the object were missing",
            404,
            'admission webhook "x.y.z" denied the request: no such team',
            Refusal(Cause.WEBHOOK, "x.y.z"),
        ),
        (
            "the annotations are too long for an older API server",
            422,
            (
                'ConfigMap "x" is invalid: metadata.annotations: Too long: must have at'
                " most 262144 bytes"
            ),
            Refusal(Cause.TOO_LARGE),
        ),
        (
            "the database of the API server is full",
            500,
            "etcdserver: mvcc: database space exceeded",
            Refusal(Cause.STORAGE_FULL),
        ),
        (
            "a plugin limits the number of requests",
            429,
            "limit reached on type Namespace for key argocd",
            Refusal(Cause.BUSY),
        ),
        (
            "a permission is missing, as another authorizer says it",
            403,
            "Access denied",
            Refusal(Cause.PERMISSION),
        ),
    )
]


@pytest.mark.parametrize(("status", "answer", "refusal"), ANSWERS)
def test_cause_is_the_one_that_the_answer_names(status, answer, refusal) -> None:
    assert refusal_of(refused(status, answer)) == refusal


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        pytest.param(401, Cause.CREDENTIALS, id="login page"),
        pytest.param(403, Cause.PROXY, id="firewall"),
        pytest.param(413, Cause.TOO_LARGE, id="proxy with a limit"),
        pytest.param(429, Cause.BUSY, id="proxy with a rate limit"),
        pytest.param(507, Cause.STORAGE_FULL, id="full disk"),
        pytest.param(502, Cause.UNAVAILABLE, id="proxy without a server"),
    ],
)
@pytest.mark.parametrize("page", [b"<html>no</html>", b"", b'{"code":"Forbidden"}'])
def test_answer_of_another_program_has_the_cause_of_its_status(
    status: int, page: bytes, cause: Cause
) -> None:
    with pytest.raises(ClusterError) as got:
        raise_for_status(status, page, PATCH)

    assert refusal_of(got.value) == Refusal(cause)


@pytest.mark.parametrize("status", [404, 409, 410, 429, 500, 503])
def test_webhook_that_denies_is_never_an_object_that_is_missing_or_has_changed(
    status: int,
) -> None:
    """A webhook chooses the status, and callers ignore a missing object."""
    error = refused(status, 'admission webhook "x.y.z" denied the request: no')

    assert isinstance(error, Invalid)
    assert not isinstance(refused(status, "denied the request"), Invalid)
    assert isinstance(refused(403, f"{MAP}{POLICY}no"), Forbidden)


@pytest.mark.parametrize(("status", "answer", "refusal"), ANSWERS)
def test_remedy_names_what_refuses_and_says_if_a_retry_fails(
    status: int, answer: str, refusal: Refusal
) -> None:
    remedy = refusal_of(refused(status, answer)).remedy("the robot")

    if refusal.cause not in (Cause.PERMISSION, Cause.ANONYMOUS):
        assert refusal.name in remedy
    assert ("trying again cannot succeed" in remedy) == refusal.needs_a_change


@pytest.mark.parametrize(
    "cause",
    [
        *(Cause.BUSY, Cause.UNAVAILABLE, Cause.CHANGED, Cause.WEBHOOK_DOWN),
        *(Cause.PERMISSION, Cause.CREDENTIALS, Cause.MISSING),
    ],
)
def test_retry_can_succeed_without_a_change_by_others_or_has_an_own_remedy(
    cause,
) -> None:
    assert not Refusal(cause).needs_a_change


@given(st.text(max_size=300), st.sampled_from(list(HTTPStatus)))
def test_every_answer_has_a_cause(answer, status) -> None:
    """Also of a server that is none of Kubernetes."""
    if status >= HTTPStatus.BAD_REQUEST:
        refusal = refusal_of(refused(int(status), answer))

        assert isinstance(refusal.remedy("x"), str)
