"""Build of the krew plugin: an archive for this platform, and its manifest.

``python krew/build.py FOLDER [URL]`` writes both to FOLDER. The plugin is not published
yet; ``kubectl krew install --manifest=argogrant.yaml --archive=argogrant.tar.gz``
installs it from these files. Each platform has its own archive, because it contains
compiled libraries.

Source: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
"""

import gzip
import hashlib
import io
import platform
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from argogrant import __version__

ROOT: Final = Path(__file__).parent.parent
ARCHIVE: Final = "argogrant.tar.gz"
MANIFEST: Final = "argogrant.yaml"
NOWHERE: Final = "https://example.com/argogrant"
"""Placeholder for the download URL until archives are published."""
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Names of Go for the machine names of the kernel."""
_EXCLUDED: Final = {"__pycache__", "bin"}
"""Folders whose content differs between build machines."""
DESCRIPTION: Final = """\
Request, approve, list and revoke time-bound Argo CD roles. Requires the
operator argogrant in the cluster.
"""
CAVEATS: Final = """\
Requires python3.11 on the PATH.
"""


def build(folder: Path, url: str = NOWHERE) -> None:
    """Write the archive and the manifest.

    Args:
        folder: Output folder; created if it does not exist.
        url: URL of the folder that the archive will be downloaded from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        library = Path(name)
        _install(library, "--require-hashes", "-r", str(ROOT / "requirements.txt"))
        _install(library, "--no-deps", "--no-build-isolation", str(ROOT))
        archive = pack(library)
    (folder / ARCHIVE).write_bytes(archive)
    text = yaml.safe_dump(manifest(archive, url), sort_keys=False)
    (folder / MANIFEST).write_text(text)


def _install(library: Path, *requirements: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile"]
    quiet = ["--disable-pip-version-check", "--target", str(library), "--upgrade"]
    subprocess.run([*pip, *quiet, *requirements], check=True)  # noqa: S603


def pack(library: Path) -> bytes:
    """Return an archive with the command, its libraries and the licence."""
    archive = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name in ("kubectl-argogrant", "LICENSE"):
            _add(tar, ROOT / ("krew" if name != "LICENSE" else "") / name, name)
        for path in sorted(library.rglob("*")):
            within = path.relative_to(library)
            if path.is_file() and _EXCLUDED.isdisjoint(within.parts):
                _add(tar, path, f"lib/{within}")
    return archive.getvalue()


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    content = path.read_bytes()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    tar.addfile(member, io.BytesIO(content))


def manifest(archive: bytes, url: str) -> dict[str, Any]:
    """Return the krew manifest of an archive for the current platform."""
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "argogrant"},
        "spec": {
            "version": f"v{__version__}",
            "shortDescription": "Time-bound, approved access to Argo CD",
            "description": DESCRIPTION,
            "caveats": CAVEATS,
            "platforms": [
                {
                    "selector": {"matchLabels": {"os": sys.platform, "arch": machine}},
                    "uri": f"{url}/{ARCHIVE}",
                    "sha256": hashlib.sha256(archive).hexdigest(),
                    "bin": "kubectl-argogrant",
                }
            ],
        },
    }


if __name__ == "__main__":
    build(Path(sys.argv[1]), *sys.argv[2:3])
