"""Exec plugins: when they run again, and what is reported when they fail."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from argogrant.kube import exec_plugin
from argogrant.kube.credentials import Credential
from argogrant.kube.errors import CredentialUnavailable
from argogrant.kube.exec_plugin import ExecCredential, PluginTerminal
from argogrant.kube.kubeconfig.entries import ClusterEntry, ExecEntry

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
VERSION = "client.authentication.k8s.io/v1"


class Plugin:
    """A plugin that prints another token at each run, and its source."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.now = NOON
        self.limit: float | None = None
        self.forwarded: list[bytes] = []
        self.args: tuple[str, ...] = ()
        self.env: tuple[tuple[str, str], ...] = ()
        self.set(**settings)

    def set(self, script: str = "", lifetime: timedelta | None = None) -> None:
        """Write the plugin; its credential expires after the lifetime."""
        end = f'"{(self.now + lifetime).isoformat()}"' if lifetime else "null"
        (self.folder / "plugin").write_text(
            f"""#!/bin/sh
echo run >> {self.folder}/runs
{script}
echo '{{"apiVersion": "{VERSION}", "kind": "ExecCredential", "status":'
echo '{{"token": "'$(wc -l < {self.folder}/runs)'", "expirationTimestamp": {end}}}}}'
"""
        )
        (self.folder / "plugin").chmod(0o755)

    @property
    def runs(self) -> int:
        """How often the plugin has run."""
        file = self.folder / "runs"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def source(self) -> ExecCredential:
        """Return a new source of credentials."""
        entry = ExecEntry(
            command=str(self.folder / "plugin"),
            args=self.args,
            env=self.env,
            api_version=VERSION,
            interactive_mode="IfAvailable",
        )
        return ExecCredential(
            entry,
            ClusterEntry(),
            title='user "dev" of the kubeconfig',
            environment={"PATH": "/usr/bin:/bin"},
            terminal=PluginTerminal(limit=self.limit, forward=self.forwarded.append),
            clock=lambda: self.now,
        )


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


async def token(source: ExecCredential) -> str:
    return (await source.current()).authorization.removeprefix("Bearer ")


def test_plugin_runs_once_for_many_requests(plugin: Plugin) -> None:
    async def story() -> list[str]:
        source = plugin.source()
        together = await asyncio.gather(*(token(source) for _ in range(5)))
        return [*together, await token(source)]

    assert asyncio.run(story()) == ["1"] * 6
    assert plugin.runs == 1


def test_credential_is_renewed_before_it_expires(plugin: Plugin) -> None:
    plugin.set(lifetime=timedelta(hours=1))

    async def story() -> list[str]:
        source, seen = plugin.source(), []
        for minutes in (0, 59, 59.9):
            plugin.now = NOON + timedelta(minutes=minutes)
            plugin.set(lifetime=timedelta(hours=1))
            seen.append(await token(source))
        return seen

    assert asyncio.run(story()) == ["1", "1", "2"]


def test_short_lifetime_is_used_for_nine_tenths(plugin: Plugin) -> None:
    plugin.set(lifetime=timedelta(seconds=10))

    async def story() -> list[str]:
        source, seen = plugin.source(), []
        for seconds in (0, 8, 9.5):
            plugin.now = NOON + timedelta(seconds=seconds)
            seen.append(await token(source))
        return seen

    assert asyncio.run(story()) == ["1", "1", "2"]


def test_credential_that_has_expired_is_not_asked_for_at_each_request(
    plugin: Plugin,
) -> None:
    plugin.set(lifetime=timedelta(hours=-1))

    async def story() -> list[str]:
        source = plugin.source()
        return [await token(source), await token(source)]

    assert asyncio.run(story()) == ["1", "1"]


def test_rejected_credential_is_renewed_once(plugin: Plugin) -> None:
    async def story() -> list[Credential | None]:
        source = plugin.source()
        first = await source.current()
        second = await source.renew(first)
        late = await source.renew(first)
        assert second is not None
        return [first, second, late, await source.renew(second)]

    first, second, late, third = asyncio.run(story())

    assert (first, second) == (Credential("Bearer 1"), Credential("Bearer 2"))
    assert late == second
    assert third is None
    assert plugin.runs == 2


def test_failure_is_reported_with_what_the_plugin_wrote(plugin: Plugin) -> None:
    plugin.set("echo 'session has expired' >&2; printf '\\033[1mlog in' >&2; exit 7")

    with pytest.raises(CredentialUnavailable) as failure:
        asyncio.run(token(plugin.source()))

    assert str(failure.value) == (
        'the exec plugin "plugin" of user "dev" of the kubeconfig failed with exit code'
        " 7, and wrote: session has expired / \\x1b[1mlog in. No request was sent. Log"
        " in again, or run the plugin by hand to see more."
    )
    assert b"".join(plugin.forwarded).startswith(b"session has expired")


@pytest.mark.parametrize(
    ("args", "env"),
    [
        pytest.param(("--client-secret", "of-the-client"), (), id="next argument"),
        pytest.param(("--Password=of-the-client",), (), id="argument with its value"),
        pytest.param((), (("AZURE_CLIENT_SECRET", "of-the-client"),), id="environment"),
    ],
)
def test_secret_that_the_kubeconfig_gives_to_a_plugin_is_not_shown(
    plugin: Plugin, args: tuple[str, ...], env: tuple[tuple[str, str], ...]
) -> None:
    plugin.args, plugin.env = args, env
    plugin.set("echo wrong: of-the-client >&2; exit 1")

    with pytest.raises(CredentialUnavailable) as failure:
        asyncio.run(token(plugin.source()))

    assert "wrote: wrong: [redacted]." in str(failure.value)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkZXYifQ.c2lnbmF0dXJl", id="JWT"),
        pytest.param("refresh_token=0123456789abcdef", id="a named token"),
        pytest.param("https://dev:s3cret@example.com", id="a password in a URL"),
    ],
)
def test_credential_that_a_plugin_wrote_is_not_shown(
    plugin: Plugin, secret: str
) -> None:
    plugin.set(f"echo 'cannot renew {secret}' >&2; exit 1")

    with pytest.raises(CredentialUnavailable, match="cannot renew") as failure:
        asyncio.run(token(plugin.source()))

    assert secret not in str(failure.value)


def test_failing_plugin_is_run_again_after_a_pause_only(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.set("exit 1")
    offset = 0.0
    real = time.monotonic
    monkeypatch.setattr(exec_plugin.time, "monotonic", lambda: real() + offset)

    async def story() -> list[int]:
        nonlocal offset
        source, seen = plugin.source(), []
        for passed in (0, 0.1, 1.5, 0.1, 2.5, 600, 29, 31):
            offset += passed
            with pytest.raises(CredentialUnavailable):
                await source.current()
            seen.append(plugin.runs)
        plugin.set()
        offset += 60
        assert await token(source)
        return seen

    assert asyncio.run(story()) == [1, 1, 2, 2, 3, 4, 5, 6]


def test_plugin_outlives_the_request_that_waits_for_it(plugin: Plugin) -> None:
    plugin.set("sleep 0.3")

    async def story() -> str:
        source = plugin.source()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(source.current(), 0.1)
        return await token(source)

    assert asyncio.run(story()) == "1"


def test_plugin_that_hangs_is_ended(plugin: Plugin) -> None:
    plugin.set("exec sleep 60")
    plugin.limit = 0.2

    with pytest.raises(CredentialUnavailable, match="did not end within"):
        asyncio.run(token(plugin.source()))


def test_program_that_a_plugin_leaves_behind_does_not_delay(plugin: Plugin) -> None:
    plugin.set("sleep 5 >/dev/null &")
    started = time.monotonic()

    assert asyncio.run(token(plugin.source())) == "1"
    assert time.monotonic() - started < 4


def test_endless_output_is_refused(plugin: Plugin) -> None:
    plugin.set("exec yes")

    with pytest.raises(CredentialUnavailable, match="more than 4 MiB"):
        asyncio.run(token(plugin.source()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-05-01T12:00:00Z", NOON, id="UTC"),
        pytest.param("2026-05-01T14:00:00+02:00", NOON, id="with an offset"),
        pytest.param(
            "2026-05-01T12:00:00.5Z", NOON + timedelta(seconds=0.5), id="a fraction"
        ),
        pytest.param(
            "2026-05-01T9:00:00,5Z",
            NOON - timedelta(hours=3) + timedelta(seconds=0.5),
            id="a short hour and a comma",
        ),
    ],
)
def test_time_is_read_as_kubernetes_writes_it(
    text: str, expected: datetime | None
) -> None:
    assert exec_plugin._time(text) == expected


@pytest.mark.parametrize("text", ["2026-05-01", "12:00", "2026-13-01T00:00:00Z", "x"])
def test_other_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words it
        exec_plugin._time(text)
