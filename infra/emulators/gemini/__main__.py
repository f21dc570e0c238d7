"""`python -m infra.emulators.gemini`: the emulator alone, as the console script `gemini-emulator` runs it."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
