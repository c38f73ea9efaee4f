"""Generator of the patch of ``argocd-cm`` with health checks and actions of the kinds.

Its sources are in ``argocd/resource_customizations``, in the layout of Argo CD's own
repository.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from argogrant.api.crd import GROUP, KINDS

ROOT: Final = Path(__file__).parent.parent
PATCH: Final = "argocd/argocd-cm-patch.yaml"
_FOLDER: Final = ROOT / "argocd/resource_customizations" / GROUP
_HEADER: Final = """\
# Generated from argocd/resource_customizations: health checks and actions of the kinds.
# Apply with: kubectl patch -n argocd configmap argocd-cm --patch-file <this file>
"""


def argocd_files() -> dict[str, str]:
    """Return the text of the generated file by its path in the repository."""
    data: dict[str, str] = {}
    for kind in KINDS:
        folder, name = _FOLDER / kind.kind, f"{GROUP}_{kind.kind}"
        health = (folder / "health.lua").read_text()
        data[f"resource.customizations.health.{name}"] = health
        if (folder / "actions").exists():
            actions = _dump(_actions(folder / "actions"))
            data[f"resource.customizations.actions.{name}"] = actions
    return {PATCH: _HEADER + _dump({"data": data})}


def _actions(folder: Path) -> dict[str, Any]:
    return {
        "discovery.lua": (folder / "discovery.lua").read_text(),
        "definitions": [
            {"name": path.parent.name, "action.lua": path.read_text()}
            for path in sorted(folder.glob("*/action.lua"))
        ],
    }


class _Readable(yaml.SafeDumper):
    """YAML dumper that writes texts of several lines as block scalars."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)


def _dump(value: object) -> str:
    return yaml.dump(value, Dumper=_Readable, sort_keys=False, width=88)


if __name__ == "__main__":
    for path, text in argocd_files().items():
        (ROOT / path).write_text(text)
