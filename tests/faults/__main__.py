"""`python -m tests.faults` writes docs/faults.md, and names what no test shows."""

from __future__ import annotations

import sys

from tests.faults.table import PAGE, ROOT, page, read_catalogue, read_markers


def main() -> int:
    """Write the page; return 1 where a fault has neither a test nor a reason."""
    faults, tests = read_catalogue(), read_markers()
    PAGE.write_text(page(faults, tests), encoding="utf-8")
    open_ends = [fault.number for fault in faults if not tests.get(fault.number) and not fault.not_shown]
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(faults)} faults, without test or reason: {open_ends or 'none'}\n")
    return 1 if open_ends else 0


if __name__ == "__main__":
    raise SystemExit(main())
