"""The archive that every function is built from: what ships, and nothing else, with the same bytes for the same files.

    python -m infra.archive             # infra/.build/source-<digest>.zip, where Terraform looks for it
    python -m infra.archive OUT.zip

The name holds a digest of the sources, which `infra/source.tf` computes once more: stale archives are never deployed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
FILES: Final = ("main.py", "requirements.txt")
FOLDERS: Final = ("functions", "shared")
SUFFIXES: Final = (".json", ".py", ".toml")
LEFT_OUT: Final = re.compile(r"[A-Z].*|.*\..*|__pycache__", re.DOTALL)
"""The allow-list, and the folders below which nothing ships, such as `.mypy_cache/3.14`. `.gcloudignore` and
`infra/source.tf` say the same, and tests compare all three."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP file can say
_MODE: Final = 0o100644 << 16
_DIGEST_CHARS: Final = 16


def source_files(root: Path = ROOT) -> list[str]:
    """Return what ships: paths relative to `root`, sorted.

    Raises:
        FileNotFoundError: naming a file without which nothing can be built.
    """
    for name in FILES:
        if not (root / name).is_file():
            raise FileNotFoundError(f"{root / name}: expected a file that the build needs, found none.")
    found = [path.relative_to(root) for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    return sorted([*FILES, *(path.as_posix() for path in found if _ships(path))])


def _ships(path: Path) -> bool:
    return path.name.endswith(SUFFIXES) and not any(LEFT_OUT.fullmatch(folder) for folder in path.parts[:-1])


def digest(root: Path = ROOT) -> str:
    """Return what names this state of the sources."""
    lines = (f"{hashlib.sha256((root / name).read_bytes()).hexdigest()}  {name}\n" for name in source_files(root))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:_DIGEST_CHARS]


def default_path(root: Path = ROOT) -> Path:
    """Return where Terraform looks for the archive of the sources as they are now."""
    return root / "infra" / ".build" / f"source-{digest(root)}.zip"


def write(out: Path, root: Path = ROOT) -> None:
    """Write the archive: sorted entries, no times, no owners."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        for name in source_files(root):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix: else the system that runs this would show
            # Stored: what deflate writes differs between versions of zlib, and the build unpacks it at once.
            archive.writestr(entry, (root / name).read_bytes(), zipfile.ZIP_STORED)


def main(argv: Sequence[str]) -> int:
    """Write the archive and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m infra.archive", description="Pack what the functions are made of.")
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT.zip", help="default: where Terraform looks for it")
    out = parser.parse_args(argv).out or default_path()
    write(out)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
