"""Say in English what an analysis found, and nothing it did not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .vision.analysis import Analysis, Region

NO_IMAGE = "There is no image to look at: this local model describes images and does nothing else."
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
MENTIONED = 2
QUESTION = re.compile(r"[^.!?\n]*\?")
"""The sentences of a prompt that ask; the others say how to answer."""


def caption(analyses: Sequence[Analysis]) -> str:
    """Return one sentence for each image, numbered if there are several."""
    if not analyses:
        return NO_IMAGE
    if len(analyses) == 1:
        return _sentence(analyses[0])
    return " ".join(f"Image {number}: {_sentence(each)}" for number, each in enumerate(analyses, 1))


def answer(question: str, analyses: Sequence[Analysis]) -> str:
    """Return what colours and shapes alone can say to a question."""
    if not analyses:
        return NO_IMAGE
    if len(analyses) > 1:
        return f"{_difference(analyses)} {caption(analyses)}"
    only, asked = analyses[0], " ".join(QUESTION.findall(question)) or question
    for pattern, reply in REPLIES:
        if re.search(pattern, asked, re.IGNORECASE):
            return reply(only)
    return f"By its colours and shapes alone: {_sentence(only)}"


def located(region: Region) -> str:
    """Return a region and its place, such as "a large blue region in the upper left"."""
    article = "an" if region.label[0] in "aeiou" else "a"
    return f"{article} {region.label} {region.place}"


def _sentence(analysis: Analysis) -> str:
    contents = list(dict.fromkeys(located(region) for region in analysis.regions))[:MENTIONED]
    remaining = len(analysis.regions) - len(contents)
    if remaining:
        contents.append(f"{NUMBERS[remaining]} more distinct region{'s' if remaining > 1 else ''}")
    closing = _listed([*contents, analysis.texture])
    lead = {"dark": "A dark", "bright": "A bright"}.get(analysis.brightness, "A")
    return f"{lead} {analysis.kind} in mostly {_listed(analysis.tones)} tones with {closing}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _colours(analysis: Analysis) -> str:
    return f"Mostly {_listed(analysis.tones)}."


def _count(analysis: Analysis) -> str:
    things = len(analysis.regions) - analysis.faces
    return f"{_plural(things, 'distinct region')} and {_plural(analysis.faces, 'frontal face')}.".capitalize()


def _people(analysis: Analysis) -> str:
    faces = [region for region in analysis.regions if region.label == "face"]
    if not faces:
        return "I find no frontal face in this image."
    return f"Yes: {_listed([located(face) for face in faces])}."


def _light(analysis: Analysis) -> str:
    return f"The image is {analysis.brightness}, with {analysis.texture}."


def _where(analysis: Analysis) -> str:
    if not analysis.regions:
        return "Nothing stands out from the rest of this image."
    return f"What stands out most is {located(analysis.regions[0])}."


def _difference(analyses: Sequence[Analysis]) -> str:
    common = set(analyses[0].tones).intersection(*(each.tones for each in analyses[1:]))
    return f"They share {_listed(sorted(common))}." if common else "They share none of their main colours."


def _plural(count: int, noun: str) -> str:
    return f"{NUMBERS[count]} {noun}{'' if count == 1 else 's'}"


REPLIES = (
    (r"\bhow many\b|\bcount\b", _count),
    (r"\bcolou?rs?\b", _colours),
    (r"\b(face|person|people|who|man|woman|child|someone)\b", _people),
    (r"\b(bright|dark|light|sharp|blurry)\b", _light),
    (r"\bwhere\b|\bstands? out\b|\bmain\b", _where),
)
