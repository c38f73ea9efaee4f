"""Files of a kubeconfig, found and merged as kubectl does.

The first file that has a cluster, a user, a context or a current context of some name
decides about it. Files that do not exist are skipped, except the one that
``--kubeconfig`` names. Each file is read once, so it can be a pipe.

Source: kubernetes/client-go, ``tools/clientcmd/loader.go``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from argogrant.grants.model.validation import quote
from argogrant.kube.kubeconfig.documents import read_kubeconfig
from argogrant.kube.kubeconfig.entries import (
    ClusterEntry,
    InvalidKubeconfig,
    Kubeconfig,
    UserEntry,
)

VARIABLE: Final = "KUBECONFIG"
DEFAULT: Final = Path(".kube", "config")
"""Below the home directory; below the working directory if HOME is unset."""
OLD_DEFAULT: Final = Path(".kube", ".kubeconfig")
"""kubectl copies it to ``DEFAULT``, if that file does not exist."""


def load_kubeconfig(explicit: str, environment: Mapping[str, str]) -> Kubeconfig:
    """Read and merge all files.

    Args:
        explicit: The file that ``--kubeconfig`` names; empty for none.
        environment: KUBECONFIG and HOME.

    Raises:
        InvalidKubeconfig: A file cannot be read or used, or ``explicit`` is missing.
    """
    if explicit:
        if not _exists(Path(explicit)):
            raise InvalidKubeconfig(
                f"the file {quote(explicit)} (--kubeconfig) does not exist."
            )
        return _merge([_load(explicit)])
    loaded = (_load_if_exists(name) for name in _files(environment))
    return _merge([one for one in loaded if one is not None])


def describe_files(explicit: str, environment: Mapping[str, str]) -> str:
    """Name the files that are read: ``KUBECONFIG=a:b`` or ``~/.kube/config``."""
    if explicit:
        return f"--kubeconfig={explicit}"
    value = environment.get(VARIABLE, "")
    return f"{VARIABLE}={value}" if value else _files(environment)[0]


def _files(environment: Mapping[str, str]) -> list[str]:
    value = environment.get(VARIABLE, "")
    if value:
        return [name for name in dict.fromkeys(value.split(":")) if name]
    home = Path(environment.get("HOME", ""))
    old = home / OLD_DEFAULT
    is_old = not _exists(home / DEFAULT) and _exists(old)
    return [str(old if is_old else home / DEFAULT)]


def _exists(path: Path) -> bool:
    """Return whether something is there; True if that cannot be known."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        pass
    return True


def _load_if_exists(name: str) -> Kubeconfig | None:
    return _load(name) if _exists(Path(name)) else None


def _load(name: str) -> Kubeconfig:
    file = f"the kubeconfig {quote(name)}"
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise InvalidKubeconfig(f"{file} cannot be read: {reason}.") from None
    except ValueError:
        raise InvalidKubeconfig(f"{file} is no valid name of a file.") from None
    try:
        entries = read_kubeconfig(text)
    except InvalidKubeconfig as error:
        raise InvalidKubeconfig(
            f"{file} {error}. Correct the file; kubectl also rejects it."
        ) from None
    folder = Path(name).absolute().parent
    return replace(
        entries,
        clusters={
            key: _resolve_cluster(one, folder) for key, one in entries.clusters.items()
        },
        users={key: _resolve_user(one, folder) for key, one in entries.users.items()},
    )


def _resolve_cluster(entry: ClusterEntry, folder: Path) -> ClusterEntry:
    return replace(entry, ca_file=_resolve(entry.ca_file, folder))


def _resolve_user(entry: UserEntry, folder: Path) -> UserEntry:
    plugin = entry.exec
    if plugin is not None and "/" in plugin.command:
        plugin = replace(plugin, command=_resolve(plugin.command, folder))
    return replace(
        entry,
        cert_file=_resolve(entry.cert_file, folder),
        key_file=_resolve(entry.key_file, folder),
        token_file=_resolve(entry.token_file, folder),
        exec=plugin,
    )


def _resolve(path: str, folder: Path) -> str:
    """Return a path relative to the folder of its file; an empty one stays empty."""
    return str(folder / path) if path else ""


def _merge(files: list[Kubeconfig]) -> Kubeconfig:
    ordered = list(reversed(files))
    return Kubeconfig(
        clusters={key: one for file in ordered for key, one in file.clusters.items()},
        users={key: one for file in ordered for key, one in file.users.items()},
        contexts={key: one for file in ordered for key, one in file.contexts.items()},
        current_context=next(filter(None, (one.current_context for one in files)), ""),
    )
