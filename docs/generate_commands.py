"""Generator of the command reference, from the commands of the CLI."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from argogrant.cli.main import app
from pages import NOTE, table

ROOT = Path(__file__).parent.parent
PAGE: Final = "docs/reference/commands.md"
INTRODUCTION: Final = """\
`argogrant` and `kubectl argogrant` are the same command. It uses the kubeconfig and
your own permissions, [as kubectl does](../how-to/choose-a-cluster.md), and never
connects to Argo CD. Errors are printed to standard error, with their remedy.

| exit status | meaning |
| --- | --- |
| 0 | The command succeeded; the answer is yes; there are no differences. |
| 1 | The command failed; the answer is no; there are differences. |
| 2 | Invalid usage. For `can` and `plan` also: the command failed. |

Output has colours on a terminal only, and not if `NO_COLOR` is set. Times are in the
local time zone, and are printed with it. The environment variable `ARGOGRANT_NAMESPACE`
is the default of `--namespace`.
"""
OPTIONS: Final = """\
## Options of every command

They choose the API server and the credential, as in kubectl, and can be given before
the command or after it. If a command has another option of the same name, such as
`request --user`, give the option before the command.
"""
_NOT_SHOWN: Final = "--help"


def generated_files() -> dict[str, str]:
    """Return the text of the page by its path in the repository."""
    return {PAGE: page()}


def page() -> str:
    """Return a page with every command, its arguments and its options."""
    sections = [
        _section(name, one) for name, one in app.commands.items() if not one.hidden
    ]
    columns = ("option", "meaning", "default")
    options = f"{OPTIONS}\n{table(columns, list(_rows(app)))}"
    return "\n".join(["# Commands\n", NOTE + "\n", INTRODUCTION, options, *sections])


def _section(name: str, command: Any) -> str:  # noqa: ANN401
    *paragraphs, example = command.help.split("\n\n")
    description = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    command_line = example.removeprefix("Example: ").strip()
    lines = [f"## argogrant {name}\n", description, f"\n```sh\n{command_line}\n```\n"]
    rows = list(_rows(command))
    if rows:
        lines.append(table(("argument or option", "meaning", "default"), rows))
    return "\n".join(lines)


def _rows(command: Any) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    for one in command.params:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        if _NOT_SHOWN in one.opts or getattr(one, "hidden", False):
            continue
        if one.param_type_name == "argument":
            names = f"`{one.metavar or one.name.upper()}`"
        values = one.type.choices if isinstance(one.type, click.Choice) else ()
        words = ", ".join(f"`{value.value}`" for value in values)
        meaning, default = _split_help(one)
        if words and "One of" not in meaning:
            meaning = f"{meaning} One of {words}."
        yield names, meaning, default


def _split_help(option: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return the help and the default, which the help names if it is computed."""
    meaning, _, computed = (option.help or "").partition("  [default: ")
    if option.required:
        return meaning, "required"
    return meaning, computed.removesuffix("]") or _default(option)


def _default(option: Any) -> str:  # noqa: ANN401
    value = option.to_info_dict()["default"]
    if value in (None, "", False, ()):
        return ""
    return f"`{str(value).lower() if value is True else value}`"


if __name__ == "__main__":
    for name, text in generated_files().items():
        (ROOT / name).write_text(text)
