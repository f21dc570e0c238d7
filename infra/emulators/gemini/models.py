"""The models this emulator answers as: thinking, mask form and image tokens of each id alive in November 2026."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping


class MaskForm(StrEnum):
    """How a family writes a segmentation mask."""

    POLYGON = "polygon"
    PNG = "png"


GEMINI_3_TOKENS = {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "ULTRA_HIGH": 2240}
GEMINI_2_TOKENS = {"LOW": 64, "MEDIUM": 256}


@dataclass(frozen=True, slots=True)
class Model:
    """What distinguishes one id: `budgets` is (lowest above zero, highest), `image_tokens` by media resolution."""

    levels: tuple[str, ...] = ()
    budgets: tuple[int, int] | None = None
    can_stop_thinking: bool = True
    mask: MaskForm = MaskForm.POLYGON
    image_tokens: Mapping[str, int] = field(default_factory=lambda: GEMINI_3_TOKENS)


TOLERATED = (1, 65_536)
"""3.x still takes a budget; Argon, and so the other Gemini 4 ids, refuse it."""

BUDGETS = {"gemini-2.5-pro": (128, 32_768), "gemini-2.5-flash-lite": (512, 24_576)}
USUAL_BUDGET = (1, 24_576)
ALWAYS_THINKING = frozenset({"gemini-3.5-flash-lite", "gemini-3.1-pro-preview", "gemini-2.5-pro"})


def _model(model_id: str, row: Mapping[str, Any]) -> Model:
    """Return a model by its row of models.json, and by what is known here of how it takes budgets."""
    can_stop = model_id not in ALWAYS_THINKING
    if row["thinking"] == "level":
        tolerant = model_id.startswith(("gemini-3", "gemini-robotics"))
        levels = tuple(level.upper() for level in row["levels"])
        return Model(levels, TOLERATED if tolerant else None, can_stop_thinking=can_stop)
    return Model(
        budgets=BUDGETS.get(model_id, USUAL_BUDGET),
        can_stop_thinking=can_stop,
        mask=MaskForm.PNG,
        image_tokens=GEMINI_2_TOKENS,
    )


_ROWS: Mapping[str, Any] = json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))

MODELS = {model_id: _model(model_id, row) for model_id, row in _ROWS.items()}
"""By id: how each thinks, from models.json, a copy of facts that Uplook keeps in a table of its own."""

RETIRED = {"gemini-2.0-flash": Model(mask=MaskForm.PNG, image_tokens=GEMINI_2_TOKENS)}
"""Shut down, but still in published examples: answered on request only."""

ALIASES = {"gemini-flash-latest": "gemini-3.8-flash", "gemini-flash-lite-latest": "gemini-3.5-flash-lite"}
"""Known in v1beta of the Developer API, and nowhere else."""

THOUGHT_TOKENS = {"MINIMAL": 0, "LOW": 16, "MEDIUM": 32, "HIGH": 64, "XHIGH": 128}
DYNAMIC_BUDGET = -1


def check_thinking(model: Model, level: str | None, budget: int | None) -> None:
    """Refuse the thinking settings that the model refuses.

    Raises:
        ApiError: 400, in the words of the real service.
    """
    if level is not None and budget is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if level is not None:
        _check_level(model, level)
    if budget is not None:
        _check_budget(model, budget)


def thought_tokens(level: str | None, budget: int | None) -> int:
    """Return the thoughts that are reported: a token count by level, none where thinking is off."""
    if budget is not None:
        return 0 if budget == 0 else THOUGHT_TOKENS["LOW"]
    return THOUGHT_TOKENS[level or "LOW"]


def _check_level(model: Model, level: str) -> None:
    if not model.levels:
        raise invalid("Thinking level is not supported for this model.")
    if level not in model.levels:
        raise invalid(
            f"Thinking level {level} is not supported for this model. Please retry with other thinking level."
        )


def _check_budget(model: Model, budget: int) -> None:
    if model.budgets is None:
        raise invalid("Thinking budget is not supported for this model.")
    if budget == 0 and not model.can_stop_thinking:
        raise invalid("Budget 0 is invalid. This model only works in thinking mode.")
    lowest, highest = model.budgets
    if budget not in (0, DYNAMIC_BUDGET) and not lowest <= budget <= highest:
        raise invalid(
            f"The thinking budget ({budget}) is invalid. Please choose a value between {lowest} and {highest}."
        )
