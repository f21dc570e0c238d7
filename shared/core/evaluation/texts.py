"""Captions, answers, lines of text and classes: what was said beside what is true, image by image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from shared.core.evaluation.resampling import Ratios
from shared.core.evaluation.words import holds, shared_tokens, token_f1, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NOTHING: Final = "(nothing)"
"""In a confusion: what was said of an image that got no class."""
OTHER: Final = "(another)"
"""In a confusion: a label that is none of the truth's classes."""


@dataclass(frozen=True, slots=True)
class ScoresOfImage:
    """Parts of figures on one image, `(numerator, denominator)` by name; `quality` is 0 to 1.

    `confused` is `(true, said)` where an image has one class; `labels` counts what is right, wrong and missed.
    """

    parts: Mapping[str, tuple[float, float]]
    quality: float
    confused: tuple[str, str] | None = None
    labels: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)


def judge_sentence(said: str, accepted: Sequence[str]) -> ScoresOfImage:
    """Return how well a caption or an answer agrees with the one of the accepted ones that it agrees with best."""
    ours = tokens(said)
    theirs = [tokens(each) for each in accepted]
    overlap = max(token_f1(ours, each) for each in theirs)
    held = float(any(each and holds(ours, each) for each in theirs))
    parts = {"exact": (float(ours in theirs), 1.0), "holds": (held, 1.0), "token_F1": (overlap, 1.0)}
    return ScoresOfImage(parts, max(held, overlap))


def judge_lines(said: Sequence[str], true: Sequence[str]) -> ScoresOfImage:
    """Return how many lines are exactly right, and how many words of all lines, wherever they stand."""
    ours, theirs = ([tokens(line) for line in lines] for lines in (said, true))
    exact = (Counter(ours) & Counter(theirs)).total()
    our_words, their_words = ([word for line in lines for word in line] for lines in (ours, theirs))
    words = shared_tokens(our_words, their_words)
    parts = {
        "line_precision": (float(exact), float(len(ours))),
        "line_recall": (float(exact), float(len(theirs))),
        "word_precision": (float(words), float(len(our_words))),
        "word_recall": (float(words), float(len(their_words))),
        "word_F1": (2.0 * words, float(len(our_words) + len(their_words))),
    }
    return ScoresOfImage(parts, token_f1(our_words, their_words))


def judge_classes(said: Sequence[str | None], true: Sequence[str]) -> ScoresOfImage:
    """Return how well classes agree; `said` are the truth's names for them, in their order, None for any other."""
    named = {each for each in said if each is not None}
    right = len(named & set(true))
    wrong, missed = len(set(said) - set(true)), len(set(true) - named)
    whole = 2 * right + wrong + missed
    parts = {
        "accuracy": (float(said[0] in true if said else not true), 1.0),
        "all_right": (float(set(said) == set(true)), 1.0),
        "precision": (float(right), float(right + wrong)),
        "recall": (float(right), float(right + missed)),
        "F1": (2.0 * right, float(whole)),
    }
    labels = {
        name: (int(name in named and name in true), int(name not in true), int(name not in named))
        for name in {*named, *true}
    }
    first = (said[0] or OTHER) if said else NOTHING
    confused = (true[0], first) if len(true) == 1 else None
    return ScoresOfImage(parts, 2 * right / whole if whole else 1.0, confused, labels)


def score_statistics(images: Sequence[ScoresOfImage]) -> Ratios:
    """Return the figures over images."""
    names = {name: None for each in images for name in each.parts}
    return Ratios({name: _columns([each.parts.get(name, (0.0, 0.0)) for each in images]) for name in names})


def class_statistics(images: Sequence[ScoresOfImage]) -> dict[str, Ratios]:
    """Return precision, recall and F1 of each class that is true or was said."""
    found = {}
    for label in sorted({label for each in images for label in each.labels}):
        counts = np.array([each.labels.get(label, (0, 0, 0)) for each in images], dtype=np.float64)
        right, wrong, missed = counts.T
        found[label] = Ratios(
            {
                "precision": (right, right + wrong),
                "recall": (right, right + missed),
                "F1": (2 * right, 2 * right + wrong + missed),
            }
        )
    return found


def _columns(parts: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    upper, lower = np.array(parts, dtype=np.float64).reshape(-1, 2).T
    return upper, lower
