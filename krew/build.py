"""Build what krew installs: an archive for this platform, and its manifest.

``python krew/build.py FOLDER [URL]`` writes both into FOLDER. Nothing is published yet:
``kubectl krew install --manifest=argogrant.yaml --archive=argogrant.tar.gz`` installs
from the files. The archive has compiled parts, so there is one for each platform.

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
"""Where archives are while nobody publishes them."""
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""As Go names what the kernel says."""
_LEFT_OUT: Final = {"__pycache__", "bin"}
"""What would differ from one building machine to the next."""
DESCRIPTION: Final = """\
Ask for an Argo CD role for a limited time, agree to it, look who has what,
and end it. Needs the operator argogrant in the cluster.
"""
CAVEATS: Final = """\
Needs python3.11 on the PATH.
"""


def build(folder: Path, url: str = NOWHERE) -> None:
    """Write the archive and the manifest.

    Args:
        folder: Where to; it is made.
        url: The folder of which the archive will be downloaded.
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


def _install(library: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile"]
    quiet = ["--disable-pip-version-check", "--target", str(library), "--upgrade"]
    subprocess.run([*pip, *quiet, *what], check=True)  # noqa: S603


def pack(library: Path) -> bytes:
    """Put the command, its library and the licence into one archive."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name in ("kubectl-argogrant", "LICENSE"):
            _add(tar, ROOT / ("krew" if name != "LICENSE" else "") / name, name)
        for path in sorted(library.rglob("*")):
            within = path.relative_to(library)
            if path.is_file() and _LEFT_OUT.isdisjoint(within.parts):
                _add(tar, path, f"lib/{within}")
    return packed.getvalue()


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    content = path.read_bytes()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    tar.addfile(member, io.BytesIO(content))


def manifest(archive: bytes, url: str) -> dict[str, Any]:
    """Describe the archive as krew wants it, for the platform that this runs on."""
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
