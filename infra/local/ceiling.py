"""The day's ceiling of a local stack, where the environment sets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EMULATOR_CALLS_PER_DAY = 10_000
REAL_CALLS_PER_DAY, REAL_USD_PER_DAY = 100, 1.0
_CALLS, _USD = "MAX_CALLS_PER_DAY", "MAX_USD_PER_DAY"


def ceiling(environ: Mapping[str, str], *, real: bool) -> dict[str, str]:
    """Return the day's ceiling as settings: that of the environment, if it has one, else the stack's own.

    >>> ceiling({}, real=True)
    {'MAX_CALLS_PER_DAY': '100', 'MAX_USD_PER_DAY': '1'}
    """
    own = {name: environ[name] for name in (_CALLS, _USD) if environ.get(name, "").strip()}
    if own:
        return own
    if real:
        return {_CALLS: str(REAL_CALLS_PER_DAY), _USD: f"{REAL_USD_PER_DAY:g}"}
    return {_CALLS: str(EMULATOR_CALLS_PER_DAY)}
