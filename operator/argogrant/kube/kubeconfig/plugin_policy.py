"""Policy of the user about exec plugins, in kubectl's preferences (kuberc).

The author of a kubeconfig can name any program as its plugin. With
``credentialPluginPolicy`` a user, or the administrator of a machine, permits none or
some of them; a program that reads the same kubeconfig has to obey it.

Source: kubernetes/kubectl, ``pkg/kuberc/kuberc.go``; kubernetes/client-go,
``plugin/pkg/client/auth/exec/exec.go``, ``checkAllowlistLocked``.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from argogrant.grants.model.validation import quote
from argogrant.kube.kubeconfig.documents import Fields, load_yaml
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig

DEFAULT: Final = Path(".kube", "kuberc")
VARIABLE: Final = "KUBERC"
KIND: Final = "Preference"
GROUP: Final = "kubectl.config.k8s.io/"
_SEPARATOR: Final = re.compile(rb"^---[ \t\r]*$", re.MULTILINE)


def check_plugin(command: str, title: str, environment: Mapping[str, str]) -> None:
    """Refuse a plugin that the preferences do not permit.

    Args:
        command: The plugin: an absolute path, or a name in PATH.
        title: Whose plugin it is, such as ``user "one" of the kubeconfig``.
        environment: KUBERC, HOME and PATH.

    Raises:
        InvalidKubeconfig: It is not permitted, or the preferences cannot be read.
    """
    file = _file(environment)
    if file is None:
        return
    policy, allowed = _read(file)
    if policy in ("", "AllowAll") and not allowed:
        return
    if policy == "Allowlist" and _is_listed(command, allowed, environment):
        return
    raise InvalidKubeconfig(
        f"the exec plugin {quote(command)} of {title} may not run:"
        f" credentialPluginPolicy in {quote(str(file))} does not permit it. To permit"
        " it, add it to credentialPluginAllowlist, as for kubectl."
    )


def _file(environment: Mapping[str, str]) -> Path | None:
    """Return the file of the preferences; None if it is off or does not exist."""
    given = environment.get(VARIABLE, "")
    if given == "off" or environment.get("KUBECTL_KUBERC") == "false":
        return None
    if given:
        return Path(given)
    file = Path(environment.get("HOME", "")) / DEFAULT
    return file if file.exists() else None


def _read(file: Path) -> tuple[str, tuple[str, ...]]:
    try:
        document = _document(file.read_bytes())
        entries = document.items("credentialPluginAllowlist")
        allowed = tuple(map(_program_of, entries))
        return document.text("credentialPluginPolicy"), allowed
    except OSError as error:
        problem = f"cannot be read: {(error.strerror or 'unknown error').lower()}"
    except InvalidKubeconfig as error:
        problem = str(error)
    raise InvalidKubeconfig(
        f"the preferences {quote(str(file))} of kubectl, which say whether an exec"
        f" plugin may run, cannot be used: the file {problem}. Correct it, or set"
        f" {VARIABLE}=off."
    )


def _program_of(entry: Fields) -> str:
    program = entry.text("command") or entry.text("name")
    if not program:
        raise InvalidKubeconfig("has an empty entry in credentialPluginAllowlist")
    return program


def _document(text: bytes) -> Fields:
    """Return the first document that kubectl reads as preferences.

    If there is none, it is the first one that has a policy. kubectl ignores that one,
    but its author means to forbid something.
    """
    documents = [Fields.of(load_yaml(one), "") for one in _SEPARATOR.split(text)]
    read = [
        one
        for one in documents
        if one.text("kind") == KIND and one.text("apiVersion").startswith(GROUP)
    ]
    meant = [one for one in documents if one.has("credentialPluginPolicy")]
    return (read or meant or documents)[0]


def _is_listed(
    command: str, allowed: tuple[str, ...], environment: Mapping[str, str]
) -> bool:
    path = environment.get("PATH", "")
    program = command if "/" in command else shutil.which(command, path=path)
    if command in allowed or program in allowed:
        return True
    name = PurePosixPath(command).name
    same = [one for one in allowed if one and PurePosixPath(one).name == name]
    return program is not None and program in (
        shutil.which(one, path=path) for one in same
    )
