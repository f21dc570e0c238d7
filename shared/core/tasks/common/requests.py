"""What is asked about an image event: the whole request, but for the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile
from shared.core.gemini.request import ModelRequest
from shared.core.gemini.tokens import MAX_OUTPUT_TOKENS, room_for_thoughts
from shared.core.tasks.common import joint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shared.core.events.envelopes import ImageEvent


def request_for(
    event: ImageEvent,
    *,
    model_id: str | None = None,
    tasks: Collection[str] | None = None,
    additions: Mapping[str, str] | None = None,
) -> ModelRequest:
    """Return the request of an event but for its images; `model_id` is asked in place of the model that it names.

    Of an event with several tasks it asks for all, or for `tasks`. `additions` are added to the prompts of these.
    """
    settings, model = event.settings, profile(model_id or event.settings.model)
    level = model.level(settings.thinking) if model.thinking == "level" else None
    # Thinking off gives better boxes and masks on 2.5 (image-understanding guide of 2025).
    budget = model.least_budget if model.thinking == "budget" else None
    wanted = joint.asked_for(event.tasks if tasks is None else tasks)
    leading, *others = (view for view in event.views() if view.task in wanted)
    # The longest answer comes last: whatever is cut off is part of it.
    views = (*others, leading)
    room = room_for_thoughts(level=level, budget=budget)
    return ModelRequest(
        model=model.id,
        prompt=joint.prompt_of(views, model, additions=additions or {}),
        images=(),
        max_output_tokens=min(MAX_OUTPUT_TOKENS, joint.answer_tokens(views, model) + room),
        schema=joint.schema_of(views, model),
        thinking_level=level,
        thinking_budget=budget,
        system_instruction=settings.system_instruction,
        media_resolution=model.resolution(settings.media_resolution) if settings.media_resolution else None,
        temperature=settings.temperature if model.sampling else None,
        safety=settings.safety,
    )
