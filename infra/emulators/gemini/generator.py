"""From a body to an answer: the one way for calls, streams, token counts and the lines of a batch."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from .answerer import Question
from .control import SeenImage
from .errors import invalid, unknown_model, unknown_publisher_model
from .faults import altered
from .message_fields import COUNT, check_fields
from .models import check_thinking
from .requests import IMAGE_TYPES, field, read_body, read_generate
from .tasks import guess_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..common.faults import Fault
    from .addresses import Target
    from .answerer import Answer, Answerer, Usage
    from .cloud_storage import CloudStorage
    from .control import Call
    from .files import FileStore
    from .models import Model
    from .requests import GenerateRequest, ImagePart


class Generator:
    """Answers over one answerer; `latency_s` holds every answer back."""

    def __init__(
        self,
        answerer: Answerer,
        files: FileStore,
        storage: CloudStorage,
        *,
        models: Mapping[str, Model],
        latency_s: float = 0,
    ) -> None:
        self.models = models
        self._answerer = answerer
        self._files = files
        self._storage = storage
        self._latency_s = latency_s

    def model(self, target: Target) -> Model:
        """Return a model.

        Raises:
            ApiError: 404, it is none of ours.
        """
        if target.model in self.models:
            return self.models[target.model]
        if target.parent is not None:
            raise unknown_publisher_model(target.parent, target.model)
        raise unknown_model(target.model, target.version, target.method)

    async def answer(self, target: Target, body: bytes | dict[str, Any], call: Call, *, fault: Fault | None) -> Answer:
        """Return the answer to a generateContent body, as a fault bends it; `call` is filled in on the way.

        Raises:
            ApiError: what the API refuses.
        """
        model = self.model(target)
        asked = await asyncio.to_thread(lambda: _read(body, vertex=target.vertex))
        check_thinking(model, asked.thinking_level, asked.thinking_budget)
        call.task = guess_task(asked).value
        question = await self._question(target, asked)
        parts = zip(asked.images, question.images, question.digests, strict=True)
        call.images = [SeenImage(_transport(part), digest, part.mime_type, len(data)) for part, data, digest in parts]
        await asyncio.sleep(self._latency_s)
        return altered(await self._answerer.answer(question), fault)

    async def count(self, target: Target, body: bytes) -> Usage:
        """Return the tokens of a countTokens body.

        Raises:
            ApiError: what the API refuses.
        """
        self.model(target)
        document = read_body(body)
        check_fields(document, COUNT)
        asked = read_generate(field(document, "generate_content_request", document), vertex=target.vertex)
        return await self._answerer.count(await self._question(target, asked))

    async def _question(self, target: Target, asked: GenerateRequest) -> Question:
        images = tuple([await self._bytes(part) for part in asked.images])
        digests = tuple(hashlib.sha256(data).hexdigest() for data in images)
        return Question(target.model, self.models[target.model], asked, images, digests)

    async def _bytes(self, part: ImagePart) -> bytes:
        if part.address is not None:
            return (await self._storage.read(part.address)).data
        if part.file_id is None:
            return part.data or b""
        mime_type = self._files.get(part.file_id).meta.mime_type
        if mime_type not in IMAGE_TYPES:
            raise invalid(f"Unsupported MIME type: {mime_type}")
        return self._files.read(part.file_id)


def _read(body: bytes | dict[str, Any], *, vertex: bool) -> GenerateRequest:
    return read_generate(read_body(body) if isinstance(body, bytes) else body, vertex=vertex)


def _transport(part: ImagePart) -> str:
    if part.address is not None:
        return "gs"
    return "inline" if part.file_id is None else "file"
