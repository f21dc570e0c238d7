"""`python -m infra.emulators.pubsub`: the emulator alone, as the console script `pubsub-emulator` runs it."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
