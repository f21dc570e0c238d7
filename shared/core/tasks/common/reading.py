"""How several tasks read an answer: one that says nothing in words, and lists of items.

What reads answers is imported when there is one: an instance that begins need not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.tasks.common.task import Reading

if TYPE_CHECKING:
    from shared.core.masks.reading import MaskWish
    from shared.core.replies.answer import Answer
    from shared.core.replies.free_text import Words
    from shared.core.values import ImageInfo, TaskSettings


def wordless(said: Words, what: str) -> Reading:
    """An answer that says nothing is empty; one that cannot be read is not."""
    if not said.readable:
        return Reading("failed", f"unreadable: expected {what} in words or as JSON, found neither in the answer")
    reason = f"the model answered without {what}"
    return Reading("empty", reason, warnings=(reason,))


def read_items(
    answer: Answer, settings: TaskSettings, info: ImageInfo, *, masks: MaskWish | bool = False, texts: bool = False
) -> Reading:
    """Return the items of an answer, with masks or the text of each where they are wished for."""
    from shared.core.replies import findings

    found = findings.find_items(
        answer.text,
        info=info,
        masks=masks,
        max_items=settings.max_items,
        limited=settings.max_items_set,
        labels=settings.labels,
        texts=texts,
    )
    return Reading(found.status, found.reason, items=found.items, warnings=found.warnings)
