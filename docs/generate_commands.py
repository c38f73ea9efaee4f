"""Write the reference of the commands from the commands themselves."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import typer

from argogrant.cli.main import app
from pages import NOTE, table

ROOT = Path(__file__).parent.parent
PAGE: Final = "docs/reference/commands.md"
INTRODUCTION: Final = """\
`argogrant` and `kubectl argogrant` are the same command. It asks the API server with
your own rights, by the kubeconfig that kubectl uses, and never Argo CD. What goes wrong
is one sentence on standard error that names the remedy.

| exit status | it means |
| --- | --- |
| 0 | It was done; the answer is yes; there is no difference. |
| 1 | It could not be done; the answer is no; there are differences. |
| 2 | It was not typed as it has to be; with `can` and `plan`, or: there is no answer. |

Colours appear on a terminal only, and not if `NO_COLOR` is set. Where times are asked
for, the zone of the machine counts, and the answer says which one that was.
`ARGOGRANT_NAMESPACE` takes the place of `--namespace`.
"""
_NOT_SHOWN: Final = "--help"


def generated_files() -> dict[str, str]:
    """Give the page's text by its path in the repository."""
    return {PAGE: page()}


def page() -> str:
    """Write every command with its arguments and options."""
    root: Any = typer.main.get_command(app)
    sections = [_section(name, command) for name, command in root.commands.items()]
    return "\n".join(["# Commands\n", NOTE + "\n", INTRODUCTION, *sections])


def _section(name: str, command: Any) -> str:  # noqa: ANN401
    *paragraphs, example = command.help.split("\n\n")
    said = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    typed = example.removeprefix("Example: ").strip()
    lines = [f"## argogrant {name}\n", said, f"\n```sh\n{typed}\n```\n"]
    rows = list(_rows(command))
    if rows:
        lines.append(table(("argument or option", "meaning", "default"), rows))
    return "\n".join(lines)


def _rows(command: Any) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    for one in command.params:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        if _NOT_SHOWN in one.opts:
            continue
        if one.param_type_name == "argument":
            names = f"`{one.metavar or one.name.upper()}`"
        kind = one.type_descriptor.annotation
        values = kind if isinstance(kind, type(Enum)) else ()
        words = ", ".join(f"`{value.value}`" for value in values)
        some = f" One of {words}." if words else ""
        needed = "obligatory" if one.required else _default(one)
        yield names, f"{one.help or ''}{some}", needed


def _default(option: Any) -> str:  # noqa: ANN401
    value = getattr(option.default, "value", option.default)
    if value in (None, "", False, ()) or callable(value):
        return ""
    return f"`{str(value).lower() if value is True else value}`"


if __name__ == "__main__":
    for name, text in generated_files().items():
        (ROOT / name).write_text(text)
