"""What a classification means: labels of the given set, and nothing coerced into it; or open tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shared.core.replies.free_text import REWRITTEN
from shared.core.replies.labels import parse_labels
from shared.core.replies.texts import MAX_LABEL, clean_label
from shared.core.values import ClassLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.replies.labels import LabelsReply

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
