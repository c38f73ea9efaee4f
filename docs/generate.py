"""Write what is generated from the code: the CRDs and the reference of reasons."""

from pathlib import Path

from argogrant.api.crd import KINDS, crd_yaml
from argogrant.grants.reasons import REASONS

ROOT = Path(__file__).parent.parent


def generated_files() -> dict[str, str]:
    """Give every generated file's text by its path in the repository."""
    files = {f"crds/{kind.plural}.yaml": crd_yaml(kind) for kind in KINDS}
    rows = "\n".join(f"| `{reason}` | {text} |" for reason, text in REASONS.items())
    files["docs/reference/reasons.md"] = (
        "# Reasons of conditions\n\n"
        "Generated from `grants/reasons.py` by `make generate`.\n\n"
        f"| reason | when it is used |\n| --- | --- |\n{rows}\n"
    )
    return files


if __name__ == "__main__":
    for name, text in generated_files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
