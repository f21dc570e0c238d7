"""Tokens of a call by what Google publishes, where the emulator counts more simply: one for every four characters.

Images are counted by the table of the media-resolution guide, as the product counts them before a call. Prompt, system
instruction and response schema are four characters a token, as Google's page on tokens says; the emulator leaves the
schema out. Thoughts cannot be told without a key: they are the product's own guess, which nobody has measured.

Answers are numbers and punctuation above all, of which Google says nothing. Its open tokenizer splits numbers into
digits, and that explains what a recorded answer took: 198 tokens for 351 characters.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.core.gemini.registry import profile
from shared.core.gemini.tokens import image_tokens
from shared.core.planning import estimating

if TYPE_CHECKING:
    from shared.core.gemini.request import ModelRequest

_CHARACTERS_PER_TOKEN: Final = 4
_ANY_SIZE_PX: Final = (1, 1)
_PIECES: Final = re.compile(r"\d|[^\W\d_]{1,4}|_|[^\w\s]+|\n\s*|\s+(?=\d)")
"""A digit, four letters of a word, a run of punctuation, a line break with its indent, the blank before a number."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of a call, or of several, by what they are for."""

    image: int = 0
    text: int = 0
    schema: int = 0
    thoughts: int = 0
    answer: int = 0

    def plus(self, other: Counted) -> Counted:
        """Return the sum of both."""
        return Counted(
            self.image + other.image,
            self.text + other.text,
            self.schema + other.schema,
            self.thoughts + other.thoughts,
            self.answer + other.answer,
        )


def counted(request: ModelRequest, answer: str) -> Counted:
    """Return the tokens of a call about images that are counted by their media resolution alone (3 and later)."""
    model = profile(request.model)
    level = request.thinking_level
    return Counted(
        image=len(request.images) * image_tokens(model, _ANY_SIZE_PX, request.media_resolution),
        text=_text(request.prompt) + _text(request.system_instruction or ""),
        schema=_text(json.dumps(request.schema)) if request.schema else 0,
        thoughts=estimating._THOUGHTS[level] if level is not None else 0,
        answer=answer_tokens(answer),
    )


def answer_tokens(text: str) -> int:
    """Return the tokens of an answer.

    >>> answer_tokens('{"box_2d": [12, 345]}')
    14
    """
    return len(_PIECES.findall(text))


def _text(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)
