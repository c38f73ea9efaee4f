"""Text of a kubeconfig, read as Go's programs read it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube.kubeconfig.documents import load_yaml, read_kubeconfig
from argogrant.kube.kubeconfig.durations import parse_timeout
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig, Kubeconfig


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("y", "Yes", "on", "true")),
        *((text, False) for text in ("n", "NO", "Off", "FALSE")),
        *((text, None) for text in ("", "~", "null")),
        *((text, 10) for text in ("10", "+10", "1_0", "0xA", "0b1010", "012", "0o12")),
        *((text, 0.5) for text in ("0.5", ".5", "5e-1", "+.5")),
        ("08", 8.0),
        ("1.", 1.0),
        *((text, text) for text in ("12:30:45", "2026-01-01", "yES", "=", "0x", "1e")),
        *((text, text) for text in ("2026-01-01T00:00:00Z", "+", "0b2", "1.2.3")),
        ("!!str 10", "10"),
        ("!colour red", "red"),
        ("'10'", "10"),
    ],
)
def test_plain_scalar_has_the_type_of_go_yaml(text: str, value: object) -> None:
    read = load_yaml(f"a: {text}\n".encode())

    assert read == {"a": value}
    assert isinstance(read, dict)
    assert type(read["a"]) is type(value)


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"# nothing", b"---\n", b"null", b"{}", b"\xef\xbb\xbf"]
)
def test_empty_text_has_no_entries(text: bytes) -> None:
    assert read_kubeconfig(text) == Kubeconfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: [secret", "is not valid YAML at line"),
        (b"a: *secret", "is not valid YAML"),
        (b"a: \x00secret", "is not valid YAML"),
        (b"\xff\xfe\xff", "is not valid YAML"),
        (b"{[secret]: 1}", "a key that is no text"),
        (b"secret", "must have a mapping"),
        (b"users: secret", "must have a list at users"),
        (b"users: [secret]", "must have a mapping at users[0]"),
        (b"users: [{name: 1}]", "must have a string at users[0].name"),
        (b"current-context: [secret]", "must have a string at current-context"),
        (b"preferences: secret", "must have a mapping at preferences"),
        (b"preferences: {colors: secret}", "true or false at preferences.colors"),
        (b"extensions: secret", "must have a list at extensions"),
        (
            b"users: [{name: a, user: {as-groups: [1]}}]",
            "must have a string at users[0].user.as-groups.0",
        ),
        (
            b"users: [{name: a, user: {exec: {env: [{name: A, value: 1}]}}}]",
            "must have a string at users[0].user.exec.env[0].value",
        ),
        (
            b"users: [{name: a, user: {client-key-data: secret!}}]",
            "must have base64 at users[0].user.client-key-data",
        ),
    ],
)
def test_refused_text_is_not_repeated(text: bytes, words: str) -> None:
    with pytest.raises(InvalidKubeconfig) as failure:
        read_kubeconfig(text)

    assert words in str(failure.value)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("text", [b"[", b"{a: ", b"- ", b"? ", b"[{a: "])
def test_deeply_nested_text_is_refused(text: bytes) -> None:
    """libyaml would end the process with a segmentation fault."""
    with pytest.raises(InvalidKubeconfig):
        read_kubeconfig(text * 100_000)


@given(st.binary())
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(InvalidKubeconfig):
        assert isinstance(read_kubeconfig(text), Kubeconfig)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        ("1s", 1),
        ("1m30s", 90),
        ("1.5h", 5_400),
        (".5s", 0.5),
        ("250ms", 0.25),
        *((text, None) for text in ("", "-1", "1d", "s", "1 s", "1s2", "x", "-5s")),
    ],
)
def test_request_timeout_is_a_duration_of_go(text: str, seconds: float | None) -> None:
    assert parse_timeout(text) == seconds
