"""The registry of Gemini models: what each takes, what it answers with and what it costs (`models.toml`)."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.model import Usage

MaskStyle = Literal["png", "polygon", "none"]
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens from a day on."""

    start: dt.date
    usd_in: float
    usd_out: float


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What one model id takes and gives. `known` is False for an id the registry has never heard of."""

    id: str
    thinking: Literal["budget", "level"] = "level"
    levels: tuple[str, ...] = ("low", "medium", "high")
    masks: MaskStyle = "polygon"
    backends: tuple[str, ...] = ("developer", "vertex")
    prices: tuple[Price, ...] = ()
    retired: dt.date | None = None
    successor: str | None = None
    known: bool = True

    def level(self, wanted: str) -> str:
        """Return the thinking level to ask for: the wanted one, or the lowest where the model rejects it."""
        return wanted if wanted in self.levels else self.levels[0]


def profile(model_id: str) -> ModelProfile:
    """Return the profile of a model; an unknown id gets the defaults of today's models, and `known=False`."""
    return _registry().get(model_id) or ModelProfile(model_id, known=False)


def known_models() -> tuple[ModelProfile, ...]:
    """Return every profile of the registry, in the file's order."""
    return tuple(_registry().values())


def cost_usd(model: ModelProfile, usage: Usage, *, day: dt.date) -> float | None:
    """Return what a call cost at the list price of that day, or None where price or tokens are unknown."""
    current = [price for price in model.prices if price.start <= day]
    if not current or usage.prompt_tokens is None:
        return None
    price = max(current, key=lambda entry: entry.start)
    output = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    return round((usage.prompt_tokens * price.usd_in + output * price.usd_out) / _MILLION, 8)


@cache
def _registry() -> dict[str, ModelProfile]:
    text = resources.files("shared.core").joinpath("models.toml").read_text(encoding="utf-8")
    return {model_id: _profile(model_id, table) for model_id, table in tomllib.loads(text).items()}


def _profile(model_id: str, table: Mapping[str, Any]) -> ModelProfile:
    return ModelProfile(
        id=model_id,
        thinking=table["thinking"],
        levels=tuple(table["levels"]),
        masks=table["masks"],
        backends=tuple(table["backends"]),
        prices=tuple(Price(row["from"], row["usd_in"], row["usd_out"]) for row in table["prices"]),
        retired=table.get("retired"),
        successor=table.get("successor"),
    )
