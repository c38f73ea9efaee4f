"""Credentials that a program prints: the exec plugins of a kubeconfig.

A plugin runs when its credential is first needed, when that expires, and after the API
server has rejected it; never twice at the same time. It may ask on the terminal, so its
standard error is that of this process, and also its standard input unless
``interactiveMode`` forbids it. What it prints is never shown.

After a failure the plugin runs again only after a pause, which grows up to half a
minute (``longest_pause``); until then the same error is raised.

Source: Kubernetes, "Authentication", client-go credential plugins;
kubernetes/client-go, ``plugin/pkg/client/auth/exec/exec.go`` and ``rest/exec.go``.
"""

import asyncio
import base64
import json
import re
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from argogrant.grants.model.validation import one_line, quote, with_full_stop
from argogrant.kube.credentials import Credential, bearer
from argogrant.kube.errors import (
    SHORTEST_PART,
    CredentialUnavailable,
    foreign_text,
)
from argogrant.kube.kubeconfig.documents import Fields, load_yaml
from argogrant.kube.kubeconfig.entries import (
    ClusterEntry,
    ExecEntry,
    InvalidKubeconfig,
)
from argogrant.kube.tls import ClientCertificate, InvalidCertificate, client_context

VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)
OUTPUT_BYTES: Final = 4 * 2**20
ERROR_BYTES: Final = 4_096
"""Bytes of the end of standard error that are kept for the message."""
SHOWN_CHARACTERS: Final = 300
EXIT_SECONDS: Final = 0.005
"""Seconds between two looks whether a plugin has ended, after its output."""
DRAIN_SECONDS: Final = 0.2
LONGEST_MARGIN: Final = timedelta(seconds=10)
"""Longest time before its expiry at which a credential is renewed."""
FEWEST_SECONDS: Final = 5.0
"""Seconds between two runs, if the credential has expired when it is printed."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
_SECRET_NAME: Final = re.compile("secret|passw|token|api-?_?key", re.IGNORECASE)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d?:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_SHORT_HOUR: Final = re.compile(r"T(?=\d:)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTerminal:
    """Limits of a plugin: the terminal of this process, and time."""

    has_input: bool = False
    """True if standard input is a terminal."""
    shows_errors: bool = False
    """True if standard error is a terminal, which the plugin then inherits."""
    forward: Callable[[bytes], None] = lambda _: None
    """Receives standard error, if it is no terminal."""
    limit: float | None = None
    """Seconds that the plugin may run; None for no limit, as in kubectl."""
    longest_pause: float = LONGEST_PAUSE
    """Longest seconds between two runs while the plugin fails."""


class ExecCredential:
    """Credential of an exec plugin.

    Args:
        plugin: Entry of the plugin.
        cluster: The API server, for ``provideClusterInfo``.
        title: For messages, such as ``user "one" of the kubeconfig``.
        environment: Environment of this process, which the plugin inherits.
        terminal: What the plugin may use of the terminal.
        clock: Current time in UTC.
    """

    def __init__(  # noqa: PLR0913
        self,
        plugin: ExecEntry,
        cluster: ClusterEntry,
        *,
        title: str,
        environment: Mapping[str, str],
        terminal: PluginTerminal,
        clock: Callable[[], datetime],
    ) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._title = f"the exec plugin {quote(Path(plugin.command).name)} of {title}"
        self._user_title = title
        self._environment = environment
        self._terminal = terminal
        self._clock = clock
        self._kept: _Printed | None = None
        self._run: asyncio.Task[_Printed] | None = None
        self._failure: CredentialUnavailable | None = None
        self._pause = FIRST_PAUSE
        self._ended = 0.0

    async def current(self) -> Credential:
        """Return the credential; run the plugin if there is none or it expires."""
        kept = self._kept
        if kept is not None and not self._is_due(kept):
            return kept.credential
        return (await self._printed()).credential

    async def renew(self, rejected: Credential) -> Credential | None:
        """Run the plugin, unless it has run since the rejected credential was sent."""
        kept = self._kept
        if kept is not None and kept.credential != rejected:
            return kept.credential
        if kept is not None and kept.follows_rejection and self._ran_recently():
            return None
        printed = await self._printed()
        printed.follows_rejection = True
        return printed.credential if printed.credential != rejected else None

    def _is_due(self, kept: "_Printed") -> bool:
        if kept.renew_at is None or self._clock() < kept.renew_at:
            return False
        return kept.was_valid or not self._ran_recently()

    def _ran_recently(self) -> bool:
        return time.monotonic() - self._ended < FEWEST_SECONDS

    async def _printed(self) -> "_Printed":
        """Wait for the run in progress, or begin one.

        The run goes on if the request that waits for it is cancelled.
        """
        if self._run is None or self._run.done():
            if self._failure is not None:
                if time.monotonic() - self._ended < self._pause:
                    raise self._failure
                longest = self._terminal.longest_pause
                self._pause = min(self._pause * 2, longest)
            self._run = asyncio.create_task(self._run_plugin())
            self._run.add_done_callback(_retrieve)
        return await asyncio.shield(self._run)

    async def _run_plugin(self) -> "_Printed":
        try:
            output = await self._execute()
            self._kept = self._read(output)
        except CredentialUnavailable as error:
            self._failure = error
            raise
        finally:
            self._ended = time.monotonic()
        self._failure, self._pause = None, FIRST_PAUSE
        return self._kept

    async def _execute(self) -> bytes:
        """Run the plugin and return what it prints.

        Raises:
            CredentialUnavailable: It cannot run or fails.
        """
        mode = self._plugin.interactive_mode
        if mode == "Always" and not self._terminal.has_input:
            raise self._failed(
                "needs a terminal (interactiveMode: Always); standard input is none",
                "Run the command on a terminal.",
            )
        is_interactive = mode != "Never" and self._terminal.has_input
        program = self._program()
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                self._plugin.command,
                *self._plugin.args,
                executable=program,
                env=self._variables(is_interactive=is_interactive),
                stdin=None if is_interactive else nothing,
                stdout=pipe,
                stderr=None if self._terminal.shows_errors else pipe,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", "") or "invalid argument"
            raise self._failed(f"cannot be executed: {reason.lower()}") from None
        written = deque[bytes](maxlen=ERROR_BYTES // 64)
        try:
            async with asyncio.timeout(self._terminal.limit):
                output = await self._outcome(process, written)
        except TimeoutError:
            raise self._failed(
                f"did not end within {self._terminal.limit:.0f} seconds"
            ) from None
        finally:
            # This also ends a plugin that still runs. A program that it leaves behind
            # may keep the pipes open.
            process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001
            await process.wait()
        if process.returncode != 0:
            raise self._exited(process.returncode or 0, b"".join(written))
        return output

    async def _outcome(
        self, process: asyncio.subprocess.Process, written: deque[bytes]
    ) -> bytes:
        """Read both outputs while the plugin runs, so that it never blocks."""
        errors = asyncio.create_task(self._read_errors(process, written))
        try:
            output = bytearray()
            while piece := await process.stdout.read(2**16):  # type: ignore[union-attr]
                output += piece
                if len(output) > OUTPUT_BYTES:
                    raise self._failed("prints more than 4 MiB")
            # Before Python 3.12.4, `wait` also waits for programs that the plugin left
            # behind, which keep its standard error open.
            while process.returncode is None:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(EXIT_SECONDS)
            await asyncio.wait([errors], timeout=DRAIN_SECONDS)
        finally:
            errors.cancel()
        return bytes(output)

    async def _read_errors(
        self, process: asyncio.subprocess.Process, written: deque[bytes]
    ) -> None:
        if process.stderr is None:
            return
        while piece := await process.stderr.read(2**16):
            self._terminal.forward(piece)
            tail = piece[-ERROR_BYTES:]
            written.extend(tail[i : i + 64] for i in range(0, len(tail), 64))

    def _program(self) -> str:
        """Return the path of the plugin.

        Raises:
            CredentialUnavailable: There is no such program.
        """
        command = self._plugin.command
        if "/" in command:
            found: str | None = command if Path(command).exists() else None
        else:
            found = shutil.which(command, path=self._environment.get("PATH", ""))
        # A relative folder in PATH could be a folder that anybody has filled.
        if found is not None and found.startswith("/"):
            return found
        where = "" if "/" in command else " in PATH"
        hint = " ".join(one_line(self._plugin.install_hint.replace("\n", " ")).split())
        remedy = with_full_stop(hint) if hint else "Install it."
        raise self._failed(f"is not installed: there is no such program{where}", remedy)

    def _variables(self, *, is_interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": is_interactive}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = self._cluster_info()
        info = {
            "kind": "ExecCredential",
            "apiVersion": self._plugin.api_version,
            "spec": spec,
        }
        own = {"KUBERNETES_EXEC_INFO": json.dumps(info, default=str)}
        return {**self._environment, **dict(self._plugin.env), **own}

    def _cluster_info(self) -> dict[str, Any]:
        """Describe the API server to the plugin."""
        cluster = self._cluster
        authorities = cluster.ca_data
        if cluster.ca_file and not authorities:
            with suppress(OSError):
                authorities = Path(cluster.ca_file).read_bytes()
        fields = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure,
            "certificate-authority-data": base64.b64encode(authorities).decode(),
            "proxy-url": cluster.proxy_url,
            "disable-compression": cluster.disable_compression,
        }
        info = {key: value for key, value in fields.items() if value}
        return {**info, "config": cluster.plugin_config}

    def _read(self, output: bytes) -> "_Printed":
        """Read what the plugin has printed; no part of it is ever shown.

        Raises:
            CredentialUnavailable: It is no credential.
        """
        expected = self._plugin.api_version
        try:
            document = Fields.of(_load(output), "")
            kind, version = document.text("kind"), document.text("apiVersion")
            if (kind or "ExecCredential", version) != ("ExecCredential", expected):
                raise self._failed(
                    f"printed another kind or apiVersion than ExecCredential and"
                    f" {one_line(expected)[:80]}"
                )
            if not document.has("status"):
                raise self._failed("printed no status")
            status = document.fields("status")
            token = status.text("token")
            chain = status.text("clientCertificateData")
            key = status.text("clientKeyData")
            expires_at = None
            if status.has("expirationTimestamp"):
                expires_at = _time(status.text("expirationTimestamp"))
        except InvalidKubeconfig as error:
            raise self._failed(f"printed what {error}") from None
        except ValueError:
            raise self._failed(
                "printed an expirationTimestamp that is no time"
            ) from None
        if not (token or chain or key):
            raise self._failed("printed neither a token nor a client certificate")
        if bool(chain) != bool(key):
            raise self._failed("printed only one of client certificate and key")
        certificate = None
        if chain:
            certificate = ClientCertificate(chain.encode(), key.encode())
            try:
                client_context(b"", certificate, insecure=True)
            except InvalidCertificate as error:
                raise self._failed(
                    f"printed a client certificate that {error}"
                ) from None
        credential = Credential(bearer(token, self._user_title), certificate)
        return _Printed(credential, *self._renewal(expires_at))

    def _renewal(self, expires_at: datetime | None) -> tuple[datetime | None, bool]:
        """Return when to run again, and whether that is later than now."""
        if expires_at is None:
            return None, True
        left = expires_at - self._clock()
        return expires_at - min(LONGEST_MARGIN, left / 10), left > timedelta(0)

    def _exited(self, status: int, written: bytes) -> CredentialUnavailable:
        how = f"with exit code {status}"
        if status < 0:
            with suppress(ValueError):
                how = f"by signal {signal.Signals(-status).name}"
        text = written.decode("utf-8", "replace").strip()
        lines = [one_line(line.strip()) for line in text.splitlines() if line.strip()]
        text = foreign_text(" / ".join(lines), _secrets(self._plugin), 2 * ERROR_BYTES)
        shown = text[-SHOWN_CHARACTERS:]
        wrote = f", and wrote: {shown}" if shown else ""
        return self._failed(f"failed {how}{wrote}")

    def _failed(self, problem: str, remedy: str = "") -> CredentialUnavailable:
        remedy = remedy or "Log in again, or run the plugin by hand to see more."
        return CredentialUnavailable(
            f"{self._title} {with_full_stop(problem)} No request was sent. {remedy}"
        )


@dataclass(slots=True)
class _Printed:
    """A credential that a plugin has printed, and when the plugin runs again."""

    credential: Credential
    renew_at: datetime | None
    was_valid: bool
    follows_rejection: bool = False
    """True if the plugin ran because the API server had rejected a credential."""


def _secrets(plugin: ExecEntry) -> tuple[str, ...]:
    """Return the secrets that a kubeconfig gives to a plugin, by their names."""
    found = [value for name, value in plugin.env if _SECRET_NAME.search(name)]
    for argument, following in zip(plugin.args, (*plugin.args[1:], ""), strict=False):
        name, equals, value = argument.partition("=")
        if name.startswith("-") and _SECRET_NAME.search(name):
            found.append(value if equals else following)
    return tuple(one for one in found if len(one) >= SHORTEST_PART)


def _load(output: bytes) -> object:
    """Read what a plugin prints: one object in JSON, or YAML.

    Raises:
        InvalidKubeconfig: It is neither, or something follows the object.
    """
    if output.lstrip().startswith(b"{"):
        try:
            return json.loads(output)
        except (ValueError, RecursionError):
            raise InvalidKubeconfig("is no single object in JSON") from None
    return load_yaml(output)


def _time(text: str) -> datetime:
    """Parse a time as Go does (RFC 3339).

    Raises:
        ValueError: It is none.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(_SHORT_HOUR.sub("T0", text).replace(",", "."))


def _retrieve(run: "asyncio.Task[_Printed]") -> None:
    """Mark the exception of a run as seen, if nobody waits for it any more."""
    if not run.cancelled():
        run.exception()
