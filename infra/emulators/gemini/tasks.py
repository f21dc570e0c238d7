"""Guess what a request is for: from its schema if it has one, else from the words of its prompt."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .requests import field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .requests import GenerateRequest


class Task(StrEnum):
    """What one call wants."""

    CAPTION = "caption"
    DETECT = "detect"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    ASK = "ask"


BOX_NAMES = frozenset({"box_2d", "box2d", "box", "bbox", "bounding_box", "boundingbox"})
MASK_NAMES = frozenset({"mask", "polygon", "segmentation", "segmentation_mask"})
CAPTION_NAMES = frozenset({"caption", "description", "summary", "alt_text"})
CLASS_NAMES = frozenset({"tags", "labels", "keywords", "classes", "categories", "category", "class"})
ANSWER_NAMES = frozenset({"answer", "answers", "response"})

PROMPT_WORDS = (
    (Task.SEGMENT, r"\bsegment|\bmasks?\b"),
    (Task.DETECT, r"\bbox_2d\b|\bbounding box|\bdetect"),
    (Task.CLASSIFY, r"\bclassif|\bcategor|\btags?\b|\bkeywords?\b|\blabels?\b"),
    (Task.CAPTION, r"\bcaption|\bdescri(?:be|ption)|\balt text\b"),
    (Task.ASK, r"\?"),
)


def guess_task(request: GenerateRequest) -> Task:
    """Return the task of a request; what nothing tells apart is a caption."""
    if request.schema is not None:
        return _by_schema(request.schema, request.prompt)
    return _by_prompt(request.prompt)


def _by_schema(schema: dict[str, Any], prompt: str) -> Task:
    names = set(_names(schema))
    if names & BOX_NAMES:
        return Task.SEGMENT if names & MASK_NAMES else Task.DETECT
    if names & MASK_NAMES:
        return Task.SEGMENT
    if names & ANSWER_NAMES:
        return Task.ASK
    if names & CAPTION_NAMES:
        return Task.CAPTION
    if names & CLASS_NAMES or "enum" in names or str(schema.get("type", "")).lower() == "array":
        return Task.CLASSIFY
    return _by_prompt(prompt)


def _by_prompt(prompt: str) -> Task:
    return next((task for task, words in PROMPT_WORDS if re.search(words, prompt, re.IGNORECASE)), Task.CAPTION)


def _names(schema: Any) -> Iterator[str]:
    """Yield every property name in lower case, and "enum" where values are given."""
    if isinstance(schema, list):
        for each in schema:
            yield from _names(each)
    if not isinstance(schema, dict):
        return
    if schema.get("enum"):
        yield "enum"
    for name, each in field(schema, "properties", {}).items():
        yield str(name).lower()
        yield from _names(each)
    for inner in ("items", "any_of", "prefix_items", "additional_properties"):
        yield from _names(field(schema, inner))
    for each in (schema.get("$defs") or {}).values():
        yield from _names(each)
