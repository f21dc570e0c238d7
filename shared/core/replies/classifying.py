"""The labels of an answer, each once, and what they mean: labels of the given set, unbent; or open tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from shared.core.replies import shape, spellings
from shared.core.replies.free_text import REWRITTEN
from shared.core.replies.items import items_of
from shared.core.replies.jsonscan import MAX_VALUES, complete_strings
from shared.core.replies.lenient_json import value_of, values_in
from shared.core.replies.spellings import key_of
from shared.core.replies.texts import MAX_CAPTION, MAX_LABEL, clean_label, unfenced
from shared.core.values import ClassLabel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.replies.jsonscan import JsonValue


_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+")
_EMPHASIS = re.compile(r"\*\*|__|^[*_](?=\w)|(?<=\w)[*_]$")
_PLAIN_LABEL = re.compile(r"[^.!?:;`{}\[\]\"*]{1,60}")
_PLAIN_LABEL_WORDS = 4
_LOOP = 4
_LISTS = ("labels", "tags", "classes", "categories", "keywords")
_MOST_NAMED = 5  # labels that a reason lists: it goes into logs and events, too


@dataclass(frozen=True, slots=True)
class Classification:
    """All labels of an answer in its order; `failed` means that none of what it says can be used."""

    classes: tuple[ClassLabel, ...]
    status: Literal["ok", "empty", "partial", "failed"]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


def find_classes(
    text: str, *, labels: Sequence[str], multi_label: bool, max_items: int, complete: bool = True
) -> Classification:
    """Read an answer, `complete` or cut; without `labels` every label is a tag, and as many as `max_items` count.

    No label is bent to one that is similar, not even to one that differs in case alone.
    """
    several = multi_label or not labels
    # More than the one that counts, so that a second answer to a question for one label is seen and told.
    reply = parse_labels(text, max_labels=max_items if several else max(2, len(labels)), complete=complete)
    if not reply.readable:
        return Classification((), "failed", "unreadable: expected labels as JSON, found none in the answer")
    given = {clean_label(label): label for label in labels}
    classes: list[ClassLabel] = []
    for label in reply.labels:
        reason = _why_not(label, given, taken=len(classes), several=several)
        classes.append(ClassLabel(label, "unusable", reason) if reason else ClassLabel(given.get(label, label)))
    warnings = (REWRITTEN,) if reply.rewritten else ()
    return Classification(tuple(classes), *_judge(classes, reply), warnings)


def _why_not(label: str, given: dict[str, str], *, taken: int, several: bool) -> str | None:
    if given and label not in given:
        names = list(given)
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"expected one of {', '.join(names[:_MOST_NAMED])}{more}, found {label[:MAX_LABEL]!r}"
    if taken and not several:
        return f"expected one label, found {label!r} besides"
    return None


def _judge(
    classes: Sequence[ClassLabel], reply: LabelsReply
) -> tuple[Literal["ok", "empty", "partial", "failed"], str | None]:
    if not classes:
        return "empty", "the model found that no label applies"
    unusable = [one.reason for one in classes if one.reason]
    if len(unusable) == len(classes):
        return "failed", f"unusable: {unusable[0]}"
    if unusable:
        return "partial", f"{len(unusable)} of {len(classes)} labels are unusable: {unusable[0]}"
    if reply.loop:
        return "partial", "the answer repeats itself in a loop: what it would have said next is not known"
    if reply.capped:
        return "partial", f"the answer holds more than the {len(classes)} labels taken"
    return "ok", None


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
        yield from (item.label or "" for entry in shape.answer_entries(root) for item in items_of(entry))


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
