"""What is asked of the model, as a value: adapters translate it, tests compare it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class InlineImage:
    """Image bytes that travel inside the request, base64-encoded by the adapter."""

    data: bytes = field(repr=False)
    mime_type: str


@dataclass(frozen=True, slots=True)
class ReferencedImage:
    """An image the model fetches itself: a Files API uri or `gs://`."""

    uri: str
    mime_type: str


ImagePart = InlineImage | ReferencedImage


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One generateContent call. Exactly one of the two thinking fields is set, or none.

    `media_resolution` is low, medium, high or ultra_high; `safety` holds pairs of category and threshold by the API's
    names. `text_last` puts the prompt behind the image, as the guides advise for a single image.
    """

    model: str
    prompt: str
    images: tuple[ImagePart, ...]
    max_output_tokens: int
    schema: Mapping[str, Any] | None = None
    thinking_level: str | None = None
    thinking_budget: int | None = None
    system_instruction: str | None = None
    media_resolution: str | None = None
    safety: tuple[tuple[str, str], ...] = ()
    temperature: float | None = None
    text_last: bool = True

    @property
    def needs_beta(self) -> bool:
        """Whether the Developer API knows what is asked in v1beta only: an alias, or a resolution set per image."""
        return self.model.endswith("-latest") or self.media_resolution == "ultra_high"

    @property
    def text_bytes(self) -> int:
        """The size of prompt, system instruction and schema in UTF-8: what tokens are estimated from."""
        return sum(len(each.encode(errors="surrogatepass")) for each in (*self._texts, json.dumps(self.schema)))

    @property
    def sent_text_bytes(self) -> int:
        """Their size in the request: the SDK escapes all that is not ASCII, a Chinese letter as six bytes."""
        return len(json.dumps([*self._texts, self.schema]))

    @property
    def _texts(self) -> tuple[str, str]:
        return self.prompt, self.system_instruction or ""
