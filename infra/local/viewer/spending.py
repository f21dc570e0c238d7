"""The day's ceiling, used up and made new by a button: by the names that lie in the work bucket, as workers see it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from infra.local.breakable import BUDGET
from shared.core.delivery import budget
from shared.core.delivery.holding import RELEASED
from shared.core.errors import AlreadyExistsError

if TYPE_CHECKING:
    from shared.pipeline.ports import Ports


def use_up(ports: Ports) -> int:
    """Take all that is left today of the button's budget, as calls for other images would; return how many calls.

    Raises:
        TransientError: the work bucket is away.
    """
    folder = budget.folder(BUDGET, _today(ports))
    pool = budget.read_pool(BUDGET, ports.store.list_names(ports.settings.work_bucket, folder))
    for part in pool.grants:
        with contextlib.suppress(AlreadyExistsError):  # a worker was faster: then its call is spent
            ports.store.create(ports.settings.work_bucket, folder + part.name, b"", content_type="text/plain")
    return len(pool.grants)


def begin_anew(ports: Ports) -> None:
    """Make the button's budget as it is on the morning of a new day: nothing is spent, and nothing was released.

    Raises:
        TransientError: the work bucket is away.
    """
    today = _today(ports)
    for folder in (budget.folder(BUDGET, today), f"{RELEASED}{today}/{BUDGET.name}/"):
        for name in ports.store.list_names(ports.settings.work_bucket, folder):
            ports.store.delete(ports.settings.work_bucket, name)


def _today(ports: Ports) -> str:
    return budget.day_of(ports.clock.now_iso())
