"""`python -m infra.emulators.storage`: the emulator alone, as the console script `storage-emulator` runs it."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
