"""How much room the day has for events that wait for it: told from listings of the work bucket, not from a counter."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shared.core.delivery import budget
from shared.core.delivery.budget import Ceiling
from shared.core.delivery.holding import RELEASED
from shared.core.errors import AlreadyExistsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.values import Source
    from shared.pipeline.ports import Ports

_DEAR_CALL_NANO_USD, _CHEAP_CALL_NANO_USD = 100_000_000, 5_000_000
"""What a call with masks reserves, and less than what a caption does: names of held events tell no price."""


def room_calls(ports: Ports, budget_id: str | None = None) -> int | None:
    """Return for how many further calls the day has room, None where nothing limits them.

    It is the room of the deployment's ceiling, and of a budget besides, where its id is given and it still exists.

    What was released today and has not been asked about yet is taken off, so that workers who are slow are not sent
    more than the day can hold. Dollars are taken for dear calls; what is left then goes with a later tick.
    """
    budgets = [each for each in ports.budgets if budget_id is not None and each.scope_id == budget_id]
    rooms = [_room(each, ports) for each in (_ceiling(ports), *budgets) if each.limits]
    return min(rooms, default=None)


def _room(ceiling: Ceiling, ports: Ports) -> int:
    day = budget.day_of(ports.clock.now_iso())
    names = ports.store.list_names(ports.settings.work_bucket, budget.folder(ceiling, day))
    free = budget.read_pool(ceiling, names).free
    calls = free.calls
    if ceiling.calls is not None:
        calls = min(calls, ceiling.calls - _released(_folder(ceiling, day), ports))
    if ceiling.usd is not None:
        calls = min(calls, _calls_for(free.nano_usd))
    return max(0, int(calls))


def _calls_for(nano_usd: float) -> float:
    """Return for how many calls so much has room: dear ones, or a single one which may be cheap."""
    return max(nano_usd // _DEAR_CALL_NANO_USD, 1 if nano_usd >= _CHEAP_CALL_NANO_USD else 0)


def note_released(sources: Sequence[Source], ports: Ports) -> None:
    """Remember for the rest of the day that the events of these uploads were released."""
    _note(len(sources), _ceiling(ports), ports)
    for each in ports.budgets:
        scope = each.scope
        _note(sum(scope is not None and scope.covers(one.bucket, one.name) for one in sources), each, ports)


def _note(count: int, ceiling: Ceiling, ports: Ports) -> None:
    if ceiling.calls is None or not count:
        return
    folder = _folder(ceiling, budget.day_of(ports.clock.now_iso()))
    name = f"{folder}{ports.new_id()}.{count}"  # a name of its own, and never written twice: nothing to race for
    with contextlib.suppress(AlreadyExistsError):  # this very write, whose answer was lost
        ports.store.create(ports.settings.work_bucket, name, b"", content_type="text/plain")


def _ceiling(ports: Ports) -> Ceiling:
    return Ceiling(ports.settings.max_calls_per_day, ports.settings.max_usd_per_day)


def _folder(ceiling: Ceiling, day: str) -> str:
    return f"{RELEASED}{day}/{ceiling.name}/"


def _released(folder: str, ports: Ports) -> int:
    names = ports.store.list_names(ports.settings.work_bucket, folder)
    return sum(int(last) for name in names if (last := name.rpartition(".")[2]).isdecimal())
