"""One tick of the scheduler as a process of its own, which can be killed: `python -m tests.batch.tick SECONDS`.

So many seconds after somebody was about to create a job, he is taken for dead: whoever is killed here is. The product
waits for a quarter of an hour, because nobody can tell it.
"""

from __future__ import annotations

import sys
from unittest.mock import patch

from shared import bootstrap
from shared.core.errors import TransientError
from shared.pipeline.upkeep import batch_making
from shared.pipeline.upkeep.batching import follow_batches

READY = "ready"


def main() -> int:
    """Say that it begins, and follow the jobs; 1 where a further tick has to go on."""
    ports = bootstrap.batch_ports()
    assert ports is not None, "expected BATCH=true"
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    with patch.object(batch_making, "CREATING_S", float(sys.argv[1])):
        try:
            follow_batches(ports)
        except TransientError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
