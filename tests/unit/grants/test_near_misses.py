"""A subject that differs a little from a known name is a caution with that name."""

from datetime import timedelta

import pytest

from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.near_misses import (
    MAX_KNOWN,
    MAX_SUBJECTS,
    EarlierSubjects,
    KnownName,
    find_caution,
    known_names,
)
from support.builders import NOON, a_grant

ALICE = Identity(username="alice@example.com", groups=frozenset({"developers"}))
PREFIXED = Identity(
    username="oidc:alice@example.com",
    groups=frozenset({"oidc:developers", "system:authenticated"}),
)
EKS = Identity(username="arn:aws:sts::1:assumed-role/Admin/alice@example.com")
CORP = Identity(
    username="acme-sso:alice@example.com",
    groups=frozenset({"acme-sso:developers", "acme-sso:/platform/dev"}),
)
KNOWN = known_names(
    ["my-org:ops", "Bob@example.com", "github:own", "/platform/sre", "dba"], ["ci"]
)


def user(name: str) -> Subject:
    return Subject(kind=SubjectKind.USER, name=name)


def group(name: str) -> Subject:
    return Subject(kind=SubjectKind.GROUP, name=name)


@pytest.mark.parametrize(
    ("subject", "requester", "strip_prefix", "reason", "use"),
    [
        pytest.param(
            user("Alice@example.com"),
            *(ALICE, "", Reason.SIMILAR_NAME, "alice@example.com"),
            id="another case than the requester",
        ),
        pytest.param(
            group("Developers"),
            *(ALICE, "", Reason.SIMILAR_NAME, "developers"),
            id="another case than a group of the requester",
        ),
        pytest.param(
            group("oidc:developers"),
            *(ALICE, "", Reason.SIMILAR_NAME, "developers"),
            id="the prefix of Kubernetes before a group of the requester",
        ),
        pytest.param(
            group("oidc:developers"),
            *(PREFIXED, "", Reason.SIMILAR_NAME, "developers"),
            id="the name that Kubernetes has for a group of the requester",
        ),
        pytest.param(
            group("/developers"),
            *(ALICE, "", Reason.SIMILAR_NAME, "developers"),
            id="the path of a group of Keycloak",
        ),
        pytest.param(
            user("oidc:alice@example.com"),
            *(PREFIXED, "oidc:", Reason.SIMILAR_NAME, "alice@example.com"),
            id="the prefix that the instance strips",
        ),
        pytest.param(
            user("oidc:carol"),
            *(PREFIXED, "oidc:", Reason.FOREIGN_NAME, "carol"),
            id="the prefix that the instance strips before an unknown name",
        ),
        pytest.param(
            user(EKS.username),
            *(EKS, "", Reason.SIMILAR_NAME, "alice@example.com"),
            id="the ARN of the requester",
        ),
        pytest.param(
            user("arn:aws:sts::1:assumed-role/Admin/i-0123"),
            *(None, "", Reason.FOREIGN_NAME, "User Info"),
            id="the ARN of another role",
        ),
        pytest.param(
            user("u-b4qkhsnliz"),
            *(None, "", Reason.FOREIGN_NAME, "User Info"),
            id="a user ID of Rancher",
        ),
        pytest.param(
            group("kube:admin"),
            *(ALICE, "", Reason.FOREIGN_NAME, "its members"),
            id="a name of OpenShift",
        ),
        pytest.param(
            user("bob@example.com"),
            *(ALICE, "", Reason.SIMILAR_NAME, "Bob@example.com"),
            id="another case than a g line",
        ),
        pytest.param(
            group("my-org/ops"),
            *(ALICE, "", Reason.SIMILAR_NAME, "my-org:ops"),
            id="a team of GitHub with a slash",
        ),
        pytest.param(
            user("CI"),
            *(ALICE, "", Reason.SIMILAR_NAME, "ci"),
            id="another case than a local account",
        ),
        pytest.param(
            user("acme-sso:alice@example.com"),
            *(CORP, "", Reason.SIMILAR_NAME, "alice@example.com"),
            id="a prefix of Kubernetes that nobody has configured here",
        ),
        pytest.param(
            group("acme-sso:developers"),
            *(CORP, "", Reason.SIMILAR_NAME, "developers"),
            id="the same prefix before a group",
        ),
        pytest.param(
            group("acme-sso:others"),
            *(CORP, "", Reason.FOREIGN_NAME, '"others"'),
            id="the same prefix before a group of others",
        ),
        pytest.param(
            group("sre"),
            *(ALICE, "", Reason.SIMILAR_NAME, "/platform/sre"),
            id="the group of Keycloak without its path",
        ),
        pytest.param(
            group("/data/dba"),
            *(ALICE, "", Reason.SIMILAR_NAME, "dba"),
            id="the path of a group that Argo CD knows without it",
        ),
        pytest.param(
            user("alice_example.com#EXT#@corp.onmicrosoft.com"),
            *(ALICE, "", Reason.SIMILAR_NAME, "alice@example.com"),
            id="the requester as a guest of another tenant",
        ),
        pytest.param(
            user("CgRib2JiEgZnaXRodWI"),
            *(ALICE, "", Reason.FOREIGN_NAME, "bobb"),
            id="a subject that Dex encoded",
        ),
    ],
)
def test_caution_names_the_exact_name(
    subject: Subject,
    requester: Identity | None,
    strip_prefix: str,
    reason: Reason,
    use: str,
) -> None:
    found = find_caution(subject, requester, KNOWN, strip_prefix=strip_prefix)

    assert found is not None
    assert found.reason is reason
    assert use in found.message.rpartition("request the access for ")[2]


@pytest.mark.parametrize(
    ("subject", "requester", "strip_prefix"),
    [
        pytest.param(user("alice@example.com"), ALICE, "", id="the requester"),
        pytest.param(user("alice@example.com"), PREFIXED, "oidc:", id="stripped"),
        pytest.param(user("alice@example.com"), PREFIXED, "", id="without the prefix"),
        pytest.param(user("alice@example.com"), EKS, "", id="the end of the ARN"),
        pytest.param(group("developers"), PREFIXED, "", id="a group without prefix"),
        pytest.param(group("developers"), ALICE, "", id="a group of the requester"),
        pytest.param(user("carol"), ALICE, "", id="another user"),
        pytest.param(user("developers"), ALICE, "", id="a user, not a group"),
        pytest.param(group("github:own"), ALICE, "", id="a g line with a prefix"),
        pytest.param(user("Bob@example.com"), ALICE, "", id="a g line"),
        pytest.param(user("ci"), ALICE, "", id="a local account"),
        pytest.param(user("carol"), None, "", id="no requester"),
        pytest.param(group("/data/sre"), ALICE, "", id="a group of another path"),
        pytest.param(group("acme-sso:"), CORP, "", id="a prefix alone"),
    ],
)
def test_no_caution_for(
    subject: Subject, requester: Identity | None, strip_prefix: str
) -> None:
    assert find_caution(subject, requester, KNOWN, strip_prefix=strip_prefix) is None


def test_message_says_the_difference_and_the_source() -> None:
    found = find_caution(user("Alice@example.com"), ALICE)

    assert found is not None
    assert found.message == (
        'Argo CD compares names exactly, and "Alice@example.com" differs from'
        ' "alice@example.com", the requester, in upper and lower case only. If that'
        ' user is meant, request the access for "alice@example.com".'
    )


def test_name_with_a_foreign_form_is_never_suggested() -> None:
    known = known_names(["CgVhbGljZRIGZ2l0aHVi"])

    assert find_caution(user("alice"), None, known) is None
    assert find_caution(user("CgVhbGljZRIGZ2l0aHVi"), None, known) is None


def test_number_of_known_names_is_limited() -> None:
    known = known_names(f"name-{number}" for number in range(MAX_KNOWN + 5))

    assert len(known.exact) == len(known.by_core) == MAX_KNOWN


def test_long_names_are_not_compared() -> None:
    assert known_names(["x" * 300]).exact == frozenset()


def test_number_of_groups_is_limited() -> None:
    many = frozenset(f"a{number:04}" for number in range(200)) | {"z"}
    requester = Identity(username="alice", groups=many)

    assert find_caution(group("Z"), requester) is None
    assert find_caution(group("A0001"), requester) is not None


def subject_of(name: str, minutes: int, subject: str):
    return a_grant(
        name=name,
        uid=f"uid-{name}",
        subject=subject,
        created_at=NOON + timedelta(minutes=minutes),
    )


def test_subject_of_an_earlier_grant_is_compared() -> None:
    earlier = EarlierSubjects()
    old, new = subject_of("old", 0, "alice"), subject_of("new", 5, "Alice")
    for one in (new, old, new):
        earlier.add(one)

    assert earlier.before(new) == KnownName("alice", 'the subject of AccessGrant "old"')
    assert earlier.before(old) is None
    assert earlier.before(subject_of("other", 9, "carol")) is None


def test_same_subject_in_an_earlier_grant_is_no_caution() -> None:
    earlier = EarlierSubjects()
    earlier.add(subject_of("old", 0, "alice"))

    assert earlier.before(subject_of("new", 5, "alice")) is None
    assert find_caution(user("alice"), None, earlier=None) is None


@pytest.mark.parametrize("is_deleted", [True, False])
def test_ended_and_deleted_grants_are_not_compared(*, is_deleted: bool) -> None:
    earlier = EarlierSubjects()
    old, new = subject_of("old", 0, "alice"), subject_of("new", 5, "Alice")
    earlier.add(old)
    if is_deleted:
        earlier.retain({new.uid})
    else:
        earlier.discard(new)
        earlier.discard(old)

    assert earlier.before(new) is None


def test_number_of_earlier_subjects_is_limited() -> None:
    earlier = EarlierSubjects()
    for number in range(MAX_SUBJECTS + 1):
        earlier.add(subject_of(f"g{number}", 0, f"user-{number}x"))

    assert earlier.before(subject_of("new", 5, f"USER-{MAX_SUBJECTS}X")) is None
    assert earlier.before(subject_of("new", 5, "USER-1X")) is not None


def test_earlier_subject_is_suggested() -> None:
    known = KnownName("alice", 'the subject of AccessGrant "old"')
    found = find_caution(user("Alice"), None, earlier=known)

    assert found is not None
    assert 'the subject of AccessGrant "old"' in found.message


def test_older_grant_is_not_compared_with_a_later_one() -> None:
    earlier = EarlierSubjects()
    earlier.add(subject_of("new", 5, "Alice"))

    assert earlier.before(subject_of("old", 0, "alice")) is None
