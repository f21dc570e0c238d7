"""What a manifest's question was about: recorded with the answer, so that a replay needs nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from shared.core.values import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Carried:
    """How an image travelled: recorded in the result. `bytes` counts what was sent, before base64."""

    kind: str
    mime_type: str
    bytes: int
    reused: bool
    reason: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One image as the model saw it: an object has generation and crc32c, an image from the web the sha256 (hex)."""

    uri: str
    generation: int | None
    crc32c: str | None
    sha256: str | None
    image: ImageInfo
    transport: Carried


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about several images, in their order."""

    question: str
    images: tuple[Seen, ...]


def asked_document(asked: Asked) -> dict[str, Any]:
    """Return the members of a result document that a manifest adds or replaces."""
    return {
        "image": None,
        "transport": None,
        "question": asked.question,
        "images": [_seen(each) for each in asked.images],
    }


def parse_asked(value: Mapping[str, Any]) -> Asked:
    """Read what `dataclasses.asdict` made of it; raises ValueError, KeyError or TypeError where it is damaged."""
    question = value["question"]
    if not isinstance(question, str):
        raise TypeError(f"question: expected str, found {type(question).__name__}")
    return Asked(question, tuple(_parse_seen(each) for each in value["images"]))


def parse_image(value: Mapping[str, Any]) -> ImageInfo:
    """Read what `dataclasses.asdict` made of an ImageInfo."""
    return ImageInfo(**{**value, "warnings": _texts(value, "warnings")})


def parse_carried(value: Mapping[str, Any]) -> Carried:
    """Read what `dataclasses.asdict` made of it."""
    return Carried(**{**value, "changes": _texts(value, "changes")})


def _parse_seen(value: Mapping[str, Any]) -> Seen:
    found = {**value, "image": parse_image(value["image"]), "transport": parse_carried(value["transport"])}
    return Seen(**found)


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if not isinstance(value[key], list):
        raise TypeError(f"{key}: expected list, found {type(value[key]).__name__}")
    return tuple(value[key])


def _seen(each: Seen) -> dict[str, Any]:
    return {
        "uri": each.uri,
        "generation": None if each.generation is None else str(each.generation),
        "crc32c": each.crc32c,
        "sha256": each.sha256,
        "width": each.image.width,
        "height": each.image.height,
        "format": each.image.format,
        "mime_type": each.image.mime_type,
        "orientation": each.image.orientation,
        "transport": {**asdict(each.transport), "changes": list(each.transport.changes)},
    }
