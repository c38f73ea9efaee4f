"""Names that come from Kubernetes, a cloud or Dex are recognised by their form."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from argogrant.grants.model.name_forms import (
    describe_difference,
    dex_user_id,
    foreign_name,
    name_core,
)
from argogrant.grants.model.validation import MAX_NAME_LENGTH


def dex_subject(user_id: str, connector: str = "github") -> str:
    """Encode a subject as Dex does: protobuf in base64 without padding."""
    user, conn = user_id.encode(), connector.encode()
    data = b"\x0a" + _size(user) + user + b"\x12" + _size(conn) + conn
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _size(data: bytes) -> bytes:
    size = len(data)
    return bytes([size] if size < 128 else [size % 128 + 128, size // 128])


CERTIFICATE = "is a name of a Kubernetes client certificate"
GOOGLE = "is the name of a principal of Google Cloud"
GUEST = "is the name of a guest of Microsoft Entra ID"
POOL = "//iam.googleapis.com/locations/global/workforcePools/p"
ISSUER = "contains the URL of an issuer"
OCID = "is an identifier of Oracle Cloud (OCID)"
IAM = "is the name of an IAM identity, as Amazon EKS has it"
RANCHER = "is the name of a principal of Rancher"
RANCHER_ID = "has the form of a user ID of Rancher"
OPENSHIFT = "is a name of OpenShift"
KUBERNETES = "is a name of Kubernetes itself"
ROLE = "has the form of a role's name"
DEX = "is a subject as Dex encodes it, and Argo CD 3 compares the decoded ID"


@pytest.mark.parametrize(
    ("name", "form", "bare"),
    [
        (
            "arn:aws:sts::111122223333:assumed-role/Admin/alice@example.com",
            IAM,
            "alice@example.com",
        ),
        ("arn:aws:sts::111122223333:assumed-role/Admin/alice", IAM, ""),
        ("arn:aws:iam::111122223333:user/team/alice", IAM, "alice"),
        ("arn:aws-us-gov:iam::111122223333:role/Admin", IAM, ""),
        ("arn:aws:iam::111122223333:root", IAM, ""),
        ("system:serviceaccount:ci:builder", KUBERNETES, ""),
        ("system:authenticated:oauth", KUBERNETES, ""),
        ("kube:admin", OPENSHIFT, ""),
        ("b64:YWxpY2U6eA", OPENSHIFT, "alice:x"),
        ("b64:%%%", OPENSHIFT, ""),
        ("b64:_w", OPENSHIFT, ""),
        ("u-b4qkhsnliz", RANCHER_ID, ""),
        ("user-x7k2p", RANCHER_ID, ""),
        ("local://u-b4qkhsnliz", RANCHER, ""),
        ("github_user://583231", RANCHER, ""),
        ("okta_user://alice@example.com", RANCHER, "alice@example.com"),
        (
            "activedirectory_group://CN=Developers,OU=Groups,DC=example,DC=com",
            RANCHER,
            "Developers",
        ),
        ("oidc:developers", 'has the prefix "oidc:", which Kube', "developers"),
        ("github:my-org:ops", 'has the prefix "github:", which Kube', "my-org:ops"),
        ("Keycloak:alice", 'has the prefix "Keycloak:", which Kube', "alice"),
        (
            "https://issuer.example.com/realms/a#alice",
            'has the prefix "https://issuer.example.com/realms/a#", which Kube',
            "alice",
        ),
        (
            "accounts.google.com#1234",
            'has the prefix "accounts.google.com#", which Kube',
            "1234",
        ),
        ("role:deployer", ROLE, ""),
        ("proj:team-a:deployer", ROLE, ""),
        ("arn:aws:sts::111122223333:federated-user/alice", IAM, "alice"),
        ("arn:aws:identitystore:::group/9067642ac7-1", "is the ARN of an identity", ""),
        (
            "activedirectory_user://CN=Smith\\, John,OU=A,DC=example",
            *(RANCHER, "Smith, John"),
        ),
        ("openldap_user://uid=ren\\65,dc=example", RANCHER, "rene"),
        (f"principal:{POOL}/subject/alice@example.com", GOOGLE, "alice@example.com"),
        (f"principalSet:{POOL}/group/ops", GOOGLE, "ops"),
        ("ocid1.user.oc1..aaaa", OCID, ""),
        ("alice_example.com#EXT#@corp.onmicrosoft.com", GUEST, "alice@example.com"),
        ("live.com#alice@example.com", 'has the prefix "live.com#"', "alice@"),
        ("acme-sso:alice@example.com", 'has the prefix "acme-sso:"', "alice@"),
        ("user:alice@example.com", 'has the prefix "user:"', "alice@example.com"),
        ("https://issuer.example.com/a?idpName=b&sub=al%20ice", ISSUER, "al ice"),
        ("kubernetes-admin", CERTIFICATE, ""),
        ("kubeadm:cluster-admins", CERTIFICATE, ""),
        ("minikube-user", CERTIFICATE, ""),
        (f"{dex_subject('alice')}==", DEX, "alice"),
        (dex_subject("x" * 140, "ldap"), DEX, "x" * 140),
        (dex_subject("alice"), DEX, "alice"),
        ("CgcyMzQyNzQ5EgZnaXRodWI", DEX, "2342749"),
        (dex_subject("e1f7d3b2-0000-4000-8000-000000000001", "ldap"), DEX, "e1f7"),
    ],
)
def test_form_is_recognised(name: str, form: str, bare: str) -> None:
    found = foreign_name(name)

    assert found is not None
    assert found.form.startswith(form)
    assert found.name.startswith(bare)
    assert bool(found.name) is bool(bare)


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "alice@example.com",
        "Alice Example",
        "my-org:ops",
        "developers",
        "u-turn",
        "user-management",
        "CgVhbGljZQ",
        "Cg",
        "Christopher-Robin",
        "9f0e5b7a-3d1c-4e42-8000-000000000001",
        "/developers",
        "kubernetes-team",
        "master",
        "ocid1",
        "acme:alice",
        "alice@example.com:admin",
        "https://issuer.example.com?sub=",
        "oidc:",
        "",
    ],
)
def test_other_names_have_no_form(name: str) -> None:
    assert foreign_name(name) is None


def test_prefix_of_the_instance_is_recognised() -> None:
    found = foreign_name("corp-alice", "corp-")

    assert found is not None
    assert found.name == "alice"
    assert "spec.identity.stripPrefix" in found.form
    assert foreign_name("corp-", "corp-") is None


SAME = [
    ("alice@example.com", "Alice@Example.com", "in upper and lower case only"),
    ("developers", "oidc:developers", 'in the missing prefix "oidc:" only'),
    ("oidc:Developers", "developers", 'in the prefix "oidc:" only'),
    ("/developers", "developers", 'in the prefix "/" only'),
    ("my-org/ops", "my-org:ops", "in its form only"),
    ("@my-org/ops", "my-org:ops", "in its form only"),
    ("alice%40example.com", "alice@example.com", "in its form only"),
    ("\uff41lice", "alice", "in its form only"),
    ("CORP\\alice", "alice", 'in the prefix "CORP\\" only'),
    ("cn=ops,ou=groups,dc=example", "ops", "in its form only"),
    (dex_subject("alice"), "alice", "in its form only"),
    ("my-org:Site Reliability", "my-org:site-reliability", "in its form only"),
    ("Alice <alice@example.com>", "alice@example.com", "in its form only"),
    ("'alice'", "alice", "in its form only"),
    ("al\u0456ce@example.com", "alice@example.com", "in its form only"),
    ("arn:aws:iam::1:user/alice", "alice", 'in the prefix "arn:aws:iam::1:user/" only'),
]


@pytest.mark.parametrize(("name", "other", "difference"), SAME)
def test_names_that_differ_in_spelling_have_the_same_core(
    name: str, other: str, difference: str
) -> None:
    assert name_core(name) == name_core(other)
    assert describe_difference(name, other) == difference


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice", "alice@example.com"),
        ("alice", "alicia"),
        ("my-org:ops", "my-org:dev"),
        ("developers", "developer"),
    ],
)
def test_different_names_have_different_cores(name: str, other: str) -> None:
    assert name_core(name) != name_core(other)


@given(st.text(max_size=2 * MAX_NAME_LENGTH))
@example("%" * 300)
@example("cn=" * 90)
@example("b64:" + "A" * 200)
def test_every_text_has_a_core_of_limited_length(name: str) -> None:
    """Unicode expands a character to 18 at most."""
    assert len(name_core(name)) <= 18 * MAX_NAME_LENGTH
    foreign_name(name, "oidc:")


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40))
def test_case_never_changes_the_core_of_an_address(name: str) -> None:
    local = "".join(one for one in name if one.isalnum())
    address = f"{local}x@example.com"

    assert name_core(address.upper()) == name_core(address.lower())


@given(st.text(min_size=1, max_size=60).filter(str.isprintable))
def test_encoded_user_id_is_decoded(user_id: str) -> None:
    encoded = dex_subject(user_id)

    assert dex_user_id(encoded) == user_id


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05alice\x12\x06github\x00",
        b"\x0a\x05alice\x12\x00",
        b"\x0a\x7fali",
        b"\x0a\x85\x80\x00alice\x12\x06github",
        b"\x0a\x85alice",
        b"\x0a\x05\xff\xfe\xfd\xfc\xfb\x12\x06github",
        b"\x0a\x05a\x00b\x00c\x12\x06github",
        b"\x0a\x05alice\x1a\x06github",
    ],
)
def test_other_data_is_no_subject_of_dex(data: bytes) -> None:
    assert dex_user_id(base64.urlsafe_b64encode(data).decode().rstrip("=")) == ""
