"""Who answers: local vision, or whatever else stands behind the same protocol."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from .answer_text import write_answer, write_thought
from .errors import bad_image
from .models import thought_tokens
from .tokens import CHARACTERS_PER_TOKEN, image_tokens, text_tokens

if TYPE_CHECKING:
    from .models import Model
    from .requests import GenerateRequest
    from .vision.analysis import Analysis

SERVED_BY = "local-vision"
"""The honest `modelVersion`: no Gemini model was asked."""
SERVED_WITH_NAMES = "local-vision-detector"
"""The same where a detector looked for things that have names, whether it found any or not."""
WORKERS = 2
MAX_REMEMBERED = 256
"""Analyses kept by content; each is some tens of kilobytes."""


@dataclass(frozen=True, slots=True)
class Question:
    """One validated call: `images` are the bytes and `digests` the SHA-256 of the request's images, in order."""

    name: str
    model: Model
    request: GenerateRequest
    images: tuple[bytes, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call."""

    text: int
    images: int
    thoughts: int = 0
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The first candidate: its text, why it ends, the thought summary if one was asked for; none if it was blocked."""

    text: str
    usage: Usage
    finish_reason: str = "STOP"
    thought: str = ""
    served_by: str = SERVED_BY
    block_reason: str = ""


class Answerer(Protocol):
    """Anything that can stand behind generateContent and countTokens."""

    async def answer(self, question: Question) -> Answer:
        """Return the reply to a question, or raise the `ApiError` to send."""

    async def count(self, question: Question) -> Usage:
        """Return the prompt's tokens."""

    def start(self) -> None:
        """Get ready in the background."""

    def stop(self) -> None:
        """Release what `start` took."""


class LocalVision:
    """Answers from the pixels, in threads of its own; the same bytes are looked at once."""

    def __init__(self, *, detector: bool = False) -> None:
        self._detector = detector
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="vision")
        self._seen: OrderedDict[str, asyncio.Future[Analysis]] = OrderedDict()

    def start(self) -> None:
        """Import the imaging libraries while nobody waits yet."""
        self._workers.submit(_load, detector=self._detector)

    def stop(self) -> None:
        """Let go of the workers; an analysis under way ends by itself."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def answer(self, question: Question) -> Answer:
        """Return what the pixels say, in the form the request asks for."""
        request, analyses = question.request, await self._analyses(question)
        text = write_answer(request, question.model, analyses)
        thoughts = thought_tokens(request.thinking_level, request.thinking_budget)
        limit = request.max_output_tokens
        # Thoughts count against the limit, which is how the real models come to answer nothing at all.
        room = None if limit is None else max(0, limit - thoughts) * CHARACTERS_PER_TOKEN
        used = _usage(question, analyses)
        return Answer(
            text=text[:room],
            usage=Usage(used.text, used.images, thoughts, text_tokens(text[:room])),
            finish_reason="STOP" if room is None or len(text) <= room else "MAX_TOKENS",
            thought=write_thought(analyses) if request.include_thoughts else "",
            served_by=SERVED_WITH_NAMES if self._detector else SERVED_BY,
        )

    async def count(self, question: Question) -> Usage:
        """Return the prompt's tokens, which for 2.5 depend on the images' sizes."""
        return _usage(question, await self._analyses(question))

    async def _analyses(self, question: Question) -> list[Analysis]:
        looked = [self._look(data, digest) for data, digest in zip(question.images, question.digests, strict=True)]
        # Shielded: a client that hangs up must not cancel the look another one waits for.
        return [await asyncio.shield(each) for each in looked]

    def _look(self, data: bytes, digest: str) -> asyncio.Future[Analysis]:
        known = self._seen.get(digest)
        if known is None or (known.done() and known.exception() is not None):
            loop = asyncio.get_running_loop()
            self._seen[digest] = loop.run_in_executor(self._workers, partial(_analyse, data, detector=self._detector))
        self._seen.move_to_end(digest)
        while len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return self._seen[digest]


def _usage(question: Question, analyses: list[Analysis]) -> Usage:
    request = question.request
    parts = zip(request.images, analyses, strict=True)
    images = sum(
        image_tokens(question.model, (seen.width, seen.height), part.resolution or request.resolution)
        for part, seen in parts
    )
    return Usage(text_tokens(request.prompt) + text_tokens(request.system), images)


def _load(*, detector: bool) -> None:
    """Import here and not above: the server must listen before a second of imports is spent."""
    from .vision import analyzer

    analyzer.warm_up(detector=detector)


def _analyse(data: bytes, *, detector: bool) -> Analysis:
    from .vision.analyzer import analyze
    from .vision.picture import UnreadableImageError

    try:
        return analyze(data, detector=detector)
    except UnreadableImageError as error:
        raise bad_image() from error
