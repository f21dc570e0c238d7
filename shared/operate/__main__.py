"""`python -m shared.operate COMMAND …`: with the environment of a deployment's functions."""

from __future__ import annotations

import sys

from shared.operate.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
