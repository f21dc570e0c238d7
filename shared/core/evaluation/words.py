"""How far two texts agree: exactly, word by word, or one within the other."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARTICLES: Final = frozenset({"a", "an", "the"})
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)
"""Han and Kana are written without spaces: each of their characters is a word."""


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text that say something: no case, no punctuation, no English article.

    >>> tokens("A cat, on the MAT!"), tokens("猫が3匹")
    (('cat', 'on', 'mat'), ('猫', 'が', '3', '匹'))
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return tuple(word for word in words if word not in _ARTICLES)


def shared_tokens(found: Sequence[str], true: Sequence[str]) -> int:
    """Return how many words both have, each as often as in the one that has fewer of it."""
    return (Counter(found) & Counter(true)).total()


def token_f1(found: Sequence[str], true: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words, 0 to 1; 1 where both are empty.

    >>> token_f1(tokens("two cats"), tokens("cats, two of them"))
    0.6666666666666666
    """
    if not found and not true:
        return 1.0
    return 2 * shared_tokens(found, true) / (len(found) + len(true))


def holds(found: Sequence[str], true: Sequence[str]) -> bool:
    """Whether the words of the truth stand in what was found, side by side in their order.

    >>> holds(tokens("I see 42 of them."), tokens("42")), holds(tokens("421"), tokens("42"))
    (True, False)
    """
    return any(tuple(found[at : at + len(true)]) == tuple(true) for at in range(len(found) - len(true) + 1))
