"""Shells of the completion tests, from Debian packages in the user's cache.

apt-get resolves, downloads and verifies the packages with lists of its own, without
root, and nothing is installed. Nothing pins the versions: the tests must also pass with
the shells that a machine already has.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from controlplane import building, programs
from controlplane.go import Say

PACKAGES = {"zsh": ("zsh-static", "zsh-common"), "fish": ("fish",)}
"""Packages of each shell. Only the static zsh finds its modules in another folder."""
SCRIPTS = {
    "zsh": r"""#!/bin/sh
root=$(dirname "$(dirname "$0")")/root
FPATH=$(find "$root/usr/share/zsh/functions" -type d | paste -sd:)
export FPATH
for program in "$root/bin/zsh-static" "$root/usr/bin/zsh-static"; do
    [ ! -x "$program" ] || exec "$program" "$@"
done
exit 127
""",
    "fish": r"""#!/bin/sh
root=$(dirname "$(dirname "$0")")/root
LD_LIBRARY_PATH=$(find "$root" -name '*.so.*' -exec dirname {} + | sort -u | paste -sd:)
export LD_LIBRARY_PATH
exec "$root/usr/bin/fish" "$@"
""",
}
UPDATE = ("-q", "update")
DOWNLOAD = ("-q", "-y", "--no-install-recommends", "--download-only", "install")
TIMEOUT_SECONDS = 180


def program(name: str) -> Path | None:
    """Return the installed shell, else that of the cache; None if both are absent."""
    found = shutil.which(name) or shutil.which(name, path=_folder() / "bin")
    return Path(found) if found else None


def fetch(say: Say) -> None:
    """Fetch the shells unless the machine or the cache has them.

    Without apt-get, or if it fails, this prints why: the tests of a shell that is
    absent are then skipped.
    """
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with building.only_build(folder.parent / "lock", say):
        if all(map(program, PACKAGES)):
            return
        say(f"Fetching {' and '.join(PACKAGES)} from Debian packages.")
        unfinished = folder.with_name(f"{building.UNFINISHED}{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            _fetch_into(unfinished)
            unfinished.rename(folder)
        except (OSError, subprocess.SubprocessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            say(f"Not fetched, so their tests are skipped: {reason.strip()}")
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _fetch_into(folder: Path) -> None:
    """Fill a folder: ``bin`` has the commands, and ``root`` the unpacked packages."""
    apt, bin_folder, root = (folder / name for name in ("apt", "bin", "root"))
    for new in (apt / "lists/partial", apt / "archives/partial", bin_folder, root):
        new.mkdir(parents=True)
    packages = [package for needed in PACKAGES.values() for package in needed]
    _apt_get(apt, UPDATE)
    _apt_get(apt, (*DOWNLOAD, *packages))
    for archive in apt.glob("archives/*.deb"):
        _run(["dpkg-deb", "--extract", str(archive), str(root)])
    shutil.rmtree(apt)
    # fish finds its functions relative to its program if these folders are neighbours.
    (root / "usr/etc").symlink_to("../etc")
    for name, script in SCRIPTS.items():
        command = bin_folder / name
        command.write_text(script)
        command.chmod(0o755)
        _run([str(command), "--version"])


def _apt_get(folder: Path, arguments: Sequence[str]) -> None:
    """Run apt-get with lists and archives of its own, which need no lock of dpkg."""
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": "20",
    }
    settings = [part for key, to in options.items() for part in ("-o", f"{key}={to}")]
    _run(["apt-get", *settings, *arguments])


def _run(command: Sequence[str]) -> None:
    subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_SECONDS,
    )


def _folder() -> Path:
    """Return the folder for these packages and this release of the system."""
    release = Path("/etc/os-release")
    pins = [repr(PACKAGES), repr(SCRIPTS), platform.system(), platform.machine()]
    pins += [release.read_text(encoding="utf-8")] if release.exists() else []
    key = hashlib.sha256("\0".join(pins).encode()).hexdigest()[:12]
    return programs.cache() / "shells" / key
