"""Helm, built from pinned sources into the user's cache, and run.

It has a Go module and a folder of its own: Helm and Argo CD want different versions of
the same libraries, and a new Helm must not rebuild the rest of the control plane.
"""

import hashlib
import os
import platform
import subprocess
import time
from pathlib import Path

from controlplane import building, go, programs
from controlplane.errors import NotBuilt
from controlplane.go import Say

GO_MODULE = Path(__file__).parent / "helmbuild"
PACKAGE = "helm.sh/helm/v4/cmd/helm"
FLAGS = ("-trimpath", "-v", "-ldflags", "-s -w")


def program() -> Path:
    """Return where the present pins put Helm, whether it is built or not."""
    pins = [(GO_MODULE / name).read_text("utf-8") for name in programs.PINNING_FILES]
    pins += [repr(FLAGS), platform.system(), platform.machine()]
    key = hashlib.sha256("\0".join(pins).encode()).hexdigest()[:12]
    return programs.cache() / "helm" / key / "helm"


def build(say: Say) -> None:
    """Build Helm, unless the cache has it.

    Raises:
        BuildFailed: Go could not download or build something.
    """
    target = program()
    target.parent.mkdir(parents=True, exist_ok=True)
    with building.only_build(target.parent / "lock", say):
        if target.exists():
            say(f"Helm is built already: {target}")
            return
        started = time.monotonic()
        say("Building Helm: about a minute on two cores, once.")
        unfinished = target.with_name(f"{building.UNFINISHED}{target.name}")
        go.run(
            ["build", *FLAGS, "-o", str(unfinished), PACKAGE],
            say=say,
            progress=lambda count: f"helm: {count} packages compiled",
            counted=lambda line: bool(line.strip()),
            module=GO_MODULE,
        )
        unfinished.rename(target)
        say(f"Built in {go.elapsed(started)}: {target}")


def helm(
    *arguments: str, folder: Path, kubeconfig: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run Helm with a home of its own.

    Args:
        arguments: What follows ``helm``.
        folder: Where its settings and caches go.
        kubeconfig: The cluster and the user; None for commands that need none.
        check: Fail the test with Helm's output, if it failed.

    Raises:
        NotBuilt: Helm is not in the cache.
    """
    if not program().exists():
        raise NotBuilt(f"Helm is not built yet. Run `{programs.BUILD_COMMAND}`.")
    homes = {f"HELM_{name}_HOME": str(folder) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [program(), *arguments],
        env={**os.environ, **homes, "KUBECONFIG": str(kubeconfig or os.devnull)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done
