"""Every command has help, an example and described options."""

import inspect
import os
import runpy
import sys
from collections.abc import Sequence

import pytest
import yaml
from click.testing import CliRunner

from argogrant import __version__
from argogrant.cli.commands.command import load, without_flag_values
from argogrant.cli.commands.params import EnumChoice
from argogrant.cli.main import COMMANDS, app, plugin

RUNNER = CliRunner()
TYPES = {"float range": float, "integer range": int, "boolean": bool}
"""Types of values by the name of click's type; others are texts."""
VALUES = {
    "text": str,
    "path": str,
    "name": str,
    "float range": float,
    "integer range": int,
}
NAMES = sorted(one.name for one in COMMANDS)


def test_version_is_that_of_the_package() -> None:
    result = RUNNER.invoke(app, ["version"])

    assert (result.exit_code, result.output) == (0, f"{__version__}\n")


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_serialized_version_contains_the_api_version(output) -> None:
    versions = yaml.safe_load(RUNNER.invoke(app, ["version", "-o", output]).output)

    assert versions["version"] == __version__
    assert versions["apiVersion"] == "argogrant.dev/v1alpha1"


def test_no_command_prints_the_help() -> None:
    result = RUNNER.invoke(app, [])

    assert "Usage:" in result.output
    for command in NAMES:
        assert command in result.output


@pytest.mark.parametrize("command", NAMES)
def test_help_contains_an_example(command) -> None:
    result = RUNNER.invoke(app, [command, "--help"])

    assert result.exit_code == 0
    assert f"Example: argogrant {command}" in result.output


@pytest.mark.parametrize("command", NAMES)
def test_every_option_has_help(command) -> None:
    params = app.commands[command].params

    assert [one.name for one in params if not one.help] == []


def test_function_has_a_parameter_for_each_option_with_the_type_of_its_value() -> None:
    """The options are declared apart from the functions that get their values."""
    for command in COMMANDS:
        parameters = inspect.signature(load(command.function)).parameters
        declared = {one.name for one in command.params if one.expose_value}

        assert set(parameters) == declared, command.name
        for one in command.params:
            if not one.expose_value:
                continue
            expected: object = TYPES.get(one.type.name, str)
            if isinstance(one.type, EnumChoice) and not one.multiple:
                expected = type(one.type.choices[0])
            elif one.nargs == -1 or one.multiple:
                expected = Sequence[str]
            assert parameters[one.name].annotation == expected, (command.name, one.name)


@pytest.mark.parametrize("command", NAMES)
def test_help_fits_on_a_screen(command, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    lines = RUNNER.invoke(app, [command, "--help"]).output.splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


def test_help_of_the_plugin_names_kubectl(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl-argogrant", "show", "--help"])
    with pytest.raises(SystemExit):
        plugin()

    assert "Usage: kubectl argogrant show" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no namespace"),
        pytest.param(["--namespace", "x", "--sweep-seconds", "0"], id="no interval"),
        pytest.param(
            ["--namespace", "x", "--audit-sink", "http://siem.example.com"],
            id="an audit sink without TLS",
        ),
    ],
)
def test_operator_does_not_start_with_invalid_options(arguments, monkeypatch) -> None:
    monkeypatch.setattr(runpy, "run_module", lambda *_, **__: pytest.fail("started"))
    result = RUNNER.invoke(app, ["operator", *arguments])

    assert result.exit_code == 2


def test_operator_runs_kopf_in_its_process_for_its_namespaces(
    monkeypatch,
) -> None:
    """kopf loads a module, because a path would shadow the standard library."""
    started: list[list[str]] = []
    monkeypatch.setattr(
        runpy, "run_module", lambda name, **_: started.append([name, *sys.argv])
    )
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(os, "environ", {})
    namespaces = ["--namespace", "one", "--namespace", "two"]
    sink = ["--audit-sink", "https://siem.example.com"]
    RUNNER.invoke(app, ["operator", *namespaces, "--sweep-seconds", "7", *sink])

    (command,) = started
    assert command[:3] == ["kopf", "kopf", "run"]
    assert "argogrant.handlers" in command
    assert " ".join(namespaces) in " ".join(command)
    assert os.environ["ARGOGRANT_LEASE_NAMESPACE"] == "one"
    assert os.environ["ARGOGRANT_OPERATOR_NAMESPACE"] == ""
    assert os.environ["ARGOGRANT_SWEEP_SECONDS"] == "7.0"
    assert os.environ["ARGOGRANT_AUDIT_SINK"] == "https://siem.example.com"


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        pytest.param(["--no-headers=true"], ["--no-headers"], id="true"),
        pytest.param(["--no-headers=F", "-A"], ["-A"], id="false"),
        pytest.param(["--no-headers=maybe"], ["--no-headers=maybe"], id="neither"),
        pytest.param(["--role=true"], ["--role=true"], id="no flag"),
        pytest.param(["--", "--no-headers=1"], ["--", "--no-headers=1"], id="argument"),
    ],
)
def test_flag_has_the_values_of_kubectl(words: list[str], kept: list[str]) -> None:
    assert without_flag_values(app.commands["list"], words) == kept


def test_value_of_a_flag_chooses_its_opposite() -> None:
    command = app.commands["operator"]

    kept = without_flag_values(command, ["--leader-elect=false"])

    assert kept == ["--no-leader-elect"]
