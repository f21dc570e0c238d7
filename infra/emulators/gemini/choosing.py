"""Choose among given words by what colours, light and faces suggest."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .analysis import Analysis

CUES = {
    "face": "person people portrait human selfie man woman child face",
    "graphic": "graphic drawing logo icon diagram document illustration screenshot chart text art",
    "photo": "photo photograph picture",
    "green": "nature plant tree forest landscape garden outdoor outdoors vegetation leaf",
    "blue": "sky sea water ocean outdoor outdoors",
    "teal": "water sea",
    "brown": "food wood animal indoor indoors furniture",
    "beige": "food indoor indoors sand",
    "orange": "food fruit animal",
    "red": "food vehicle",
    "grey": "vehicle building street city machine metal urban",
    "black": "night space",
    "dark": "night",
    "bright": "day daylight",
}
"""What a fact hints at: weak evidence, but the same for the same picture and better than drawing lots."""

DIRECT, HINT, REMAINDER, NOTHING = 0.9, 0.5, 0.2, 0.05
REMAINDERS = frozenset({"other", "others", "unknown", "none", "misc", "unclear"})


def rank(values: Iterable[str], analysis: Analysis) -> list[tuple[str, float]]:
    """Return the values with a score from 0 to 1 each, the best first; ties go by the image's digest."""
    facts = _facts(analysis)
    scored = [(value, _score(value, facts)) for value in values]
    return sorted(scored, key=lambda pair: (-pair[1], _lot(analysis.digest, pair[0])))


def _facts(analysis: Analysis) -> dict[str, float]:
    """Weigh each fact: the first colour counts most."""
    facts = dict.fromkeys([*_words(analysis.kind), *_words(analysis.brightness)], 0.8)
    for place, tone in enumerate(analysis.tones):
        for word in _words(tone):
            facts.setdefault(word, 1 - 0.2 * place)
    return facts | ({"face": 1.0} if analysis.faces else {})


def _score(value: str, facts: dict[str, float]) -> float:
    words = _words(value)
    direct = [weight * DIRECT for fact, weight in facts.items() if fact in words]
    hints = [weight * HINT for fact, weight in facts.items() if words & set(CUES.get(fact, "").split())]
    floor = REMAINDER if words & REMAINDERS else NOTHING
    return round(max([*direct, *hints, floor]), 3)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower().replace("gray", "grey")))


def _lot(digest: str, value: str) -> str:
    return hashlib.sha256(f"{digest}\n{value}".encode()).hexdigest()
