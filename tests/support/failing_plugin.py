"""Exec plugin of a kubeconfig that a test makes fail, and a kubeconfig that uses it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "login-of-the-test"
SCRIPT: Final = """\
#!{python} -IS
import json, pathlib, sys, time
folder = pathlib.Path({folder!r})
with (folder / "runs").open("a") as runs:
    runs.write(str(time.time()) + "\\n")
seconds, complaint = json.loads((folder / "mode").read_text())
if complaint:
    print((folder / "output").read_text())
    sys.stderr.write(complaint + "\\n")
    sys.exit(3)
end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
status = {{"token": (folder / "token").read_text()}}
if seconds:
    status["expirationTimestamp"] = end
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential", "status": status}}))
"""


@dataclass(frozen=True)
class Plugin:
    """The plugin, which prints what its folder contains."""

    folder: Path

    @property
    def path(self) -> Path:
        """The program."""
        return self.folder / NAME

    def install(self, server: Path) -> Path:
        """Write the program; return a kubeconfig that uses it.

        Args:
            server: A kubeconfig with the API server.
        """
        self.folder.mkdir()
        self.path.write_text(
            SCRIPT.format(python=sys.executable, folder=str(self.folder))
        )
        self.path.chmod(0o755)
        (self.folder / "output").write_text("")
        config = json.loads(server.read_text())
        config["users"][0]["user"] = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": str(self.path),
                "interactiveMode": "Never",
            }
        }
        written = self.folder / "kubeconfig"
        written.write_text(json.dumps(config))
        return written

    def print_token(self, token: str, *, seconds: float = 0) -> None:
        """Have it print a token that expires after so many seconds; 0 for no expiry."""
        (self.folder / "token").write_text(token)
        self._set_mode(seconds, "")

    def fail(self, complaint: str, output: str = "") -> None:
        """Have it fail with this on standard error, and this on standard output."""
        (self.folder / "output").write_text(output)
        self._set_mode(0, complaint)

    def runs(self) -> list[float]:
        """Return the times of its runs."""
        return [float(one) for one in (self.folder / "runs").read_text().split()]

    def _set_mode(self, seconds: float, complaint: str) -> None:
        temporary = self.folder / "mode.new"
        temporary.write_text(json.dumps([seconds, complaint]))
        temporary.replace(self.folder / "mode")
