"""No command imports a file of the current directory, or starts a child process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from argogrant.cli.import_path import without_current_directory

HERE = "/tmp/here"
LIBRARIES = "/opt/lib"
SCRIPTS = Path(sys.executable).parent
SOURCES = Path(__file__).parents[3] / "operator"
PLANTED = (
    *("kopf.py", "kopf/__init__.py", "kopf/__main__.py", "socks.py", "yaml.py"),
    *("typer.py", "click.py", "aiohttp.py", "kubernetes_asyncio.py", "pydantic.py"),
    *("pykube.py", "kubernetes.py", "uvloop.py", "json.py", "runpy.py", "shlex.py"),
    *("argogrant/__init__.py", "argogrant/handlers.py", "argogrant/cli/main.py"),
    *("sitecustomize.py", "usercustomize.py"),
)
"""Files that a command would load from its directory if it imported from there."""
BY_PYTHON = ("sitecustomize.py", "usercustomize.py")
"""Files that Python itself loads from ``PYTHONPATH``, before any line of argogrant."""


@pytest.mark.parametrize(
    ("path", "argv", "variable", "kept"),
    [
        pytest.param(
            [str(SCRIPTS), LIBRARIES],
            ["/bin/argogrant"],
            None,
            [str(SCRIPTS), LIBRARIES],
            id="an installed script keeps its path",
        ),
        pytest.param(
            [HERE, LIBRARIES], ["-m"], None, [LIBRARIES], id="python -m loses its first"
        ),
        pytest.param(["", LIBRARIES], ["-c"], None, [LIBRARIES], id="an empty entry"),
        pytest.param(
            [LIBRARIES, ".", ""], ["-c"], None, [LIBRARIES], id="entries further back"
        ),
        pytest.param(
            [LIBRARIES, HERE],
            ["argogrant"],
            f":{LIBRARIES}",
            [LIBRARIES],
            id="an empty item of PYTHONPATH",
        ),
        pytest.param(
            [LIBRARIES, HERE],
            ["argogrant"],
            f"{LIBRARIES}:.",
            [LIBRARIES],
            id="a dot in PYTHONPATH",
        ),
        pytest.param(
            [LIBRARIES, HERE],
            ["argogrant"],
            f"{LIBRARIES}:.//./",
            [LIBRARIES],
            id="a dot and slashes in PYTHONPATH",
        ),
        pytest.param(
            [HERE, LIBRARIES],
            ["argogrant"],
            f":{HERE}",
            [HERE, LIBRARIES],
            id="a directory that PYTHONPATH names stays",
        ),
        pytest.param(
            [HERE, HERE, LIBRARIES],
            ["-m"],
            HERE,
            [HERE, LIBRARIES],
            id="python -m loses only its own entry",
        ),
        pytest.param(
            [HERE, LIBRARIES],
            ["argogrant"],
            "",
            [HERE, LIBRARIES],
            id="an empty PYTHONPATH means nothing",
        ),
        pytest.param([], ["-m"], None, [], id="an empty path"),
    ],
)
def test_import_path_lacks_the_current_directory(path, argv, variable, kept) -> None:
    environment = {} if variable is None else {"PYTHONPATH": variable}
    found = without_current_directory(
        path, argv=argv, environment=environment, directory=HERE
    )

    assert found == kept


def test_safe_path_of_python_stays() -> None:
    """With -P, Python has not put the current directory first."""
    path = [LIBRARIES]
    found = without_current_directory(
        path, argv=["-m"], environment={}, directory=HERE, is_safe=True
    )

    assert found == path


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A directory with files that write their name into ``loaded``."""
    folder = tmp_path / "work"
    for name in PLANTED:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(tmp_path / 'loaded')!r}, 'a').write('{name} ')\n")
    return folder


def loaded_by(command: list[str], folder: Path, python_path: str) -> str:
    """Run a command in a folder, and return the planted files that it loaded.

    An operator without an API server does not end: it is stopped once it has asked for
    one, with everything imported.
    """
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        "PYTHONPATH": python_path,
        "KUBECONFIG": str(folder / "missing"),
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "will try again" in line:
                process.kill()
    watchdog.cancel()
    loaded = folder.parent / "loaded"
    return loaded.read_text().strip() if loaded.exists() else ""


OPERATOR = ("operator", "--namespace", "argogrant", "--no-leader-elect")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["argogrant", *OPERATOR], id="operator"),
        pytest.param(["argogrant", "list", "-o", "json"], id="list"),
        pytest.param(["argogrant", "sweep"], id="sweep"),
        pytest.param(["argogrant", "doctor"], id="doctor"),
        pytest.param(["kubectl-argogrant", "version", "-o", "yaml"], id="plugin"),
        pytest.param(["kubectl_complete-argogrant", "request", ""], id="completion"),
    ],
)
def test_installed_script_loads_no_file_of_the_current_directory(
    planted, words
) -> None:
    script, *rest = words

    assert loaded_by([str(SCRIPTS / script), *rest], planted, str(SOURCES)) == ""


@pytest.mark.parametrize("words", [OPERATOR, ("list",)], ids=["operator", "list"])
def test_empty_item_of_the_path_variable_loads_no_file(planted, words) -> None:
    """Python itself loads two modules from there, before any line of argogrant."""
    for name in BY_PYTHON:
        (planted / name).unlink()
    command = [str(SCRIPTS / "argogrant"), *words]

    assert loaded_by(command, planted, f"{SOURCES}:") == ""


@pytest.mark.parametrize("words", [OPERATOR, ("list",)], ids=["operator", "list"])
def test_module_option_of_python_loads_no_file(planted, words) -> None:
    """``python -m`` itself finds runpy and argogrant in the current directory."""
    for name in ("runpy.py", *(one for one in PLANTED if one.startswith("argogrant/"))):
        (planted / name).unlink()
    command = [sys.executable, "-m", "argogrant.cli.main", *words]

    assert loaded_by(command, planted, str(SOURCES)) == ""
