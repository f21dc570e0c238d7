"""`python -m shared.export FORMAT WHERE`: results on stdout, progress and what was left out on stderr."""

from __future__ import annotations

import sys

from shared.command_line import collect_garbage_seldom
from shared.export.cli import main

if __name__ == "__main__":
    collect_garbage_seldom()
    sys.exit(main(sys.argv[1:]))
