"""Values of options: output formats and strategies, as in kubectl."""

from enum import StrEnum
from typing import Final


class ListFormat(StrEnum):
    """Output formats of lists and objects, as in kubectl."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


READABLE: Final = frozenset({ListFormat.TABLE, ListFormat.WIDE})
"""Formats for people, which contain sentences instead of objects."""


class TextOrJSON(StrEnum):
    """Output formats of answers: for people, and for programs."""

    TEXT = "text"
    JSON = "json"


class DocumentFormat(StrEnum):
    """Output formats of a description."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class PlanFormat(StrEnum):
    """Output formats of ``plan``."""

    DIFF = "diff"
    JSON = "json"


class ReportFormat(StrEnum):
    """Output formats of a report."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class DryRun(StrEnum):
    """Dry-run strategies, as in kubectl."""

    NONE = "none"
    SERVER = "server"


class Shell(StrEnum):
    """Shells with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
