"""Whether an event that was kept is one that a worker has had: its lease says so, in the words of its key.

An event in the work bucket can ask for anything: any prompt, any model. So it counts only where it lies at its own
name, and where the lease of that name was last taken for exactly this event. Whoever can write both, which the rights
leave to the worker of that one task, gains nothing by it: it may ask the model itself (docs/deploy.md).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.core import naming
from shared.core.errors import NotFoundError, PermanentError
from shared.core.planning import plan

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.pipeline.ports import Ports

_MAX_LEASE_BYTES = 100_000


def why_unvouched(event: ImageEvent, ports: Ports) -> str | None:
    """Return why nothing shows that a worker has had this very event, or None."""
    paths = naming.paths(event.source, run=event.run, task=event.task)
    try:
        lease = json.loads(ports.store.read(ports.settings.work_bucket, paths.lease, max_bytes=_MAX_LEASE_BYTES))
    except NotFoundError:
        return f"no worker has had it: there is no {paths.lease}"
    except (PermanentError, ValueError, RecursionError):
        return f"{paths.lease} is not one of our leases"
    if not isinstance(lease, dict) or lease.get("key") != plan.ask_key(event):
        return f"{paths.lease} was taken for another event, or by nobody of ours"
    return None
