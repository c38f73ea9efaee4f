"""The command line: ``python -m controlplane build``, ``path`` or ``up``."""

import argparse
import contextlib
import sys
import threading
import time

import controlplane
from controlplane import building, helm, programs, shells
from controlplane.errors import ControlPlaneError
from controlplane.people import ACCOUNTS
from controlplane.plane import ControlPlane


def build() -> None:
    """Build the programs into the user's cache, unless they are there."""
    building.build(_say)
    helm.build(_say)
    shells.fetch(_say)


def path() -> None:
    """Print the folder of the programs, built or not."""
    _say(str(programs.bin_folder()))


def up() -> None:
    """Run a control plane until Ctrl-C."""
    started = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), controlplane.start() as plane:
        _say(_how_to_use(plane, time.monotonic() - started))
        threading.Event().wait()
    _say("Stopped; nothing is left of it.")


def _how_to_use(plane: ControlPlane, seconds: float) -> str:
    return f"""The control plane is up, after {seconds:.1f} s. Ctrl-C stops it.

  export KUBECONFIG={plane.kubeconfig()}
  export PATH={programs.bin_folder()}:$PATH

  as alice        export KUBECONFIG={plane.kubeconfig("alice")}
  Argo CD         {plane.argocd.url}   (admin, {plane.argocd.admin_password})
  its accounts    {", ".join(ACCOUNTS)}
  folder          {plane.folder}
"""


def _say(line: str) -> None:
    print(line, flush=True)


COMMANDS = {"build": build, "path": path, "up": up}


def main() -> None:
    """Run one command; print an error and exit with 1."""
    parser = argparse.ArgumentParser(prog="python -m controlplane")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        commands.add_parser(name, help=function.__doc__)
    command = COMMANDS[parser.parse_args().command]
    try:
        command()
    except ControlPlaneError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


if __name__ == "__main__":
    main()
