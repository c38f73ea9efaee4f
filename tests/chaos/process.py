"""Process of the operator, which is killed, started and restarted."""

import json
import subprocess
import threading
from pathlib import Path

from controlplane import ControlPlane
from support import operator_process


class OperatorProcess:
    """Operator behind the proxy; ``tend`` restarts it like a kubelet."""

    def __init__(self, plane: ControlPlane, proxy_url: str, folder: Path) -> None:
        self.log = folder / "operator.log"
        self.ended_by_itself = 0
        self._lock = threading.Lock()
        self._plane = plane
        self._kubeconfig = folder / "operator.kubeconfig"
        config, self.token = _through(plane, proxy_url)
        self._kubeconfig.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_wanted(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start the operator unless it runs."""
        with self._lock:
            if self._process is None:
                self._process = self._started()

    def kill(self) -> None:
        """Kill the operator."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def tend(self) -> bool:
        """Restart the operator if it has exited; return whether it had."""
        with self._lock:
            if self._process is None or self._process.poll() is None:
                return False
            self.ended_by_itself += 1
            self._process = self._started()
            return True

    def _started(self) -> subprocess.Popen[bytes]:
        return operator_process.start(
            self._plane, self.log, kubeconfig=self._kubeconfig
        )


def _through(plane: ControlPlane, url: str) -> tuple[str, str]:
    """Return a kubeconfig with the proxy as the API server, and the operator's token.

    No credential is sent to ``http://``, so the proxy adds the token.
    """
    path = plane.service_account_kubeconfig("argogrant", "argogrant")
    config = json.loads(path.read_text())
    config["clusters"][0]["cluster"] = {"server": url}
    token = config["users"][0]["user"].pop("token")
    return json.dumps(config), token


def trace(*, log: Path, lines: int = 25) -> str:
    """Return the end of a log."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
