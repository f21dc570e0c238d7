"""What is asked about an image event: the whole request, but for the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile
from shared.core.gemini.request import ModelRequest
from shared.core.gemini.tokens import MAX_OUTPUT_TOKENS, room_for_thoughts
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.registry import ModelProfile
    from shared.core.tasks.common.task import Task
    from shared.core.values import TaskSettings


def request_for(event: ImageEvent, *, model_id: str | None = None) -> ModelRequest:
    """Return the request of an event but for its images; `model_id` is asked in place of the model that it names."""
    settings, task = event.settings, TASKS[event.task]
    model = profile(model_id or settings.model)
    level = model.level(settings.thinking) if model.thinking == "level" else None
    # Thinking off gives better boxes and masks on 2.5 (image-understanding guide of 2025).
    budget = model.least_budget if model.thinking == "budget" else None
    return ModelRequest(
        model=model.id,
        prompt=settings.prompt,
        images=(),
        max_output_tokens=_output_limit(task, settings, model, level=level, budget=budget),
        schema=task.schema(model, settings),
        thinking_level=level,
        thinking_budget=budget,
        system_instruction=settings.system_instruction,
        media_resolution=model.resolution(settings.media_resolution) if settings.media_resolution else None,
        temperature=settings.temperature if model.sampling else None,
        safety=settings.safety,
    )


def _output_limit(
    task: Task, settings: TaskSettings, model: ModelProfile, *, level: str | None, budget: int | None
) -> int:
    """Return the most tokens of an answer: thoughts come out of the same limit, and have their room in it."""
    drawn = task.wants_masks and model.masks == "png"
    per_item = task.tokens_per_png if drawn else task.tokens_per_item
    answer = task.answer_tokens + per_item * settings.max_items
    return min(MAX_OUTPUT_TOKENS, answer + room_for_thoughts(level=level, budget=budget))
