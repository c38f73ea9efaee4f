"""The parts of a control plane: how each is started, and how one sees that it is up."""

import http.client
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from controlplane import programs
from controlplane.errors import ControlPlaneError, PartFailed, PortTaken
from controlplane.supervision import Supervision

UP_SECONDS = 90.0
POLL_SECONDS = 0.05
PROBE_SECONDS = 5.0
LOG_LINES_SHOWN = 15
PORT_TAKEN = "address already in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program of the control plane."""

    name: str
    argv: Sequence[str]
    is_up: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)


class Parts:
    """The parts of one control plane, started and stopped by name."""

    def __init__(self, supervision: Supervision) -> None:
        """Have no part yet; those that come live in the supervisor's folder."""
        self._supervision = supervision
        self._known: dict[str, Part] = {}
        self.logs = supervision.folder / "logs"
        self.logs.mkdir()

    def add(self, part: Part) -> None:
        """Take in a part and start it, without waiting until it is up."""
        self._known[part.name] = part
        self._launch(part)

    def start(self, name: str) -> None:
        """Start a stopped part again, on its old ports, and wait until it is up."""
        self._launch(self._part(name))
        self.wait_until_up(name)

    def stop(self, name: str, *, grace_seconds: float = 0) -> None:
        """Stop a part: killed at once, or asked first and killed after the grace."""
        self._part(name)
        number = signal.SIGTERM if grace_seconds else signal.SIGKILL
        self._supervision.signal(name, number)
        self._supervision.wait(name, grace_seconds)

    def pause(self, name: str) -> None:
        """Suspend a part: its connections stay open, without answers."""
        self._part(name)
        self._supervision.signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Continue a suspended part."""
        self._part(name)
        self._supervision.signal(name, signal.SIGCONT)

    def pids(self) -> Mapping[str, int]:
        """Return the process ids of the parts that run, and the supervisor's."""
        return {**self._supervision.pids(), "supervisor": self._supervision.pid}

    def wait_until_up(self, name: str) -> None:
        """Wait until a part answers.

        Raises:
            PortTaken: It ended because its port is another program's.
            PartFailed: It ended, or did not answer in time.
        """
        part = self._part(name)
        deadline = time.monotonic() + UP_SECONDS
        while not part.is_up():
            code = self._supervision.ended().get(name)
            if code is not None:
                raise self._failure(name, f"ended with exit code {code}")
            if time.monotonic() > deadline:
                raise self._failure(name, f"did not answer within {UP_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _part(self, name: str) -> Part:
        if name not in self._known:
            known = ", ".join(self._known)
            raise ControlPlaneError(f"There is no part {name!r}; there are {known}.")
        return self._known[name]

    def _launch(self, part: Part) -> None:
        log = self.logs / f"{part.name}.log"
        self._supervision.start(part.name, part.argv, env=part.env, log=log)

    def _failure(self, name: str, what: str) -> PartFailed:
        """Describe a failure; the log is copied to where it outlives the folder."""
        log = self.logs / f"{name}.log"
        kept = programs.cache() / "control-plane" / "failed" / log.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, kept)
        last = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        kind = PortTaken if any(PORT_TAKEN in line for line in last) else PartFailed
        return kind(
            f"{name} did not come up: it {what}. The last lines of {kept}:\n"
            + "\n".join(f"  {line[:500]}" for line in last)
        )


def free_ports(count: int) -> list[int]:
    """Return free ports of the loopback interface."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def answers(url: str, *, ca: Path | None = None, token: str = "") -> bool:
    """Return whether a URL answers with 200, without a proxy of the environment."""
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection: http.client.HTTPConnection
    try:
        if ca is None:
            connection = http.client.HTTPConnection(parts.netloc, timeout=PROBE_SECONDS)
        else:
            connection = http.client.HTTPSConnection(
                parts.netloc,
                timeout=PROBE_SECONDS,
                context=ssl.create_default_context(cafile=ca),
            )
        try:
            connection.request("GET", parts.path, headers=headers)
            return connection.getresponse().status == http.HTTPStatus.OK
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
