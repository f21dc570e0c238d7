"""When two labels are the same: after clean-up, or by a list of synonyms. Nothing guesses beyond that."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ARTICLES: Final = frozenset({"a", "an", "the"})
_BETWEEN: Final = re.compile(r"[\s_\-/]+")


def cleaned(label: str) -> str:
    """Return a label without what says nothing: case, width of letters, outer punctuation, hyphens, an English article.

    >>> cleaned("The Traffic-Light."), cleaned("traffic_light"), cleaned("cats")
    ('traffic light', 'traffic light', 'cats')
    """
    words = _BETWEEN.sub(" ", unicodedata.normalize("NFKC", label).casefold()).strip(" .,;:!?\"'()[]").split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in _ARTICLES else words)


@dataclass(frozen=True, slots=True)
class LabelMatching:
    """Which label of the truth a found label is, by its cleaned form."""

    by_form: Mapping[str, str]
    synonyms: int = 0

    def match(self, label: str) -> str | None:
        """Return the truth's label that this one is, or None."""
        return self.by_form.get(cleaned(label))

    @property
    def stated(self) -> str:
        """How labels are matched, for a reader of the figures."""
        exact = "exact after clean-up (case, punctuation, hyphens, a leading article)"
        return f"{exact}, or by {self.synonyms} synonyms" if self.synonyms else exact


def label_matching(labels: Iterable[str], synonyms: Any = None) -> LabelMatching:
    """Return how labels are matched to those of the truth; `synonyms` is an object of lists by the truth's label.

    Raises:
        ValueError: two labels of the truth are the same after clean-up, or the synonyms are no such object, name a
            label that the truth does not have, or give one word two meanings.
    """
    forms: dict[str, str] = {}
    for label in labels:
        other = forms.setdefault(cleaned(label), label)
        if other != label:
            raise ValueError(f"expected labels that differ after clean-up, found {other!r} and {label!r}: keep one")
    known = dict(forms)
    for label, words in _lists(synonyms).items():
        if cleaned(label) not in known:
            some = ", ".join(sorted(known.values())[:20])
            raise ValueError(f"synonyms: expected labels of the truth ({some}), found {label!r}")
        for word in words:
            other = forms.setdefault(cleaned(word), known[cleaned(label)])
            if other != known[cleaned(label)]:
                raise ValueError(f"synonyms: expected one meaning of {word!r}, found {other!r} and {label!r}")
    return LabelMatching(forms, len(forms) - len(known))


def _lists(synonyms: Any) -> dict[str, list[str]]:
    if synonyms is None:
        return {}
    fine = isinstance(synonyms, dict) and all(
        isinstance(words, list) and all(isinstance(word, str) and cleaned(word) for word in words)
        for words in synonyms.values()
    )
    if not fine:
        raise ValueError('synonyms: expected an object of lists of words, such as {"person": ["woman", "man"]}')
    return dict(synonyms)
