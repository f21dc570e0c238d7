"""Words of an answer as clean text: valid UTF-8, and nothing that could play tricks where it is shown."""

from __future__ import annotations

import re

MAX_LABEL = 200
"""Characters of a label; Unicode code points."""

MAX_CAPTION = 10_000

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_FENCE = "```"


def clean_text(text: str, *, limit: int = MAX_CAPTION) -> str:
    """`text` as valid UTF-8 without control and direction-override characters; line breaks stay."""
    return _UNSAFE.sub("", text[: 2 * limit].replace("\r\n", "\n")).strip()[:limit].rstrip()


def clean_label(text: str) -> str:
    """`text` as one clean line of at most `MAX_LABEL` characters."""
    return _SPACE.sub(" ", clean_text(text, limit=MAX_LABEL))


def unfenced(text: str) -> str:
    """`text` without the fence around all of it."""
    bare = text.strip()
    if not bare.startswith(_FENCE):
        return bare
    language, _, inside = bare.lstrip("`").partition("\n")
    return (inside or language).rstrip("` \t\r\n").strip()
