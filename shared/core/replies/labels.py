"""The labels of an answer: from lists, entries, maps of scores or plain words, each once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.core.replies import shape, spellings
from shared.core.replies.items import items_of
from shared.core.replies.jsonscan import MAX_VALUES, complete_strings
from shared.core.replies.lenient_json import value_of, values_in
from shared.core.replies.spellings import key_of
from shared.core.replies.texts import MAX_CAPTION, clean_label, unfenced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.replies.jsonscan import JsonValue

_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+")
_EMPHASIS = re.compile(r"\*\*|__|^[*_](?=\w)|(?<=\w)[*_]$")
_PLAIN_LABEL = re.compile(r"[^.!?:;`{}\[\]\"*]{1,60}")
_PLAIN_LABEL_WORDS = 4
_LOOP = 4
_LISTS = ("labels", "tags", "classes", "categories", "keywords")


@dataclass(frozen=True, slots=True)
class LabelsReply:
    """Labels in order of appearance, each once; with scores, the highest first.

    `loop` says that one label came again and again, `rewritten` that the answer was no JSON as it was sent.
    """

    labels: tuple[str, ...]
    readable: bool
    truncated: bool = False
    capped: bool = False
    loop: bool = False
    rewritten: bool = False


def parse_labels(text: str, *, max_labels: int, complete: bool = True) -> LabelsReply:
    """Labels from a list of strings, from entries with a label, from a map of scores, or from plain words.

    A broken list keeps the strings that it holds complete. Words without any JSON count only where the model
    had finished (`complete`) and they look like labels: a few words each, separated by commas or lines.
    """
    seen = values_in(text, member_key=spellings.MEMBER)
    values = [
        value for value in seen.values if _scores(value.value) or _enumeration(value.value) or shape.expected([value])
    ]
    names = list(islice((name for value in values for name in _names(value)), MAX_VALUES))
    if seen.broken is not None:
        names += [clean_label(name) for name in complete_strings(seen.text, seen.broken)]
    elif complete and not seen.values:
        names += _plain_labels(text)
    labels = tuple(dict.fromkeys(name for name in names if name))
    nothing = len(seen.values) == 1 and seen.broken is None and _is_nothing(seen.values[0].value)
    return LabelsReply(
        labels=labels[:max_labels],
        readable=bool(labels) or nothing or any(not value.salvaged for value in values),
        truncated=seen.unfinished is not None,
        capped=seen.capped or len(labels) > max_labels,
        loop=len(names) >= _LOOP * max(1, len(labels)),
        rewritten=seen.rewritten,
    )


def _names(root: JsonValue) -> Iterator[str]:
    """The labels of one value."""
    if scores := _scores(root.value):
        yield from (clean_label(name) for name in sorted(scores, key=lambda name: -scores[name]))
    elif text := _enumeration(root.value):
        yield from (clean_label(piece) for piece in text.split(","))
    else:
        yield from (item.label or "" for entry in shape.entries(root) for item in items_of(entry))


def _enumeration(value: Any) -> str | None:
    """A text in the place of a list of labels: `{"labels": "cat, sofa"}`."""
    key = key_of(value, _LISTS) if isinstance(value, Mapping) else None
    text = value[key] if key else None
    return text if isinstance(text, str) and value_of(text) is None else None


def _scores(value: Any) -> dict[str, float]:
    """A map from labels to scores, or to whether they apply, as `{"labels": {"cat": 0.9}}`; those that do."""
    key = key_of(value, spellings.LABELS) if isinstance(value, Mapping) else None
    scores = value[key] if key else value
    if not isinstance(scores, Mapping) or not scores:
        return {}
    numbers = [isinstance(score, (int, float)) and 0 <= score <= 1 for score in scores.values()]
    return {name: float(score) for name, score in scores.items() if score} if all(numbers) else {}


def _is_nothing(value: Any) -> bool:
    """Whether a value says that no label applies."""
    return (
        isinstance(value, Mapping)
        and key_of(dict.fromkeys(value, 0), spellings.LABELS) is not None
        and not any(value.values())
    )


def _plain_labels(text: str) -> Iterator[str]:
    """Labels in words, all or none: one piece that is no label makes the whole text prose."""
    lines = (_BULLET.sub("", line.strip(), count=1) for line in unfenced(text)[:MAX_CAPTION].split("\n"))
    pieces = [_EMPHASIS.sub("", piece.strip()) for line in lines for piece in line.split(",") if piece.strip()]
    if all(_PLAIN_LABEL.fullmatch(piece) and len(piece.split()) <= _PLAIN_LABEL_WORDS for piece in pieces):
        yield from map(clean_label, pieces)
