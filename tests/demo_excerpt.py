"""The README's excerpt of what the demo shows, and its picture, made by running it: `python -m tests.demo_excerpt`.

The README shows it with the detector: `make eyes` fetches that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes
from infra.local.process import ROOT

README, PICTURE = ROOT / "README.md", ROOT / "docs" / "images" / "overview.jpg"
COLUMNS = 80
_BEGIN, _END = "<!-- demo: begin -->\n", "<!-- demo: end -->"


def run_demo(state_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo as for a terminal of 80 columns, with eyes that know names."""
    argv = [sys.executable, "-m", "infra.local", "demo", "--state", str(state_dir)]
    env = {**os.environ, "COLUMNS": str(COLUMNS), EYES_VARIABLE: Eyes.DETECTOR}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400, check=False)


def excerpt(output: str) -> str:
    """Return the part that does not depend on the day: the table, and what is said of the calls."""
    lines = [line.rstrip() for line in output.splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("image "))
    last = next(number for number, line in enumerate(lines) if line.startswith("Gemini emulator: "))
    text = "\n".join(lines[first : last + 1])
    # How often an event comes again is Pub/Sub's business: twice on a machine that has nothing else to do.
    return re.sub(r"again; \d+ result events", "again; 2 result events", text)


def filled(readme: str, output: str) -> str:
    """Return the README with its excerpt made anew."""
    before, _, rest = readme.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}```\n{excerpt(output)}\n```\n{_END}{after}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ended = run_demo(Path(folder))
        if ended.returncode:
            sys.exit(ended.stdout + ended.stderr)
        shutil.copyfile(Path(folder, "overview.jpg"), PICTURE)
    README.write_text(filled(README.read_text(encoding="utf-8"), ended.stdout), encoding="utf-8")
