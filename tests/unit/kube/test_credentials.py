"""Credentials: impersonation, files that rotate, and id-tokens that expire."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from argogrant.kube.credentials import (
    TOKEN_FILE_SECONDS,
    Credential,
    FileCredential,
    OIDCCredential,
    basic,
    bearer,
    expiry_of_jwt,
    impersonation_headers,
)
from argogrant.kube.errors import CredentialUnavailable
from argogrant.kube.kubeconfig.entries import AuthProviderEntry, UserEntry

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TITLE = 'user "one" of the kubeconfig'


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        pytest.param({"token": "x"}, (), id="no impersonation"),
        pytest.param(
            {"as_user": "bob"}, (("Impersonate-User", "bob"),), id="another user"
        ),
        pytest.param({"as_groups": ("a",)}, (), id="groups without a user"),
        pytest.param(
            {
                "as_user": "bob",
                "as_uid": "7",
                "as_groups": ("a", "b"),
                "as_user_extra": {"example.com/x y%": ("1", "2")},
            },
            (
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Extra-example.com%2Fx%20y%25", "1"),
                ("Impersonate-Extra-example.com%2Fx%20y%25", "2"),
            ),
            id="all fields",
        ),
    ],
)
def test_headers_contain_every_field(
    user: dict[str, Any], headers: tuple[tuple[str, str], ...]
) -> None:
    assert impersonation_headers(UserEntry(**user)) == headers


def test_credential_is_not_in_its_representation() -> None:
    user = UserEntry(token="secret", password="secret", key_data=b"secret")
    config = {"id-token": "secret"}

    assert "secret" not in repr(user)
    assert "secret" not in repr(AuthProviderEntry(name="oidc", config=config))
    assert "secret" not in repr(Credential("Bearer secret"))


def test_basic_and_bearer_are_headers() -> None:
    assert basic("eve", "p:w") == f"Basic {base64.b64encode(b'eve:p:w').decode()}"
    assert bearer("abc", TITLE) == "Bearer abc"
    assert bearer("", TITLE) == ""


def test_token_with_a_control_character_is_not_repeated() -> None:
    with pytest.raises(CredentialUnavailable, match="line break") as failure:
        bearer("secret\r\nHost: x", TITLE)

    assert "secret" not in str(failure.value)


async def current(source: Any) -> str:
    return (await source.current()).authorization


def test_token_file_is_read_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    source = FileCredential(UserEntry(token_file=str(file)), TITLE)
    now = time.monotonic()
    seen = [asyncio.run(current(source))]
    file.write_text("second\n")
    seen.append(asyncio.run(current(source)))
    monkeypatch.setattr(time, "monotonic", lambda: now + TOKEN_FILE_SECONDS + 1)
    seen.append(asyncio.run(current(source)))
    file.unlink()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3 * TOKEN_FILE_SECONDS)
    seen.append(asyncio.run(current(source)))

    assert seen == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]


def test_rejected_token_is_read_again_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    source = FileCredential(UserEntry(token_file=str(file)), TITLE)

    async def story() -> list[Credential | None]:
        first = await source.current()
        unchanged = await source.renew(first)
        file.write_text("second")
        return [unchanged, await source.renew(first)]

    assert asyncio.run(story()) == [None, Credential("Bearer second")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read: no such file", id="missing"),
        pytest.param(b" \n", "is empty", id="empty"),
        pytest.param(b"\xff", "is no UTF-8 text", id="no text"),
    ],
)
def test_token_file_without_a_token_is_reported(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    source = FileCredential(UserEntry(token_file=str(file)), TITLE)

    with pytest.raises(CredentialUnavailable, match=words):
        asyncio.run(current(source))


def test_client_certificate_that_is_missing_is_reported(tmp_path: Path) -> None:
    user = UserEntry(cert_file=str(tmp_path / "a"), key_file=str(tmp_path / "b"))

    with pytest.raises(CredentialUnavailable, match="cannot be read"):
        asyncio.run(current(FileCredential(user, TITLE)))


def token(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    return f"e30.{payload.rstrip('=')}.signature"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("abc", id="no JWT"),
        pytest.param("a.%%%.c", id="no base64"),
        pytest.param(token([1]), id="claims that are a list"),
        pytest.param(token({}), id="no exp"),
        pytest.param(token({"exp": "soon"}), id="a word as exp"),
        pytest.param(token({"exp": 1e300}), id="a huge exp"),
    ],
)
def test_token_without_an_expiry_has_none(text: str) -> None:
    assert expiry_of_jwt(text) is None


def oidc(config: Mapping[str, str]) -> OIDCCredential:
    files = FileCredential(UserEntry(), TITLE)
    provider = AuthProviderEntry(name="oidc", config=config)
    return OIDCCredential(provider, files, title=TITLE, clock=lambda: NOON)


def test_id_token_is_used_until_shortly_before_its_expiry() -> None:
    valid = token({"exp": NOON.timestamp() + 11})
    expired = token({"exp": NOON.timestamp() + 9})

    assert asyncio.run(current(oidc({"id-token": valid}))) == f"Bearer {valid}"
    assert asyncio.run(oidc({"id-token": valid}).renew(Credential())) is None
    with pytest.raises(CredentialUnavailable, match="expired at 2026-05-01T12:00:09Z"):
        asyncio.run(current(oidc({"id-token": expired})))
    with pytest.raises(CredentialUnavailable, match="no id-token"):
        asyncio.run(current(oidc({})))


@pytest.mark.parametrize(
    ("authorization", "secrets"),
    [
        pytest.param("", (), id="no header"),
        pytest.param("Bearer one", ("one",), id="a token"),
        pytest.param("Bearer  one two ", ("one two",), id="a token with blanks"),
        pytest.param(
            basic("alice", "a:b"),
            (basic("alice", "a:b").removeprefix("Basic "), "a:b"),
            id="a password, also as it is sent",
        ),
        pytest.param("Basic ä", ("ä",), id="no base64"),
    ],
)
def test_secrets_of_a_header_are_known_for_redaction(authorization, secrets) -> None:
    assert Credential(authorization).secrets == secrets
