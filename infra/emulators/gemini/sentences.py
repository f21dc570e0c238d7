"""Say in English what an analysis found, and nothing it did not."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .vision.names import FACE, PLURAL_ONLY, named_in, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .vision.analysis import Analysis, Region

NO_IMAGE = "There is no image to look at: this local model describes images and does nothing else."
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
MENTIONED = 2
QUESTION = re.compile(r"[^.!?\n]*\?")
"""The sentences of a prompt that ask; the others say how to answer."""
OF_NUMBERS = r"\bhow many\b|\bcount\b"
OF_PROPERTIES = r"\bcolou?rs?\b|\b(?:bright|dark|light|sharp|blurry)\b"


def caption(analyses: Sequence[Analysis]) -> str:
    """Return one sentence for each image, numbered if there are several."""
    if not analyses:
        return NO_IMAGE
    if len(analyses) == 1:
        return _sentence(analyses[0])
    return " ".join(f"Image {number}: {_sentence(each)}" for number, each in enumerate(analyses, 1))


def answer(question: str, analyses: Sequence[Analysis]) -> str:
    """Return what the names that a detector gave, colours and shapes can say to a question."""
    if not analyses:
        return NO_IMAGE
    if len(analyses) > 1:
        return f"{_difference(analyses)} {caption(analyses)}"
    only, asked = analyses[0], " ".join(QUESTION.findall(question)) or question
    if only.detector and not re.search(OF_PROPERTIES, asked, re.IGNORECASE) and (names := named_in(asked)):
        return _about(names, only, counted=re.search(OF_NUMBERS, asked, re.IGNORECASE) is not None)
    for pattern, reply in REPLIES:
        if re.search(pattern, asked, re.IGNORECASE):
            return reply(only)
    return _sentence(only) if only.things else f"By its colours and shapes alone: {_sentence(only)}"


def located(region: Region) -> str:
    """Return a region and its place, such as "a large blue region in the upper left"."""
    return f"{_one(region.label)} {region.place}"


def _sentence(analysis: Analysis) -> str:
    return _of_things(analysis) if analysis.things else _of_regions(analysis)


def _of_things(analysis: Analysis) -> str:
    """Say what stands before what: the things by name, then the colours of all that is none of them."""
    counts = Counter(thing.label for thing in analysis.things)
    things = _listed([_one(name) if count == 1 else _plural(count, name) for name, count in counts.items()])
    before = f" in front of {_one(_listed(analysis.background))} background" if analysis.background else ""
    light = {"dark": "dark ", "bright": "bright "}.get(analysis.brightness, "")
    return f"{things[0].upper()}{things[1:]}{before}, in {_one(light + analysis.kind)} with {analysis.texture}."


def _of_regions(analysis: Analysis) -> str:
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


def _about(names: Sequence[str], analysis: Analysis, *, counted: bool) -> str:
    """Answer a question that names things which the detector knows."""
    found = [thing for thing in analysis.things if thing.label in names]
    if not found and "person" in names:
        found = [region for region in analysis.regions if region.label == FACE]
    if not found:
        return f"I see no {names[0]} in this image."
    if counted:
        numbers = Counter(thing.label for thing in found)
        return f"{_listed([_plural(count, name) for name, count in numbers.items()])}.".capitalize()
    return f"Yes: {_listed([located(thing) for thing in found])}."


def _count(analysis: Analysis) -> str:
    names = Counter(thing.label for thing in analysis.things)
    things = len(analysis.regions) - analysis.faces - len(analysis.things)
    if names:
        rest = [_plural(things, "more distinct region")] if things else []
        return f"{_listed([*(_plural(count, name) for name, count in names.items()), *rest])}.".capitalize()
    return f"{_plural(things, 'distinct region')} and {_plural(analysis.faces, 'frontal face')}.".capitalize()


def _people(analysis: Analysis) -> str:
    faces = [region for region in analysis.regions if region.label == FACE]
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


def _one(noun: str) -> str:
    return noun if noun in PLURAL_ONLY else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _plural(count: int, noun: str) -> str:
    return f"{NUMBERS[count]} {noun if count == 1 else plural(noun)}"


REPLIES = (
    (OF_NUMBERS, _count),
    (r"\bcolou?rs?\b", _colours),
    (r"\b(face|person|people|who|man|woman|child|someone)\b", _people),
    (r"\b(bright|dark|light|sharp|blurry)\b", _light),
    (r"\bwhere\b|\bstands? out\b|\bmain\b", _where),
)
