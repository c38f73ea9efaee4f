"""The build of the control plane's programs into the user's cache.

A build goes into a temporary folder that is renamed at the end: an interrupted build
never appears complete. A lock allows one build at a time.
"""

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane import go, programs
from controlplane.go import Say

UNFINISHED = "unfinished-"
WAIT_SECONDS = 0.5


def build(say: Say) -> None:
    """Build the pinned versions unless the cache has them.

    Raises:
        BuildFailed: Go could not download or build something.
        NotBuilt: Go or kubectl is not installed.
    """
    if programs.are_built():
        say(f"The control plane is built already: {programs.bin_folder()}")
        return
    folder = programs.built_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_build(folder.parent / "lock", say):
        if programs.are_built():
            say(f"Another build has finished it: {programs.bin_folder()}")
            return
        _remove_leftovers(folder.parent)
        _build_into(folder, say)


@contextmanager
def only_build(lock: Path, say: Say) -> Iterator[None]:
    """Acquire a lock, or wait for another build."""
    with lock.open("w", encoding="utf-8") as file:
        started = time.monotonic()
        told = -go.SIGN_OF_LIFE_SECONDS
        while not _locked(file.fileno()):
            waited = time.monotonic() - started
            if waited - told >= go.SIGN_OF_LIFE_SECONDS:
                say(f"Waiting for another build to end, {go.elapsed(started)}")
                told = waited
            time.sleep(WAIT_SECONDS)
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover)


def _build_into(folder: Path, say: Say) -> None:
    started = time.monotonic()
    say(
        "Building a control plane (etcd, kube-apiserver, Argo CD): about ten minutes "
        "and 7 GB of cache on two cores, once."
    )
    unfinished = folder.with_name(f"{UNFINISHED}{folder.name}")
    (unfinished / "bin").mkdir(parents=True)
    try:
        _download(say)
        for program in programs.to_build():
            _compile(program, unfinished / "bin", say)
        shutil.copy2(programs.installed("kubectl"), unfinished / "bin")
        _copy_crds(unfinished / "crds", say)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    say(f"Built in {go.elapsed(started)}: {folder / 'bin'}")


def _download(say: Say) -> None:
    """Have Go fetch the modules that are really needed, which is what listing does."""
    started = time.monotonic()
    say("modules: looking for what has to be downloaded")
    go.run(
        ["list", "-deps", *(program.package for program in programs.to_build())],
        say=say,
        progress=lambda count: f"modules: {count} downloaded",
        counted=lambda line: line.startswith("go: downloading"),
    )
    say(f"modules: complete, {go.elapsed(started)}")


def _compile(program: programs.Program, folder: Path, say: Say) -> None:
    started = time.monotonic()
    total = len(_listed(["-deps", program.package], say))
    say(f"{program.name}: {total} packages, unless some are compiled already")
    flags = ["-trimpath", "-v", "-ldflags", program.linker_flags]
    go.run(
        ["build", *flags, "-o", str(folder / program.name), program.package],
        say=say,
        progress=lambda count: f"{program.name}: {count} of {total} packages compiled",
        counted=lambda line: bool(line.strip()),
    )
    say(f"{program.name}: done, {go.elapsed(started)}")


def _copy_crds(folder: Path, say: Say) -> None:
    """Keep Argo CD's resource definitions; the module's folder may be gone later."""
    listed = _listed(["-m", "-f", "{{.Dir}}", programs.ARGO_CD_MODULE], say)
    folder.mkdir()
    for crd in Path(listed[0]).glob("manifests/crds/*-crd.yaml"):
        shutil.copyfile(crd, folder / crd.name)


def _listed(arguments: list[str], say: Say) -> list[str]:
    answer = go.run(
        ["list", *arguments],
        say=say,
        progress=lambda _: "listing packages",
        counted=lambda _: False,
    )
    return answer.splitlines()
