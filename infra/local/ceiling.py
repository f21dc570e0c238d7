"""The day's ceiling of a local stack, where the environment sets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.endpoints import stale

if TYPE_CHECKING:
    from collections.abc import Mapping

EMULATOR_CALLS_PER_DAY = 10_000
REAL_CALLS_PER_DAY, REAL_USD_PER_DAY = 100, 1.0
_CALLS, _USD = "MAX_CALLS_PER_DAY", "MAX_USD_PER_DAY"


def ceiling(environ: Mapping[str, str], *, real: bool) -> dict[str, str]:
    """Return the day's ceiling as settings: that of the environment, if it has one, else the stack's own.

    What an earlier stack chose is none of the environment's, though a shell may still have it from `stack.env`.

    >>> ceiling({}, real=True)
    {'MAX_CALLS_PER_DAY': '100', 'MAX_USD_PER_DAY': '1'}
    """
    if own := given(environ):
        return own
    if real:
        return {_CALLS: str(REAL_CALLS_PER_DAY), _USD: f"{REAL_USD_PER_DAY:g}"}
    return {_CALLS: str(EMULATOR_CALLS_PER_DAY)}


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the day's ceiling that somebody has set in the environment."""
    left = stale(environ)
    return {name: environ[name] for name in (_CALLS, _USD) if name not in left and environ.get(name, "").strip()}
