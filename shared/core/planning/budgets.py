"""`[[budgets]]` of a rules file: what a day may cost for the uploads below a prefix, inside the day's ceiling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from shared.core.delivery.budget import Ceiling, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS: Final = ("bucket", "prefix", "max_calls_per_day", "max_usd_per_day")


def read_budgets(tables: Any, problems: list[str]) -> tuple[Ceiling, ...]:
    """Return the budgets that TOML says; what is wrong with them goes to `problems`, each behind its place."""
    if not isinstance(tables, list):
        problems.append("budgets: expected [[budgets]], in double brackets")
        return ()
    found: list[Ceiling] = []
    for index, table in enumerate(tables):
        place, before = f"budgets[{index}]", len(problems)
        problems += [f"{place}{problem}" for problem in _problems(table)]
        if len(problems) > before:
            continue
        budget = _budget(table)
        if any(each.scope == budget.scope for each in found):
            problems.append(f"{place}: expected one budget for each bucket and prefix, found a second one")
        found.append(budget)
    return tuple(found)


def _budget(table: Mapping[str, Any]) -> Ceiling:
    usd = table.get("max_usd_per_day")
    return Ceiling(
        calls=table.get("max_calls_per_day"),
        usd=None if usd is None else float(usd),
        scope=Scope(table.get("bucket"), table.get("prefix", "")),
    )


def _problems(table: Any) -> list[str]:
    if not isinstance(table, dict):
        return [f": expected a table, found {table!r}"]
    unknown = [f".{key}: expected one of {', '.join(_KEYS)}" for key in table if key not in _KEYS]
    texts = [
        f".{key}: expected a text, found {table[key]!r}"
        for key in ("bucket", "prefix")
        if not isinstance(table.get(key, ""), str)
    ]
    amounts = [
        f".{key}: expected {wanted}, found {table[key]!r}"
        for key, wanted, fine in (
            ("max_calls_per_day", "a whole number above 0", _is_count),
            ("max_usd_per_day", "a number above 0", _is_amount),
        )
        if key in table and not fine(table[key])
    ]
    missing = [] if table.keys() & set(_KEYS[2:]) else [f": expected {' or '.join(_KEYS[2:])}, found neither"]
    everything = [] if table.get("bucket") or table.get("prefix") else [_EVERYTHING]
    return [*unknown, *texts, *amounts, *missing, *everything]


_EVERYTHING: Final = (
    ": expected a bucket or a prefix, found neither: what all uploads may cost is MAX_CALLS_PER_DAY and MAX_USD_PER_DAY"
)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
