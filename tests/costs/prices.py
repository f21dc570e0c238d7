"""What things cost: the list prices of `prices.toml`, and tokens at the models' own prices."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.core.gemini.prices import price_on
from shared.core.gemini.registry import profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.costs.rules import Counted

FILE: Final = Path(__file__).with_name("prices.toml")
_NOT_PRICES: Final = "assumptions"
_MILLION: Final = 1_000_000
_BYTES_PER_TIB: Final = 2**40


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list price stands, and when it was read there."""

    name: str
    url: str
    as_of: str


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return one table of the file."""
    found: Mapping[str, Any] = _document()[name]
    return found


def sources() -> tuple[Source, ...]:
    """Return where each table's prices come from, in the file's order."""
    tables = (each for name, each in _document().items() if name != _NOT_PRICES)
    return tuple(Source(each["name"], each["url"], each["as_of"]) for each in tables)


def usd_per_message_byte() -> float:
    """Return what a byte of a message costs, once: in, or out of one subscription."""
    return float(table("pubsub")["usd_per_tib"]) / _BYTES_PER_TIB


def usd_of(calls: Iterable[tuple[str, Counted]], *, day: dt.date) -> float:
    """Return what calls cost at the list prices of a day, each a model's id with its tokens.

    Raises:
        ValueError: the price of a model is unknown.
    """
    total = 0.0
    for model, tokens in calls:
        price = price_on(profile(model), day)
        if price is None:
            raise ValueError(f"Expected a price of {model} on {day}, found none in models.toml: leave the model out.")
        total += (tokens.image + tokens.text + tokens.schema) * price.usd_in
        total += (tokens.thoughts + tokens.answer) * price.usd_out
    return total / _MILLION


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
