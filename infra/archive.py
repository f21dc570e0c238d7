"""The archive that every function is built from: what ships, and nothing else, with the same bytes for the same files.

    python -m infra.archive             # infra/.build/source-<digest>.zip, where Terraform looks for it
    python -m infra.archive OUT.zip

Of what lies in the folders that ship, git knows what belongs to the product: a file that it does not track (notes, a
key, an experiment) is left out, and named. Where git does not keep these sources, such as in an unpacked download,
nothing can tell: then every file of a kind that ships is packed, and that is said.

Beside it lies the same with the exporters of spans among its requirements, for who deploys with `tracing = true`.

The name holds a digest of the sources, which `infra/source.tf` computes once more: stale archives are never deployed.
What is left out stands in `infra/.build/left-out.json`, for Terraform to leave it out, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
FILES: Final = ("main.py", "requirements.txt")
FOLDERS: Final = ("functions", "shared")
TRACING: Final[Mapping[str, str]] = {"requirements.txt": "requirements-tracing.txt"}
"""What is packed under another name where spans are sent: `infra/source.tf` says the same."""

SUFFIXES: Final = (".json", ".py", ".toml")
NOTHING: Final[Mapping[str, str]] = {}
LEFT_OUT: Final = re.compile(r"[A-Z].*|.*\..*|__pycache__", re.DOTALL)
"""The allow-list, and the folders below which nothing ships, such as `.mypy_cache/3.14`. `.gcloudignore` and
`infra/source.tf` say the same, and tests compare all three."""

LEFT_OUT_NOTE: Final = "infra/.build/left-out.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP file can say
_MODE: Final = 0o100644 << 16
_DIGEST_CHARS: Final = 16


def source_files(root: Path = ROOT) -> list[str]:
    """Return what ships: paths relative to `root`, sorted. Only tracked files do, where git keeps these sources.

    Raises:
        FileNotFoundError: naming a file without which nothing can be built.
    """
    known = tracked(root)
    return [name for name in _candidates(root) if known is None or name in known]


def left_out(root: Path = ROOT) -> list[str]:
    """Return what would ship if git tracked it."""
    known = tracked(root)
    return [] if known is None else [name for name in _candidates(root) if name not in known]


def tracked(root: Path = ROOT) -> frozenset[str] | None:
    """Return the files that git tracks; None where it does not keep these sources, or is not there.

    Sources that lie inside of somebody else's repository, untracked as a whole, are not kept by it.
    """
    argv = ["git", "-C", str(root), "ls-files", "-z", "--", *FILES, *FOLDERS]
    try:
        ended = subprocess.run(argv, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    names = frozenset(ended.stdout.decode(errors="surrogateescape").split("\0"))
    return names if FILES[0] in names else None


def _candidates(root: Path) -> list[str]:
    """Return every file that could ship, by its name."""
    for name in FILES:
        if not (root / name).is_file():
            raise FileNotFoundError(f"{root / name}: expected a file that the build needs, found none.")
    found = [path.relative_to(root) for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    return sorted([*FILES, *(path.as_posix() for path in found if _ships(path))])


def _ships(path: Path) -> bool:
    return path.name.endswith(SUFFIXES) and not any(LEFT_OUT.fullmatch(folder) for folder in path.parts[:-1])


def digest(root: Path = ROOT, packed_as: Mapping[str, str] = NOTHING) -> str:
    """Return what names this state of the sources."""
    contents = ((name, (root / packed_as.get(name, name)).read_bytes()) for name in source_files(root))
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:_DIGEST_CHARS]


def default_path(root: Path = ROOT, packed_as: Mapping[str, str] = NOTHING) -> Path:
    """Return where Terraform looks for the archive of the sources as they are now."""
    return root / "infra" / ".build" / f"source-{digest(root, packed_as)}.zip"


def write(out: Path, root: Path = ROOT, packed_as: Mapping[str, str] = NOTHING) -> None:
    """Write the archive: sorted entries, no times, no owners. `packed_as` names files that stand in for others."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        for name in source_files(root):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix: else the system that runs this would show
            # Stored: what deflate writes differs between versions of zlib, and the build unpacks it at once.
            archive.writestr(entry, (root / packed_as.get(name, name)).read_bytes(), zipfile.ZIP_STORED)


def note_left_out(root: Path = ROOT) -> None:
    """Tell Terraform which files are no sources, although they look like some."""
    note = root / LEFT_OUT_NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(left_out(root), indent=2) + "\n", encoding="utf-8")


def _remarks(root: Path) -> list[str]:
    """Return what people should know about what was packed."""
    if tracked(root) is None:
        where, kinds = " and ".join(FOLDERS), ", ".join(SUFFIXES)
        told = f"git does not keep these sources: every file below {where} that ends in {kinds} was packed"
        return [f"{told}, {len(source_files(root))} in all. Make sure that none of them is private."]
    return [f"left out, because git does not track it: {name}. Run `git add` if it ships." for name in left_out(root)]


def main(argv: Sequence[str], *, root: Path = ROOT) -> int:
    """Write the archive and print where it is; what was left out, and why, goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m infra.archive", description="Pack what the functions are made of.")
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT.zip", help="default: where Terraform looks for it")
    chosen = parser.parse_args(argv).out
    out = chosen or default_path(root)
    write(out, root)
    if chosen is None:
        write(default_path(root, TRACING), root, TRACING)
    note_left_out(root)
    for remark in _remarks(root):
        print(f"infra.archive: {remark}", file=sys.stderr)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
