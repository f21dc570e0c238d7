"""One result document beside one labelled image: which labels a task is judged by, and what it made of the image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from shared.core.evaluation.objects import FoundObject, ObjectsOfImage, judge_objects
from shared.core.evaluation.outcomes import ImageOutcome, image_outcome
from shared.core.evaluation.texts import ScoresOfImage, judge_classes, judge_lines, judge_sentence
from shared.core.evaluation.truth import Labelling
from shared.core.evaluation.words import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.evaluation.labels import LabelMatching
    from shared.core.evaluation.truth import TruthAnswer, TruthImage
    from shared.core.masks.crop import MaskCrop

LABELLING_OF: Final[Mapping[str, Labelling]] = {
    "detect": Labelling.BOXES,
    "segment": Labelling.BOXES,
    "read": Labelling.TEXT,
    "classify": Labelling.CLASSES,
    "caption": Labelling.CAPTIONS,
    "ask": Labelling.ANSWERS,
}
"""What an image has to be labelled with for a task to be judged by it; segment by masks, too, where there are some."""
_WITH_MASKS: Final = "segment"

Scores: TypeAlias = "ObjectsOfImage | ScoresOfImage"


@dataclass(frozen=True, slots=True, eq=False)
class JudgedImage:
    """What one run made of one image; `found` are its things in the order of their scores' matches.

    `other_labels` counts labels that none of the truth matches. `document` is None where there is no result.
    """

    image: TruthImage
    document: Mapping[str, Any] | None
    scores: Scores
    found: tuple[FoundObject, ...] = ()
    other_labels: Counter[str] | None = None

    @property
    def outcome(self) -> ImageOutcome:
        """What came of it."""
        return image_outcome(self.document)

    @property
    def quality(self) -> float:
        """0 to 1, for an order of images: of things their F1, by masks where these are judged."""
        if isinstance(self.scores, ScoresOfImage):
            return self.scores.quality
        return self.scores.quality("mask" if "mask" in self.scores.matches else "box")


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Judges results of one task. `read_mask` returns an item's mask, or None where there is none."""

    task: str
    labels: LabelMatching
    classes: LabelMatching
    read_mask: Callable[[Mapping[str, Any], Mapping[str, Any]], MaskCrop | None]

    def judged(self, image: TruthImage, document: Mapping[str, Any] | None) -> JudgedImage:
        """Return what a result (None: there is none) made of an image that is labelled for this task."""
        answered = image_outcome(document) in {ImageOutcome.ANSWERED, ImageOutcome.PARTIAL}
        said = document if answered and document is not None else {}
        if LABELLING_OF[self.task] == Labelling.BOXES:
            return self._things(image, document, said)
        if self.task == "classify":
            given = [each["label"] for each in said.get("classes") or () if each["status"] == "ok"]
            named = [self.classes.match(label) for label in given]
            others = Counter(label for label, name in zip(given, named, strict=True) if name is None)
            return JudgedImage(image, document, judge_classes(named, image.classes), other_labels=others)
        if self.task == "read":
            lines = [item["text"] for item in said.get("items") or () if item.get("text") is not None]
            return JudgedImage(image, document, judge_lines(lines, image.lines))
        if self.task == "caption":
            return JudgedImage(image, document, judge_sentence(said.get("caption") or "", image.captions))
        asked = document.get("question") if document else None
        accepted = accepted_answers(image.answers, asked)
        return JudgedImage(image, document, judge_sentence(said.get("answer") or "", accepted))

    def _things(self, image: TruthImage, document: Mapping[str, Any] | None, said: Mapping[str, Any]) -> JudgedImage:
        with_masks = self.task == _WITH_MASKS and Labelling.MASKS in image.labellings
        found, others = [], Counter[str]()
        for item in said.get("items") or ():
            if item["status"] == "ok" and item["box_px"] is not None:
                x0, y0, x1, y1 = item["box_px"]
                label = self.labels.match(item["label"])
                others.update([item["label"]] if label is None else [])
                mask = self.read_mask(said, item) if with_masks else None
                found.append(FoundObject(label, (x0, y0, x1 - x0, y1 - y0), mask, item["label"]))
        scores = judge_objects(image, found, with_masks=with_masks)
        return JudgedImage(image, document, scores, tuple(found), others)


def accepted_answers(answers: tuple[TruthAnswer, ...], question: str | None) -> tuple[str, ...]:
    """Return the right answers to a question: those of the same words, else those to whatever is asked, else the first.

    Where nothing was asked, or another question, the first are what should have been said: nothing agrees with them
    by chance that matters.
    """
    if question is not None:
        for each in answers:
            if each.question is not None and tokens(each.question) == tokens(question):
                return each.accepted
    general = [each for each in answers if each.question is None]
    return (general or list(answers))[0].accepted
