"""What a task is: the facts and functions that make one thing to ask about an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ClassLabel, ImageInfo, Item, Status, TaskSettings

WORDS: Final = ("ok",)
"""When a result certainly has words: only if the model said any."""

LISTS: Final = ("ok", "empty", "partial")
"""When a result certainly has a list: also if it is empty."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a task made of an answer: its payload, or why there is none."""

    status: Status
    reason: str | None = None
    caption: str | None = None
    items: tuple[Item, ...] | None = None
    warnings: tuple[str, ...] = ()
    classes: tuple[ClassLabel, ...] | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to ask about an image.

    `about` says in the documents what is asked for. `template` is the prompt's default, `placeholders` what any prompt
    of this task may hold (and `needs` must). `takes` names the settings that only some tasks have: labels, max_items,
    multi_label, question, mask_threshold, soft_masks, crops; `max_items` is how many are asked for if nobody says.
    The longest answer that makes sense takes `answer_tokens`, and `tokens_per_item` for each item (`tokens_per_png`
    where the model draws its mask as a picture). That is the limit of an answer, behind room for thoughts, and so what
    a call reserves of the day's ceiling: a tight one lets more calls run at once, one too tight cuts answers.

    `shorter` is added to the prompt when it is asked again after an answer that ran out of tokens.

    `within` names the task whose answer holds this one's as well: where both are asked alike, one call does both.

    A task that is `verbatim` gives words as they stand in the picture: no language is asked for.

    `payload` is the field of the result that holds the answer, and `payload_if` the statuses with which it certainly
    does; `made` names in the documents all that comes of it.
    """

    name: str
    about: str
    made: str
    model: str
    thinking: str
    template: Callable[[Wanted], str]
    answer_tokens: int
    schema: Callable[[ModelProfile, TaskSettings], Mapping[str, Any] | None]
    read: Callable[[Answer, TaskSettings, ImageInfo], Reading]
    shorter: str
    payload: str
    payload_if: tuple[str, ...]
    takes: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    subject: str = "all of the prominent objects"
    max_items: int = 25
    tokens_per_item: int = 0
    tokens_per_png: int = 0
    verbatim: bool = False
    within: str | None = None
    wants_masks: bool = False
    draws_overlay: bool = False
