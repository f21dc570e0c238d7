"""One tick of the scheduler as a process of its own: `python -m tests.batch.tick SECONDS [CALL]`.

It is killed before its CALL-th call of the object store, if that is given and it comes so far: kill -9, whatever its
other threads are at.

So many seconds after somebody was about to create a job, he is taken for dead: whoever is killed here is. The product
waits for a quarter of an hour, because nobody can tell it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from shared import bootstrap
from shared.core.errors import TransientError
from shared.pipeline.upkeep import batch_making
from shared.pipeline.upkeep.batching import follow_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.ports import ObjectStore


class _Killing:
    """An object store whose n-th call kills this process."""

    def __init__(self, store: ObjectStore, *, call: int) -> None:
        self._store, self._call, self._calls = store, call, itertools.count(1)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._store, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            if next(self._calls) == self._call:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments, **options)

        return counted


def main() -> int:
    """Say that it begins, and follow the jobs; 1 where a further tick has to go on."""
    ports = bootstrap.batch_ports()
    assert ports is not None, "expected BATCH=true"
    if sys.argv[2:]:
        ports = replace(ports, store=cast("ObjectStore", _Killing(ports.store, call=int(sys.argv[2]))))
    with patch.object(batch_making, "CREATING_S", float(sys.argv[1])):
        try:
            follow_batches(ports)
        except TransientError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
