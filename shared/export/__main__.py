"""`python -m shared.export FORMAT WHERE`: results on stdout, progress and what was left out on stderr."""

from __future__ import annotations

import sys

from shared.command_line import collect_garbage_seldom, escape_what_cannot_be_shown
from shared.export.cli import main

if __name__ == "__main__":
    collect_garbage_seldom()
    escape_what_cannot_be_shown()
    sys.exit(main(sys.argv[1:]))
