"""What is asked about an image event: the whole request, but for the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile
from shared.core.gemini.request import ModelRequest
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent


def request_for(event: ImageEvent, *, model_id: str | None = None) -> ModelRequest:
    """Return the request of an event but for its images; `model_id` is asked in place of the model that it names."""
    settings, task = event.settings, TASKS[event.task]
    model = profile(model_id or settings.model)
    return ModelRequest(
        model=model.id,
        prompt=settings.prompt,
        images=(),
        max_output_tokens=task.max_output_tokens,
        schema=task.schema(model, settings),
        thinking_level=model.level(settings.thinking) if model.thinking == "level" else None,
        # Thinking off gives better boxes and masks on 2.5 (image-understanding guide of 2025).
        thinking_budget=model.least_budget if model.thinking == "budget" else None,
        system_instruction=settings.system_instruction,
        media_resolution=model.resolution(settings.media_resolution) if settings.media_resolution else None,
        temperature=settings.temperature if model.sampling else None,
        safety=settings.safety,
    )
