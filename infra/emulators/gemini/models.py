"""The models this emulator answers as: thinking, mask form and image tokens of each id alive in November 2026."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

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


LOW_TO_HIGH = ("LOW", "MEDIUM", "HIGH")
ALL_LEVELS = ("MINIMAL", *LOW_TO_HIGH)
WITH_XHIGH = (*LOW_TO_HIGH, "XHIGH")
TOLERATED = (1, 65_536)
"""3.x still takes a budget; Argon, and so the other Gemini 4 ids, refuse it."""


def _generation_2(lowest: int, highest: int, *, can_stop_thinking: bool) -> Model:
    return Model(
        budgets=(lowest, highest),
        can_stop_thinking=can_stop_thinking,
        mask=MaskForm.PNG,
        image_tokens=GEMINI_2_TOKENS,
    )


MODELS = {
    "gemini-4-hydrogen": Model(WITH_XHIGH),
    "gemini-4-carbon": Model(LOW_TO_HIGH),
    "gemini-4-argon": Model(LOW_TO_HIGH),
    "gemini-3.8-flash": Model(LOW_TO_HIGH, TOLERATED),
    "gemini-3.7-flash": Model(LOW_TO_HIGH, TOLERATED),  # switched off, served by 3.8
    "gemini-3.6-flash": Model(ALL_LEVELS, TOLERATED),
    "gemini-3.5-flash": Model(ALL_LEVELS, TOLERATED),  # switched off, served by 3.6
    "gemini-3.5-flash-lite": Model(ALL_LEVELS, TOLERATED, can_stop_thinking=False),
    "gemini-3.1-flash-lite": Model(ALL_LEVELS, TOLERATED),
    "gemini-3.1-pro-preview": Model(LOW_TO_HIGH, TOLERATED, can_stop_thinking=False),
    "gemini-3-flash-preview": Model(ALL_LEVELS, TOLERATED),
    "gemini-robotics-er-2-preview": Model(ALL_LEVELS, TOLERATED),
    "gemini-2.5-flash": _generation_2(1, 24_576, can_stop_thinking=True),
    "gemini-2.5-pro": _generation_2(128, 32_768, can_stop_thinking=False),
    "gemini-2.5-flash-lite": _generation_2(512, 24_576, can_stop_thinking=True),
}

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
