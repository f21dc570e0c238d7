"""Makes `time.sleep` work under `faketime --exclude-monotonic` (`make test-clock`), in this process and its children.

There libfaketime 0.9.10 (Debian 12) gives the kernel a wrong moment to wake up at, and the call fails with EINVAL.
`select` is told how long to wait, not until when.
"""

from __future__ import annotations

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    wait_s = float(seconds)
    if wait_s < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), wait_s)


time.sleep = _sleep
