"""Fetch the detector's weights, once for an environment: from an npm package, pinned by hash, or not at all.

    python -m infra.emulators.gemini.vision.weights              # fetch what is missing
    python -m infra.emulators.gemini.vision.weights FILE.tgz     # take it out of a tarball that you have

Without them the emulator answers by colours and shapes alone. So whatever keeps them away is one line, and no failure.
The standard library is all that this needs: `make` runs it while the packages are still being installed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE, VERSION = "@vladmandic/human", "3.3.6"
"""MIT by its manifest and its LICENSE file; 29 MB, of which the two files below are kept."""
INTEGRITY = "sha512-Nr5mPfq1gQ+uKeXY5uM3Fj8UxvF5CEh2s6txM5wRThqaW0mF9huooOuZSrT8hhGho0hGaXLFdAwfD/2+teCv6A=="
"""Of the tarball, as the registry and every lock file of npm write it."""
TIMEOUT_S = 120.0
FOLDER_VARIABLE = "EYES_FOLDER"
_INSTEAD = "Colours and shapes answer instead."


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the package: its path in the tarball, and the SHA-256 of its bytes."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


GRAPH = Part("package/models/centernet.json", "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05")
NUMBERS = Part("package/models/centernet.bin", "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef")
PARTS = (GRAPH, NUMBERS)


class NoWeightsError(Exception):
    """The weights cannot be had; the message is a clause that says why."""


def folder() -> Path:
    """Return where the weights lie: in this Python environment, unless EYES_FOLDER names another place."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(sys.prefix, "share", "uplook-emulators")


def read(part: Part) -> bytes:
    """Return a file's bytes.

    Raises:
        NoWeightsError: it is not there, or is not the file that is pinned.
    """
    try:
        data = (folder() / part.name).read_bytes()
    except FileNotFoundError:
        raise NoWeightsError(f"{part.name} is not in {folder()}") from None
    except OSError as error:
        raise NoWeightsError(f"{part.name} cannot be read from {folder()}: {error.strerror}") from error
    return _pinned(data, part)


def present() -> bool:
    """Whether all files are there, and are those that are pinned."""
    try:
        return all(read(part) for part in PARTS)
    except NoWeightsError:
        return False


def fetch() -> None:
    """Have npm bring the package from the registry that it is set up for, and keep what is needed of it.

    Raises:
        NoWeightsError: there is no npm, or it brings something else, or nothing.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NoWeightsError("npm, which brings them, is not installed")
    with tempfile.TemporaryDirectory(prefix="uplook-eyes-") as place:
        _run_npm(npm, place)
        tarballs = list(Path(place).glob("*.tgz"))
        if len(tarballs) != 1:
            raise NoWeightsError(f"npm brought {len(tarballs)} files instead of one")
        take(tarballs[0])


def take(tarball: Path) -> None:
    """Keep what is needed of a tarball.

    Raises:
        NoWeightsError: it is not the one that is pinned, or cannot be read, or there is no room for its files.
    """
    try:
        data = tarball.read_bytes()
        found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        if found != INTEGRITY:
            raise NoWeightsError(f"{tarball.name} has the hash {found[:23]}… and {INTEGRITY[:23]}… is pinned")
        with tarfile.open(tarball) as archive:
            files = [(part, _member(archive, part)) for part in PARTS]
        for part, content in files:
            _write(folder() / part.name, content)
    except (OSError, tarfile.TarError) as error:
        raise NoWeightsError(f"{error}") from error


def main(arguments: list[str]) -> int:
    """Fetch what is missing; say in one line what became of it, and return 0 whatever it was."""
    try:
        if arguments:
            take(Path(arguments[0]))
        elif not present():
            fetch()
        else:
            return 0
    except NoWeightsError as error:
        sys.stdout.write(f"Things will have no names, as the detector is left out: {error}. {_INSTEAD}\n")
        return 0
    sys.stdout.write(f"Things will have names: the detector is in {folder()}.\n")
    return 0


def _run_npm(npm: str, place: str) -> None:
    # `pack` runs no script of a package that comes from a registry, and installs nothing. What is not reached at once
    # is left out: nobody waits for minutes for names.
    argv = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", place, "--ignore-scripts", "--loglevel", "error"]
    argv += ["--fetch-retries", "0", "--fetch-timeout", str(int(TIMEOUT_S * 1000 / 2)), "--no-update-notifier"]
    argv += ["--cache", str(Path(place, "cache")), "--logs-max", "0"]  # nothing is left behind in the person's home
    try:
        # In the temporary folder: a package.json or an .npmrc where somebody stands is not ours to follow.
        done = subprocess.run(
            argv, cwd=place, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoWeightsError(f"npm did not bring them within {TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise NoWeightsError(f"npm does not run: {error.strerror}") from error
    if done.returncode:
        raise NoWeightsError(f"npm could not bring them ({_reason(done.stderr)})")


def _reason(said: str) -> str:
    r"""Return npm's error code, which every kind of failure has, or how else it ended.

    >>> _reason("npm error code ENOTFOUND\nnpm error syscall getaddrinfo")
    'ENOTFOUND'
    """
    words = [line.split() for line in said.splitlines()]
    codes = [each[-1] for each in words if "code" in each[:-1]]
    return codes[0] if codes else "it said no reason"


def _member(archive: tarfile.TarFile, part: Part) -> bytes:
    # Read, and not unpacked: no name in the archive decides where anything is written.
    try:
        found = archive.extractfile(part.path)
    except KeyError:
        found = None
    if found is None:
        raise NoWeightsError(f"the package has no {part.path}")
    return _pinned(found.read(), part)


def _pinned(data: bytes, part: Part) -> bytes:
    if (found := hashlib.sha256(data).hexdigest()) != part.sha256:
        raise NoWeightsError(f"{part.name} has the hash {found[:12]}… and {part.sha256[:12]}… is pinned")
    return data


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: an emulator may read it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
