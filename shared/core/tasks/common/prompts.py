"""Prompt templates become prompts: which placeholders a template may hold, and what each one says."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.core.gemini.registry import MaskStyle

_MASK_WORDING = {
    "polygon": 'the outline in the key "mask" as a polygon of [x, y] points, normalized to 0-1000 over the'
    " whole image, at most 60 points",
    "png": 'the segmentation mask in the key "mask"',
}

QUESTION_LATER = "{question}"
"""Stands for the question of a manifest, which ingest does not read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a prompt can speak of; what a task does not take stays at its default."""

    max_items: int
    labels: tuple[str, ...] = ()
    multi_label: bool = False
    question: str | None = None
    language: str | None = None


def render(template: str, wanted: Wanted, *, subject: str, masks: MaskStyle) -> str:
    """Return the prompt as it is sent.

    `subject` is what detect and segment look for where no labels are given. What is filled in is never read as a
    template itself: braces in a label or a question arrive as they are.
    """
    labels = ", ".join(wanted.labels)
    text = template.format(
        subject=labels or subject,
        labels=labels,
        max_items=wanted.max_items,
        mask=_MASK_WORDING.get(masks, _MASK_WORDING["polygon"]),
        question=wanted.question or "",
    )
    return _in_language(text, wanted.language)


def ask_later(prompt: str, *, question: str, language: str | None) -> str:
    """Return a prompt that was rendered with `QUESTION_LATER` for a question, once it is known."""
    return _in_language(prompt.replace(QUESTION_LATER, question), language)


def _in_language(text: str, language: str | None) -> str:
    return f"{text} Write the text of the answer in {language}." if language else text


def template_problem(template: str, *, allowed: Collection[str], needed: Collection[str] = ()) -> str | None:
    """Return what is expected of a template where it does not keep to its placeholders, or None."""
    expected = f"a text with {_named(allowed)}, and other braces doubled: {{{{ }}}}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return expected
    fields = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    if any(name not in allowed or spec or conversion for name, spec, conversion in fields):
        return expected
    missing = [name for name in needed if name not in {name for name, _, _ in fields}]
    return f"a text with {_named(missing)} in it" if missing else None


def _named(placeholders: Collection[str]) -> str:
    if not placeholders:
        return "no placeholder"
    listed = ", ".join(f"{{{name}}}" for name in placeholders)
    return f"the placeholder{'s' if len(placeholders) > 1 else ''} {listed}"
