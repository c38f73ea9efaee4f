"""Write what the chart takes from elsewhere in the repository, and its README."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from pages import NOTE, table

ROOT = Path(__file__).parent.parent
CHART: Final = "charts/argogrant"
COPIED: Final = ("crds", "admission", "manifests/monitoring")
_COMMENT: Final = re.compile(r" *# ?(.*)")
_KEY: Final = re.compile(r"( *)(\w+):")


def chart_files() -> dict[str, str]:
    """Give the text of every generated file of the chart by its path."""
    files = {
        f"{CHART}/files/{Path(folder).name}/{source.name}": source.read_text()
        for folder in COPIED
        for source in sorted((ROOT / folder).iterdir())
    }
    return {**files, f"{CHART}/README.md": readme()}


def readme() -> str:
    """Write the chart's README from the comments of its values."""
    text = (ROOT / CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows = [
        (f"`{path}`", f"`{_default(values, path)}`", comment)
        for path, comment in described(text)
    ]
    return (
        f"# The chart argogrant\n\n{NOTE}\n\n"
        "[How to install argogrant](../../docs/how-to/install.md) says what to do."
        "\n\n## Values\n\n" + table(("value", "default", "meaning"), rows)
    )


def described(text: str) -> Iterator[tuple[str, str]]:
    """Give every value that has a comment above it: its path, and the comment."""
    comment: list[str] = []
    parents: list[str] = []
    for line in text.splitlines():
        if found := _COMMENT.fullmatch(line):
            comment.append(found[1])
        elif found := _KEY.match(line):
            parents = [*parents[: len(found[1]) // 2], found[2]]
            if comment:
                yield ".".join(parents), " ".join(comment)
            comment = []


def _default(values: Any, path: str) -> str:  # noqa: ANN401
    for key in path.split("."):
        values = values[key]
    if isinstance(values, dict | list):
        return yaml.safe_dump(values, default_flow_style=True, width=1000).strip()
    return yaml.safe_dump(values, width=1000).replace("\n...", "").strip()


if __name__ == "__main__":
    for name, text in chart_files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
